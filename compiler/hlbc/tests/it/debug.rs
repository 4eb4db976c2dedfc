//! Failed steps that are kept, and what is found where they were.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use crate::project::Project;

const PROGRAM: &str = "\
fs default() {
	image \"busy\"
	mkfile \"/before\" 0o644 \"made before\"
	run \"echo made by it > /made; mkdir /dir; echo inside > /dir/file; echo out > /out/file; exit 3\" with option {
		env \"NAME\" \"value\"
		dir \"/work\"
		user \"7:8\"
		mount fs { mkfile \"/input\" 0o644 \"an input\"; } \"/in\" with readonly
		mount scratch \"/out\" as made
		mount scratch \"/cache\" with cache(\"of-debug\", \"shared\")
		secret \"../token\" \"/token\" with option { uid 7; }
	}
}
";

/// A project whose step fails. It is `root`'s, so that it can write where it likes.
fn failing() -> Project {
    let project = Project::with_busybox(&PROGRAM.replace("\t\tuser \"7:8\"\n", ""));
    std::fs::write(project.beside("token"), "a secret").unwrap();
    project
}

fn debug(project: &Project, args: &[&str]) -> Output {
    project.command(&["debug", "--progress", "quiet"]).args(args).output().unwrap()
}

/// What a command prints where the last step failed.
fn inside(project: &Project, script: &str) -> String {
    let output = debug(project, &["--", "/bin/sh", "-c", script]);
    assert!(output.status.success(), "{}", project.shown(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn privileged_a_command_runs_where_a_step_failed() {
    let project = failing();
    insta::assert_snapshot!(project.shown(&debug(&project, &[])), @r"
    exit code: 5
    --- stderr
    error: no build kept a failed step
    help: run the build again with `--on-failure keep`
    ");
    let run =
        |args: &[&str]| project.shown(&project.command(&["run", "--progress", "quiet"]).args(args).output().unwrap());
    assert!(!run(&[]).contains("kept"), "nothing is kept unasked");
    assert_eq!(debug(&project, &[]).status.code(), Some(5));
    let failed = run(&["--on-failure", "keep"]);
    assert!(failed.starts_with("exit code: 1\n"), "{failed}");
    let (_, rest) = failed.split_once("kept: `hlbc debug ").unwrap_or_else(|| panic!("{failed}"));
    let build = rest.split('`').next().unwrap();

    assert_eq!(
        inside(&project, "cat /before /made /dir/file /out/file /in/input"),
        "made beforemade by it\ninside\nout\nan input"
    );
    assert_eq!(
        inside(&project, "echo $NAME; pwd; ls -d /cache; touch /in/x 2>/dev/null || echo no"),
        "value\n/work\n/cache\nno\n"
    );
    // What is changed is thrown away, and the exit code is told.
    let output = debug(&project, &[build, "--", "/bin/sh", "-c", "rm /made; echo x >/out/file; exit 4"]);
    insta::assert_snapshot!(project.shown(&output).replace(&secret_of(&output), "ID"), @r"
    exit code: 1
    --- stderr
    the secret `ID` is left out: lend it with `--secret ID=FILE`
    error: the command ended with exit code 4
    ");
    assert_eq!(inside(&project, "cat /made /out/file; ls /token 2>/dev/null || echo none"), "made by it\nout\nnone\n");
    // A secret is lent anew.
    let lent = format!("{}={}", secret_of(&output), project.beside("token").display());
    let output = debug(&project, &[build, "--secret", &lent, "--", "cat", "/token"]);
    assert_eq!(project.shown(&output), "exit code: 0\n--- stdout\na secret");

    let missing = debug(&project, &[build, "77"]);
    let shown = project.shown(&missing);
    assert!(
        shown.starts_with("exit code: 5") && shown.contains(&format!("build {build} did not keep step 77: it kept "))
    );
    insta::assert_snapshot!(project.shown(&debug(&project, &["99"])), @r"
    exit code: 5
    --- stderr
    error: build 99 kept no failed step
    help: run the build again with `--on-failure keep`
    ");
    let output = debug(&project, &["--", "/bin/none"]);
    assert!(project.shown(&output).contains("process \"/bin/none\" cannot be started"), "{}", project.shown(&output));
    assert_eq!(output.status.code(), Some(1));
    let sessions: Vec<_> = std::fs::read_dir(project.beside("state/sessions")).unwrap().collect();
    assert!(sessions.is_empty(), "unfinished work is left: {sessions:?}");
}

/// The id of the secret that was left out.
fn secret_of(output: &Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    told.split("the secret `")
        .nth(1)
        .and_then(|rest| rest.split('`').next())
        .unwrap_or_else(|| panic!("{told}"))
        .to_owned()
}

#[test]
fn privileged_files_of_a_failed_step_are_copied_out() {
    let project = failing();
    let run = project.command(&["run", "--on-failure", "keep"]).output().unwrap();
    assert_eq!(run.status.code(), Some(1));
    let check = |path: &str, to: &str, place: &str, expected: &str| {
        let to = project.beside(to);
        let output = debug(&project, &["--copy", path, to.to_str().unwrap()]);
        assert_eq!(project.shown(&output), "exit code: 0", "{path}");
        assert_eq!(std::fs::read_to_string(project.beside(place)).unwrap(), expected, "{path}");
    };
    std::fs::create_dir(project.beside("there")).unwrap();
    check("/made", "copy", "copy", "made by it\n");
    check("/made", "there", "there/made", "made by it\n");
    check("/dir", "tree", "tree/file", "inside\n");
    check("../dir/file", "relative", "relative", "inside\n");
    check("/out", "output", "output/file", "out\n");
    check("/in/input", "input", "input", "an input");
    let output = debug(&project, &["--copy", "/none", "x"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 5
    --- stderr
    error: the step left no `/none`: No such file or directory (os error 2)
    ");
    let output = debug(&project, &["--copy", "/made", "/proc/none/x"]);
    assert_eq!(output.status.code(), Some(1), "{}", project.shown(&output));
}

/// What is seen on a terminal at which these lines are typed.
fn typed(project: &Project, command: &str, lines: &str) -> (String, Option<i32>) {
    let hlbc = env!("CARGO_BIN_EXE_hlbc");
    let environment = project.command(&[]);
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &format!("{hlbc} {command}"), "/dev/null"]);
    script.current_dir(project.path("")).env_clear().env("TERM", "vt100").env("SHELL", "/bin/sh");
    script.envs(environment.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut keyboard = script.stdin.take().unwrap();
    keyboard.write_all(lines.as_bytes()).unwrap();
    let output = script.wait_with_output().unwrap();
    drop(keyboard);
    (String::from_utf8_lossy(&output.stdout).replace('\r', ""), output.status.code())
}

#[test]
fn privileged_a_shell_opens_on_a_terminal() {
    let project = failing();
    let lines = "cat /made /token; echo; echo $((6*7)) $TERM; test -t 0 && test -t 1 && echo it has a terminal | tr a-z A-Z\nexit\n";
    let (seen, code) = typed(&project, "run --progress quiet --on-failure shell", lines);
    for expected in ["made by it\na secret\n42 vt100\n", "IT HAS A TERMINAL\n", "exit code 3"] {
        assert!(seen.contains(expected), "{expected:?} in {seen}");
    }
    assert_eq!(code, Some(1), "the build has failed all the same");
    let (seen, code) = typed(&project, "debug", "cat /made; echo $((40+2))\nfalse\nexit\n");
    assert!(seen.contains("made by it\n42\n"), "{seen}");
    assert_eq!(code, Some(0), "{seen}");
    let project = failing();
    insta::assert_snapshot!(project.hlbc(&["run", "--on-failure", "shell"]), @r"
    exit code: 2
    --- stderr
    error: `--on-failure shell` needs a terminal
    help: use `--on-failure keep`, and then `hlbc debug`
    ");
}

#[test]
fn privileged_without_a_shell_one_is_lent() {
    let project = Project::with_busybox("fs default() {\n\timage \"busy\"\n\trun \"rm /bin/sh; exit 9\"\n}\n");
    let (seen, _) = typed(&project, "run --on-failure shell", "ls /.hlbc/busybox; echo $((6*7))\nexit\n");
    assert!(seen.contains("/.hlbc/busybox\n42\n"), "{seen}");
    // In another's files, it is not left behind.
    let output = debug(&project, &["--", "/bin/busybox", "ls", "/.hlbc"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn privileged_the_runtime_and_the_network_are_chosen() {
    let project = Project::with_busybox(
        "fs default() {\n\timage \"busy\"\n\trun \"ls /sys/class/net | sort; cat /proc/1/cgroup\"\n}\n",
    );
    // On a machine of its own.
    let mut command = Command::new("unshare");
    let environment = project.command(&[]);
    command.args(["--net", "--", env!("CARGO_BIN_EXE_hlbc"), "run", "--oci-runtime", "crun", "--network", "isolated"]);
    command.current_dir(project.path("")).env_clear();
    command.envs(environment.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().unwrap();
    let shown = project.shown(&output);
    assert!(output.status.success(), "{shown}");
    let printed: Vec<&str> = shown.lines().filter_map(|line| line.rsplit_once(' ').map(|(_, last)| last)).collect();
    assert!(printed.contains(&"eth0") && printed.contains(&"lo"), "{shown}");
    let output = project.command(&["run", "--oci-runtime", "/bin/cat"]).output().unwrap();
    assert!(
        project.shown(&output).contains("error: `/bin/cat` is neither runc nor crun"),
        "{}",
        project.shown(&output)
    );
    assert_eq!(output.status.code(), Some(4));
}
