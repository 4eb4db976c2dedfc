//! Attestations: beside files, in images, and where nothing holds them.

use serde_json::{Value, json};

use crate::project::Project;

const PROGRAM: &str = "fs default() {\n\tscratch\n\tdockerLoad \"a:1\"\n}\n\nfs saved() {\n\tscratch\n\tdownloadDockerTarball \"a.tar\" \"a:1\"\n}\n";

#[test]
fn images_for_docker_hold_none() {
    let project = Project::new(PROGRAM);
    for to in ["type=docker,name=a", "type=docker,name=a,dest=a.tar"] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(project.hlbc(&["solve", "-o", to, "--sbom"]), @r"
            exit code: 2
            --- stderr
            error: images for Docker hold no attestations
            help: use `type=oci` or `type=image`
            ");
        }
    }
}

#[test]
fn two_of_a_kind_are_one_too_many() {
    let project = Project::new(PROGRAM);
    insta::assert_snapshot!(project.hlbc(&["run", "--provenance", "--attest", "type=provenance,mode=max"]), @r"
    exit code: 2
    --- stderr
    error: there are two attestations of `type=provenance`
    help: `--provenance` is short for `--attest type=provenance`: use one of them
    ");
}

#[test]
fn privileged_programs_are_told_so_before_anything_is_built() {
    let project = Project::with_busybox(PROGRAM);
    insta::assert_snapshot!(project.hlbc(&["run", "--progress", "quiet", "--provenance", "saved"]), @r#"
    exit code: 3
    --- stderr
    error: images for Docker hold no attestations: write an OCI archive, or push the image
      ┌─ build.hlb:8:2
      │
    8 │     downloadDockerTarball "a.tar" "a:1"
      │     ^^^^^^^^^^^^^^^^^^^^^ this export
    "#);
    assert!(!project.path("a.tar").exists());
    // Asked for nothing, it is built.
    let said = project.hlbc(&["run", "--progress", "quiet", "--provenance=false", "saved"]);
    assert!(project.path("a.tar").exists(), "{said}");
}

const GREETING: &str = "fs default(string who) {\n\timage \"busy\"\n\trun \"echo hello ${who} > /made\"\n}\n";

fn predicate(project: &Project, file: &str) -> Value {
    let mut said: Value = serde_json::from_str(&project.read(file)).unwrap();
    let made = said["subject"].as_array().unwrap().iter().find(|subject| subject["name"] == "made").unwrap();
    assert_eq!(made["digest"]["sha256"].as_str().unwrap().len(), 64);
    said["predicate"].take()
}

#[test]
fn privileged_files_get_what_is_said_of_them() {
    let project = Project::with_busybox(GREETING);
    let run = |options: &[&str]| {
        let said = project.hlbc(&[&["run", "--progress", "quiet", "-o", "out", "--who", "me"], options].concat());
        assert!(said.starts_with("exit code: 0"), "{said}");
    };
    run(&["--provenance=max", "--sbom"]);
    let said = predicate(&project, "out/provenance.json");
    let asked = &said["buildDefinition"]["externalParameters"];
    assert_eq!(asked["configSource"], json!({"path": "build.hlb"}));
    assert_eq!(asked["request"], json!({"frontend": "hlb", "args": {"default.who": "me", "target": "default"}}));
    let image = &said["buildDefinition"]["resolvedDependencies"][0]["uri"];
    assert!(image.as_str().unwrap().starts_with("pkg:docker/busy@latest"), "{image}");
    let metadata = &said["runDetails"]["metadata"];
    assert_eq!(metadata["buildkit_completeness"], json!({"request": true, "resolvedDependencies": true}));
    assert_eq!(metadata["buildkit_metadata"]["source"]["infos"][0]["filename"], "build.hlb");
    let steps = said["buildDefinition"]["internalParameters"]["buildConfig"]["llbDefinition"].as_array().unwrap();
    assert_eq!(steps.len(), 3, "{steps:?}");
    assert_eq!(predicate(&project, "out/sbom.spdx.json")["spdxVersion"], "SPDX-2.3");

    run(&["--provenance"]);
    let said = predicate(&project, "out/provenance.json");
    let asked = &said["buildDefinition"]["externalParameters"]["request"];
    assert_eq!(*asked, json!({"frontend": "hlb", "args": {"target": "default"}}));
    assert_eq!(said["runDetails"]["metadata"]["buildkit_completeness"]["request"], false);
}

#[test]
fn privileged_an_epoch_makes_equal_archives_of_equal_builds() {
    let archive = || {
        let project = Project::with_busybox(GREETING);
        let options = ["run", "-o", "type=oci,dest=a.tar", "--who", "me", "--provenance=max", "--sbom"];
        let made = project.command(&options).env("SOURCE_DATE_EPOCH", "1445412480").output().unwrap();
        assert!(made.status.success(), "{}", project.shown(&made));
        std::fs::read(project.path("a.tar")).unwrap()
    };
    let (one, other) = (archive(), archive());
    assert!(one == other, "archives of {} and {} bytes differ", one.len(), other.len());
    let text = String::from_utf8_lossy(&one).into_owned();
    for part in ["\"vnd.docker.reference.type\": \"attestation-manifest\"", "\"startedOn\":\"2015-10-21T07:28:00Z\""] {
        assert!(text.contains(part), "{part} is missing");
    }
}
