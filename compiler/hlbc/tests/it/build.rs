//! Builds: what runs, what is found in the cache, what runs side by side, what is written out.

use crate::project::{Project, Seen};

/// Two compilations that read one file each, and a link of both.
const PROGRAM: &str = r#"
fs base() {
	image "busy"
}

fs source(string file) {
	local "src" with includePatterns(file)
}

fs compileA() {
	base
	run "cat /src/a.c > /out/a.o; echo compiled a" with option {
		mount source("a.c") "/src" with readonly
		mount scratch "/out" as objectA
	}
}

fs compileB() {
	base
	run "cat /src/b.c > /out/b.o; echo compiled b" with option {
		mount source("b.c") "/src" with readonly
		mount scratch "/out" as objectB
	}
}

fs link() {
	base
	run "cat /a/a.o /b/b.o > /out/program" with option {
		mount objectA "/a" with readonly
		mount objectB "/b" with readonly
		mount scratch "/out" as program
	}
}

fs default() {
	program
	download "out"
}
"#;

fn project() -> Project {
    let project =
        Project::with_busybox(PROGRAM).file("src/a.c", "a1\n").file("src/b.c", "b1\n").file("src/unread.h", "x\n");
    // A file that was written a moment ago is read again by the next build: its times could not show another change.
    std::thread::sleep(std::time::Duration::from_millis(80));
    project
}

/// The steps that ran a process, by the file that they make.
fn processes(seen: &Seen) -> Vec<&str> {
    let made =
        |name: &str| ["a.o;", "b.o;", "program"].into_iter().find(|file| name.contains(&format!("> /out/{file}")));
    let mut made: Vec<&str> = seen.ran.iter().filter_map(|name| made(name)).collect();
    made.sort_unstable();
    made
}

#[test]
fn privileged_a_second_build_starts_no_process() {
    let project = project();
    assert_eq!(processes(&project.run(&[])), ["a.o;", "b.o;", "program"]);
    assert_eq!(project.read("out/program"), "a1\nb1\n");
    let again = project.run(&[]);
    assert_eq!(again.ran, Vec::<String>::new(), "{}", again.shown);
    assert_eq!(again.cached.len(), 6, "{}", again.shown);
    assert!(again.shown.lines().last().unwrap().starts_with("6 steps, 6 cached, "), "{}", again.shown);
}

#[test]
fn privileged_only_the_readers_of_a_changed_file_run_again() {
    let project = project();
    project.run(&[]);
    project.write("src/b.c", "b2\n");
    assert_eq!(processes(&project.run(&[])), ["b.o;", "program"]);
    assert_eq!(project.read("out/program"), "a1\nb2\n");

    project.write("src/unread.h", "y\n");
    assert_eq!(processes(&project.run(&[])), Vec::<&str>::new());

    // The same bytes at another time, and back to bytes that have been built before.
    project.write("src/a.c", "a1\n");
    assert_eq!(processes(&project.run(&[])), Vec::<&str>::new());
    project.write("src/b.c", "b1\n");
    assert_eq!(processes(&project.run(&[])), Vec::<&str>::new());
    assert_eq!(project.read("out/program"), "a1\nb1\n");
}

#[test]
fn privileged_a_comment_in_the_program_reruns_nothing() {
    let project = project();
    project.run(&[]);
    project.write("build.hlb", &PROGRAM.replace("\tbase\n", "\t# A comment.\n\tbase\n"));
    assert_eq!(processes(&project.run(&[])), Vec::<&str>::new());
}

#[test]
fn privileged_independent_steps_run_at_the_same_time() {
    // Each step waits until the other one has begun: one after the other, the first would wait in vain.
    let meet = |own: &str, other: &str| {
        format!(
            "fs {own}() {{\n\timage \"busy\"\n\trun \"touch /meet/{own}; for i in $(seq 100); do test -e /meet/{other} && exit 0; sleep 0.1; done; exit 1\" with option {{\n\t\tmount scratch \"/meet\" with cache(\"meeting\", \"shared\")\n\t}}\n}}\n"
        )
    };
    let both = "pipeline default() {\n\tstage left right\n}\n";
    let project = Project::with_busybox(&format!("{}\n{}\n{both}", meet("left", "right"), meet("right", "left")));
    let seen = project.run(&[]);
    assert_eq!(seen.ran.iter().filter(|name| name.contains("/meet/")).count(), 2, "{}", seen.shown);
    // The same by two targets of one command.
    let project = Project::with_busybox(&format!("{}\n{}", meet("left", "right"), meet("right", "left")));
    project.run(&["left", "right"]);
}

