//! Where results go: `-o` of `run` and `solve`, what is told of it, and images that are the same wherever they are made.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::project::Project;
use crate::repository::Repository;

const SMALL: &str = "fs default() {\n\tscratch\n\tmkfile \"/a\" 0o644 \"1\"\n}\n";

/// Something of each kind: an image, a repository, a directory, a step, a merge.
fn program(repository: &str) -> String {
    format!(
        r#"
fs stepped() {{
	image "busy"
	run "mkdir -p /made/by; echo no time >/made/by/nobody; cat /src/b /git/c >/made/both; cp -r /src /copied; echo x >>/etc/x; rm /bin/date" with option {{
		mount fs {{ local "src"; }} "/src" with readonly
		mount fs {{ git "{repository}" "main"; }} "/git" with readonly
	}}
	run "date >/dev/null; echo more >/made/more; rm /made/by/nobody"
}}

fs files() {{
	scratch
	copy fs {{ local "src"; }} "/" "/data/"
	copy fs {{ git "{repository}" "main"; }} "/" "/checkout/"
	mkdir "/empty" 0o750
}}

fs default() {{
	merge stepped files
}}
"#
    )
}

/// A project with all that the program takes, written now.
fn project() -> Project {
    let project = Project::with_busybox("").file("src/a", "a1\n").file("src/d/b", "deep\n").file("src/b", "b1\n");
    for (path, mode) in [("src/a", 0o640), ("src/b", 0o755), ("src/d", 0o755), ("src", 0o755), ("src/d/b", 0o600)] {
        std::fs::set_permissions(project.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let repository = Repository::new(&project, "repository", &[("c", "c1\n"), ("e/f", "f1\n")]);
    // The address is in the LLB, but in no file.
    let address = format!("file://{}", repository.dir().display());
    project.write("build.hlb", &program(&address));
    project
}

fn hlbc(project: &Project, args: &[&str], mask: &str) {
    let program = project.command(args);
    // Whoever runs the command may be used to hide what is written.
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("umask {mask}; exec \"$0\" \"$@\"")])
        .arg(program.get_program())
        .args(program.get_args());
    command
        .current_dir(project.path(""))
        .env_clear()
        .envs(program.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", project.shown(&output));
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn privileged_two_state_directories_give_one_archive() {
    let (one, other) = (project(), project());
    let files = ["gzip", "zstd", "uncompressed"];
    let outputs: Vec<String> = files
        .iter()
        .map(|form| {
            format!("type=oci,dest={form}.tar,name=example.org/a:1,compression={form},source-date-epoch=1000000000")
        })
        .chain(["type=tar,dest=tree.tar,source-date-epoch=1000000000".to_owned()])
        .collect();
    let mut args = vec!["run", "--progress", "quiet"];
    args.extend(outputs.iter().flat_map(|output| ["-o", output.as_str()]));
    hlbc(&one, &args, "022");
    // Files of another second, and a clock that has gone on.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    for path in ["src/a", "src/b", "src/d/b"] {
        let content = other.read(path);
        other.write(path, &content);
    }
    hlbc(&other, &args, "077");
    for file in files.iter().map(|form| format!("{form}.tar")).chain(["tree.tar".to_owned()]) {
        let (ours, theirs) = (read(&one.path(&file)), read(&other.path(&file)));
        assert!(ours == theirs, "{file} differs: {}", difference(&ours, &theirs));
    }
    // Without an epoch they differ, or the test proves nothing.
    for project in [&one, &other] {
        hlbc(project, &["run", "--progress", "quiet", "-o", "type=oci,dest=now.tar"], "022");
    }
    assert!(read(&one.path("now.tar")) != read(&other.path("now.tar")));
    // The environment says it as well as the option.
    let mut command = one.command(&["run", "--progress", "quiet", "-o", "type=oci,dest=env.tar,name=example.org/a:1"]);
    assert!(command.env("SOURCE_DATE_EPOCH", "1000000000").status().unwrap().success());
    assert!(read(&one.path("env.tar")) == read(&one.path("gzip.tar")));
    // And nothing in the layers but the base is later.
    let listed = Command::new("skopeo")
        .args(["inspect", "--config", "--raw", "oci-archive:zstd.tar"])
        .current_dir(one.path(""))
        .output()
        .unwrap();
    let config: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(config["created"], "2001-09-09T01:46:40Z");
}

/// The entries in which two archives differ.
fn difference(one: &[u8], other: &[u8]) -> String {
    let list = |bytes: &[u8]| -> Vec<String> {
        let mut archive = tar::Archive::new(bytes);
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            format!("{} {:o} {}", entry.path().unwrap().display(), header.mode().unwrap(), header.mtime().unwrap())
        });
        entries.collect()
    };
    let (one, other) = (list(one), list(other));
    let only = |a: &[String], b: &[String]| a.iter().filter(|line| !b.contains(line)).cloned().collect::<Vec<_>>();
    format!("{:#?}\n{:#?}", only(&one, &other), only(&other, &one))
}

