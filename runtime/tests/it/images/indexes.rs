//! Results as one image for several platforms: written, read by other programs, pulled again.

use hlb_llb::Digest;
use hlb_llb::graph::{Annotations, Output};
use hlb_llb::ops::file;
use hlb_registry::{Images, Platform, Reference, RegistryConfig};
use hlb_runtime::{Compression, ImageOptions, ImageTarget, ImageVariant, IndexExport, Place, Runtime, SolveError};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::studio::{Registry, Studio, base, run};
use super::{mkfile, oci_tar, options, target};

const PLATFORMS: [(&str, &str); 3] = [("amd64", ""), ("arm64", ""), ("arm", "v6")];

/// The files for a platform: all on the same base, one of them with another layer more.
fn files(architecture: &str) -> Output {
    match architecture {
        "amd64" => target(),
        name => file(Some(base()), vec![mkfile("/architecture", name.as_bytes())], Annotations::default()).unwrap(),
    }
}

async fn variants(studio: &Studio, runtime: &Runtime) -> Vec<ImageVariant> {
    let mut variants = Vec::new();
    for (architecture, variant) in PLATFORMS {
        let solved = studio.solve(runtime, &files(architecture)).await;
        let platform = Platform::new("linux", architecture, variant);
        variants.push(ImageVariant { solved, platform, config: b"{}".to_vec() });
    }
    variants
}

fn index(to: ImageTarget, names: &[&str]) -> IndexExport {
    IndexExport { to, options: ImageOptions { oci_types: true, ..options(names) } }
}

