//! What is said of results that were really made.

use std::path::Path;
use std::process::Command;

use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::ops::{self, ExecMount, Git, Http, Local, LocalOwner, Secret};
use hlb_llb::{Digest, pb};
use hlb_runtime::{Attestations, Hints, Provenance, Sbom, SlsaVersion, SolveError, Statement, Subject};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::sources::{layer, layout_of, layout_with, serve};
use crate::support::{Bench, mkfile, shell};

const PASSWORD: &str = "hush-hush";

fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.hints = Hints { trace: true, ..Hints::default() };
    bench
}

fn subject() -> Subject {
    Subject { name: "pkg:docker/a@1".to_owned(), digest: Digest::of("image") }
}

fn attest(bench: &Bench, target: &Output, wanted: &Attestations) -> Result<Vec<Statement>, SolveError> {
    let definition = marshal(Some(target), Vec::new());
    let attest = async |runtime: &hlb_runtime::Runtime, solved| {
        runtime.attest(&solved, &[subject()], wanted, &CancellationToken::new()).await
    };
    bench.solve_with(definition, |_| {}, attest).map(|(_, statements)| statements)
}

fn provenance(max: bool, version: SlsaVersion) -> Attestations {
    let provenance = Some(Provenance { max, version, ..Provenance::default() });
    Attestations { provenance, sbom: None }
}

fn predicate(statement: &Statement) -> Value {
    let text = String::from_utf8(statement.bytes.clone()).unwrap();
    assert!(!text.contains(PASSWORD), "{text}");
    let mut said: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(said["predicateType"], statement.predicate_type);
    assert_eq!(said["subject"], json!([{"name": "pkg:docker/a@1", "digest": {"sha256": Digest::of("image").hex()}}]));
    said["predicate"].take()
}

fn image(name: &str) -> Output {
    let platform = pb::Platform { os: "linux".into(), architecture: "amd64".into(), ..Default::default() };
    ops::image(ops::Image::new(name, platform), Annotations::default())
}

/// A repository with one commit; its address and the commit.
fn repository(dir: &Path) -> (String, String) {
    std::fs::create_dir(dir).unwrap();
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(dir).env("GIT_CONFIG_GLOBAL", "/dev/null");
        let output = command.args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "--quiet", "--initial-branch", "main"]);
    git(&["commit", "--quiet", "--allow-empty", "--message", "one"]);
    (format!("file://{}", dir.display()), git(&["rev-parse", "HEAD"]))
}