#[test]
fn privileged_one_target_goes_to_many_places() {
    let project = Project::new(SMALL);
    let args = [
        "run",
        "--progress",
        "quiet",
        "-o",
        "out",
        "-o",
        "type=tar,dest=t.tar",
        "-o",
        "type=oci,dest=image.tar,name=example.org/a:1",
        "-o",
        "type=oci,dest=layout,tar=false",
        "-o",
        "type=local,dest=split,platform-split=true",
        "--metadata-file",
        "told/x.json",
    ];
    assert_eq!(project.hlbc(&args), "exit code: 0");
    let folder = format!("linux_{}", hlb_registry::Platform::host().architecture);
    assert_eq!([project.read("out/a"), project.read(&format!("split/{folder}/a"))], ["1", "1"]);
    let told: Value = serde_json::from_str(&project.read("told/x.json")).unwrap();
    let mut titles: Vec<&String> = told.as_object().unwrap().keys().collect();
    titles.sort();
    assert_eq!(
        titles,
        [
            "hlbc.build",
            "out",
            "type=local,dest=split,platform-split=true",
            "type=oci,dest=image.tar,name=example.org/a:1",
            "type=oci,dest=layout,tar=false",
            "type=tar,dest=t.tar"
        ]
    );
    let image = &told["type=oci,dest=image.tar,name=example.org/a:1"];
    assert_eq!(image["image.name"], "example.org/a:1");
    let index: Value = serde_json::from_str(&project.read("layout/index.json")).unwrap();
    for (key, value) in [
        ("containerimage.digest", &index["manifests"][0]["digest"]),
        ("containerimage.descriptor", &{
            let mut descriptor = index["manifests"][0].clone();
            descriptor["platform"] = image["containerimage.descriptor"]["platform"].clone();
            descriptor
        }),
    ] {
        assert_eq!(image[key], *value, "{key}");
    }
    assert_eq!(image["containerimage.descriptor"]["platform"]["os"], "linux");
    // A single thing is told as other clients of BuildKit tell it.
    assert_eq!(
        project.hlbc(&["run", "--progress", "quiet", "-o", "type=oci,dest=x.tar", "--metadata-file", "x.json"]),
        "exit code: 0"
    );
    let told: Value = serde_json::from_str(&project.read("x.json")).unwrap();
    assert_eq!(told["containerimage.digest"], image["containerimage.digest"]);
    assert_eq!(told["containerimage.config.digest"], image["containerimage.config.digest"]);
    assert!(told["hlbc.build"].as_i64().unwrap() > 0);
}

#[test]
fn privileged_results_go_to_standard_output() {
    let project = Project::new(SMALL);
    let tree = project.command(&["run", "-o", "type=tar,dest=-"]).output().unwrap();
    assert!(tree.status.success());
    let mut archive = tar::Archive::new(tree.stdout.as_slice());
    let names: Vec<String> =
        archive.entries().unwrap().map(|it| it.unwrap().path().unwrap().display().to_string()).collect();
    assert_eq!(names, ["a"]);
    let image = project.command(&["run", "-o", "type=oci,dest=-"]).output().unwrap();
    assert_eq!(project.hlbc(&["run", "--progress", "quiet", "-o", "type=oci,dest=x.tar"]), "exit code: 0");
    assert!(image.stdout == read(&project.path("x.tar")));
    insta::assert_snapshot!(project.hlbc(&["run", "-o", "type=tar,dest=-", "-o", "type=oci,dest=-"]), @r"
    exit code: 2
    --- stderr
    error: standard output takes one output
    help: name a file for the others with `dest=FILE`
    ");
    // Nobody wants bytes on a terminal.
    let command = format!("{} run -o type=tar,dest=-", env!("CARGO_BIN_EXE_hlbc"));
    let script = project.command(&[]);
    let shown = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .current_dir(project.path(""))
        .env_clear()
        .envs(script.get_envs().filter_map(|(key, value)| Some((key, value?))))
        .stdin(Stdio::null())
        .output()
        .expect("script is installed");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.contains("standard output is a terminal") && shown.contains("name a file with `dest=FILE`"),
        "{shown}"
    );
}

