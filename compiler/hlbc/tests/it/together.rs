//! Several runs of the command at once over one state directory: what they all need is done once.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::project::{Project, seen};

const PATIENCE: Duration = Duration::from_secs(30);

/// A build whose step leaves a line in a directory that outlives builds.
fn project(script: &str) -> Project {
    Project::with_busybox(&format!(
        "fs default() {{\n\timage \"busy\"\n\trun \"echo ran >>/kept/marks; {script}\" with option {{\n\t\tmount scratch \"/kept\" with cache(\"kept\", \"shared\")\n\t}}\n}}\n"
    ))
}

fn start(project: &Project) -> Child {
    project.command(&["run"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The lines that steps have left.
fn marks(project: &Project) -> usize {
    let Ok(folders) = std::fs::read_dir(project.beside("state/cache-mounts")) else { return 0 };
    let files = folders.map(|folder| folder.unwrap().path().join("fs/marks"));
    files.filter_map(|path| std::fs::read_to_string(path).ok()).map(|text| text.lines().count()).sum()
}

fn wait_for_mark(project: &Project) {
    let begin = Instant::now();
    while marks(project) == 0 {
        assert!(begin.elapsed() < PATIENCE, "the step did not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The steps that a run has made and found, without the image, and whether it told that it waited.
fn ended(project: &Project, child: Child) -> (usize, usize, bool) {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", project.shown(&output));
    let seen = seen(&String::from_utf8(output.stderr).unwrap());
    let steps = |names: &[String]| names.iter().filter(|name| name.contains("echo ran")).count();
    (steps(&seen.ran), steps(&seen.cached), seen.shown.contains(" waiting for another run, which makes the same\n"))
}

#[test]
fn privileged_equal_steps_of_two_processes_run_once() {
    let project = project("sleep 3");
    let builds = [start(&project), start(&project), start(&project)];
    let mut steps = builds.map(|build| ended(&project, build));
    steps.sort_unstable();
    assert_eq!(steps, [(0, 1, true), (0, 1, true), (1, 0, false)]);
    assert_eq!(marks(&project), 1);
    assert_eq!(std::fs::read_dir(project.beside("state/claims")).unwrap().count(), 0, "a claim is left");
}

#[test]
fn privileged_a_step_of_a_process_that_dies_is_made_by_another() {
    let project = project("sleep 3");
    let mut first = start(&project);
    wait_for_mark(&project);
    let second = start(&project);
    // Time enough to find out that another makes the step, if it is not loaded beyond measure.
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(marks(&project), 1, "the second did not wait");
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(ended(&project, second), (1, 0, true));
    assert_eq!(marks(&project), 2);
    assert_eq!(std::fs::read_dir(project.beside("state/claims")).unwrap().count(), 0, "a claim is left");
}

#[test]
fn privileged_a_step_that_fails_in_one_process_is_tried_by_the_other() {
    let project = project("sleep 1; test -e /kept/second || { touch /kept/second; exit 1; }");
    let first = start(&project);
    wait_for_mark(&project);
    let second = start(&project);
    let output = first.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", project.shown(&output));
    let (ran, cached, _) = ended(&project, second);
    assert_eq!((ran, cached), (1, 0));
}
