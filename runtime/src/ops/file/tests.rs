//! File actions on small trees that are written, and shown, as text.

use std::fmt::Write as _;
use std::os::unix::fs::{MetadataExt, symlink};

use hlb_llb::pb::{ChownOpt, FileActionCopy, FileActionKind, FileActionMkDir, FileActionMkFile, FileActionRm};
use hlb_llb::pb::{FileActionSymlink, NamedUserOpt, User, UserOpt};
use hlb_patterns::Filter;

use super::*;
use crate::sys::xattr;
use crate::tree;

/// A tree from lines: `dir/`, `file=content`, `link>target`, each with an optional ` mode` behind.
fn tree(lines: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    file::set_mode(dir.path(), 0o755).unwrap();
    for line in lines {
        let (name, mode) = line.rsplit_once(' ').unwrap_or((line, ""));
        let at = |name: &str| {
            let at = dir.path().join(name);
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            at
        };
        let made = if let Some((name, target)) = name.split_once('>') {
            symlink(target, at(name)).unwrap();
            continue;
        } else if let Some((name, content)) = name.split_once('=') {
            std::fs::write(at(name), content).unwrap();
            at(name)
        } else {
            std::fs::create_dir_all(at(name)).unwrap();
            at(name)
        };
        let default = if made.is_dir() { 0o755 } else { 0o644 };
        file::set_mode(&made, u32::from_str_radix(mode, 8).unwrap_or(default)).unwrap();
    }
    for entry in tree::scan(dir.path(), &Filter::default()).unwrap().iter().rev() {
        let time = Timestamp { seconds: 1000, nanos: 5 };
        file::set_times(&dir.path().join(&entry.path), time, time).unwrap();
    }
    dir
}

/// Everything in a tree, one line each; times other than `1000` are shown as `@seconds`, `@now` if recent.
fn show(dir: &Path) -> String {
    let mut text = String::new();
    for entry in tree::scan(dir, &Filter::default()).unwrap() {
        let at = dir.join(&entry.path);
        let _ = write!(text, "{}", entry.path.display());
        let _ = match entry.kind {
            tree::Kind::Directory => write!(text, "/"),
            tree::Kind::File => write!(text, "={}", std::fs::read_to_string(&at).unwrap()),
            tree::Kind::Symlink => write!(text, ">{}", entry.target.as_ref().unwrap().display()),
            kind => write!(text, " {kind:?} {}", entry.node),
        };
        if entry.kind != tree::Kind::Symlink {
            let _ = write!(text, " {:o}", entry.mode);
        }
        if (entry.uid, entry.gid) != (0, 0) {
            let _ = write!(text, " {}:{}", entry.uid, entry.gid);
        }
        match entry.mtime.seconds {
            1000 => {}
            seconds if seconds > 1_000_000_000 => text.push_str(" @now"),
            seconds => text.push_str(&format!(" @{seconds}")),
        }
        text.push('\n');
    }
    text
}

fn run(target: &tempfile::TempDir, source: Option<&tempfile::TempDir>, kind: FileActionKind) -> Result<(), FileError> {
    let action = pb::FileAction { action: Some(kind), ..pb::FileAction::default() };
    let source = source.map(|dir| Root::open(dir.path()).unwrap());
    let target_root = Root::open(target.path()).unwrap();
    apply(&action, &target_root, source.as_ref(), |_| Some(Root::open(target.path()).unwrap()))
}

/// What the tree is after the action, or the error.
fn after(target: &tempfile::TempDir, source: Option<&tempfile::TempDir>, kind: FileActionKind) -> String {
    match run(target, source, kind) {
        Ok(()) => show(target.path()),
        Err(error) => error.to_string(),
    }
}

fn copy_action(src: &str, dest: &str) -> FileActionCopy {
    FileActionCopy {
        src: src.into(),
        dest: dest.into(),
        mode: -1,
        timestamp: -1,
        create_dest_path: true,
        ..FileActionCopy::default()
    }
}

/// Copies between fresh trees.
fn copied(source: &[&str], target: &[&str], action: FileActionCopy) -> String {
    after(&tree(target), Some(&tree(source)), FileActionKind::Copy(action))
}

fn mkdir(path: &str, make_parents: bool) -> FileActionKind {
    FileActionKind::Mkdir(FileActionMkDir {
        path: path.into(),
        mode: 0o750,
        make_parents,
        timestamp: 1_000_000_000_000,
        ..FileActionMkDir::default()
    })
}