#[test]
fn privileged_an_image_that_stays_is_named() {
    let project = Project::new(SMALL);
    let shown = project.hlbc(&[
        "run",
        "--progress",
        "quiet",
        "-o",
        "type=image,\"name=example.org/a:1,example.org/b\"",
        "--metadata-file",
        "x.json",
    ]);
    let told: Value = serde_json::from_str(&project.read("x.json")).unwrap();
    let digest = told["containerimage.digest"].as_str().unwrap();
    insta::assert_snapshot!(shown.replace(digest, "DIGEST"), @r"
    exit code: 0
    --- stdout
    example.org/a:1@DIGEST
    example.org/b:latest@DIGEST
    ");
}

#[test]
fn privileged_what_cannot_go_there_is_told() {
    let project = Project::new(&format!(
        "{SMALL}\npipeline both() {{\n\tstage default other\n}}\n\nfs other() {{\n\tscratch\n\tmkfile \"/b\" 0o644 \"2\"\n}}\n"
    ));
    for targets in [&["both"][..], &["default", "other"]] {
        let shown = project.hlbc(&[&["run", "--progress", "quiet", "-o", "out"], targets].concat());
        insta::allow_duplicates! {
            insta::assert_snapshot!(shown, @r"
            exit code: 2
            --- stderr
            error: `-o` takes one filesystem, and the targets are not one
            help: name one target whose type is `fs`; `hlbc list` shows them
            ");
        }
    }
    // What is done is told, also if something else is not.
    let shown = project.hlbc(&[
        "run",
        "--progress",
        "quiet",
        "-o",
        "type=docker,name=a,dest=build.hlb/x",
        "--metadata-file",
        "x.json",
    ]);
    insta::assert_snapshot!(shown, @r"
    exit code: 1
    --- stderr
    error: cannot write to `build.hlb/x`: File exists (os error 17)
    ");
    let told: Value = serde_json::from_str(&project.read("x.json")).unwrap();
    assert_eq!(told.as_object().unwrap().keys().collect::<Vec<_>>(), ["hlbc.build"]);
    let mut command = project.command(&["run", "--progress", "quiet"]);
    let output = command.env("SOURCE_DATE_EPOCH", "now").output().unwrap();
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 2
    --- stderr
    error: `SOURCE_DATE_EPOCH` is a number of seconds since 1970, not `now`
    ");
    assert!(!project.path("out").exists());
}

/// Sizes of the blobs in the state directory.
fn blobs(project: &Project) -> Vec<u64> {
    let mut left = vec![project.beside("state/blobs")];
    let mut sizes = Vec::new();
    while let Some(dir) = left.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().map(Result::unwrap) {
            match entry.metadata() {
                Ok(data) if data.is_dir() => left.push(entry.path()),
                Ok(data) => sizes.push(data.len()),
                Err(_) => {}
            }
        }
    }
    sizes
}

#[test]
fn privileged_layers_are_packed_while_later_steps_run() {
    const PROGRAM: &str = "fs default() {\n\timage \"busy\"\n\trun \"seq 400000 >/big\"\n\trun \"until test -e /go/on; do sleep 0.05; done; echo 1 >/end\" with option {\n\t\tmount scratch \"/go\" with cache(\"go\", \"shared\")\n\t}\n}\n";
    let build = |args: &[&str]| {
        let project = Project::with_busybox(PROGRAM);
        let mut command = project.command(&[&["run", "--progress", "plain"], args].concat());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let cache = || {
            let folders = std::fs::read_dir(project.beside("state/cache-mounts")).ok()?;
            folders.map(|folder| folder.unwrap().path().join("fs")).find(|path| path.exists())
        };
        let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
        // The last step has begun, and ends when it is told to.
        let go = loop {
            if let Some(path) = cache() {
                break path;
            }
            assert!(child.try_wait().unwrap().is_none() && until > std::time::Instant::now());
            std::thread::sleep(std::time::Duration::from_millis(20));
        };
        // Without an image nothing will come, however long somebody waits.
        let wait = std::time::Duration::from_secs(if args.iter().any(|arg| arg.contains("oci")) { 60 } else { 1 });
        let until = std::time::Instant::now() + wait;
        let is_packed = || blobs(&project).iter().any(|size| *size > 500_000 && *size < 2_000_000);
        while !is_packed() && until > std::time::Instant::now() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let early = is_packed();
        assert!(child.try_wait().unwrap().is_none(), "the last step runs");
        std::fs::write(go.join("on"), "").unwrap();
        assert!(child.wait().unwrap().success());
        (early, blobs(&project).len())
    };
    let (early, with_image) = build(&["-o", "type=oci,dest=x.tar"]);
    assert!(early, "nothing was packed before the last step ended");
    let (early, without) = build(&["-o", "out"]);
    assert!(!early);
    // The layers of the base and of two steps.
    assert_eq!((with_image, without), (3, 0));
}
