//! Cache mounts through directories, with files of every kind.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use hlb_registry::RegistryConfig;

use super::super::Which;
use super::*;
use crate::sys::xattr;

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn images() -> Images {
    Images::new(RegistryConfig::empty())
}

/// A state directory with a mount of that id and these files.
fn state(dir: &Path, mounts: &[(&str, &str)]) -> State {
    let state = State::open(dir).unwrap();
    for (number, (id, text)) in mounts.iter().enumerate() {
        let place = state.store.cache_mounts_dir().join(format!("{number}{}.0", &KEY[1..]));
        fs::create_dir_all(place.join("fs")).unwrap();
        fs::write(place.join("id"), id).unwrap();
        fs::write(place.join("fs/file"), text).unwrap();
    }
    state
}

fn to(directory: &Path) -> CachePlace {
    CachePlace::Local { directory: directory.to_owned(), tag: "t".to_owned() }
}

fn from(directory: &Path) -> CacheSource {
    CacheSource::Local { directory: directory.to_owned(), which: Which::Tag("t".to_owned()) }
}

/// All that tells the files of a tree apart.
fn listing(root: &Path) -> String {
    let (mut lines, mut left) = (Vec::new(), vec![root.to_owned()]);
    let mut names: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    while let Some(path) = left.pop() {
        let data = fs::symlink_metadata(&path).unwrap();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        if data.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            names.entry(data.ino()).or_default().push(name.clone());
        }
        let mut line = format!(
            "/{name} {:o} {}:{} {}.{:09} {:x}",
            data.mode(),
            data.uid(),
            data.gid(),
            data.mtime(),
            data.mtime_nsec(),
            data.rdev()
        );
        if data.is_file() {
            let _ = write!(line, " {}", Digest::of(fs::read(&path).unwrap()).hex());
        } else if data.is_symlink() {
            let _ = write!(line, " -> {}", fs::read_link(&path).unwrap().display());
        }
        for (name, value) in xattr::list(&path).unwrap() {
            let _ = write!(line, " {name:?}={value:?}");
        }
        lines.push(line);
    }
    lines.extend(names.into_values().filter(|names| names.len() > 1).map(|mut names| {
        names.sort();
        names.join(" = ")
    }));
    lines.sort();
    lines.join("\n")
}

