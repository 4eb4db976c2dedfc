//! Steps for other machines, run by what is registered with the kernel for their programs.

use std::process::{Command, Output};

use crate::image;
use crate::project::Project;

/// A table of its own, in which nothing is registered.
const MOUNT: &str = "mount -t binfmt_misc none /proc/sys/fs/binfmt_misc || exit 90\n";
/// Registers busybox as what runs programs of RISC-V machines. It takes the name of the program that it is to run for the
/// command that it is to be: a shell.
const REGISTER: &str = r#"
printf ':riscv:M:0:\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xf3\\x00:\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff:/bin/busybox:F' > /proc/sys/fs/binfmt_misc/register || exit 91
"#;

const PROGRAM: &str = "fs default() {\n\timage \"busy\"\n\trun \"echo emulated >/made\"\n\tdownload \"out\"\n}\n";

fn project() -> Project {
    let project = Project::with_busybox(PROGRAM);
    std::fs::remove_dir_all(project.beside("busybox")).unwrap();
    image::foreign_layout(&project.beside("busybox"));
    project
}

/// Builds for a RISC-V machine in a user namespace with a table of its own.
fn build(project: &Project, register: &str) -> Output {
    let direct = project.command(&["run", "--platform", "linux/riscv64"]);
    let mut command = Command::new("unshare");
    let script = format!("{MOUNT}{register}exec \"$0\" \"$@\"");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]).arg(script);
    command.arg(direct.get_program()).args(direct.get_args());
    command.current_dir(direct.get_current_dir().unwrap()).env_clear();
    command.envs(direct.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.output().unwrap()
}

#[test]
fn privileged_programs_of_other_machines_run_where_something_runs_them() {
    let project = project();
    let output = build(&project, REGISTER);
    assert!(output.status.success(), "{}", project.shown(&output));
    assert_eq!(project.read("out/made"), "emulated\n");
}

#[test]
fn privileged_where_nothing_runs_them_that_is_said() {
    let project = project();
    let shown = project.shown(&build(&project, ""));
    let shown =
        shown.replace(&format!("on `linux/{}`", hlb_registry::Platform::host().architecture), "on `linux/HERE`");
    insta::assert_snapshot!(shown.split_once("\nerror: ").unwrap().1, @r#"
    cannot run programs for `linux/riscv64` on `linux/HERE`: no emulator for them is registered with the kernel
      ┌─ build.hlb:3:2
      │
    3 │     run "echo emulated >/made"
      │     ^^^ this step
    "#);
}
