//! A cache of eight steps in a registry: written, and used on a machine that has nothing.

use std::error::Error;

use hlb_bench::{Side, race};

use crate::studio::Studio;

const ROUNDS: usize = 3;

pub(crate) fn compare(studio: &Studio) -> Result<(), Box<dyn Error>> {
    let program = Studio::program("");
    let host = studio.host.clone();
    // The comparisons before this one have emptied the registry.
    let image = format!("{host}/cached/image:1");
    studio.build(&Studio::program(&format!("\tdockerPush \"{image}\"\n")), "state", &[]);
    let skopeo = format!("skopeo --insecure-policy copy -q --src-tls-verify=false docker://{image} oci:pulled:1");
    studio.shell(&format!("rm -rf pulled; {skopeo}"));
    let (mut ours, mut theirs) = (0, 0);
    race(
        "export of the cache of 8 steps, all of it new there",
        ROUNDS,
        (studio.megabytes, "MB"),
        vec![
            Side::new("hlbc, mode=max", || {
                ours += 1;
                let to = format!("type=registry,mode=max,ref={host}/cache/{ours}:1");
                studio.build(&program, "state", &["--cache-to", &to]);
            })
            .after(|| studio.shell("rm -rf registry/docker/registry/v2/blobs")),
            Side::new("skopeo, the same layers", || {
                theirs += 1;
                let to = format!("docker://{host}/theirs/c{theirs}:1");
                studio.shell(&format!("skopeo --insecure-policy copy -q --dest-tls-verify=false oci:pulled:1 {to}"));
            })
            .after(|| studio.shell("rm -rf registry/docker/registry/v2/blobs")),
        ],
    );
    studio.shell("rm -rf pulled registry/docker/registry/v2/blobs");
    let cache = format!("type=registry,mode=max,ref={host}/cache/kept:1");
    studio.build(&program, "state", &["--cache-to", &cache]);
    let from = format!("type=registry,ref={host}/cache/kept:1");
    let copies = "mkdir copies; for at in tree/*; do cp -a $at copies; done";
    race(
        "a build of 8 steps on a machine that has nothing",
        ROUNDS,
        (studio.megabytes, "MB"),
        vec![
            Side::new("hlbc with the cache", || studio.build(&program, "fresh", &["--cache-from", &from]))
                .after(|| studio.remove("fresh")),
            Side::new("hlbc without it", || studio.build(&program, "fresh", &[])).after(|| studio.remove("fresh")),
            Side::new("cp -a", || studio.shell(copies)).after(|| studio.remove("copies")),
        ],
    );
    studio.shell("rm -rf fresh copies");
    Ok(())
}
