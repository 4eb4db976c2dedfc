//! An image of eight layers, pulled and unpacked, and pushed.

use std::error::Error;

use hlb_bench::{Side, race};

use crate::studio::Studio;

const ROUNDS: usize = 3;

pub(crate) fn compare(studio: &Studio) -> Result<(), Box<dyn Error>> {
    let image = studio.image();
    let program = format!("fs default() {{\n\timage \"{image}\"\n}}\n");
    let skopeo = format!("skopeo --insecure-policy copy -q --src-tls-verify=false docker://{image} oci:pulled:1");
    let podman = format!(
        "podman --root $PWD/podman --runroot $PWD/podman-run --storage-driver overlay --events-backend none \
         pull -q --tls-verify=false {image}"
    );
    let fetch = format!("http://{}/v2/bench/image", studio.host);
    // What has to be done in any case: fetch, check, unpack, one layer after the other.
    let pipes = format!(
        "mkdir plain; curl -s -H 'Accept: application/vnd.docker.distribution.manifest.v2+json, \
         application/vnd.oci.image.manifest.v1+json' {fetch}/manifests/1 | grep -o 'sha256:[0-9a-f]*' | tail -n +2 | \
         while read digest; do curl -s {fetch}/blobs/$digest | tee >(sha256sum > /dev/null) | pigz -dc | tar -xpC plain; done"
    );
    race(
        "pull and unpack an image of 8 layers",
        ROUNDS,
        (studio.megabytes, "MB"),
        vec![
            Side::new("hlbc", || studio.build(&program, "pull-state", &[])).after(|| studio.remove("pull-state")),
            Side::new("skopeo and umoci", || {
                studio.shell(&format!("{skopeo} && umoci unpack --image pulled:1 bundle"));
            })
            .after(|| studio.shell("rm -rf pulled bundle")),
            Side::new("podman", || studio.shell(&podman)).after(|| studio.shell("rm -rf podman podman-run")),
            Side::new("curl, sha256sum, pigz, tar", || studio.shell(&pipes)).after(|| studio.remove("plain")),
        ],
    );
    studio.shell(&format!("rm -rf pulled bundle podman podman-run plain; {skopeo}"));
    let (mut ours, mut theirs) = (0, 0);
    let host = studio.host.clone();
    race(
        "push an image of 8 layers, all of it new there",
        ROUNDS,
        (studio.megabytes, "MB"),
        vec![
            Side::new("hlbc", || {
                ours += 1;
                // The base was not pulled, so nothing can be mounted from another repository.
                let push = format!("\tdockerPush \"{host}/ours/{ours}:1\"\n");
                studio.build(&Studio::program(&push), "state", &[]);
            })
            .after(|| studio.shell("rm -rf registry/docker/registry/v2/blobs")),
            Side::new("skopeo", || {
                theirs += 1;
                let to = format!("docker://{host}/theirs/{theirs}:1");
                studio.shell(&format!("skopeo --insecure-policy copy -q --dest-tls-verify=false oci:pulled:1 {to}"));
            })
            .after(|| studio.shell("rm -rf registry/docker/registry/v2/blobs")),
        ],
    );
    studio.remove("pulled");
    Ok(())
}
