//! `hlbc solve`: LLB from a pipe gives what `hlbc run` gives, and nothing is lent that was not named.

use hlb_llb::{Digest, encode_definition, encode_op, pb};
use prost::Message;

use crate::project::Project;

const PROGRAM: &str = r#"
fs compiled() {
	image "busy"
	run "cat /src/a.c /run/token > /out/a.o; mkdir /out/d; echo x > /out/d/x" with option {
		mount fs { local "src"; } "/src" with readonly
		mount scratch "/out" as objects
		secret "token" "/run/token"
	}
}

fs default() {
	compiled
	run "cat /o/a.o > /all; cp -r /o/d /d" with mount(objects, "/o")
}

fs broken() {
	image "busy"
	run "echo about to fail; exit 3"
}
"#;

fn project() -> Project {
    Project::with_busybox(PROGRAM).file("src/a.c", "int a;\n").file("token", "secret\n")
}

fn emitted(project: &Project, target: &str) -> Vec<u8> {
    let output = project.command(&["emit", "--format", "pb", target]).output().unwrap();
    assert!(output.status.success(), "{}", project.shown(&output));
    output.stdout
}

/// The names that a definition uses for what it wants of the client.
fn names(definition: &[u8]) -> (String, String) {
    let (mut local, mut secret) = (String::new(), String::new());
    for bytes in pb::Definition::decode(definition).unwrap().def {
        match pb::Op::decode(bytes.clone()).unwrap().op {
            Some(pb::OpKind::Source(source)) => {
                if let Some(name) = source.identifier.strip_prefix("local://") {
                    local = name.to_owned();
                }
            }
            Some(pb::OpKind::Exec(exec)) => {
                if let Some(opt) = exec.mounts.iter().find_map(|mount| mount.secret_opt.as_ref()) {
                    secret = opt.id.clone();
                }
            }
            _ => {}
        }
    }
    (local, secret)
}

#[test]
fn privileged_a_piped_definition_gives_what_run_gives() {
    let project = project();
    project.write("build.hlb", &PROGRAM.replace("\"/o\")\n}", "\"/o\")\n\tdownload \"by-run\"\n}"));
    project.run(&[]);
    project.write("build.hlb", PROGRAM);
    let definition = emitted(&project, "default");
    let (local, secret) = names(&definition);
    let (local, secret) = (format!("{local}=src"), format!("{secret}=token"));
    let args = ["solve", "-o", "by-solve", "--output", "type=tar,dest=t.tar", "--local", &local, "--secret", &secret];
    let output = project.fed(&args, &definition);
    assert!(output.status.success(), "{}", project.shown(&output));
    let tree = |dir: &str| {
        let list = "find . -printf '%y %m %p %l\n' | sort; find . -type f ! -name busybox -exec cat {} +";
        let shell =
            std::process::Command::new("sh").args(["-c", list]).current_dir(project.path(dir)).output().unwrap();
        String::from_utf8(shell.stdout).unwrap()
    };
    assert_eq!(project.read("by-solve/all"), "int a;\nsecret\n");
    assert_eq!(tree("by-run"), tree("by-solve"));
    let mut tar = tar::Archive::new(std::fs::File::open(project.path("t.tar")).unwrap());
    let all = tar.entries().unwrap().filter(|entry| entry.as_ref().unwrap().path().unwrap().ends_with("d/x"));
    assert_eq!(all.count(), 1);
}