fn mkfile(path: &str) -> FileActionKind {
    FileActionKind::Mkfile(FileActionMkFile {
        path: path.into(),
        mode: 0o640,
        data: b"new".to_vec(),
        timestamp: 1_000_000_000_000,
        ..FileActionMkFile::default()
    })
}

fn rm(path: &str, allow_not_found: bool, allow_wildcard: bool) -> FileActionKind {
    FileActionKind::Rm(FileActionRm { path: path.into(), allow_not_found, allow_wildcard })
}

#[test]
fn mkdir_makes_what_is_missing_and_keeps_what_is_there() {
    assert_eq!(after(&tree(&[]), None, mkdir("/a", false)), "a/ 750\n");
    assert_eq!(after(&tree(&["a/ 700"]), None, mkdir("/a/b/c", true)), "a/ 700 @now\na/b/ 750 @now\na/b/c/ 750\n");
    assert_eq!(after(&tree(&["a/ 700"]), None, mkdir("/a", false)), "a/ 700\n");
    assert_eq!(after(&tree(&["l>/../../r/x"]), None, mkdir("/l", true)), "l>/../../r/x\nr/ 750 @now\nr/x/ 750\n");
    assert_eq!(after(&tree(&[]), None, mkdir("/a/b", false)), "mkdir `/a/b`: `/a` not found");
    assert_eq!(after(&tree(&["a=x"]), None, mkdir("/a", false)), "mkdir `/a`: `/a` exists and is not a directory");
    assert_eq!(after(&tree(&["a=x"]), None, mkdir("/a/b", true)), "mkdir `/a/b`: `/a` exists and is not a directory");
}

#[test]
fn mkfile_writes_inside_the_tree_only() {
    assert_eq!(after(&tree(&[]), None, mkfile("/a")), "a=new 640\n");
    assert_eq!(after(&tree(&["a=older 600"]), None, mkfile("/a")), "a=new 600\n");
    assert_eq!(after(&tree(&["a>/../../b"]), None, mkfile("/a")), "a>/../../b\nb=new 640\n");
    assert_eq!(after(&tree(&[]), None, mkfile("/a/b")), "mkfile `/a/b`: `/a` not found");
    assert_eq!(
        after(&tree(&["a/"]), None, mkfile("/a")),
        "mkfile `/a`: `/a` is a directory and cannot be replaced by a file"
    );
    let dir = tree(&[]);
    file::make_node(&dir.path().join("fifo"), &tree::Entry::of_node(tree::Kind::Fifo, 0)).unwrap();
    assert_eq!(after(&dir, None, mkfile("/fifo")), "mkfile `/fifo`: `/fifo` exists and is not a regular file");
}

#[test]
fn symlinks_replace_nothing() {
    let link = |newpath: &str| {
        let action = FileActionSymlink { oldpath: "../x".into(), newpath: newpath.into(), timestamp: -1, owner: None };
        FileActionKind::Symlink(action)
    };
    assert_eq!(after(&tree(&["d/"]), None, link("/d/l")), "d/ 755 @now\nd/l>../x @now\n");
    assert_eq!(after(&tree(&["l=x"]), None, link("/l")), "symlink `/l` to `../x`: `/l` exists already");
}

#[test]
fn rm_takes_links_not_what_they_point_to() {
    assert_eq!(after(&tree(&["a/b=x", "l>a"]), None, rm("/l", false, false)), "a/ 755\na/b=x 644\n");
    assert_eq!(after(&tree(&["a/b=x", "l>a"]), None, rm("/l/b", false, false)), "a/ 755 @now\nl>a\n");
    assert_eq!(after(&tree(&["a/b=x"]), None, rm("/a", false, false)), "");
    assert_eq!(after(&tree(&[]), None, rm("/a", false, false)), "rm `/a`: `/a` not found");
    assert_eq!(after(&tree(&["l>gone"]), None, rm("/l", false, false)), "");
    assert_eq!(after(&tree(&[]), None, rm("/a/b", true, false)), "");
    assert_eq!(
        after(&tree(&[]), None, rm("/x/..", false, false)),
        "rm `/x/..`: the root of the tree cannot be removed"
    );
    let files = ["a.o=1", "b.c=2", "d/c.o=3", "d/d.c=4"];
    assert_eq!(after(&tree(&files), None, rm("/*.o", false, true)), "b.c=2 644\nd/ 755\nd/c.o=3 644\nd/d.c=4 644\n");
    assert_eq!(
        after(&tree(&files), None, rm("/*/*.o", false, true)),
        "a.o=1 644\nb.c=2 644\nd/ 755 @now\nd/d.c=4 644\n"
    );
    assert_eq!(after(&tree(&["a=1"]), None, rm("/x*", false, true)), "a=1 644\n");
}

