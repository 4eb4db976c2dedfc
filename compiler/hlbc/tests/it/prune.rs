//! `hlbc du` and `hlbc prune`: what they say, and that builds beside them do not mind.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::project::Project;

/// A step with a cache mount on what a directory holds.
const PROGRAM: &str = r#"
fs made() {
	image "busy"
	run "cat /src/input > /made; seq 1 20000 >> /made; echo x >> /kept/log" with option {
		mount fs { local "src"; } "/src" with readonly
		mount scratch "/kept" with cache("kept", "shared")
	}
}

fs default() {
	scratch
	copy made "/made" "/"
	download "out"
}
"#;

fn project() -> Project {
    Project::with_busybox(PROGRAM).file("src/input", "first\n")
}

/// What `du` says of the state directory without its database, which changes with each look.
fn du(project: &Project) -> u64 {
    let output =
        Command::new("du").args(["-s", "-B1", "--exclude=meta.db*"]).arg(project.beside("state")).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split('\t').next().unwrap().parse().unwrap()
}

fn json(project: &Project, args: &[&str]) -> serde_json::Value {
    let output = project.command(&[&["du", "--json"], args].concat()).output().unwrap();
    assert!(output.status.success(), "{}", project.shown(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// How many entries there are of each kind.
fn kinds(project: &Project) -> String {
    let found = json(project, &[]);
    let mut kinds: Vec<&str> =
        found["entries"].as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    kinds.join(" ")
}

/// What a command prints, with sizes and times taken out.
fn shown(project: &Project, args: &[&str]) -> String {
    let output = project.command(args).output().unwrap();
    assert!(output.status.success(), "{}", project.shown(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let words = |line: &str| {
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        let mut shown: Vec<&str> = Vec::new();
        for word in words {
            match word.trim_end_matches(',').trim_end_matches(';') {
                "B" | "kB" | "MB" | "GB" | "TB" => {
                    shown.pop();
                    shown.push("SIZE");
                }
                _ => shown.push(word),
            }
        }
        shown.join(" ")
    };
    text.lines().map(words).collect::<Vec<_>>().join("\n")
}

#[test]
fn privileged_what_the_state_directory_takes() {
    let project = project();
    project.run(&[]);
    insta::assert_snapshot!(shown(&project, &["du", "--filter", "type!=internal"]), @r"
    KIND ENTRIES SIZE IN USE
    regular 2 SIZE -
    source.local 1 SIZE -
    source.image 1 SIZE -
    exec.cachemount 1 SIZE -
    total 5 SIZE -

    limit: leave 10% of the disk free; SIZE of SIZE are free
    ");
    let found = json(&project, &[]);
    let total = found["total"].as_u64().unwrap();
    let meta: u64 = ["meta.db", "meta.db-wal", "meta.db-shm"]
        .into_iter()
        .filter_map(|name| std::fs::metadata(project.beside("state").join(name)).ok())
        .map(|data| std::os::unix::fs::MetadataExt::blocks(&data) * 512)
        .sum();
    // The journal of the database goes when the last process does.
    assert!(total.abs_diff(du(&project) + meta) < 512 << 10, "{total} {} {meta}", du(&project));
    let described = json(&project, &["--filter", "type==source.local"]);
    let of = described["entries"][0]["description"].as_str().unwrap();
    assert_eq!(of, format!("local {}", project.path("src").display()));
    let list = shown(&project, &["du", "-v", "--filter", "type==exec.cachemount"]);
    assert!(
        list.starts_with("ID KIND SIZE USED CREATED USES DESCRIPTION\n") && list.ends_with("cache mount `kept`"),
        "{list}"
    );
}

#[test]
fn privileged_what_is_pruned() {
    let project = project();
    project.run(&[]);
    let all = "exec.cachemount internal regular regular source.image source.local";
    assert_eq!(kinds(&project), all);
    insta::assert_snapshot!(shown(&project, &["prune", "--keep-duration", "48h"]), @"removed nothing; SIZE are left");
    insta::assert_snapshot!(shown(&project, &["prune", "--keep-storage", "10GB"]), @"removed nothing; SIZE are left");
    let cache = ["--filter", "type==exec.cachemount"];
    let dry = shown(&project, &[&["prune", "-n"], &cache[..]].concat());
    assert!(dry.ends_with("SIZE cache mount `kept`\nwould remove 1 entry, SIZE SIZE would be left"), "{dry}");
    assert_eq!(kinds(&project), all);
    assert_eq!(shown(&project, &[&["prune"], &cache[..]].concat()), "removed 1 entry, SIZE SIZE are left");
    assert_eq!(kinds(&project), "internal regular regular source.image source.local");
    assert_eq!(project.run(&[]).ran, [""; 0], "the rest is still found");
    assert_eq!(shown(&project, &["prune", "--all"]), "removed 4 entries, SIZE SIZE are left");
    assert_eq!(kinds(&project), "internal");
    let layers = std::fs::read_dir(project.beside("state/layers")).unwrap().count();
    assert_eq!(layers, 0);
    project.run(&[]);
    assert!(project.read("out/made").starts_with("first\n1\n2\n"));
}

#[test]
fn wrong_words_are_told() {
    let project = Project::new("");
    insta::assert_snapshot!(project.hlbc(&["prune", "--keep-storage", "12x"]), @r"
    exit code: 2
    --- stderr
    error: invalid value '12x' for '--keep-storage <SIZE>': `12x` is no size: write it as `10GB` or `512MB`

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(project.hlbc(&["prune", "--keep-duration", "2"]), @r"
    exit code: 2
    --- stderr
    error: invalid value '2' for '--keep-duration <TIME>': `2` is no time: write it as `48h` or `7d`

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(project.hlbc(&["du", "--filter", "size==1"]), @r"
    exit code: 2
    --- stderr
    error: invalid value 'size==1' for '--filter <FILTER>': entries have no field `size`; they have id, type, description, inuse and shared

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(project.hlbc(&["du", "--root", "/proc/hlbc"]), @r"
    exit code: 4
    --- stderr
    error: the state directory `/proc/hlbc` is not usable: cannot create `/proc/hlbc`
    ╰─▶ no such file or directory
    ");
}

#[test]
fn privileged_the_configuration_limits_what_is_kept() {
    let project = project();
    let config = std::fs::read_to_string(project.beside("hlbc.toml")).unwrap();
    std::fs::write(project.beside("hlbc.toml"), format!("{config}[cache]\nuse-at-most = \"1kB\"\n")).unwrap();
    project.run(&[]);
    assert_eq!(kinds(&project), "internal", "nothing is below the limit");
    assert!(shown(&project, &["du"]).contains("limit: use at most SIZE SIZE of SIZE are free"));
    // Not looked at again for a while.
    project.run(&[]);
    assert!(kinds(&project).contains("source.image"));
}

#[test]
fn privileged_builds_do_not_mind_a_prune_beside_them() {
    let project = project();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let pruner = scope.spawn(|| {
            let mut removed = 0;
            while !done.load(Ordering::Relaxed) {
                let output = project.command(&["prune", "--all"]).stderr(Stdio::piped()).output().unwrap();
                assert!(output.status.success(), "{}", project.shown(&output));
                removed += usize::from(!String::from_utf8_lossy(&output.stdout).starts_with("removed nothing"));
            }
            removed
        });
        let mut wrong = Vec::new();
        for round in 0..50 {
            // Every third time it is what it was before.
            let input = format!("round {}\n", round - usize::from(round % 3 == 2));
            project.write("src/input", &input);
            let output = project.command(&["run"]).output().unwrap();
            let made = std::fs::read_to_string(project.path("out/made")).unwrap_or_default();
            if !output.status.success()
                || made.strip_prefix(input.as_str()).is_none_or(|rest| !rest.ends_with("\n20000\n"))
            {
                wrong.push(project.shown(&output));
            }
        }
        done.store(true, Ordering::Relaxed);
        let removed = pruner.join().unwrap();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(removed > 5, "pruned {removed} times");
    });
}
