//! Texts that are built in, as files.

use camino::Utf8Path;
use std::os::unix::fs::PermissionsExt;

#[test]
fn built_in_texts_are_files_that_nobody_writes_into() {
    let directory = tempfile::tempdir().unwrap();
    let stdlib = Utf8Path::from_path(directory.path()).unwrap().join("hlb/stdlib");
    hlb_ide::write_stdlib(&stdlib).unwrap();
    let read = |name: &str| std::fs::read_to_string(stdlib.join(name)).unwrap();
    assert!(read("builtin.hlb").contains("fs image("));
    assert!(read("str.hlb").contains("# @example str."));
    assert!(read("go.hlb").contains("export fs build("));
    let modified = || std::fs::metadata(stdlib.join("go.hlb")).unwrap().modified().unwrap();
    let before = modified();
    // Of an older version, or somebody has written into it all the same.
    std::fs::remove_file(stdlib.join("str.hlb")).unwrap();
    std::fs::write(stdlib.join("str.hlb"), "old").unwrap();
    hlb_ide::write_stdlib(&stdlib).unwrap();
    assert!(read("str.hlb").contains("# @example str."));
    assert_eq!(modified(), before, "what is there stays");
    for entry in std::fs::read_dir(&stdlib).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o444, "{:?}", entry.path());
        assert!(entry.path().extension().is_some_and(|it| it == "hlb"), "{:?}", entry.path());
    }
}
