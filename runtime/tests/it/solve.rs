//! Whole solves without a process: what is found in the cache, what runs again, what is written out.

use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::ops::{Copy, FileStep, Local, LocalOwner, Mode, file, local, merge};
use hlb_runtime::ErrorKind;

use crate::support::{Bench, Seen, mkfile, read};

fn copy_of_src(pattern: &str) -> Output {
    let source = local(Local::new("src", LocalOwner::Unique("t".to_owned())), Annotations::default());
    let copy = Copy { allow_wildcard: true, mode: Mode::Keep, ..Copy::new(Some(source), pattern, "/") };
    file(None, vec![FileStep::Copy(copy)], Annotations::default()).unwrap()
}

#[test]
fn privileged_second_solve_runs_nothing() {
    let bench = Bench::new();
    let target = mkfile(Some(mkfile(None, "/a", "1")), "/b", "2");
    assert_eq!(bench.solve(Some(&target)).unwrap().ran, ["mkfile /a", "mkfile /b"]);
    assert_eq!((read(&bench.out(), "a"), read(&bench.out(), "b")), ("1".to_owned(), "2".to_owned()));
    let again = bench.solve(Some(&target)).unwrap();
    assert_eq!((again.ran, again.cached), (vec![], vec!["mkfile /a".to_owned(), "mkfile /b".to_owned()]));
}

#[test]
fn privileged_only_content_of_local_files_counts() {
    let bench = Bench::new();
    bench.write("a.c", "one");
    bench.write("b.h", "two");
    let target = mkfile(Some(copy_of_src("/*.c")), "/done", "");
    assert_eq!(bench.solve(Some(&target)).unwrap().ran, ["copy /*.c /", "local://src", "mkfile /done"]);

    // The same bytes with another time: the directory is read again, nothing that reads it runs.
    bench.write("a.c", "one");
    assert_eq!(bench.solve(Some(&target)).unwrap().ran, ["local://src"]);

    // A file that no step reads.
    bench.write("b.h", "three");
    assert_eq!(bench.solve(Some(&target)).unwrap().ran, ["local://src"]);

    bench.write("a.c", "other");
    assert_eq!(bench.solve(Some(&target)).unwrap().ran, ["copy /*.c /", "local://src", "mkfile /done"]);
    assert_eq!(read(&bench.out(), "a.c"), "other");

    // Back to what was built before.
    bench.write("a.c", "one");
    assert_eq!(bench.solve(Some(&target)).unwrap().ran, ["local://src"]);
    assert_eq!(read(&bench.out(), "a.c"), "one");
}

#[test]
fn privileged_equal_content_by_another_way_is_found() {
    let bench = Bench::new();
    let read_one = |input: Output| {
        let copy = Copy::new(Some(input), "/a", "/copied");
        file(None, vec![FileStep::Copy(copy)], Annotations::default()).unwrap()
    };
    bench.solve(Some(&read_one(mkfile(None, "/a", "same")))).unwrap();
    // `/a` has the same content in a file system that was made in another way.
    let other = mkfile(Some(mkfile(None, "/b", "more")), "/a", "same");
    let seen = bench.solve(Some(&read_one(other))).unwrap();
    assert_eq!(seen.ran, ["mkfile /a", "mkfile /b"]);
    assert_eq!(seen.cached, ["copy /a /copied"]);
}

#[test]
fn privileged_merged_parts_keep_their_files() {
    let bench = Bench::new();
    let parts = vec![mkfile(None, "/a", "1"), mkfile(None, "/b", "2")];
    bench.solve(merge(parts, Annotations::default()).as_ref()).unwrap();
    assert_eq!((read(&bench.out(), "a"), read(&bench.out(), "b")), ("1".to_owned(), "2".to_owned()));
}

#[test]
fn privileged_failing_action_names_its_vertex() {
    let bench = Bench::new();
    let rm = FileStep::Rm { path: "/nothing".to_owned(), allow_not_found: false, allow_wildcard: false };
    let target = file(Some(mkfile(None, "/a", "1")), vec![rm], Annotations::default()).unwrap();
    let error = bench.solve(Some(&target)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Step);
    assert_eq!(error.vertex_name(), Some("rm /nothing"));
    // What failed is not remembered as done.
    assert!(bench.solve(Some(&target)).is_err());
}

#[test]
fn privileged_two_solves_at_once_share_a_state_directory() {
    let bench = Bench::new();
    for at in 0..40 {
        bench.write(&format!("{at}.c"), &"x".repeat(at * 1000));
    }
    // A file written a moment ago may still change without its times showing it, so it would be read again.
    std::thread::sleep(std::time::Duration::from_millis(80));
    let target = mkfile(Some(copy_of_src("/*.c")), "/done", "");
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(|| bench.solve(Some(&target)))).collect();
        for thread in threads {
            thread.join().unwrap().unwrap();
        }
    });
    assert_eq!(bench.solve(Some(&target)).unwrap().ran, Vec::<String>::new());
}

#[test]
fn privileged_empty_definition_is_an_empty_file_system() {
    let bench = Bench::new();
    assert_eq!(bench.solve(None).unwrap(), Seen::default());
}

#[test]
fn privileged_unknown_features_are_refused_before_anything_runs() {
    let bench = Bench::new();
    let mut definition = marshal(Some(&mkfile(None, "/a", "1")), Vec::new());
    for metadata in definition.metadata.values_mut() {
        metadata.caps.insert("file.from.the.future".to_owned(), true);
    }
    let error = bench.solve_definition(definition).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Definition);
    assert!(error.to_string().contains("file.from.the.future"), "{error}");
}
