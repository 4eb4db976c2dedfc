//! The programs in `examples`: nothing is to be said of them, and what they make does not change unnoticed.

use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::testing::MemoryWorld;
use hlb_compiler::{TestOutcome, check, test};

use crate::support::{build, options, outline, render};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");

/// The files of an example as a world. Its program is `main.hlb`, as everywhere in these tests.
pub(crate) fn world(name: &str) -> MemoryWorld {
    let folder = Path::new(FOLDER).join(name);
    let mut world = MemoryWorld::new();
    let mut open = vec![(folder, Utf8PathBuf::new())];
    while let Some((folder, path)) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let path = path.join(entry.file_name().to_str().unwrap());
            if path == "out" {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                open.push((entry.path(), path));
            } else {
                let path = if path == "build.hlb" { "main.hlb".into() } else { path };
                world.files.insert(path, std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    world
}

pub(crate) fn names() -> Vec<String> {
    let entries = std::fs::read_dir(FOLDER).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_examples_have_nothing_to_complain_of() {
    let names = names();
    for name in &names {
        let checked = check(&world(name), Utf8Path::new("main.hlb"));
        assert_eq!(render(&checked.sources, &checked.diagnostics), "", "{name}");
    }
    assert!(names.len() >= 4, "{names:?}");
}

#[test]
fn the_tests_of_the_examples_hold() {
    for name in names() {
        let mut world = world(&name);
        // What steps write is given: no test here runs any.
        world.built.get_or_insert_default().insert("/stdout".to_owned(), "words 2.0 (debug)\n".to_owned());
        let checked = check(&world, Utf8Path::new("main.hlb"));
        let mut failed = String::new();
        let mut each = |outcome: TestOutcome| {
            if let Err(error) = outcome.result {
                failed.push_str(&render(&checked.sources, &[error]));
            }
        };
        test(&world, &checked, &|_| true, &options(), &mut |_| {}, &mut each).unwrap();
        assert_eq!(failed, "", "{name}");
    }
}

#[test]
fn the_pipeline_makes_what_its_picture_shows() {
    let graph = |target: &str| build(&world("pipeline"), &[target]).map_or_else(|error| error, |it| outline(&it));
    insta::assert_snapshot!(graph("default"));
}

#[test]
fn each_file_is_told_the_same_near_and_far() {
    for name in names() {
        let (compared, found) = crate::near::differences(&name, &world(&name));
        assert!(compared > 0, "{name} has no program");
        assert_eq!(found.join("\n"), "");
    }
}
