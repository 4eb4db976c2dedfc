//! Layers on disk as lists of files, and what they change. They need root: whiteouts are device nodes.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::tree::Timestamp;

/// Makes a directory, one file a line:
///
/// ```text
/// d NAME    o NAME (opaque)    f NAME [CONTENT]    l NAME TARGET    h NAME OF    w NAME (whiteout)    c NAME    p NAME    s NAME
/// ```
///
/// with `mode=`, `own=UID`, `time=NANOS` (of second 1000) and `cap=VALUE` before the type.
fn make(text: &str) -> tempfile::TempDir {
    assert!(rustix::process::geteuid().is_root(), "layers need root");
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut directories = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (mut mode, mut owner, mut nanos, mut capability) = (None, 0, 0, None);
        let mut words = line.split(' ').peekable();
        while let Some((key, value)) = words.peek().and_then(|word| word.split_once('=')) {
            match key {
                "mode" => mode = Some(u32::from_str_radix(value, 8).unwrap()),
                "own" => owner = value.parse().unwrap(),
                "time" => nanos = value.parse().unwrap(),
                "cap" => capability = Some(value.parse::<u8>().unwrap()),
                other => panic!("{other}"),
            }
            words.next();
        }
        let kind = words.next().unwrap();
        let name = words.next().unwrap();
        let at = dir.path().join(name);
        let rest = words.collect::<Vec<_>>().join(" ");
        let node = |kind, number| file::make_node(&at, &Entry::of_node(kind, number)).unwrap();
        match kind {
            "." => {}
            "d" => std::fs::create_dir(&at).unwrap(),
            "o" => {
                std::fs::create_dir(&at).unwrap();
                whiteout::set_opaque(std::fs::File::open(&at).unwrap()).unwrap();
            }
            "f" => std::fs::write(&at, rest).unwrap(),
            "l" => std::os::unix::fs::symlink(rest, &at).unwrap(),
            "h" => std::fs::hard_link(dir.path().join(rest), &at).unwrap(),
            "w" => node(Kind::CharDevice, 0),
            "c" => node(Kind::CharDevice, 0x103),
            "p" => node(Kind::Fifo, 0),
            "s" => node(Kind::Socket, 0),
            other => panic!("{other}"),
        }
        if matches!(kind, "w" | "h") {
            continue;
        }
        file::set_owner(&at, owner, 0).unwrap();
        if kind != "l" {
            file::set_mode(&at, mode.unwrap_or(if matches!(kind, "d" | "o" | ".") { 0o755 } else { 0o644 })).unwrap();
        }
        if let Some(id) = capability {
            let value = [&[1, 0, 0, 2, id], [0; 15].as_slice()].concat();
            xattr::set(&at, c"security.capability", &value).unwrap();
        }
        directories.push((at, Timestamp { seconds: 1000, nanos }));
    }
    for (at, time) in directories.into_iter().rev() {
        file::set_times(&at, time, time).unwrap();
    }
    dir
}

/// What `upper` changes of `lower`, one change a line.
fn changes(lower: Option<&str>, upper: &str) -> String {
    let (lower, upper) = (lower.map(make), make(upper));
    let mut text = String::new();
    for change in of(upper.path(), lower.as_ref().map(|lower| lower.path())).unwrap() {
        let path = change.path().display().to_string();
        text.push_str(&match &change {
            Change::Gone(_) => format!("gone {path}\n"),
            Change::Root(entry) => format!("root {:o} {}:{}\n", entry.mode, entry.uid, entry.gid),
            Change::Is(_) => format!("is {path}\n"),
            Change::Link(_, first) => format!("link {path} -> {}\n", first.display()),
        });
    }
    text
}

/// Compares what `upper` changes of `lower`.
fn check(lower: &str, upper: &str, expected: &str) {
    let expected: String =
        expected.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect();
    assert_eq!(changes(Some(lower), upper), expected, "{upper}\n  on\n{lower}");
}

#[test]
fn a_bottom_layer_is_all_of_it() {
    let upper = "d d\nf d/b x\nf d.x y\nh a d/b\nl l d\nc c\np p\ns s\nd e\nw w";
    assert_eq!(changes(None, upper), "is a\nis c\nis d\nlink d/b -> a\nis d.x\nis e\nis l\nis p\n");
    assert_eq!(changes(None, ""), "");
    assert_eq!(changes(None, "mode=1777 own=5 . ."), "root 1777 5:0\n");
}

#[test]
fn unchanged_files_are_left_out() {
    check("d d\nf d/f x\nl l t\nc c\np p\nd e", "d d\nf d/f x\nl l t\nc c\np p\nd e", "");
    check("d d\nf d/f x\nf d/g x", "d d\nf d/f x\nf d/g y", "is d\nis d/g");
    check("f f x", "f f xy", "is f");
    check("f f x", "mode=600 f f x", "is f");
    check("f f x", "own=7 f f x", "is f");
    check("f f x", "cap=1 f f x", "is f");
    check("cap=1 f f x", "cap=2 f f x", "is f");
    check("cap=1 f f x", "cap=1 f f x", "");
    check("l l a", "l l b", "is l");
    check("d e", "mode=700 d e", "is e");
    check("d e", "time=5 d e", "");
    check("f f", "d f", "is f");
    check("d f\nf f/x", "f f", "is f");
}

#[test]
fn times_tell_versions_apart() {
    // With a part of a second, equal times are enough; without one, contents count.
    check("time=5 f f x", "time=5 f f y", "");
    check("time=5 f f x", "time=6 f f x", "is f");
    check("time=0 f f x", "time=0 f f y", "is f");
}

#[test]
fn what_is_gone_is_named_where_it_was() {
    check("f f\nd d\nf d/f", "w f\nd d\nw d/f\nw d/other\nw nothing", "is d\ngone d/f\ngone f");
    check("d d\nf d/f", "w d", "gone d");
    check("f f", "s f", "gone f");
}

#[test]
fn opaque_directories_are_spelt_out() {
    check(
        "d d\nf d/a\nf d/b\nd d/sub\nf d/sub/x\nd d/gone\nf d/gone/y",
        "o d\nf d/a new\nw d/b\nd d/sub\nd d/new\nf d/new/z",
        "is d\nis d/a\ngone d/b\ngone d/gone\nis d/new\nis d/new/z\nis d/sub\ngone d/sub/x",
    );
    check("f d", "o d\nf d/x", "is d\nis d/x");
    check("d e", "o d\nf d/x", "is d\nis d/x");
    check("d d", "o d", "");
    // A directory in place of a link must not be looked for behind the link.
    check("d real\nf real/x\nl d real", "o d\nf d/y", "is d\nis d/y");
    check("d real\nf real/x\nl d real", "d d\nw d/x", "is d");
}

#[test]
fn names_of_one_file_stay_together() {
    // The kernel copies `a` up before it gets a second name.
    check("f a x", "f a x\nh b a", "is a\nlink b -> a");
    check("f a x\nf b x", "f a x\nh b a", "");
    check("d d\nf d/z x", "d d\nf d/z x\nh a d/z", "is a\nis d\nlink d/z -> a");
}

#[test]
fn the_root_counts_if_it_is_special() {
    check("mode=700 . .", "mode=700 . .", "");
    check("mode=700 . .", "f f", "root 755 0:0\nis f");
}