#[test]
fn privileged_an_ignore_file_leaves_files_out() {
    const COPY: &str =
        "fs default() {\n\tscratch\n\tcopy fs { local \"src\" with excludePatterns(\"b\") } \"/\" \"/\"\n}\n";
    let project = Project::new(COPY).file("src/a", "").file("src/b", "").file("src/c.o", "").file("src/keep.o", "");
    project.write("ignored", "# built\n*.o\n!keep.o\n");
    let definition = emitted(&project, "default");
    let (local, _) = names(&definition);
    let shown = |args: &[&str]| {
        let output = project.fed(&[&["solve", "-o", "out", "--progress", "quiet"], args].concat(), &definition);
        let mut names = std::fs::read_dir(project.path("out")).map_or_else(
            |_| Vec::new(),
            |dir| dir.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect(),
        );
        names.sort();
        format!("{}{names:?}", project.shown(&output).replace(&local, "LOCAL"))
    };
    insta::assert_snapshot!(shown(&["--local", &format!("{local}=src,ignore=none")]), @r"
    exit code: 5
    --- stderr
    error: cannot read the ignore file `none`
    ╰─▶ no such file or directory
    help: check what is behind `ignore=` of `--local LOCAL`[]
    ");
    assert_eq!(shown(&["--local", &format!("{local}=src,ignore=ignored")]), "exit code: 0[\"a\", \"keep.o\"]");
}

#[test]
fn privileged_a_failing_step_is_told_with_the_place_in_the_source_of_the_definition() {
    let project = project();
    let definition = emitted(&project, "broken");
    // The program need not be there.
    let elsewhere = Project::with_busybox("");
    let output = elsewhere.fed(&["solve", "--progress", "quiet"], &definition);
    insta::assert_snapshot!(elsewhere.shown(&output), @r#"
    exit code: 1
    --- stderr
    error: `/bin/sh -c 'echo about to fail; exit 3'` ended with exit code 3
       ┌─ build.hlb:18:2
       │
    18 │     run "echo about to fail; exit 3"
       │     ^^^ this step
       │
       = the last it printed:
           about to fail
       = help: mend what the log shows and run hlbc again; the steps before this one are cached
    "#);
}

#[test]
fn privileged_an_empty_result_is_one_too() {
    let project = Project::new("fs default() {\n\tscratch\n}\n");
    let output = project.fed(&["solve", "-o", "out", "--progress", "quiet"], &project.definition("default"));
    assert!(output.status.success(), "{}", project.shown(&output));
    assert_eq!(std::fs::read_dir(project.path("out")).unwrap().count(), 0);
}

#[test]
fn privileged_an_output_that_cannot_be_written() {
    let project = Project::new("fs default() {\n\tscratch\n\tmkfile \"/a\" 0o644 \"a\"\n}\n").file("taken", "");
    let output = project.fed(&["solve", "-o", "taken/x", "--progress", "quiet"], &project.definition("default"));
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 1
    --- stderr
    error: `taken/x` exists and is not a directory
    ");
}

#[test]
fn what_no_option_gives_is_told_before_anything_is_done() {
    let project = project();
    let definition = emitted(&project, "default");
    let (local, secret) = names(&definition);
    let shown = |args: &[&str]| {
        let output = project.fed(&[&["solve"], args].concat(), &definition);
        project.shown(&output).replace(&local, "LOCAL").replace(&secret, "SECRET").replace("[PROJECT]/src", "LOCAL")
    };
    insta::assert_snapshot!(shown(&[]), @r"
    exit code: 2
    --- stderr
    error: the steps use the directory `LOCAL`, the secret `SECRET`, which no option gives
    help: add `--local LOCAL=DIR` `--secret SECRET=FILE`
    ");
    insta::assert_snapshot!(shown(&["--secret", &format!("{secret}=token")]), @r"
    exit code: 2
    --- stderr
    error: the steps use the directory `LOCAL`, which no option gives
    help: add `--local LOCAL=DIR`
    ");
    let (local, secret) = (format!("{local}=nope"), format!("{secret}=token"));
    insta::assert_snapshot!(shown(&["--local", &local, "--secret", &secret]), @r"
    exit code: 5
    --- stderr
    error: there is no directory `nope`
    help: check the path of `--local LOCAL=nope`
    ");
    assert!(!crate::project::is_there(&project.beside("state")));
}

#[test]
fn a_graph_that_is_none_is_told_by_op_and_field() {
    let project = Project::empty();
    let op = encode_op(&pb::Op { op: Some(pb::OpKind::Merge(pb::MergeOp::default())), ..Default::default() });
    let input = pb::Input { digest: Digest::of(&op).to_string(), index: 0 };
    let terminal = encode_op(&pb::Op { inputs: vec![input], ..Default::default() });
    let bytes = encode_definition(&pb::Definition { def: [op, terminal].map(Into::into).into(), ..Default::default() });
    insta::assert_snapshot!(project.shown(&project.fed(&["solve"], &bytes)), @r"
    exit code: 3
    --- stderr
    error: standard input cannot be used
    ╰─▶ op sha256:913da1f8df6f8fd47593840d533ba0458cc9873996bf310460abb495b34c232a: merge.inputs is missing
    help: see the op with `hlbc dump`, and mend what made it
    ");
}

#[test]
fn options_are_explained() {
    let project = Project::empty();
    let check = |args: &[&str]| project.shown(&project.fed(&[&["solve"], args].concat(), b"x"));
    insta::assert_snapshot!(check(&["-o", "type=tar"]), @r"
    exit code: 2
    --- stderr
    error: invalid value 'type=tar' for '--output <DIR|type=TYPE,…>': `type=tar` needs `dest=FILE`

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(check(&["--local", "x"]), @r"
    exit code: 2
    --- stderr
    error: invalid value 'x' for '--local <NAME=DIR[,ignore=FILE]>': write it as `NAME=PATH`

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(check(&["--allow", "everything"]), @r"
    exit code: 2
    --- stderr
    error: invalid value 'everything' for '--allow <WHAT>'
      [possible values: network.host, security.insecure]

    For more information, try '--help'.
    ");
}

/// A step that asks for something that must be allowed.
fn asking(change: impl FnOnce(&mut pb::ExecOp)) -> Vec<u8> {
    let image =
        pb::SourceOp { identifier: "docker-image://docker.io/library/busy:latest".to_owned(), ..Default::default() };
    let platform = hlb_registry::Platform::host();
    let platform = pb::Platform { os: "linux".to_owned(), architecture: platform.architecture, ..Default::default() };
    let image =
        encode_op(&pb::Op { op: Some(pb::OpKind::Source(image)), platform: Some(platform), ..Default::default() });
    let args = ["/bin/sh", "-c", "cat /proc/self/status > /status"].map(str::to_owned).to_vec();
    let mut exec = pb::ExecOp {
        meta: Some(pb::Meta { args, cwd: "/".to_owned(), ..Default::default() }),
        mounts: vec![pb::Mount { dest: "/".to_owned(), ..Default::default() }],
        ..Default::default()
    };
    change(&mut exec);
    let input = |bytes: &[u8]| vec![pb::Input { digest: Digest::of(bytes).to_string(), index: 0 }];
    let exec = encode_op(&pb::Op { inputs: input(&image), op: Some(pb::OpKind::Exec(exec)), ..Default::default() });
    let terminal = encode_op(&pb::Op { inputs: input(&exec), ..Default::default() });
    encode_definition(&pb::Definition { def: [image, exec, terminal].map(Into::into).into(), ..Default::default() })
}

#[test]
fn privileged_what_is_not_allowed_is_refused() {
    let project = Project::with_busybox("");
    let insecure = asking(|exec| exec.security = pb::SecurityMode::Insecure.into());
    let shown = |args: &[&str], definition: &[u8]| {
        let output = project.fed(&[&["solve", "--progress", "quiet"], args].concat(), definition);
        project.shown(&output)
    };
    insta::assert_snapshot!(shown(&[], &insecure), @r"
    exit code: 3
    --- stderr
    error: the step needs the entitlement `security.insecure`, which the caller did not give
    help: run hlbc with `--allow security.insecure` if you trust the program
    ");
    assert_eq!(shown(&["--allow", "security.insecure", "-o", "out"], &insecure), "exit code: 0");
    let capabilities = project.read("out/status");
    let effective = capabilities.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap().trim();
    assert!(u64::from_str_radix(effective, 16).unwrap() & 1 << 21 != 0, "CAP_SYS_ADMIN is missing: {effective}");
    let host = asking(|exec| exec.network = pb::NetMode::Host.into());
    assert!(shown(&[], &host).contains("--allow network.host"), "{}", shown(&[], &host));
    assert_eq!(shown(&["--allow", "network.host"], &host), "exit code: 0");
}

#[test]
fn privileged_an_image_is_written_out() {
    let project = project();
    let definition = asking(|_| {});
    let args =
        ["solve", "--progress", "quiet", "-o", "type=oci,dest=oci.tar", "-o", "type=docker,name=a/b,dest=docker.tar"];
    let output = project.fed(&args, &definition);
    assert!(output.status.success(), "{}", project.shown(&output));
    let inspect = |from: &str| {
        let output = std::process::Command::new("skopeo")
            .args(["inspect", "--config", "--raw", from])
            .current_dir(project.path(""))
            .output()
            .expect("this test needs skopeo: `cargo xtask ci` installs it");
        assert!(output.status.success(), "{from}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    for image in ["oci-archive:oci.tar", "docker-archive:docker.tar"] {
        let config = inspect(image);
        assert_eq!(config["os"], "linux", "{config}");
        assert_eq!(config["config"]["WorkingDir"], "/", "{config}");
        assert!(config["rootfs"]["diff_ids"].as_array().unwrap().len() == 2, "{config}");
    }
}
