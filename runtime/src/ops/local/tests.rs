//! A user's directory that changes, and the layers made of it.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;

fn write(dir: &Path, name: &str, content: &str) {
    std::fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
    std::fs::write(dir.join(name), content).unwrap();
}

/// A directory with files that were not touched just now, so that their times can be trusted.
fn directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in [("a.txt", "1"), ("sub/b.txt", "2"), ("sub/deep/c", "3"), ("run.sh", "4")] {
        write(dir.path(), name, content);
    }
    std::fs::set_permissions(dir.path().join("run.sh"), Permissions::from_mode(0o755)).unwrap();
    std::fs::hard_link(dir.path().join("a.txt"), dir.path().join("sub/again")).unwrap();
    symlink("../a.txt", dir.path().join("sub/link")).unwrap();
    settle();
    dir
}

fn settle() {
    std::thread::sleep(GRACE * 2);
}

fn all(dir: &tempfile::TempDir) -> Listing {
    scan(dir.path(), &[], &[], &[]).unwrap()
}

fn filled(listing: &Listing, previous: Option<(&Listing, &Path)>) -> (tempfile::TempDir, Listing) {
    let upper = tempfile::tempdir().unwrap();
    let known: Vec<Known<'_>> = previous.map(|(listing, layer)| Known::new(listing, layer)).into_iter().collect();
    let listing = fill(upper.path(), listing.clone(), &known).unwrap();
    (upper, listing)
}

/// Whether the next build finds that nothing changed.
fn same(now: &Listing, before: &Listing) -> bool {
    Kept::read(Kept::write(before, None)).unwrap().is(now)
}

fn names(listing: &Listing) -> Vec<&str> {
    listing.items.iter().map(|item| item.path.to_str().unwrap()).collect()
}

#[test]
fn copies_keep_modes_times_and_links_and_belong_to_root() {
    let dir = directory();
    std::os::unix::fs::lchown(dir.path().join("run.sh"), Some(1000), Some(1000)).unwrap();
    let (upper, _) = filled(&all(&dir), None);
    let of = |base: &Path, name: &str| std::fs::symlink_metadata(base.join(name)).unwrap();
    for name in ["a.txt", "sub", "sub/b.txt", "sub/deep", "sub/deep/c", "run.sh", "sub/link"] {
        let (from, to) = (of(dir.path(), name), of(upper.path(), name));
        let facts = |meta: &std::fs::Metadata| {
            (meta.mode(), meta.len() * u64::from(meta.is_file()), meta.mtime(), meta.mtime_nsec())
        };
        assert_eq!(facts(&from), facts(&to), "{name}");
        assert_eq!((to.uid(), to.gid()), (0, 0), "{name}");
    }
    assert_eq!(std::fs::read_to_string(upper.path().join("sub/deep/c")).unwrap(), "3");
    assert_eq!(std::fs::read_link(upper.path().join("sub/link")).unwrap(), Path::new("../a.txt"));
    assert_eq!(of(upper.path(), "a.txt").ino(), of(upper.path(), "sub/again").ino());
}

#[test]
fn what_did_not_change_is_linked_and_not_read() {
    let dir = directory();
    let (first, listing) = filled(&all(&dir), None);
    let again = all(&dir);
    assert!(same(&again, &listing));
    settle();
    write(dir.path(), "sub/b.txt", "changed");
    write(dir.path(), "new", "5");
    let now = all(&dir);
    assert!(!same(&now, &listing));
    let (second, _) = filled(&now, Some((&listing, first.path())));
    let inode = |base: &Path, name: &str| std::fs::metadata(base.join(name)).unwrap().ino();
    for (name, same) in [("a.txt", true), ("sub/deep/c", true), ("run.sh", true), ("sub/b.txt", false)] {
        assert_eq!(inode(first.path(), name) == inode(second.path(), name), same, "{name}");
    }
    assert_eq!(inode(second.path(), "a.txt"), inode(second.path(), "sub/again"));
    assert_eq!(std::fs::read_to_string(second.path().join("sub/b.txt")).unwrap(), "changed");
    assert_eq!(std::fs::read_to_string(first.path().join("sub/b.txt")).unwrap(), "2");
}

