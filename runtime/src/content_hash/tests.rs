//! Digests against those a real BuildKit exported, and the rules that those do not reach.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn inputs() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let tar = std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cache-keys/inputs.tar")).unwrap();
    let mut archive = tar::Archive::new(tar);
    archive.set_preserve_permissions(true);
    archive.unpack(dir.path()).unwrap();
    dir
}

fn path(path: &str) -> ContentPath {
    ContentPath { path: path.to_owned(), follow_links: true, ..ContentPath::default() }
}

/// The record digest that a cache export has for a choice.
fn record(folder: &str, wanted: &ContentPath) -> String {
    let inputs = inputs();
    let digest =
        ContentHash::of_local(&inputs.path().join(folder)).unwrap().checksum_all(std::slice::from_ref(wanted)).unwrap();
    Digest::of(format!("{digest}@-1")).to_string()
}

fn check_exported(export: &str, folder: &str, wanted: &ContentPath) {
    let file = format!("{}/tests/cache-keys/{export}.cacheconfig.json", env!("CARGO_MANIFEST_DIR"));
    let records = std::fs::read_to_string(file).unwrap();
    assert!(records.contains(&record(folder, wanted)), "{wanted:?} of {folder} is not in {export}");
}

#[test]
fn digests_equal_those_of_buildkit() {
    check_exported("t1", "rootfs", &path("/"));
    check_exported("t1", "ctx", &path("/a.txt"));
    check_exported("t1", "ctx", &path("/sub"));
    check_exported("t2", "etcs", &path("/"));
    check_exported("t2", "ctx2", &ContentPath { wildcard: true, ..path("/*.txt") });
    let patterns = ContentPath { include: vec!["d/**".into()], exclude: vec!["**/*.md".into()], ..path("/") };
    check_exported("t2", "ctx2", &patterns);
}

/// A tree to choose from.
fn tree() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in [("d/a", "1"), ("d/e/b", "2"), ("d.x", "3"), ("top", "4"), ("other/a", "1")] {
        let at = dir.path().join(name);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(&at, content).unwrap();
        std::fs::set_permissions(&at, Permissions::from_mode(0o644)).unwrap();
    }
    symlink("top", dir.path().join("link")).unwrap();
    symlink("/d/e", dir.path().join("other/deep")).unwrap();
    dir
}

fn checksum(dir: &tempfile::TempDir, wanted: &ContentPath) -> Result<Digest, ContentError> {
    ContentHash::new(dir.path()).unwrap().checksum(wanted)
}

#[track_caller]
fn check_equal(one: &ContentPath, other: &ContentPath, equal: bool) {
    let dir = tree();
    let (a, b) = (checksum(&dir, one).unwrap(), checksum(&dir, other).unwrap());
    assert_eq!(a == b, equal, "{one:?} {other:?}");
    // The same again with everything known already.
    let hash = ContentHash::new(dir.path()).unwrap();
    hash.checksum(&path("/")).unwrap();
    assert_eq!((hash.checksum(one).unwrap(), hash.checksum(other).unwrap()), (a, b));
}

#[test]
fn names_of_single_files_do_not_count() {
    check_equal(&path("/d/a"), &path("/other/a"), true);
    check_equal(&path("/d/a"), &path("/top"), false);
    check_equal(&path("/d/e"), &path("/d"), false);
}

#[test]
fn links_are_followed_where_asked() {
    check_equal(&path("/link"), &path("/top"), true);
    check_equal(&ContentPath { follow_links: false, ..path("/link") }, &path("/top"), false);
    check_equal(&path("/other/deep/b"), &path("/d/e/b"), true);
    check_equal(&path("/other/deep/../e"), &path("/d/e"), true);
    check_equal(
        &ContentPath { wildcard: true, ..path("/lin?") },
        &ContentPath { wildcard: true, ..path("/lin*") },
        true,
    );
    let unfollowed = ContentPath { wildcard: true, follow_links: false, ..path("/lin?") };
    check_equal(&ContentPath { wildcard: true, ..path("/lin?") }, &unfollowed, false);
}

#[test]
fn selections_see_what_they_select() {
    let star = |text: &str| ContentPath { wildcard: true, ..path(text) };
    let only = |include: &str| ContentPath { include: vec![include.into()], ..path("/d/") };
    check_equal(&star("/to*"), &star("/t*p"), true);
    check_equal(&star("/top"), &path("/top"), true);
    check_equal(&star("/d*"), &star("/d"), false);
    check_equal(&star("/nothing*"), &path("/"), false);
    check_equal(&star("/nothing*"), &only("nothing"), true);
    check_equal(&only("a"), &only("?"), false);
    check_equal(&only("e"), &only("e/b"), true);
    check_equal(&only("**/b"), &only("e/b"), true);
    check_equal(&ContentPath { exclude: vec!["e".into()], ..path("/d/") }, &only("a"), true);
    check_equal(&star("/other/dee*/b"), &star("/other/dee*/c"), true);
    check_equal(&star("/other/deep/?"), &star("/other/deep/b*"), true);
}

#[test]
fn changes_that_count_and_changes_that_do_not() {
    let dir = tree();
    let before = checksum(&dir, &path("/")).unwrap();
    let at = dir.path().join("d/e/b");
    std::fs::File::open(&at).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(checksum(&dir, &path("/")).unwrap(), before);
    std::fs::set_permissions(&at, Permissions::from_mode(0o600)).unwrap();
    let mode = checksum(&dir, &path("/")).unwrap();
    assert_ne!(mode, before);
    crate::sys::xattr::set(&at, c"user.note", b"x").unwrap();
    let noted = checksum(&dir, &path("/")).unwrap();
    assert_ne!(noted, mode);
    std::fs::write(&at, "22").unwrap();
    assert_ne!(checksum(&dir, &path("/")).unwrap(), noted);
}

#[test]
fn a_local_root_has_no_header() {
    let dir = tree();
    let of = |dir: &tempfile::TempDir| ContentHash::of_local(dir.path()).unwrap().checksum(&path("/")).unwrap();
    let before = of(&dir);
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
    let private = (of(&dir), checksum(&dir, &path("/")).unwrap());
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    assert_eq!(private.0, before);
    assert_ne!(private.1, checksum(&dir, &path("/")).unwrap());
}

#[test]
fn scratch_is_an_empty_tree() {
    let empty = ContentHash::empty();
    assert_eq!(empty.checksum(&path("/")).unwrap(), Digest::of(""));
    assert_eq!(empty.checksum(&path("/a")).unwrap_err().to_string(), "`/a` not found");
    assert_eq!(empty.checksum(&ContentPath { wildcard: true, ..path("/*") }).unwrap(), Digest::of(""));
}

#[test]
fn what_is_missing_is_named() {
    let dir = tree();
    let of = |wanted: &ContentPath| checksum(&dir, wanted).unwrap_err().to_string();
    assert_eq!(of(&path("/d/nothing")), "`/d/nothing` not found");
    assert_eq!(of(&path("/top/below")), "`/top/below` not found");
    let required = ContentPath { include: vec!["a".into()], required: vec!["/d/z".into()], ..path("/d/") };
    assert_eq!(of(&required), "`/d/z` not found");
    let plain = ContentPath { required: vec!["/d/z".into()], ..path("/d/") };
    assert_eq!(of(&plain), "`/d/z` not found");
    let bad = ContentPath { wildcard: true, ..path("/[a") };
    assert_eq!(of(&bad), "pattern `/[a` has a `[` without its `]`");
}
