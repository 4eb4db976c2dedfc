//! Archives as lists of entries, and the directories that come of them. They need root, as unpacking does.

mod large;

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::process::Command;

use rustix::fs::XattrFlags;

use super::*;
use crate::sys::xattr;

/// An archive, one entry a line:
///
/// ```text
/// f NAME [CONTENT]    d NAME    l NAME TARGET    h NAME TARGET    c|b NAME MAJOR:MINOR    p NAME
/// ```
///
/// with `mode=`, `own=UID:GID`, `time=` and `x.NAME=VALUE` before the type.
pub(super) fn archive(text: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut header = tar::Header::new_ustar();
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1000);
        let (mut mode, mut pax) = (None, Vec::new());
        let mut words = line.split(' ').peekable();
        while let Some((key, value)) = words.peek().and_then(|word| word.split_once('=')) {
            match key {
                "mode" => mode = Some(u32::from_str_radix(value, 8).unwrap()),
                "own" => {
                    let (uid, gid) = value.split_once(':').unwrap();
                    header.set_uid(uid.parse().unwrap());
                    header.set_gid(gid.parse().unwrap());
                }
                "time" => pax.push(("mtime".to_owned(), value.to_owned())),
                key => pax.push((format!("SCHILY.xattr.{}", key.strip_prefix("x.").unwrap()), value.to_owned())),
            }
            words.next();
        }
        let kind = words.next().unwrap();
        let name = words.next().unwrap();
        let rest = words.collect::<Vec<_>>().join(" ");
        header.set_entry_type(match kind {
            "f" => tar::EntryType::Regular,
            "d" => tar::EntryType::Directory,
            "l" => tar::EntryType::Symlink,
            "h" => tar::EntryType::Link,
            "c" => tar::EntryType::Char,
            "b" => tar::EntryType::Block,
            "p" => tar::EntryType::Fifo,
            other => panic!("{other}"),
        });
        header.set_mode(mode.unwrap_or(if kind == "d" { 0o755 } else { 0o644 }));
        // Written raw: the crate would refuse the names that matter here.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        let mut data: &[u8] = b"";
        match kind {
            "l" | "h" => header.as_old_mut().linkname[..rest.len()].copy_from_slice(rest.as_bytes()),
            "c" | "b" => {
                let (major, minor) = rest.split_once(':').unwrap();
                header.set_device_major(major.parse().unwrap()).unwrap();
                header.set_device_minor(minor.parse().unwrap()).unwrap();
            }
            _ => data = rest.as_bytes(),
        }
        header.set_size(data.len() as u64);
        header.set_cksum();
        if !pax.is_empty() {
            builder.append_pax_extensions(pax.iter().map(|(key, value)| (key.as_str(), value.as_bytes()))).unwrap();
        }
        builder.append(&header, data).unwrap();
    }
    builder.into_inner().unwrap()
}

struct Layers {
    dir: tempfile::TempDir,
    /// Top first.
    layers: Vec<PathBuf>,
}

impl Layers {
    fn new() -> Self {
        assert!(rustix::process::geteuid().is_root(), "unpacking layers needs root");
        Self { dir: tempfile::tempdir().unwrap(), layers: Vec::new() }
    }

    fn apply_bytes(&mut self, bytes: &[u8]) -> Result<Applied, ApplyError> {
        let upper = self.dir.path().join(self.layers.len().to_string());
        std::fs::create_dir(&upper).unwrap();
        std::fs::set_permissions(&upper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let lowers = self.layers.clone();
        self.layers.insert(0, upper.clone());
        apply_layer(bytes, &upper, &lowers, LayerLimits::default())
    }

    /// Applies archives on top of each other; what the last layer is made of.
    fn apply(&mut self, archives: &[&str]) -> String {
        for text in archives {
            self.apply_bytes(&archive(text)).unwrap();
        }
        list(&self.layers[0])
    }
}

/// Applies archives on top of each other and compares what the last layer is made of.
fn check(archives: &[&str], expected: &str) {
    let found = Layers::new().apply(archives);
    let expected: String = expected.lines().map(|line| format!("{}\n", line.trim())).collect();
    assert_eq!(found, expected, "{archives:#?}");
}

/// Applies archives of which the last is refused. The reason.
fn refused(archives: &[&str]) -> String {
    let mut layers = Layers::new();
    let (last, first) = archives.split_last().unwrap();
    for text in first {
        layers.apply_bytes(&archive(text)).unwrap();
    }
    // What it must not touch lies beside the layers.
    std::fs::create_dir(layers.dir.path().join("outside")).unwrap();
    std::fs::write(layers.dir.path().join("outside/file"), "untouched").unwrap();
    let error = layers.apply_bytes(&archive(last)).unwrap_err();
    assert_eq!(list(&layers.dir.path().join("outside")), "f 644 file untouched\n");
    chain(&error)
}

fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |error| error.source())
        .fold(error.to_string(), |text, error| format!("{text}: {error}"))
}