async fn export(runtime: &Runtime, variants: &[ImageVariant], wanted: &IndexExport) -> Result<Digest, SolveError> {
    let exported = runtime.export_index(variants, wanted, &CancellationToken::new()).await?;
    Ok(exported.digest.unwrap())
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn privileged_an_index_that_is_pushed_has_all_of_its_images() {
    let (studio, registry) = (Studio::new(), Registry::start());
    let name = |tag: &str| format!("{}/group/tool:{tag}", registry.host);
    let from = |tag: &str| format!("docker://{}", name(tag));
    let pushed = studio.block_on(async |runtime| {
        let variants = variants(&studio, runtime).await;
        let push =
            async |tag: &str| export(runtime, &variants, &index(ImageTarget::Registry, &[&name(tag)])).await.unwrap();
        let pushed = push("v1").await;
        // Again, and under another name.
        assert_eq!([push("v1").await, push("v2").await], [pushed.clone(), pushed.clone()]);
        pushed
    });
    for tag in ["v1", "v2"] {
        let raw = run("skopeo", &["inspect", "--raw", "--tls-verify=false", &from(tag)]);
        assert_eq!(Digest::of(&raw), pushed);
        let raw = json(&raw);
        assert_eq!(raw["mediaType"], "application/vnd.oci.image.index.v1+json");
        let platforms: Vec<&Value> = raw["manifests"].as_array().unwrap().iter().map(|it| &it["platform"]).collect();
        assert_eq!(
            platforms,
            [
                &json!({ "architecture": "amd64", "os": "linux" }),
                &json!({ "architecture": "arm64", "os": "linux" }),
                &json!({ "architecture": "arm", "os": "linux", "variant": "v6" }),
            ]
        );
    }
    // Other programs find an image for each platform, and copy all of them.
    for (architecture, variant) in PLATFORMS {
        let select = [&format!("--override-arch={architecture}"), &format!("--override-variant={variant}")];
        let select = select.map(String::as_str);
        let config = run(
            "skopeo",
            &[&select[..], &["inspect", "--config", "--raw", "--tls-verify=false", &from("v1")]].concat(),
        );
        assert_eq!(json(&config)["architecture"], architecture);
    }
    let dir = studio.path("layout");
    let copy =
        ["copy", "--quiet", "--all", "--src-tls-verify=false", &from("v1"), &format!("oci:{}:v1", dir.display())];
    run("skopeo", &copy);
    assert!(dir.join("blobs/sha256").join(pushed.hex()).exists());
    // On another machine, each platform is pulled.
    let images = Images::new(RegistryConfig::empty());
    Studio::new().block_on(async |_| {
        for (architecture, variant) in PLATFORMS {
            let platform = Platform::new("linux", architecture, variant);
            let found = images.resolve(&Reference::parse(&name("v1")).unwrap(), &platform).await.unwrap();
            assert_eq!((&found.config.platform, &found.root_digest), (&platform, &pushed));
            assert_eq!(found.manifest.layers.len(), if architecture == "amd64" { 3 } else { 2 });
        }
    });
    assert_eq!(studio.leftovers(), Vec::<String>::new());
}

#[test]
fn privileged_an_archive_holds_an_index() {
    let studio = Studio::new();
    let (one, two) = (studio.path("1.tar"), studio.path("2.tar"));
    let (digest, registry) = studio.block_on(async |runtime| {
        let variants = variants(&studio, runtime).await;
        let named = |to: &std::path::Path| index(oci_tar(to), &["example.org/tool:v1"]);
        let digest = export(runtime, &variants, &named(&one)).await.unwrap();
        assert_eq!(export(runtime, &variants, &named(&two)).await.unwrap(), digest);
        (digest, Registry::start())
    });
    let archive = std::fs::read(&one).unwrap();
    assert!(archive == std::fs::read(&two).unwrap());
    // An index, three images, and the layers, of which that of the base is shared.
    let mut listed = super::contents(&archive);
    assert_eq!(listed[..4], ["blobs/", "blobs/sha256/", "oci-layout", "index.json"]);
    assert_eq!(listed[4], format!("blobs/sha256/{}", digest.hex()));
    assert_eq!(listed.len(), 4 + 1 + 3 * 2 + 1 + (2 + 1 + 1));
    listed.sort();
    listed.dedup();
    assert_eq!(listed.len(), 16);
    let from = format!("oci-archive:{}:v1", one.display());
    assert_eq!(Digest::of(run("skopeo", &["inspect", "--raw", &from])), digest);
    let to = format!("docker://{}/copied:v1", registry.host);
    run("skopeo", &["copy", "--quiet", "--all", "--dest-tls-verify=false", &from, &to]);
    assert_eq!(Digest::of(run("skopeo", &["inspect", "--raw", "--tls-verify=false", &to])), digest);
}

#[test]
fn privileged_indexes_have_docker_types_where_they_are_wanted() {
    let (studio, registry) = (Studio::new(), Registry::start());
    let name = format!("{}/tool:v1", registry.host);
    studio.block_on(async |runtime| {
        let variants = variants(&studio, runtime).await;
        let wanted = |options: ImageOptions| IndexExport { to: ImageTarget::Registry, options };
        export(runtime, &variants, &wanted(options(&[&name]))).await.unwrap();
        // Layers that have an index of their own need annotations, and so the types of OCI.
        let compression = Compression::Estargz;
        let stargz = ImageOptions { compression, ..options(&[&format!("{}/tool:v2", registry.host)]) };
        export(runtime, &variants, &wanted(stargz)).await.unwrap();
    });
    let types = |tag: &str| {
        let from = format!("docker://{}/tool:{tag}", registry.host);
        let raw = json(&run("skopeo", &["inspect", "--raw", "--tls-verify=false", &from]));
        format!("{} of {}", raw["mediaType"], raw["manifests"][1]["mediaType"])
    };
    insta::assert_snapshot!(types("v1"), @r#""application/vnd.docker.distribution.manifest.list.v2+json" of "application/vnd.docker.distribution.manifest.v2+json""#);
    insta::assert_snapshot!(types("v2"), @r#""application/vnd.oci.image.index.v1+json" of "application/vnd.oci.image.manifest.v1+json""#);
}

#[test]
fn indexes_that_cannot_be_are_refused() {
    let check = |to: ImageTarget, names: &[&str], architectures: &[&str]| {
        let platforms: Vec<Platform> = architectures.iter().map(|name| Platform::new("linux", name, "")).collect();
        let error = index(to, names).check(&platforms).unwrap_err();
        format!("{:?}: {error}", error.kind())
    };
    let both = ["amd64", "arm64"];
    let all = [
        check(ImageTarget::DockerTar(Place::File("x.tar".into())), &["a"], &both),
        check(ImageTarget::DockerEngine("x.sock".into()), &["a"], &both),
        check(oci_tar(std::path::Path::new("x.tar")), &[], &[]),
        check(ImageTarget::Registry, &["a"], &["arm64", "aarch64"]),
        check(ImageTarget::Registry, &[], &both),
        check(ImageTarget::Registry, &["A"], &both),
    ];
    insta::assert_snapshot!(all.join("\n"), @r"
    Definition: a Docker archive takes an image for one platform, and not an index of several: write an OCI archive, or push it
    Definition: a Docker engine takes an image for one platform, and not an index of several: write an OCI archive, or push it
    Definition: an image for several platforms needs at least one of them
    Definition: an image for several platforms has two for linux/arm64
    Definition: an image for a registry needs a name
    Definition: `A` is not an image reference: repository name must be lowercase
    ");
}