#[test]
fn privileged_provenance_names_what_was_really_there() {
    let mut bench = bench();
    let base = layout_of(&bench.path("layout"), &[layer("one", "1")], "a");
    bench.images.insert("example.org/base".to_owned(), bench.path("layout"));
    let (remote, commit) = repository(&bench.path("repository"));
    let address = serve([("/f".to_owned(), b"text".to_vec())].into(), Some(PASSWORD));
    bench.secret("header", PASSWORD);
    bench.secret("token", PASSWORD);
    let web = Http { auth_header_secret: "header".to_owned(), ..Http::new(format!("http://{address}/f")) };
    let sources = [
        ("/image", image("example.org/base:1")),
        ("/git", ops::git(Git::new(remote.as_str(), "main"), Annotations::default())),
        ("/web", ops::http(web, Annotations::default())),
        ("/local", ops::local(Local::new("src", LocalOwner::Unique("x".to_owned())), Annotations::default())),
    ];
    let mut step = shell(bench.root(&[]), "test ${#TOKEN} = 9 && ls /image /git /web /local > /made");
    step.mounts = sources.map(|(place, source)| ExecMount::bind(place, Some(source))).into();
    let env = Some("TOKEN".to_owned());
    let secret = Secret { id: "token".to_owned(), target: None, env, uid: 0, gid: 0, mode: 0o400, optional: false };
    step.secrets = vec![secret];
    let target = step.build(Annotations::default()).root.unwrap();

    let materials = json!([
        {"uri": "pkg:docker/example.org/base@1?platform=linux%2Famd64", "digest": {"sha256": base.hex()}},
        {"uri": format!("{remote}#refs/heads/main"), "digest": {"sha1": commit}},
        {"uri": format!("http://{address}/f"), "digest": {"sha256": Digest::of("text").hex()}},
    ]);
    // Once made, and once found.
    for _ in 0..2 {
        let made = attest(&bench, &target, &provenance(true, SlsaVersion::V1)).unwrap();
        let said = predicate(&made[0]);
        let definition = &said["buildDefinition"];
        assert_eq!(definition["resolvedDependencies"], materials);
        let asked = &definition["externalParameters"]["request"];
        assert_eq!(asked["locals"], json!([{"name": "root"}, {"name": "src"}]));
        // The names of default secrets are in every op of git.
        let secrets = json!([
            {"id": "GIT_AUTH_HEADER", "optional": true},
            {"id": "GIT_AUTH_TOKEN", "optional": true},
            {"id": "header"},
            {"id": "token"},
        ]);
        assert_eq!(asked["secrets"], secrets);
        let steps = definition["internalParameters"]["buildConfig"]["llbDefinition"].as_array().unwrap().clone();
        assert_eq!(steps.len(), 7, "{steps:?}");
        assert_eq!(steps[5]["inputs"].as_array().unwrap().len(), 5);
        assert_eq!(steps[6], json!({"id": "step6", "inputs": ["step5:0"], "op": {"Op": {}}}));
        let metadata = &said["runDetails"]["metadata"];
        assert_eq!(metadata["buildkit_completeness"], json!({"request": false, "resolvedDependencies": false}));
        assert!(metadata["startedOn"].as_str().unwrap() <= metadata["finishedOn"].as_str().unwrap());
    }
    let made = attest(&bench, &target, &provenance(false, SlsaVersion::V02)).unwrap();
    let said = predicate(&made[0]);
    assert_eq!(said["materials"], materials);
    assert_eq!(said["invocation"]["parameters"], json!({"locals": [{"name": "root"}, {"name": "src"}]}));
    assert_eq!(said.get("buildConfig"), None);
}

#[test]
fn privileged_equal_builds_say_the_same_at_an_epoch() {
    let said = || {
        let mut bench = bench();
        layout_of(&bench.path("layout"), &[layer("one", "1")], "a");
        bench.images.insert("example.org/base".to_owned(), bench.path("layout"));
        let target = mkfile(Some(image("example.org/base:1")), "/name", "made");
        let mut wanted = provenance(true, SlsaVersion::V1);
        wanted.sbom = Some(Sbom::default());
        attest(&bench, &target, &wanted.at(Some(1_445_412_480))).unwrap()
    };
    let made = said();
    assert_eq!(made, said());
    let kinds: Vec<&str> = made.iter().map(|statement| statement.file_name.as_str()).collect();
    assert_eq!(kinds, ["sbom.spdx.json", "provenance.json"]);
    let said = predicate(&made[1]);
    assert_eq!(said["runDetails"]["metadata"]["buildkit_hermetic"], true);
    assert_eq!(said["runDetails"]["metadata"]["startedOn"], "2015-10-21T07:28:00Z");
}

#[test]
fn privileged_packages_of_a_result_are_listed() {
    let status = "Package: tool\nStatus: install ok installed\nVersion: 2\n";
    let target = mkfile(None, "/status", status);
    let copy = ops::Copy { create_dest_path: true, ..ops::Copy::new(Some(target), "/status", "/var/lib/dpkg/status") };
    let target = ops::file(None, vec![ops::FileStep::Copy(copy)], Annotations::default()).unwrap();
    let wanted = Attestations { sbom: Some(Sbom::default()), ..Attestations::default() };
    let made = attest(&bench(), &target, &wanted).unwrap();
    let said = predicate(&made[0]);
    assert_eq!(said["packages"][1]["externalRefs"][0]["referenceLocator"], "pkg:deb/debian/tool@2");
    assert_eq!(said["relationships"].as_array().unwrap().len(), 2);
}

