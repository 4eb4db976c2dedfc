//! A tree with everything in it that a file system can hold and an image can carry.
//!
//! Owns what is in it, and what the second layer changes.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags};

/// The size of the file with holes, in bytes. Three pieces of it have content.
pub(crate) const SPARSE: u64 = 300 << 20;
/// A time before those that Unix counts from.
pub(crate) const EARLY: i64 = -1_000_000;
/// `cap_net_bind_service=ep`, as the kernel keeps it.
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Makes the first layer.
pub(crate) fn first(root: &Path) {
    let at = |path: &str| root.join(path);
    for dir in ["dir", "dir/sub", "gone/deep", "opaque/old", "replaced", "private", "sticky", "hard/a", "hard/b"] {
        std::fs::create_dir_all(at(dir)).unwrap();
    }
    for file in
        ["dir/file", "dir/sub/x", "gone/deep/file", "opaque/old/file", "replaced/file", "removed", "becomes-dir"]
    {
        std::fs::write(at(file), format!("this is {file}\n")).unwrap();
    }
    // Modes and owners.
    for (path, mode) in [("dir/setuid", 0o4755), ("dir/setgid", 0o2755), ("dir/none", 0), ("dir/all", 0o7777)] {
        std::fs::write(at(path), path).unwrap();
        std::fs::set_permissions(at(path), PermissionsExt::from_mode(mode)).unwrap();
    }
    for (path, mode) in [("private", 0o700), ("sticky", 0o3777)] {
        std::fs::set_permissions(at(path), PermissionsExt::from_mode(mode)).unwrap();
    }
    std::fs::write(at("dir/owned"), "owned").unwrap();
    std::os::unix::fs::lchown(at("dir/owned"), Some((1 << 21) + 5), Some(42)).unwrap();
    // Kinds of files.
    symlink("file", at("dir/link")).unwrap();
    symlink("/nowhere/at/all", at("dir/dangling")).unwrap();
    std::os::unix::fs::lchown(at("dir/link"), Some(7), Some(8)).unwrap();
    let node = |path: &str, kind: FileType, device: u64| {
        rustix::fs::mknodat(CWD, at(path), kind, Mode::from_raw_mode(0o640), device).unwrap();
    };
    node("dir/null", FileType::CharacterDevice, rustix::fs::makedev(1, 3));
    node("dir/far", FileType::BlockDevice, rustix::fs::makedev(300, 70_000));
    node("dir/pipe", FileType::Fifo, 0);
    // One file by several names, across directories.
    std::fs::write(at("hard/a/one"), "hard").unwrap();
    std::fs::hard_link(at("hard/a/one"), at("hard/b/two")).unwrap();
    std::fs::hard_link(at("hard/a/one"), at("hard/three")).unwrap();
    // Names.
    let names: [&[u8]; 6] = [b"\xff\xfe", b"caf\xe9", b"new\nline", b"sp ace", b"-rf", "größe".as_bytes()];
    std::fs::create_dir(at("names")).unwrap();
    for name in names {
        std::fs::write(at("names").join(OsStr::from_bytes(name)), name).unwrap();
    }
    std::fs::write(at("names").join("n".repeat(255)), "long").unwrap();
    let deep: PathBuf = std::iter::repeat_n("d".repeat(90), 4).collect();
    std::fs::create_dir_all(at("names").join(&deep)).unwrap();
    std::fs::write(at("names").join(&deep).join("file"), "deep").unwrap();
    symlink("t".repeat(300), at("names/far")).unwrap();
    // Attributes.
    for (path, name, value) in [
        ("dir/file", "user.note", b"a=b\nc\0d".as_slice()),
        ("dir/sub", "user.of-directory", b"1"),
        ("dir/setuid", "security.capability", &CAPABILITY),
    ] {
        rustix::fs::lsetxattr(at(path), name, value, XattrFlags::empty()).unwrap();
    }
    // Big files.
    let mut sparse = File::create(at("sparse")).unwrap();
    sparse.set_len(SPARSE).unwrap();
    for place in [1 << 20, SPARSE / 2, SPARSE - 6] {
        sparse.seek(SeekFrom::Start(place)).unwrap();
        sparse.write_all(b"island").unwrap();
    }
    let mut state = 88_172_645_463_325_252_u64;
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    std::fs::write(at("large"), noise.take((24 << 20) / 8).flatten().collect::<Vec<u8>>()).unwrap();
    std::fs::write(at("empty"), "").unwrap();
    settle(root);
    // Times before and after those that 32 bits hold.
    set_time(&at("dir/file"), EARLY);
    set_time(&at("dir/owned"), 5_000_000_000);
    set_time(&at("dir"), 1_000_000_000);
}

/// What the second layer changes, as a shell command in the root of the tree: removals, an opaque directory, kinds that become
/// others, a change of nothing but the mode.
pub(crate) const SECOND: &str = "rm -rf removed gone opaque replaced becomes-dir 'names/sp ace' \
&& mkdir opaque becomes-dir && printf new > opaque/new && printf 'a file now' > replaced && printf in > becomes-dir/in \
&& chmod 600 dir/sub/x \
&& touch -d @1100000000 opaque/new opaque replaced becomes-dir/in becomes-dir names hard";

/// Gives everything a time that is not that of the test.
fn settle(root: &Path) {
    let mut left = vec![root.to_owned()];
    let mut all = Vec::new();
    while let Some(dir) = left.pop() {
        for entry in std::fs::read_dir(&dir).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                left.push(entry.path());
            }
            all.push(entry.path());
        }
    }
    // What is deepest comes last in there; a directory keeps its time when nothing in it changes any more.
    all.iter().rev().for_each(|path| set_time(path, 1_000_000_000));
}

fn set_time(path: &Path, seconds: i64) {
    let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}