#[test]
fn copies_land_as_with_cp() {
    let source = ["f=1 600", "d/g=2", "d/e/ 700", "l>f"];
    // A file: to a name, into a directory, into a directory that the slash makes.
    assert_eq!(copied(&source, &[], copy_action("/f", "/x")), "x=1 600\n");
    assert_eq!(copied(&source, &["x/"], copy_action("/f", "/x")), "x/ 755 @now\nx/f=1 600\n");
    assert_eq!(copied(&source, &[], copy_action("/f", "/x/")), "x/ 755 @now\nx/f=1 600\n");
    assert_eq!(copied(&source, &[], copy_action("/f", "/x/.")), "x/ 755 @now\nx/f=1 600\n");
    // A directory: as a new name, into an existing one, its contents only.
    assert_eq!(copied(&source, &[], copy_action("/d", "/x")), "x/ 755\nx/e/ 700\nx/g=2 644\n");
    assert_eq!(copied(&source, &["x/"], copy_action("/d", "/x")), "x/ 755 @now\nx/d/ 755\nx/d/e/ 700\nx/d/g=2 644\n");
    let contents = FileActionCopy { dir_copy_contents: true, ..copy_action("/d", "/x") };
    assert_eq!(copied(&source, &["x/ 711", "x/g=old", "x/h=3"], contents), "x/ 711\nx/e/ 700\nx/g=2 644\nx/h=3 644\n");
    assert_eq!(copied(&["d/g=2"], &["x/"], copy_action("/d/.", "/x")), "x/ 755\nx/g=2 644\n");
    // Links are copied as links, or followed at the top if asked.
    assert_eq!(copied(&source, &[], copy_action("/l", "/x")), "x>f\n");
    let follow = FileActionCopy { follow_symlink: true, ..copy_action("/l", "/x") };
    assert_eq!(copied(&source, &[], follow), "x=1 600\n");
    // Destinations resolve inside the target.
    assert_eq!(copied(&source, &["x>/../../y"], copy_action("/f", "/x/z")), "x>/../../y\ny/ 755 @now\ny/z=1 600\n");
}

#[test]
fn copies_replace_only_what_is_alike() {
    assert_eq!(copied(&["f=1"], &["x=old 600"], copy_action("/f", "/x")), "x=1 644\n");
    assert_eq!(copied(&["d/f=1"], &["x/f>/y", "y=2"], contents()), "x/ 755\nx/f=1 644\ny=2 644\n");
    let error = "copy `/d` to `/x`: `/x/f` is a directory and cannot be replaced by a file";
    assert_eq!(copied(&["d/f=1"], &["x/f/g=2"], contents()), error);
    assert_eq!(copied(&["d/f/g=1"], &["x/f=2"], contents()), "copy `/d` to `/x`: `/x/f` exists and is not a directory");
    let always = || FileActionCopy { always_replace_existing_dest_paths: true, ..contents() };
    assert_eq!(copied(&["d/f=1"], &["x/f/g=2"], always()), "x/ 755\nx/f=1 644\n");
    assert_eq!(copied(&["d/f/g=1"], &["x/f>y"], always()), "x/ 755\nx/f/ 755\nx/f/g=1 644\n");
    let parent = FileActionCopy { create_dest_path: false, ..copy_action("/f", "/a/b") };
    assert_eq!(copied(&["f=1"], &[], parent), "copy `/f` to `/a/b`: `/a` not found");
    assert_eq!(copied(&[], &[], copy_action("/f", "/a")), "copy `/f` to `/a`: `/f` not found");
}

fn contents() -> FileActionCopy {
    FileActionCopy { dir_copy_contents: true, ..copy_action("/d", "/x") }
}

