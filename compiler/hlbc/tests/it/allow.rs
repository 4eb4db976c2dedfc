//! `hlbc run --allow`: what steps may do only if they are let.

use crate::project::Project;

fn run(option: &str, args: &[&str]) -> (Project, String) {
    let program = format!(
        "fs default() {{\n\timage \"busy\"\n\trun \"cat /proc/self/status > /status\" with {option}\n\tdownload \"out\"\n}}\n"
    );
    let project = Project::with_busybox(&program);
    let shown = project.hlbc(&[&["run", "--progress", "quiet"], args].concat());
    (project, shown)
}

#[test]
fn privileged_all_privileges_must_be_allowed() {
    insta::assert_snapshot!(run("security(\"insecure\")", &[]).1, @r#"
    exit code: 3
    --- stderr
    error: the step needs the entitlement `security.insecure`, which the caller did not give
      ┌─ build.hlb:3:2
      │
    3 │     run "cat /proc/self/status > /status" with security("insecure")
      │     ^^^ this step
      │
      = help: run hlbc with `--allow security.insecure` if you trust the program
    "#);
    let (project, shown) = run("security(\"insecure\")", &["--allow", "security.insecure"]);
    assert_eq!(shown, "exit code: 0");
    assert!(project.read("out/status").contains("CapEff:"));
}

#[test]
fn privileged_the_network_of_the_machine_is_allowed() {
    assert_eq!(run("network(\"host\")", &[]).1, "exit code: 0");
}