/// Files of every kind, most of them with times that have nanoseconds.
fn fill(dir: &Path) {
    let long = "n".repeat(180);
    fs::create_dir_all(dir.join("deep").join(&long)).unwrap();
    for (name, mode) in [("a", 0o600), ("deep/b", 0o4755), ("grün", 0o644), (&format!("deep/{long}/{long}"), 0o644)] {
        fs::write(dir.join(name), name).unwrap();
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::hard_link(dir.join("deep/b"), dir.join("z-link")).unwrap();
    std::os::unix::fs::symlink("../a", dir.join("deep/soft")).unwrap();
    std::os::unix::fs::symlink(&long, dir.join("soft-long")).unwrap();
    std::os::unix::fs::lchown(dir.join("a"), Some(1000), Some(3_000_000)).unwrap();
    xattr::set(&dir.join("a"), c"user.note", b"x\0y").unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        dir.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    fs::set_permissions(dir.join("deep"), fs::Permissions::from_mode(0o2711)).unwrap();
    for (path, seconds, nanos) in [("a", 1_600_000_000, 123_456_789), ("deep/b", -5, 250_000_000), ("deep", 99, 1)] {
        let time = rustix::fs::Timespec { tv_sec: seconds, tv_nsec: nanos };
        let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
        rustix::fs::utimensat(rustix::fs::CWD, dir.join(path), &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }
}

#[test]
fn privileged_mounts_come_back_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let one = state(&dir.path().join("one"), &[("go", "1"), ("npm", "2")]);
    let go = one.cache_mounts().unwrap().remove(0);
    fill(&place(&one.store, &go).join("fs"));
    fs::write(place(&one.store, &go).join("fs/.wh.x"), "").unwrap();
    let out = dir.path().join("out");
    let saved = block_on(one.save_cache_mounts(&images(), &[], &to(&out))).unwrap();
    assert_eq!(saved.left_out, [PathBuf::from(".wh.x")]);
    assert_eq!(saved.mounts.iter().map(|(mount, _)| mount.id.as_str()).collect::<Vec<_>>(), ["go", "npm"]);
    fs::remove_file(place(&one.store, &go).join("fs/.wh.x")).unwrap();

    let two = state(&dir.path().join("two"), &[]);
    let back =
        block_on(two.restore_cache_mounts(&images(), &[], &[from(&out)], (false, LayerLimits::default()))).unwrap();
    assert_eq!((back.mounts.len(), back.digest), (2, saved.digest.clone()));
    assert_eq!(two.cache_mounts().unwrap(), one.cache_mounts().unwrap());
    // The directory itself has changed since, as something was removed from it.
    let (here, there) = (listing(&place(&one.store, &go).join("fs")), listing(&place(&two.store, &go).join("fs")));
    assert_eq!(here.split_once('\n').unwrap().1, there.split_once('\n').unwrap().1);
    // What is equal is equal to the last byte.
    let again = block_on(two.save_cache_mounts(&images(), &["npm".to_owned()], &to(&dir.path().join("npm")))).unwrap();
    let npm = block_on(one.save_cache_mounts(&images(), &["npm".to_owned()], &to(&dir.path().join("npm2")))).unwrap();
    assert_eq!(again.digest, npm.digest);
    let kept = block_on(two.kept_cache_mounts(&images(), &from(&out))).unwrap();
    assert_eq!(kept, saved.mounts);
}

#[test]
fn what_is_there_is_replaced_or_kept() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let one = state(&dir.path().join("one"), &[("go", "new")]);
    block_on(one.save_cache_mounts(&images(), &[], &to(&out))).unwrap();
    let two = state(&dir.path().join("two"), &[("go", "old")]);
    let go = two.cache_mounts().unwrap().remove(0);
    let text = || fs::read_to_string(place(&two.store, &go).join("fs/file")).unwrap();
    let restore = |if_empty| {
        block_on(two.restore_cache_mounts(&images(), &[], &[from(&out)], (if_empty, LayerLimits::default()))).unwrap()
    };
    assert_eq!((restore(true).mounts.len(), text()), (0, "old".to_owned()));
    assert_eq!((restore(false).mounts.len(), text()), (1, "new".to_owned()));
    fs::remove_file(place(&two.store, &go).join("fs/file")).unwrap();
    assert_eq!((restore(true).mounts.len(), text()), (1, "new".to_owned()));
    let left: Vec<_> = fs::read_dir(place(&two.store, &go)).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn what_is_wrong_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let place_of = |name: &str| dir.path().join(name);
    let shown = |error: SolveError| error.to_string().replace(&dir.path().display().to_string(), "DIR");
    let none = state(&place_of("none"), &[]);
    let out = place_of("out");
    insta::assert_snapshot!(shown(block_on(none.save_cache_mounts(&images(), &[], &to(&out))).unwrap_err()), @"there are no cache mounts");
    let one = state(&place_of("one"), &[("go", "x"), ("npm", "x")]);
    let wanted = ["pip".to_owned()];
    insta::assert_snapshot!(shown(block_on(one.save_cache_mounts(&images(), &wanted, &to(&out))).unwrap_err()), @"there is no cache mount `pip`, there is `go`, `npm`");
    let restore = |ids: &[String], places: &[CacheSource]| {
        block_on(one.restore_cache_mounts(&images(), ids, places, (false, LayerLimits::default())))
    };
    insta::assert_snapshot!(shown(restore(&[], &[from(&place_of("x"))]).unwrap_err()), @"none of the places can be read: `DIR/x` cannot be read: cannot read `DIR/x/index.json`: No such file or directory (os error 2)");
    block_on(one.save_cache_mounts(&images(), &[], &to(&out))).unwrap();
    insta::assert_snapshot!(shown(restore(&wanted, &[from(&out)]).unwrap_err()), @"there is no cache mount `pip`, there is `go`, `npm`");
    // The first that can be read counts.
    let found = restore(&[], &[from(&place_of("x")), from(&out)]).unwrap();
    assert_eq!((found.mounts.len(), found.passed_over.len()), (2, 1));
    // A name that leads elsewhere.
    let hostile = artifact(&[Kept {
        mount: CacheMount { id: "go".to_owned(), key: "../../elsewhere".to_owned() },
        digest: Digest::of("x"),
        size: 1,
    }]);
    write(&one.store, &place_of("hostile"), "t", &[], &hostile).unwrap();
    insta::assert_snapshot!(shown(restore(&[], &[from(&place_of("hostile"))]).unwrap_err()), @"the cache mount `go` in `DIR/hostile` has a name that it cannot have here");
    write(&one.store, &place_of("other"), "t", &[], br#"{"schemaVersion":2,"config":{"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}}"#).unwrap();
    insta::assert_snapshot!(shown(restore(&[], &[from(&place_of("other"))]).unwrap_err()), @"none of the places can be read: `DIR/other` holds no cache mounts");
}