#[test]
fn patterns_choose_what_is_copied() {
    let source = ["d/a.c=1", "d/a.o=2", "d/e/b.c=3", "d/e/f/c.o=4"];
    let with = |include: &[&str], exclude: &[&str]| FileActionCopy {
        include_patterns: include.iter().map(|text| (*text).into()).collect(),
        exclude_patterns: exclude.iter().map(|text| (*text).into()).collect(),
        ..contents()
    };
    assert_eq!(copied(&source, &[], with(&["**/*.c"], &[])), "x/ 755\nx/a.c=1 644\nx/e/ 755\nx/e/b.c=3 644\n");
    assert_eq!(
        copied(&source, &[], with(&[], &["**/*.o"])),
        "x/ 755\nx/a.c=1 644\nx/e/ 755\nx/e/b.c=3 644\nx/e/f/ 755\n"
    );
    assert_eq!(copied(&source, &[], with(&["e"], &["e/f"])), "x/ 755\nx/e/ 755\nx/e/b.c=3 644\n");
    let wild = |src: &str| FileActionCopy { allow_wildcard: true, ..copy_action(src, "/x/") };
    assert_eq!(copied(&source, &[], wild("/d/*.?")), "x/ 755 @now\nx/a.c=1 644\nx/a.o=2 644\n");
    assert_eq!(copied(&source, &[], wild("/*/e/f")), "x/ 755 @now\nx/f/ 755\nx/f/c.o=4 644\n");
    assert_eq!(copied(&source, &[], wild("/z*")), "copy `/z*` to `/x/`: `/z*` not found");
    assert_eq!(copied(&source, &[], FileActionCopy { allow_empty_wildcard: true, ..wild("/z*") }), "");
    assert_eq!(after(&tree(&[]), None, FileActionKind::Copy(wild("/z*"))), "copy `/z*` to `/x/`: `/z*` not found");
}

#[test]
fn owners_modes_and_times_are_given() {
    let passwd = "etc/passwd=root:x:0:0::/:/bin/sh\nbob:x:1000:50::/:/bin/sh\n";
    let named = |name: &str| UserOpt { user: Some(User::ByName(NamedUserOpt { name: name.into(), input: 0 })) };
    let number = |id| UserOpt { user: Some(User::ById(id)) };
    let owned = |user: Option<UserOpt>, group: Option<UserOpt>| {
        let dir = tree(&[passwd, "etc/group=staff:x:70:\n"]);
        let owner = Some(ChownOpt { user, group });
        run(&dir, Some(&tree(&["f=1"])), FileActionKind::Copy(FileActionCopy { owner, ..copy_action("/f", "/n/f") }))
            .unwrap();
        let made = std::fs::metadata(dir.path().join("n")).unwrap();
        let file = std::fs::metadata(dir.path().join("n/f")).unwrap();
        assert_eq!((made.uid(), made.gid()), (file.uid(), file.gid()));
        (file.uid(), file.gid())
    };
    assert_eq!(owned(Some(named("bob")), None), (1000, 50));
    assert_eq!(owned(Some(named("bob")), Some(named("staff"))), (1000, 70));
    assert_eq!(owned(Some(named("bob")), Some(named("nobody"))), (1000, 50));
    assert_eq!(owned(Some(named("nobody")), None), (0, 0));
    assert_eq!(owned(Some(number(7)), None), (7, 7));
    assert_eq!(owned(Some(number(7)), Some(number(8))), (7, 8));
    assert_eq!(owned(None, Some(number(8))), (0, 8));

    let mode = |mode| FileActionCopy { mode, ..copy_action("/d", "/n/x") };
    assert_eq!(copied(&["d/f=1"], &[], mode(0o4711)), "n/ 4711 @now\nn/x/ 4711\nn/x/f=1 4711\n");
    let text = FileActionCopy { mode_str: "go-w,a+X".into(), ..copy_action("/d", "/x") };
    assert_eq!(copied(&["d/f=1 666", "d/g=2 766"], &[], text), "x/ 755\nx/f=1 644\nx/g=2 755\n");
    let time = FileActionCopy { timestamp: 77_000_000_001, ..copy_action("/d", "/n/x") };
    assert_eq!(copied(&["d/f=1", "d/l>f"], &[], time), "n/ 755 @77\nn/x/ 755 @77\nn/x/f=1 644 @77\nn/x/l>f @77\n");
    assert_eq!(timestamp(-1_500_000_000), Some(Timestamp { seconds: -2, nanos: 500_000_000 }));
}