/// Builds a program, then another one over the same state directory and sources, and gives what both wrote to `out/f`.
fn check_both(first: &str, change: (&str, &str), second: &str) -> (String, String) {
    let project = Project::with_busybox(first).file("s/a/f", "a").file("s/b/f", "b").file("s/c", "c1");
    project.run(&[]);
    let before = project.read("out/f");
    project.write(change.0, change.1);
    project.write("build.hlb", second);
    project.run(&[]);
    (before, project.read("out/f"))
}

#[test]
fn privileged_which_mount_shows_which_part_counts() {
    let program = |first: &str, second: &str| {
        format!(
            r#"
fs default() {{
	image "busy"
	run "cat /m1/f /m2/f > /f" with option {{
		mount fs {{ local "s"; }} "/m1" with option {{ readonly; sourcePath "{first}"; }}
		mount fs {{ local "s"; }} "/m2" with option {{ readonly; sourcePath "{second}"; }}
	}}
	download "out"
}}
"#
        )
    };
    let both = check_both(&program("a", "b"), ("s/c", "c1"), &program("b", "a"));
    assert_eq!(both, ("ab".to_owned(), "ba".to_owned()));
}

#[test]
fn privileged_what_a_writable_part_leaves_is_not_taken_from_another_build() {
    let program = r#"
fs make() {
	image "busy"
	run "cat /r/f > /o/new" with option {
		mount fs { local "s"; } "/o" with option { sourcePath "a"; } as out
		mount fs { local "s"; } "/r" with option { readonly; sourcePath "b"; }
	}
}

fs default() {
	scratch
	copy out "/c" "/f"
	download "out"
}
"#;
    assert_eq!(check_both(program, ("s/c", "c2"), program), ("c1".to_owned(), "c2".to_owned()));
}

#[test]
fn privileged_a_secret_is_read_and_left_nowhere() {
    let program = r#"
fs default() {
	image "busy"
	run "cat /run/secrets/token > /f && echo >> /f" with option {
		secret "s/token" "/run/secrets/token" with option { mode 0o400; }
	}
	run "test -e /run/secrets/token || echo gone >> /f"
	download "out"
}
"#;
    let project = Project::with_busybox(program).file("s/token", "t0ken");
    project.run(&[]);
    assert_eq!(project.read("out/f"), "t0ken\ngone\n");
}

#[test]
fn privileged_what_commands_are_given_beyond_the_reference() {
    let program = r#"
fs default() {
	ociLayout "../busybox" "latest"
	shell "/bin/sh" "-ec"
	run "cat /proc/sys/kernel/hostname > /f; echo $T >> /f; ulimit -n >> /f; ls -ldn /c >> /f" with option {
		hostname "box"
		secretEnv "T" "s/token"
		secretEnv "U" "s/nothing" with optional
		ulimit "nofile" 123 456
		mount scratch "/c" with option {
			cache "kept" "shared"
			uid 7
			gid 8
			mode 0o700
		}
	}
	run "echo three >> /f; exit 3" with validExitCodes(3)
	symlink "f" "/l"
	download "out"
}
"#;
    let project = Project::with_busybox(program).file("s/token", "t0ken");
    project.run(&[]);
    let told = project.read("out/l");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[..3], ["box", "t0ken", "123"]);
    assert!(lines[3].starts_with("drwx------") && lines[3].contains(" 7 ") && lines[3].contains(" 8 "), "{told}");
    assert_eq!(lines[4..], ["three"]);
}

#[test]
fn privileged_quiet_says_nothing() {
    let project = Project::new("fs default() {\n\tscratch\n\tmkfile \"/a\" 0o644 \"hi\"\n\tdownload \"out\"\n}\n");
    insta::assert_snapshot!(project.hlbc(&["run", "--progress", "quiet"]), @"exit code: 0");
    assert_eq!(project.read("out/a"), "hi");
}

#[test]
fn privileged_a_tarball_is_written() {
    let project =
        Project::new("fs default() {\n\tscratch\n\tmkfile \"/b\" 0o600 \"hi\"\n\tdownloadTarball \"out.tar\"\n}\n");
    project.run(&[]);
    let mut tar = tar::Archive::new(std::fs::File::open(project.path("out.tar")).unwrap());
    let entries: Vec<(String, u32)> = tar
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.path().unwrap().display().to_string(), entry.header().mode().unwrap() & 0o7777)
        })
        .filter(|(path, _)| !path.trim_matches(['.', '/']).is_empty())
        .collect();
    assert_eq!(entries, [("b".to_owned(), 0o600)]);
}

#[test]
fn privileged_two_builds_at_once_share_a_state_directory() {
    let project = project();
    let start = || {
        let mut command = project.command(&["run"]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let builds = [start(), start(), start()];
    for build in builds {
        let output = build.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", project.shown(&output));
    }
    assert_eq!(project.read("out/program"), "a1\nb1\n");
    assert_eq!(processes(&project.run(&[])), Vec::<&str>::new());
}
