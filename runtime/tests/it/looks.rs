//! Results that are looked into and not written out.

use std::path::Path;

use hlb_llb::graph::{Annotations, Output};
use hlb_llb::ops::{Copy, ExecMount, FileStep, file};
use hlb_runtime::Contents;

use crate::support::{Bench, mkfile, shell};

/// A step whose standard output becomes a file: what it would run is run by a shell that has it go there. The mount has the file
/// already, so that any user can write it.
fn captured(root: Output, args: &[&str], user: &str) -> Output {
    let place =
        FileStep::MkFile { path: "/stdout".to_owned(), mode: 0o666, data: Vec::new(), owner: None, created: Some(0) };
    let place = file(None, vec![place], Annotations::default()).unwrap();
    let mut exec = shell(root, r#"exec "$0" "$@" > /.hlb/stdout"#);
    exec.args.extend(args.iter().map(|arg| (*arg).to_owned()));
    exec.user = user.to_owned();
    exec.mounts.push(ExecMount::bind("/.hlb", Some(place)));
    exec.build(Annotations::default()).mounts.remove(0).unwrap()
}

fn stdout(contents: &Contents) -> String {
    String::from_utf8(contents.read_file(Path::new("/stdout"), 0, None, 100).unwrap()).unwrap()
}

#[test]
fn privileged_what_a_step_prints_is_a_file() {
    let bench = Bench::new();
    // What is copied is known by its content, also to a step that writes in it.
    let copy = Copy { contents_only: true, ..Copy::new(Some(bench.root(&[])), "/", "/") };
    let root = file(None, vec![FileStep::Copy(copy)], Annotations::default()).unwrap();
    let words = captured(root.clone(), &["/bin/echo", "two  words", "$0 is not read"], "");
    let (seen, text) = bench.look(Some(&words), stdout).unwrap();
    assert_eq!(text, "two  words $0 is not read\n");
    assert_eq!((seen.ran.len(), seen.log.as_str()), (4, ""), "{seen:?}");
    // Once.
    let (seen, again) = bench.look(Some(&words), stdout).unwrap();
    assert_eq!(again, text);
    assert!(!seen.ran.iter().any(|name| name.contains("exec")), "{seen:?}");
    // Standard error is still shown, and any user can print.
    let both = captured(root.clone(), &["/bin/sh", "-c", "id -u; echo aside >&2"], "1000");
    let (seen, text) = bench.look(Some(&both), stdout).unwrap();
    assert_eq!((text.as_str(), seen.log.as_str()), ("1000\n", "aside\n"));
    let failing = captured(root, &["/bin/sh", "-c", "exit 3"], "");
    assert_eq!(bench.look(Some(&failing), stdout).unwrap_err().exit_code(), Some(3));
}

#[test]
fn privileged_the_place_of_what_is_printed_is_in_no_root() {
    let bench = Bench::new();
    let root = bench.root(&[]);
    for readonly in [false, true] {
        let mut exec = shell(root.clone(), r#"exec "$0" "$@" > /.hlb/stdout"#);
        exec.args.extend(["/bin/ls", "-a", "/.hlb"].map(str::to_owned));
        exec.readonly_root = readonly;
        exec.mounts.push(ExecMount::bind("/.hlb", None));
        let outputs = exec.build(Annotations::default());
        let (_, text) = bench.look(outputs.mounts[0].as_ref(), stdout).unwrap();
        assert_eq!(text, ".\n..\nstdout\n");
        let (_, there) = bench.look(outputs.root.as_ref(), |root| root.exists(Path::new("/.hlb")).unwrap()).unwrap();
        assert!(!there);
    }
}

#[test]
fn privileged_results_of_layers_are_one_tree() {
    let bench = Bench::new();
    let below = mkfile(None, "/a", "below");
    let steps = vec![
        FileStep::MkDir { path: "/d/e".to_owned(), mode: 0o755, parents: true, owner: None, created: None },
        FileStep::Symlink { oldpath: "/d".to_owned(), newpath: "/link".to_owned(), owner: None, created: None },
    ];
    let above = mkfile(file(Some(below), steps, Annotations::default()), "/d/e/b", "above");
    let above = mkfile(Some(above), "/a", "above");
    let (_, found) = bench
        .look(Some(&above), |contents| {
            let read = |path: &str| contents.read_file(Path::new(path), 0, None, 100).map_err(|error| error.kind());
            assert_eq!(read("/a").unwrap(), b"above");
            assert_eq!(read("link/e/b").unwrap(), b"above");
            assert_eq!(read("/d"), Err(std::io::ErrorKind::IsADirectory));
            assert!(contents.exists(Path::new("/link/e")).unwrap() && !contents.exists(Path::new("/c")).unwrap());
            ["/*", "/**/b", "/link/*"].map(|pattern| contents.glob(pattern).unwrap())
        })
        .unwrap();
    let shown = found.map(|paths| paths.iter().map(|path| path.to_str().unwrap()).collect::<Vec<_>>().join(" "));
    assert_eq!(shown, ["/a /d /link", "/d/e/b", "/link/e"]);
    let (_, empty) = bench.look(None, |contents| contents.glob("/**").unwrap()).unwrap();
    assert!(empty.is_empty());
}
