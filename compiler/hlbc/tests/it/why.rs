//! Why steps ran, as it is told to people.

use crate::project::Project;

/// The command's output with times made equal.
fn why(project: &Project, args: &[&str]) -> String {
    let args: Vec<&str> = ["why"].iter().chain(args).copied().collect();
    project.hlbc(&args)
}

fn program(flag: &str, last: &str) -> String {
    format!(
        "\
fs src() {{
	local \"src\"
}}

fs default() {{
	image \"busy\"
	copy src \"/\" \"/src\"
	run \"cat /src/a > /b; echo {flag}\"
	run \"{last}\"
}}
"
    )
}

fn project() -> Project {
    let project = Project::with_busybox(&program("one", "echo last")).file("src/a", "1").file("src/b", "1");
    // Files written a moment ago may still change without their times showing it.
    std::thread::sleep(std::time::Duration::from_millis(80));
    project
}

#[test]
fn privileged_without_a_build_there_is_nothing_to_tell() {
    insta::assert_snapshot!(why(&Project::new(""), &[]), @r"
    exit code: 5
    --- stderr
    error: there is no build yet
    help: run `hlbc run` first
    ");
}

#[test]
fn privileged_the_first_build_has_nothing_to_find() {
    let project = project();
    project.run(&["default"]);
    // Which of the two sources is first is nobody's choice.
    let (image, local) = ("`docker-image://docker.io/library/busy:latest`", "`local://src`");
    let shown = why(&project, &[]).replace(&format!("{local}, {image}"), &format!("{image}, {local}"));
    insta::assert_snapshot!(shown, @r#"
    exit code: 0
    --- stdout
    build 1, `hlbc run default`, just now: all of its 5 steps ran

    5 steps ran because nothing like them was built before: `docker-image://docker.io/library/busy:latest`, `local://src`, `copy / /src`, `/bin/sh -c 'cat /src/a > /b; echo one'` and 1 more
    "#);
    insta::assert_snapshot!(why(&project, &["99"]), @r#"
    exit code: 5
    --- stderr
    error: build 99 is not in the history
    help: run `hlbc history` for a list
    "#);
    insta::assert_snapshot!(why(&project, &["1", "99"]), @r#"
    exit code: 5
    --- stderr
    error: build 1 has no step 99; it has 1 to 5
    help: run `hlbc logs 1` for those that printed anything
    "#);
}

#[test]
fn privileged_a_changed_line_is_pointed_at() {
    let project = project();
    project.run(&["default"]);
    project.write("build.hlb", &program("two", "echo last"));
    let output = project.command(&["run", "--explain", "--progress", "quiet"]).output().unwrap();
    let explained = String::from_utf8(output.stderr).unwrap();
    let told = why(&project, &[]);
    insta::assert_snapshot!(told, @r#"
    exit code: 0
    --- stdout
    build 2, `hlbc run`, just now: 2 of 5 steps ran

    note: #4 `/bin/sh -c 'cat /src/a > /b; echo two'` ran: argument 3 was `cat /src/a > /b; echo one`, is `cat /src/a > /b; echo two`
      ┌─ build.hlb:8:2
      │
    8 │     run "cat /src/a > /b; echo two"
      │     ^^^ this step

    1 step ran because it reads what ran: `/bin/sh -c 'echo last'`

    3 steps were found: 1 by definition, 1 by content, 1 unchanged (`hlbc why -v` lists them)
    "#);
    // `--explain` tells the same.
    assert_eq!(format!("exit code: 0\n--- stdout\n{}", explained.trim()), told);
    insta::assert_snapshot!(why(&project, &["2", "5"]), @r#"
    exit code: 0
    --- stdout
    note: #5 `/bin/sh -c 'echo last'` ran: it reads `/bin/sh -c 'cat /src/a > /b; echo two'`, which ran
      ┌─ build.hlb:9:2
      │
    9 │     run "echo last"
      │     ^^^ this step
      │
      = it began with #4 `/bin/sh -c 'cat /src/a > /b; echo two'`: argument 3 was `cat /src/a > /b; echo one`, is `cat /src/a > /b; echo two`
      = compared with a step of build 1
    "#);
}

#[test]
fn privileged_changed_files_are_named() {
    let project = project();
    project.run(&["default"]);
    project.write("src/a", "2");
    project.write("src/c", "2");
    project.run(&["default"]);
    insta::assert_snapshot!(why(&project, &[]), @r#"
    exit code: 0
    --- stdout
    build 2, `hlbc run default`, just now: 4 of 5 steps ran

    note: #2 `local://src` ran: `a` changed, `c` was added
      ┌─ build.hlb:2:2
      │
    2 │     local "src"
      │     ^^^^^ this step
      ·
    7 │     copy src "/" "/src"
      │     ---- --- called here
      │     │
      │     called here

    note: #3 `copy / /src` ran: files that it reads of `local://src`: `a` changed, `c` was added
      ┌─ build.hlb:7:2
      │
    7 │     copy src "/" "/src"
      │     ^^^^ this step

    2 steps ran because they read what ran: `/bin/sh -c 'cat /src/a > /b; echo one'`, `/bin/sh -c 'echo last'`

    1 step was found: 1 by definition (`hlbc why -v` lists them)
    "#);
}

#[test]
fn privileged_what_was_found_is_listed() {
    let project = project();
    project.run(&["default"]);
    project.run(&["default"]);
    insta::assert_snapshot!(why(&project, &[]), @r#"
    exit code: 0
    --- stdout
    build 2, `hlbc run default`, just now: nothing ran, all was found

    5 steps were found: 3 by definition, 1 by content, 1 unchanged (`hlbc why -v` lists them)
    "#);
    insta::assert_snapshot!(why(&project, &["-v"]), @r#"
    exit code: 0
    --- stdout
    build 2, `hlbc run default`, just now: nothing ran, all was found

    #1 docker-image://docker.io/library/busy:latest  found by its definition, made by build 1
    #2 local://src  found unchanged
    #3 copy / /src  found by the content that it reads, made by build 1
    #4 /bin/sh -c 'cat /src/a > /b; echo one'  found by its definition, made by build 1
    #5 /bin/sh -c 'echo last'  found by its definition, made by build 1
    "#);
}

#[test]
fn privileged_several_changes_are_all_told() {
    let project = project();
    project.run(&["default"]);
    project.write("build.hlb", &program("two", "echo last; true"));
    project.write("src/a", "2");
    project.run(&["default"]);
    insta::assert_snapshot!(why(&project, &["-v"]), @r#"
    exit code: 0
    --- stdout
    build 2, `hlbc run default`, just now: 4 of 5 steps ran

    note: #2 `local://src` ran: `a` changed
      ┌─ build.hlb:2:2
      │
    2 │     local "src"
      │     ^^^^^ this step
      ·
    7 │     copy src "/" "/src"
      │     ---- --- called here
      │     │
      │     called here

    note: #3 `copy / /src` ran: files that it reads of `local://src`: `a` changed
      ┌─ build.hlb:7:2
      │
    7 │     copy src "/" "/src"
      │     ^^^^ this step
      │
      = compared with a step of build 1

    note: #4 `/bin/sh -c 'cat /src/a > /b; echo two'` ran: argument 3 was `cat /src/a > /b; echo one`, is `cat /src/a > /b; echo two`
      ┌─ build.hlb:8:2
      │
    8 │     run "cat /src/a > /b; echo two"
      │     ^^^ this step
      │
      = also: it reads `copy / /src`, which ran
      = compared with a step of build 1

    note: #5 `/bin/sh -c 'echo last; true'` ran: argument 3 was `echo last`, is `echo last; true`
      ┌─ build.hlb:9:2
      │
    9 │     run "echo last; true"
      │     ^^^ this step
      │
      = also: it reads `/bin/sh -c 'cat /src/a > /b; echo two'`, which ran
      = compared with a step of build 1

    #1 docker-image://docker.io/library/busy:latest  found by its definition, made by build 1
    "#);
}

#[test]
fn privileged_a_step_that_failed_is_tried_again() {
    let project = Project::with_busybox("fs default() {\n\timage \"busy\"\n\trun \"exit 3\"\n}\n");
    project.hlbc(&["run"]);
    project.hlbc(&["run"]);
    insta::assert_snapshot!(why(&project, &[]), @r#"
    exit code: 0
    --- stdout
    build 2, `hlbc run`, just now: 1 of 2 steps ran

    note: #2 `/bin/sh -c 'exit 3'` ran and failed: it failed in build 1
      ┌─ build.hlb:3:2
      │
    3 │     run "exit 3"
      │     ^^^ this step

    1 step was found: 1 by definition (`hlbc why -v` lists them)
    "#);
}