/// An image with busybox that starts a script.
fn generator(bench: &mut Bench, script: &str) {
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists());
    let bytes = std::fs::read(busybox.expect("these tests need busybox: `apt-get install busybox-static`")).unwrap();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o755);
    tar.append_data(&mut header, "bin/busybox", bytes.as_slice()).unwrap();
    let config = json!({"Entrypoint": ["/bin/busybox", "sh", "-c", script], "Env": ["WHO=me"], "WorkingDir": "/work"});
    let layout = bench.path("generator");
    let _ = std::fs::remove_dir_all(&layout);
    layout_with(&layout, &[tar.into_inner().unwrap()], &format!("\"config\":{config}"));
    bench.images.insert("example.org/scan".to_owned(), layout);
}

#[test]
fn privileged_a_generator_looks_through_the_result() {
    let target = mkfile(None, "/name", "made");
    let wanted = |generator: &str| {
        let sbom = Some(Sbom { generator: Some(generator.to_owned()), ..Sbom::default() });
        Attestations { sbom, ..provenance(false, SlsaVersion::V1) }
    };
    let check = |script: &str| {
        let mut bench = bench();
        generator(&mut bench, script);
        attest(&bench, &target, &wanted("example.org/scan:1"))
    };
    let made = check(
        "cd $BUILDKIT_SCAN_DESTINATION && n=$(/bin/busybox cat $BUILDKIT_SCAN_SOURCE/name) || exit 1\n\
        ! echo > $BUILDKIT_SCAN_SOURCE/name || exit 2\n\
        echo '{\"spdxVersion\":\"x\",\"name\":\"'$n$WHO$OLDPWD'\"}' > sbom.spdx.json\n\
        echo '{\"predicateType\":\"https://spdx.dev/Document\",\"predicate\":{\"spdxVersion\":\"y\"}}' > a.spdx.json\n\
        echo > other.txt",
    );
    let made = made.unwrap();
    let files: Vec<&str> = made.iter().map(|statement| statement.file_name.as_str()).collect();
    assert_eq!(files, ["sbom.spdx.json", "a.spdx.json", "provenance.json"]);
    assert_eq!(predicate(&made[0]), json!({"spdxVersion": "x", "name": "mademe/work"}));
    assert_eq!(predicate(&made[1]), json!({"spdxVersion": "y"}));
    let used = predicate(&made[2])["buildDefinition"]["resolvedDependencies"][0]["uri"].clone();
    assert_eq!(used, "pkg:docker/example.org/scan@1?platform=linux%2Famd64");

    let fails = |script: &str| check(script).unwrap_err().to_string();
    let mistakes = [
        "echo oops; exit 3",
        "true",
        "echo '[]' > /run/out/sbom.spdx.json",
        "/bin/busybox ln -s /etc/passwd /run/out/sbom.spdx.json",
        "/bin/busybox mkfifo /run/out/sbom.spdx.json",
    ];
    insta::assert_snapshot!(mistakes.map(fails).join("\n"), @r#"
    the SBOM generator `example.org/scan:1` failed: process "/bin/busybox sh -c echo oops; exit 3" did not complete successfully: exit code: 3; it says: oops
    the SBOM generator `example.org/scan:1` has left no `*.spdx.json` in `/run/out/`
    the SBOM generator `example.org/scan:1` has left `sbom.spdx.json`, which is no document of SPDX: it has no `spdxVersion`
    the SBOM generator `example.org/scan:1` has left `sbom.spdx.json`, which is no regular file
    the SBOM generator `example.org/scan:1` has left `sbom.spdx.json`, which is no regular file
    "#);
    let unknown = attest(&bench(), &target, &wanted("Upper")).unwrap_err();
    assert_eq!(unknown.kind(), hlb_runtime::ErrorKind::Definition);
}