/// A directory, one file a line; what is usual is left out (owner 0:0, time 1000 or, if made in passing, 0).
fn list(root: &Path) -> String {
    let mut text = String::new();
    let mut queue = vec![root.to_owned()];
    let mut found = Vec::new();
    while let Some(dir) = queue.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if std::fs::symlink_metadata(&path).unwrap().is_dir() {
                queue.push(path.clone());
            }
            found.push(path);
        }
    }
    found.push(root.to_owned());
    found.sort();
    for path in found {
        let meta = std::fs::symlink_metadata(&path).unwrap();
        let kind = meta.file_type();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let mut line = String::new();
        let node = format!("{}:{}", rustix::fs::major(meta.rdev()), rustix::fs::minor(meta.rdev()));
        if kind.is_char_device() && meta.rdev() == 0 {
            let _ = writeln!(text, "whiteout {name}");
            continue;
        }
        let (letter, content) = match () {
            () if kind.is_dir() => ("d", String::new()),
            () if kind.is_symlink() => ("l", std::fs::read_link(&path).unwrap().display().to_string()),
            () if kind.is_char_device() => ("c", node),
            () if kind.is_block_device() => ("b", node),
            () if kind.is_fifo() => ("p", String::new()),
            () => ("f", String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned()),
        };
        let _ = write!(line, "{letter} ");
        if !kind.is_symlink() {
            let _ = write!(line, "{:o} ", meta.mode() & 0o7777);
        }
        if (meta.uid(), meta.gid()) != (0, 0) {
            let _ = write!(line, "{}:{} ", meta.uid(), meta.gid());
        }
        line.push_str(&name);
        if !content.is_empty() {
            let _ = write!(line, " {content}");
        }
        if meta.nlink() > 1 && !meta.is_dir() {
            let _ = write!(line, " links={}", meta.nlink());
        }
        for (key, value) in xattr::list(&path).unwrap() {
            let key = key.to_string_lossy().replace("trusted.overlay.", "");
            let _ = write!(line, " {key}={}", String::from_utf8_lossy(&value));
        }
        if line != "d 755 " {
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    text
}

#[test]
fn privileged_every_kind_of_file() {
    check(
        &["d dir
           mode=600 own=5:6 f dir/file text
           mode=4755 own=7:8 f set-id x
           mode=1777 d tmp
           l link ../anywhere
           own=9:9 l owned x
           h hard dir/file
           mode=666 c null 1:3
           mode=660 own=0:6 b disk 8:1
           mode=600 p fifo
           f deep/in/there x"],
        "d 755 deep
         d 755 deep/in
         f 644 deep/in/there x
         d 755 dir
         f 600 5:6 dir/file text links=2
         b 660 0:6 disk 8:1
         p 600 fifo
         f 600 5:6 hard text links=2
         l link ../anywhere
         c 666 null 1:3
         l 9:9 owned x
         f 4755 7:8 set-id x
         d 1777 tmp",
    );
}

#[test]
fn privileged_names_are_brought_into_one_form() {
    check(
        &["d ./\n f ./a x\n f /b y\n d c/\n f c/../d z\n f c//./e w"],
        "f 644 a x\n f 644 b y\n d 755 c\n f 644 c/e w\n f 644 d z",
    );
    check(&["mode=711 own=3:4 d ./"], "d 711 3:4");
}

#[test]
fn privileged_the_last_of_a_name_counts() {
    check(&["f a one\n f a two"], "f 644 a two");
    check(&["d a\n f a/x 1\n f a now a file"], "f 644 a now a file");
    check(&["f a x\n mode=700 d a\n f a/b y"], "d 700 a\n f 644 a/b y");
    check(&["f a/b x\n mode=700 d a"], "d 700 a\n f 644 a/b x");
    check(&["l a b\n f a text"], "f 644 a text");
    check(&["f a x\n h b a\n f b own"], "f 644 a x\n f 644 b own");
}

#[test]
fn privileged_extended_attributes() {
    check(
        &["x.user.a=1 x.trusted.b=2 f file x\n x.user.c=3 d dir\n x.user.d=4 l link x\n x.nonsense=5 f other"],
        "d 755 dir user.c=3\n f 644 file x trusted.b=2 user.a=1\n l link x\n f 644 other",
    );
    // What steers overlayfs is not for archives to say.
    check(&["x.trusted.overlay.opaque=y x.trusted.overlay.redirect=/etc x.user.overlay.opaque=y d dir"], "d 755 dir");
}

#[test]
fn privileged_times() {
    let mut layers = Layers::new();
    layers.apply(&["time=5.25 d dir\n time=1700000000.123456789 f dir/a x\n time=-1.5 l dir/b x\n time=7 d ./"]);
    let time = |name: &str| {
        let meta = std::fs::symlink_metadata(layers.layers[0].join(name)).unwrap();
        (meta.mtime(), meta.mtime_nsec())
    };
    assert_eq!(time("dir"), (5, 250_000_000));
    assert_eq!(time("dir/a"), (1_700_000_000, 123_456_789));
    assert_eq!(time("dir/b"), (-2, 500_000_000));
    assert_eq!(time(""), (7, 0));
    let mut layers = Layers::new();
    layers.apply(&["time=5 d dir\n d dir/sub", "f dir/new x\n f made/in/passing x"]);
    let time = |name: &str| std::fs::symlink_metadata(layers.layers[0].join(name)).unwrap().mtime();
    assert_eq!((time("dir"), time("made"), time("made/in")), (5, 0, 0));
}

#[test]
fn privileged_parents_look_as_in_lower_layers() {
    check(
        &["mode=2750 own=1:2 x.user.k=v d a\n mode=700 d a/b\n f a/b/old x", "f a/b/new y"],
        "d 2750 1:2 a user.k=v\n d 700 a/b\n f 644 a/b/new y",
    );
    check(&["mode=700 d a", "mode=711 d a", "f a/b x"], "d 711 a\n f 644 a/b x");
}

#[test]
fn privileged_links_on_the_way_are_followed_in_the_image() {
    check(&["d usr/lib\n l lib usr/lib", "f lib/a x"], "d 755 usr\n d 755 usr/lib\n f 644 usr/lib/a x");
    check(&["l lib /usr/lib\n f lib/a x"], "l lib /usr/lib\n d 755 usr\n d 755 usr/lib\n f 644 usr/lib/a x");
    check(&["l up ../../../../..", "f up/a x"], "f 644 a x");
    check(&["l a ../../x", "f a/file y"], "d 755 x\n f 644 x/file y");
}

#[test]
fn privileged_whiteouts() {
    check(&["f a x\n f b x\n d dir\n f dir/c x", "f .wh.a\n f dir/.wh.c"], "whiteout a\n d 755 dir\n whiteout dir/c");
    check(&["f a x", "f .wh.nothing"], "");
    check(&["f .wh.a"], "");
    check(&["f a x", "f .wh.a", "f .wh.a"], "");
    check(&["d dir\n f dir/a x", "f .wh.dir\n d dir\n f dir/b y"], "d 755 dir opaque=y\n f 644 dir/b y");
    check(&["d dir\n f dir/a x", "d dir\n f dir/b y\n f .wh.dir"], "d 755 dir opaque=y\n f 644 dir/b y");
    check(&["d dir\n f dir/a x", "f .wh.dir\n f dir/b y"], "d 755 dir opaque=y\n f 644 dir/b y");
    check(&["f a x", "f .wh.a\n f a new"], "f 644 a new");
    check(&["f a x", "f a new\n f .wh.a"], "f 644 a new");
    check(&["f a x", "c a 0:0"], "whiteout a");
    check(&["f .wh..wh.aufs\n d .wh..wh.plnk\n f .wh..wh.plnk/1.2 x\n f a x"], "f 644 a x");
}

#[test]
fn privileged_opaque_directories() {
    let lower = "mode=700 d dir\n f dir/a x\n mode=711 d dir/sub";
    check(&[lower, "d dir\n f dir/.wh..wh..opq\n f dir/b y"], "d 755 dir opaque=y\n f 644 dir/b y");
    check(&[lower, "f dir/b y\n f dir/.wh..wh..opq"], "d 700 dir opaque=y\n f 644 dir/b y");
    check(&[lower, "f dir/.wh..wh..opq\n f dir/sub/c z"], "d 700 dir opaque=y\n d 755 dir/sub\n f 644 dir/sub/c z");
    check(&["d dir\n f dir/.wh..wh..opq"], "d 755 dir");
    check(&["f a x\n f b x", "f c x\n f b y\n f .wh..wh..opq"], "whiteout a\n f 644 b y\n f 644 c x");
}

#[test]
fn privileged_lower_layers_do_not_show_through() {
    check(&["d a\n f a/x 1", "f a file"], "f 644 a file");
    check(&["f a file", "mode=700 d a"], "d 700 a");
    check(&["d a\n f a/x 1", "f a file\n d a\n f a/y 2"], "d 755 a opaque=y\n f 644 a/y 2");
}

#[test]
fn privileged_hard_links_reach_down() {
    check(
        &["mode=4755 own=1:2 x.user.k=v f a x\n l s t\n mode=600 c null 1:3", "h b a\n h t s\n h zero null"],
        "f 4755 1:2 a x links=2 user.k=v\n f 4755 1:2 b x links=2 user.k=v\n c 600 null 1:3 links=2\n l s t links=2\n l t t links=2\n c 600 zero 1:3 links=2",
    );
    check(&["mode=700 d d\n f d/a x", "h b d/a"], "f 644 b x links=2\n d 700 d\n f 644 d/a x links=2");
    check(&["d usr\n l d usr\n f usr/a x", "h d/b /d/a"], "d 755 usr\n f 644 usr/a x links=2\n f 644 usr/b x links=2");
}

#[test]
fn privileged_what_is_refused() {
    insta::assert_snapshot!(refused(&["f ../outside/file x"]), @"the layer's entry `../outside/file` is refused: it leads out of the image");
    insta::assert_snapshot!(refused(&["d a\n f a/../../outside/file x"]), @"the layer's entry `a/../../outside/file` is refused: it leads out of the image");
    insta::assert_snapshot!(refused(&["h a ../outside/file"]), @"the layer's entry `a` is refused: it leads out of the image");
    insta::assert_snapshot!(refused(&["l a ../outside\n h b a/file"]), @"the layer's entry `b` is refused: it is a hard link to something that is not there");
    insta::assert_snapshot!(refused(&["l a ../outside", "h b a/file"]), @"the layer's entry `b` is refused: it is a hard link to something that is not there");
    insta::assert_snapshot!(refused(&["f ."]), @"the layer's entry `.` is refused: it would replace the root directory");
    insta::assert_snapshot!(refused(&["l / x"]), @"the layer's entry `/` is refused: it would replace the root directory");
    insta::assert_snapshot!(refused(&["f a x\n f a/b y"]), @"the layer's entry `a/b` is refused: what it is in is not a directory");
    insta::assert_snapshot!(refused(&["f a x", "f a/b y"]), @"the layer's entry `a/b` is refused: what it is in is not a directory");
    insta::assert_snapshot!(refused(&["f a x\n f .wh.."]), @"the layer's entry `.wh..` is refused: it hides no name");
    insta::assert_snapshot!(refused(&["d a\n h b a"]), @"the layer's entry `b` is refused: it is a hard link to a directory");
    insta::assert_snapshot!(refused(&["h a a"]), @"the layer's entry `a` is refused: it is a hard link to itself");
    insta::assert_snapshot!(refused(&["f a x", "f .wh.a\n h b a"]), @"the layer's entry `b` is refused: it is a hard link to something that is not there");
    insta::assert_snapshot!(refused(&["l a b\n l b a\n f a/c x"]), @"the layer's entry `a/c` cannot be unpacked: Too many levels of symbolic links (os error 40)");
    insta::assert_snapshot!(refused(&["l a"]), @"the layer's entry `a` is refused: it is a symbolic link to nothing");
}

#[test]
fn privileged_links_cannot_be_used_to_write_outside() {
    for archives in [
        &["l a ../outside\n f a/file changed"][..],
        &["l a ../outside", "f a/file changed"],
        &["l a ..\n l b a/outside\n f b/file changed"],
        &["l file ../outside/file\n f file changed"],
        &["l file ../outside/file", "f file changed"],
        &["d a\n l a/b ../../outside\n d a/b\n f a/b/file changed"],
        &["l a ../outside", "mode=777 d a"],
        &["l a ../outside", "f a/.wh..wh..opq"],
        &["l a ../outside", "f a/.wh.file"],
        &["l a ../outside/file\n h b a\n f b changed"],
    ] {
        let mut layers = Layers::new();
        let outside = layers.dir.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::set_permissions(&outside, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::write(outside.join("file"), "untouched").unwrap();
        layers.apply(archives);
        assert_eq!(list(&outside), "f 644 file untouched\n", "{archives:#?}");
    }
}

#[test]
fn privileged_damaged_archives() {
    let good = archive("f a text\n f b text");
    let fails = |bytes: &[u8]| chain(&Layers::new().apply_bytes(bytes).unwrap_err());
    insta::assert_snapshot!(fails(b"this is not an archive at all".repeat(40).as_slice()), @"the archive is not usable at byte 0: it is not a tar archive");
    insta::assert_snapshot!(fails(&good[..514]), @"the layer's entry `a` cannot be unpacked: it ends in the middle of an entry");
    insta::assert_snapshot!(fails(&good[..300]), @"the archive is not usable at byte 0: it ends in the middle of a header");
    let mut flipped = good.clone();
    flipped[1024 + 5] ^= 1;
    insta::assert_snapshot!(fails(&flipped), @"the archive is not usable at byte 1024: the checksum of a header is wrong");
    insta::assert_snapshot!(fails(&gzip(&good)[..40]), @"the archive cannot be read at byte 0: incomplete deflate stream");
    insta::assert_snapshot!(fails(&[&gzip(&good)[..], b"junk"].concat()), @"the layer cannot be read: unexpected end of file");
    insta::assert_snapshot!(fails(b"BZh9xxxx"), @"the layer cannot be read: bzip2 compression is not supported, use gzip or zstd");
    // Every prefix of an archive ends in an error or in fewer files, never in a panic.
    for end in (0..good.len()).step_by(97) {
        let _ = Layers::new().apply_bytes(&good[..end]);
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn privileged_the_digest_is_of_all_that_is_uncompressed() {
    let mut plain = archive("f a text");
    plain.extend_from_slice(b"what some tools leave behind the end mark");
    let expected = Applied { diff_id: Digest::of(&plain), size: plain.len() as u64 };
    let zstd = zstd::encode_all(&plain[..], 1).unwrap();
    let (first, second) = plain.split_at(600);
    let members = [gzip(first), gzip(second)].concat();
    for layer in [plain.clone(), gzip(&plain), zstd, members] {
        let mut layers = Layers::new();
        assert_eq!(layers.apply_bytes(&layer).unwrap(), expected);
        assert_eq!(list(&layers.layers[0]), "f 644 a text\n");
    }
}

/// Everything about a tree that unpacking decides.
pub(super) fn facts(root: &Path) -> Vec<String> {
    let mut facts: Vec<String> = list(root).lines().map(str::to_owned).collect();
    let mut queue = vec![root.to_owned()];
    while let Some(path) = queue.pop() {
        let meta = std::fs::symlink_metadata(&path).unwrap();
        let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes().escape_ascii().to_string();
        // Nobody sees the time of a whiteout.
        if !meta.file_type().is_char_device() || meta.rdev() != 0 {
            facts.push(format!("{name} {}.{:09}", meta.mtime(), meta.mtime_nsec()));
        }
        if meta.is_dir() {
            queue.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    facts.sort();
    facts
}

fn tar(arguments: &[&str], dir: &Path) {
    let output = Command::new("tar").args(arguments).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "tar {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn privileged_gnu_tar_unpacks_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    let long = format!("{}/{}", "d".repeat(90), "x".repeat(90));
    std::fs::create_dir_all(tree.join(&long)).unwrap();
    std::fs::write(tree.join(&long).join("y".repeat(80)), "deep").unwrap();
    std::fs::write(tree.join("file"), "x".repeat(70_000)).unwrap();
    std::fs::hard_link(tree.join("file"), tree.join("again")).unwrap();
    std::os::unix::fs::symlink("z".repeat(150), tree.join("link")).unwrap();
    std::os::unix::fs::chown(tree.join("file"), Some(1234), Some(5678)).unwrap();
    std::fs::set_permissions(tree.join("file"), std::os::unix::fs::PermissionsExt::from_mode(0o6755)).unwrap();
    std::fs::write(tree.join("ümläut \\ \"'"), "").unwrap();
    let node = |name: &str, kind, device| {
        rustix::fs::mknodat(rustix::fs::CWD, tree.join(name), kind, Mode::RUSR, device).unwrap()
    };
    node("null", FileType::CharacterDevice, rustix::fs::makedev(1, 3));
    node("pipe", FileType::Fifo, 0);
    rustix::fs::lsetxattr(tree.join("file"), c"user.key", b"value", XattrFlags::empty()).unwrap();
    for (format, extra) in [("gnu", &[][..]), ("posix", &["--xattrs"][..]), ("posix", &["--pax-option=delete=mtime"])] {
        let case = format!("{format} {extra:?}");
        let packed = dir.path().join("packed.tar");
        let packed = packed.to_str().unwrap();
        tar(&[&["--create", "--sort=name", "--format", format, "--file", packed, "."], extra].concat(), &tree);
        let theirs = dir.path().join("theirs");
        std::fs::create_dir(&theirs).unwrap();
        let flags =
            ["--extract", "--preserve-permissions", "--same-owner", "--numeric-owner", "--xattrs", "--file", packed];
        tar(&[&flags[..], &["--delay-directory-restore"]].concat(), &theirs);
        let mut layers = Layers::new();
        layers.apply_bytes(&std::fs::read(packed).unwrap()).unwrap();
        let ours = facts(&layers.layers[0]);
        assert!(ours.iter().any(|line| line.contains("1234:5678")) && ours.len() > 15, "{ours:#?}");
        assert_eq!(ours, facts(&theirs), "{case}");
        std::fs::remove_dir_all(&theirs).unwrap();
    }
}

#[test]
fn privileged_overlayfs_shows_what_was_meant() {
    let mut layers = Layers::new();
    layers.apply(&[
        "d kept\n f kept/a 1\n d gone\n f gone/b 2\n d emptied\n f emptied/c 3\n f file 4\n l link kept",
        "f .wh.gone\n f emptied/.wh..wh..opq\n f emptied/d 5\n f link/e 6\n h again file",
        "d gone\n f gone/f 7\n f .wh.file",
    ]);
    let lowers: Vec<_> = layers.layers.iter().map(|layer| layer.to_str().unwrap()).collect();
    let target = layers.dir.path().join("view");
    std::fs::create_dir(&target).unwrap();
    let script = format!(
        "mount -t overlay overlay -o ro,lowerdir={} {target} && cd {target} && find . -mindepth 1 -printf '%y %P %l\\n' | sort",
        lowers.join(":"),
        target = target.display()
    );
    let output = Command::new("unshare").args(["--mount", "sh", "-c", &script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown = String::from_utf8(output.stdout).unwrap();
    let shown: Vec<&str> = shown.lines().map(str::trim_end).collect();
    assert_eq!(
        shown,
        ["d emptied", "d gone", "d kept", "f again", "f emptied/d", "f gone/f", "f kept/a", "f kept/e", "l link kept"]
    );
}