#[test]
fn hard_links_nodes_and_attributes_survive() {
    let source = tree(&["d/a=1", "d/z=2"]);
    std::fs::hard_link(source.path().join("d/a"), source.path().join("d/b")).unwrap();
    std::fs::hard_link(source.path().join("d/a"), source.path().join("outside")).unwrap();
    file::make_node(&source.path().join("d/fifo"), &tree::Entry::of_node(tree::Kind::Fifo, 0)).unwrap();
    file::make_node(&source.path().join("d/null"), &tree::Entry::of_node(tree::Kind::CharDevice, 0x103)).unwrap();
    xattr::set(&source.path().join("d/z"), c"user.note", b"kept").unwrap();
    let target = tree(&["x/a=old", "x/b=old"]);
    run(&target, Some(&source), FileActionKind::Copy(contents())).unwrap();
    let inode = |name: &str| std::fs::metadata(target.path().join(name)).unwrap().ino();
    assert_eq!(inode("x/a"), inode("x/b"));
    assert_ne!(inode("x/a"), inode("x/z"));
    assert!(show(target.path()).contains("x/fifo Fifo 0") && show(target.path()).contains("x/null CharDevice 259"));
    let attributes = xattr::list(&target.path().join("x/z")).unwrap();
    assert!(attributes.contains(&(c"user.note".to_owned(), b"kept".to_vec())));
}

/// What a program of this machine packs, for a second opinion.
fn packed_by(program: &str, data: &[u8]) -> Vec<u8> {
    let mut command = std::process::Command::new(program);
    let pipe = std::process::Stdio::piped;
    let mut child = command.arg("-c").stdin(pipe()).stdout(pipe()).spawn().expect("`xtask setup --tests` installs it");
    io::Write::write_all(&mut child.stdin.take().unwrap(), data).unwrap();
    let packed = child.wait_with_output().unwrap();
    assert!(packed.status.success());
    packed.stdout
}

#[test]
fn archives_are_unpacked_inside_their_destination() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |name: &str, kind: tar::EntryType, link: &str, data: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o640);
        header.set_uid(5);
        header.set_gid(6);
        header.set_mtime(1000);
        header.set_size(data.len() as u64);
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        builder.append(&header, data).unwrap();
    };
    add("d/", tar::EntryType::Directory, "", b"");
    add("d/f", tar::EntryType::Regular, "", b"1");
    add("out", tar::EntryType::Symlink, "/../..", b"");
    add("out/through", tar::EntryType::Regular, "", b"2");
    add("hard", tar::EntryType::Link, "d/f", b"");
    let plain = builder.into_inner().unwrap();
    let expected =
        "x/ 755 @now\nx/d/ 640 5:6\nx/d/f=1 640 5:6\nx/hard=1 640 5:6\nx/out>/../.. 5:6\nx/through=2 640 5:6\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    io::Write::write_all(&mut gzip, &plain).unwrap();
    let unpack = || FileActionCopy { attempt_unpack_docker_compatibility: true, ..copy_action("/a", "/x") };
    let unpacked = |data: &[u8]| {
        let source = tree(&[]);
        std::fs::write(source.path().join("a"), data).unwrap();
        after(&tree(&[]), Some(&source), FileActionKind::Copy(unpack()))
    };
    assert_eq!(unpacked(&plain), expected);
    assert_eq!(unpacked(&gzip.finish().unwrap()), expected);
    assert_eq!(unpacked(&zstd::encode_all(plain.as_slice(), 1).unwrap()), expected);
    assert_eq!(unpacked(b"no archive"), "x=no archive 644 @now\n");
    for program in ["xz", "bzip2"] {
        let packed = packed_by(program, &plain);
        assert_eq!(unpacked(&packed), expected, "{program}");
        // Two, one behind the other, are one: as `cat` makes them, and programs that pack with several threads.
        let (first, second) = plain.split_at(700);
        let parts = [packed_by(program, first), packed_by(program, second)].concat();
        assert_eq!(unpacked(&parts), expected, "{program}");
    }
    let mut outside = plain.clone();
    outside[..5].copy_from_slice(b"../x\0");
    let sum: u32 = outside[..512]
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
        .sum();
    outside[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    assert_eq!(unpacked(&outside), "copy `/a` to `/x`: archive entry `../x` leaves the destination");
}