#[test]
fn every_change_is_noticed() {
    type Change = fn(&Path);
    let changes: [(&str, Change, bool); 8] = [
        ("content", |dir| write(dir, "a.txt", "x"), false),
        (
            "same size and time",
            |dir| {
                let time = std::fs::metadata(dir.join("run.sh")).unwrap().modified().unwrap();
                write(dir, "run.sh", "x");
                std::fs::File::open(dir.join("run.sh")).unwrap().set_modified(time).unwrap();
            },
            false,
        ),
        ("mode", |dir| std::fs::set_permissions(dir.join("sub/b.txt"), Permissions::from_mode(0o600)).unwrap(), false),
        (
            "mode of a directory",
            |dir| std::fs::set_permissions(dir.join("sub"), Permissions::from_mode(0o700)).unwrap(),
            false,
        ),
        ("removal", |dir| std::fs::remove_file(dir.join("sub/deep/c")).unwrap(), false),
        (
            "link",
            |dir| {
                std::fs::remove_file(dir.join("sub/link")).unwrap();
                symlink("elsewhere", dir.join("sub/link")).unwrap();
            },
            false,
        ),
        ("nothing", |_| (), true),
        (
            "a name that came and went",
            |dir| {
                write(dir, "sub/.swp", "");
                std::fs::remove_file(dir.join("sub/.swp")).unwrap();
            },
            true,
        ),
    ];
    for (name, change, unchanged) in changes {
        let dir = directory();
        let before = all(&dir);
        change(dir.path());
        assert_eq!(same(&all(&dir), &before), unchanged, "{name}");
    }
}

#[test]
fn a_file_touched_just_before_the_scan_is_not_trusted() {
    let dir = directory();
    write(dir.path(), "fresh", "1");
    let listing = all(&dir);
    assert!(!same(&all(&dir), &listing));
    settle();
    let later = all(&dir);
    assert!(same(&all(&dir), &later));
}

#[test]
fn patterns_and_followed_paths_choose() {
    let dir = directory();
    symlink("sub", dir.path().join("s")).unwrap();
    let chosen = |include: &[&str], exclude: &[&str], follow: &[&str]| {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let listing = scan(dir.path(), &owned(include), &owned(exclude), &owned(follow)).unwrap();
        names(&listing).join(" ")
    };
    assert_eq!(chosen(&["**/*.txt"], &[], &[]), "a.txt sub sub/b.txt");
    assert_eq!(chosen(&[], &["sub", "s"], &[]), "a.txt run.sh");
    assert_eq!(chosen(&[], &[], &["s/link"]), "a.txt s sub sub/link");
    assert_eq!(chosen(&[], &[], &["/s/deep"]), "s sub sub/deep sub/deep/c");
    assert_eq!(chosen(&[], &[], &["s/l*"]), "a.txt s sub sub/link");
    assert_eq!(chosen(&["run.sh"], &[], &["."]), "a.txt run.sh s sub sub/again sub/b.txt sub/deep sub/deep/c sub/link");
    symlink("loop", dir.path().join("loop")).unwrap();
    assert_eq!(chosen(&[], &[], &["loop/x"]), "loop");
}

#[test]
fn sockets_are_left_out_and_what_is_missing_is_named() {
    let dir = directory();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
    assert!(!names(&all(&dir)).contains(&"socket"));
    let error = |path: &Path| scan(path, &[], &[], &[]).unwrap_err().to_string();
    assert_eq!(error(Path::new("/nowhere/at/all")), "local directory `/nowhere/at/all` does not exist");
    assert_eq!(error(Path::new("/etc/passwd")), "`/etc/passwd` is not a directory");
    let listing = all(&dir);
    std::fs::remove_file(dir.path().join("run.sh")).unwrap();
    let upper = tempfile::tempdir().unwrap();
    let gone = fill(upper.path(), listing, &[]).unwrap_err().to_string();
    assert_eq!(gone, format!("cannot read `{}/run.sh`: No such file or directory (os error 2)", dir.path().display()));
}

#[test]
fn a_file_that_changed_since_the_scan_is_listed_as_it_is() {
    let dir = directory();
    let listing = all(&dir);
    write(dir.path(), "a.txt", "longer than before");
    let (upper, really) = filled(&listing, None);
    assert_eq!(std::fs::read_to_string(upper.path().join("a.txt")).unwrap(), "longer than before");
    assert!(!same(&really, &listing));
    assert_eq!(really.by_path()[Path::new("a.txt")].size, 18);
}
