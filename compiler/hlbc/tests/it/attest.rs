//! Attestations where nothing holds them, and options that cannot be meant.

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
