//! Trees sent to our own receiver, and peers that do not keep to the protocol.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use futures_util::stream;
use hlb_patterns::Filter;
use rustix::fs::{CWD, Mode};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::walk::Walk;
use super::*;

/// Makes files: `name/` is a directory, `name -> target` a link, `name = first` another name, `name | ` a FIFO, everything
/// else a file that holds its own name.
fn make(dir: &Path, files: &[&str]) {
    for file in files {
        if let Some((name, target)) = file.split_once(" -> ") {
            symlink(target, dir.join(name)).unwrap();
        } else if let Some((name, first)) = file.split_once(" = ") {
            std::fs::hard_link(dir.join(first), dir.join(name)).unwrap();
        } else if let Some(name) = file.strip_suffix(" |") {
            rustix::fs::mknodat(CWD, dir.join(name), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        } else if file.ends_with('/') {
            std::fs::create_dir_all(dir.join(file)).unwrap();
        } else {
            std::fs::create_dir_all(dir.join(file).parent().unwrap()).unwrap();
            std::fs::write(dir.join(file), file).unwrap();
        }
    }
}

/// The entries of a directory as a sender describes them, a line each.
fn listed(dir: &Path, include: &[&str], exclude: &[&str]) -> Vec<String> {
    let mut walk = Walk::new(dir, Filter::new(include, exclude).unwrap()).unwrap();
    let mut lines = Vec::new();
    while let Some(stat) = walk.next().unwrap() {
        let (kind, mode) = from_wire(stat.mode);
        let (size, link) = (stat.size, &stat.linkname);
        lines.push(match kind {
            Kind::Symlink => format!("{} -> {link}", stat.path),
            Kind::File if !link.is_empty() => format!("{} = {link}", stat.path),
            Kind::File => format!("{} {mode:o} {size}", stat.path),
            kind => format!("{} {mode:o} {kind:?}", stat.path),
        });
    }
    lines
}

/// The content, kinds, modes and times below a directory.
fn snapshot(dir: &Path) -> Vec<(String, u32, i64, i64, Vec<u8>)> {
    let mut walk = Walk::new(dir, Filter::default()).unwrap();
    let mut found = Vec::new();
    while let Some(stat) = walk.next().unwrap() {
        let path = dir.join(&stat.path);
        let meta = std::fs::symlink_metadata(&path).unwrap();
        let content = if meta.is_file() { std::fs::read(&path).unwrap() } else { stat.linkname.clone().into_bytes() };
        found.push((format!("{} {}", stat.path, stat.linkname), meta.mode(), meta.mtime(), meta.mtime_nsec(), content));
    }
    found
}

fn tree(directory: &Path) -> Tree {
    Tree { directory: directory.to_owned(), include: Vec::new(), exclude: Vec::new(), follow: Vec::new() }
}

/// Sends a tree from one task to a receiver on a thread.
async fn exchange(tree: Tree, to: &Path) -> (Result<(), SendError>, Result<Vec<std::path::PathBuf>, ReceiveError>) {
    let (to_receiver, mut from_sender) = mpsc::channel::<Result<Packet, tonic::Status>>(4);
    let (to_sender, from_receiver) = mpsc::channel::<Result<Packet, tonic::Status>>(4);
    let (handle, to) = (Handle::current(), to.to_owned());
    let receiver = tokio::task::spawn_blocking(move || {
        let next = || handle.block_on(from_sender.recv());
        receive(&to, next, |packet| to_sender.blocking_send(Ok(packet)).is_ok())
    });
    let sent = send(tree, ReceiverStream::new(from_receiver), &to_receiver).await;
    drop(to_receiver);
    (sent, receiver.await.unwrap())
}

#[test]
fn modes_survive_the_wire() {
    let kinds =
        [Kind::File, Kind::Directory, Kind::Symlink, Kind::CharDevice, Kind::BlockDevice, Kind::Fifo, Kind::Other];
    for kind in kinds {
        for mode in [0, 0o644, 0o7777, 0o4755, 0o2700, 0o1777] {
            assert_eq!(from_wire(to_wire(kind, mode)), (kind, mode));
        }
    }
    assert_eq!(to_wire(Kind::Directory, 0o1755), 0x8010_01ed);
    assert_eq!(from_wire(SOCKET | 0o600), (Kind::Other, 0o600));
}

#[test]
fn entries_come_in_the_order_of_a_walk() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), &["a.b", "a/z", "a/b/c", "a-", "b/", "c = a.b", "d -> nowhere", "e |"]);
    insta::assert_snapshot!(listed(dir.path(), &[], &[]).join("\n"), @r"
    a 755 Directory
    a/b 755 Directory
    a/b/c 644 5
    a/z 644 3
    a- 644 2
    a.b 644 3
    b 755 Directory
    c = a.b
    d -> nowhere
    e 400 Fifo
    ");
}

#[test]
fn filters_choose_entries() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), &["src/a.c", "src/a.o", "src/deep/b.c", "doc/x.md", "empty/", "top.c", "z.c = src/a.o"]);
    let check = |include: &[&str], exclude: &[&str], expected: &str| {
        // Without mode and size, of whatever has them.
        let lines = listed(dir.path(), include, exclude);
        let name = |line: &str| match line.split_once(' ') {
            Some((_, rest)) if rest.starts_with('=') => line.to_owned(),
            Some((name, _)) => name.to_owned(),
            None => line.to_owned(),
        };
        let names: Vec<String> = lines.iter().map(|line| name(line)).collect();
        assert_eq!(names.join(" "), expected, "{include:?} {exclude:?}");
    };
    check(&["**/*.c"], &[], "src src/a.c src/deep src/deep/b.c top.c z.c");
    check(&["src"], &["src/deep"], "src src/a.c src/a.o");
    check(&[], &["**", "!doc/*.md"], "doc doc/x.md");
    check(&["nothing"], &[], "");
    // The first name is left out, so the second is no link.
    check(&["z.c"], &[], "z.c");
    check(&["src/a.o", "z.c"], &[], "src src/a.o z.c = src/a.o");
}

#[tokio::test]
async fn a_tree_arrives_as_it_was() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(from.path(), &["a/b/c", "a/d = a/b/c", "a.b", "e/", "link -> a/b", "out -> /etc/passwd", "empty", "z/z/z"]);
    std::fs::write(from.path().join("empty"), "").unwrap();
    std::fs::write(from.path().join("large"), vec![7; 3 * PIECE + 1]).unwrap();
    for count in 0..100 {
        make(from.path(), &[&format!("many/{count}")]);
    }
    std::fs::set_permissions(from.path().join("e"), Permissions::from_mode(0o1711)).unwrap();
    std::fs::set_permissions(from.path().join("a.b"), Permissions::from_mode(0o640)).unwrap();
    for _ in 0..2 {
        let (sent, received) = exchange(tree(from.path()), to.path()).await;
        sent.unwrap();
        assert!(received.unwrap().is_empty());
        assert_eq!(snapshot(to.path()), snapshot(from.path()));
    }
}

#[tokio::test]
async fn a_tree_is_merged_with_what_is_there() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let outside = tempfile::tempdir().unwrap();
    make(from.path(), &["dir/new", "file", "was-link/in", "link -> file", "fifo |"]);
    make(to.path(), &["dir/kept", "link", "was-file"]);
    symlink(outside.path(), to.path().join("was-link")).unwrap();
    symlink(outside.path().join("target"), to.path().join("file")).unwrap();
    let (sent, received) = exchange(tree(from.path()), to.path()).await;
    sent.unwrap();
    assert_eq!(received.unwrap(), [Path::new("fifo")]);
    let names: Vec<String> = snapshot(to.path()).into_iter().map(|entry| entry.0).collect();
    assert_eq!(
        names,
        ["dir ", "dir/kept ", "dir/new ", "file ", "link file", "was-file ", "was-link ", "was-link/in "]
    );
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn directories_in_the_way_of_files_stay() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(from.path(), &["name"]);
    make(to.path(), &["name/precious"]);
    let (sent, received) = exchange(tree(from.path()), to.path()).await;
    assert!(matches!(sent, Err(SendError::Gone)));
    let error = received.unwrap_err().to_string();
    assert_eq!(error, format!("`{}` is a directory", to.path().join("name").display()));
    assert_eq!(snapshot(to.path()).len(), 2);
}

#[tokio::test]
async fn followed_paths_are_sent_with_their_targets() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(from.path(), &["real/file", "other", "link -> /real/file"]);
    let tree = Tree { follow: vec!["link".to_owned()], ..tree(from.path()) };
    exchange(tree, to.path()).await.0.unwrap();
    let names: Vec<String> = snapshot(to.path()).into_iter().map(|entry| entry.0).collect();
    assert_eq!(names, ["link /real/file", "real ", "real/file "]);
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let gone = from.path().join("gone");
    let (sent, received) = exchange(tree(&gone), to.path()).await;
    let expected = format!("cannot read `{}`: No such file or directory (os error 2)", gone.display());
    assert_eq!(sent.unwrap_err().to_string(), expected);
    assert!(matches!(received, Err(ReceiveError::Gone)));
    let name = <std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(b"\xff".to_vec());
    std::fs::write(from.path().join(&name), "").unwrap();
    let (sent, _) = exchange(tree(from.path()), to.path()).await;
    assert!(sent.unwrap_err().to_string().contains("is not UTF-8, which BuildKit cannot take"));
    let odd = Tree { include: vec!["[".to_owned()], ..tree(from.path()) };
    let (sent, _) = exchange(odd, to.path()).await;
    assert_eq!(sent.unwrap_err().to_string(), "pattern `[` has a `[` without its `]`");
}

fn entry(path: &str, kind: Kind, linkname: &str) -> Packet {
    let mode = to_wire(kind, 0o755);
    stat(Some(Stat { path: path.to_owned(), mode, linkname: linkname.to_owned(), ..Stat::default() }))
}

/// Has the receiver take packets, none of which may leave a trace outside its directory or a part of a file in it.
fn receives(packets: Vec<Packet>) -> String {
    let home = tempfile::tempdir().unwrap();
    let to = home.path().join("to");
    std::fs::create_dir(&to).unwrap();
    symlink(home.path(), to.join("up")).unwrap();
    let mut packets = packets.into_iter().map(Ok);
    let received = receive(&to, || packets.next(), |_| true);
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1, "something was written outside");
    for file in std::fs::read_dir(&to).unwrap() {
        let name = file.unwrap().file_name();
        assert!(!name.to_string_lossy().starts_with(".hlbc-"), "{name:?} was left");
    }
    match received {
        Ok(skipped) => format!("received, without {skipped:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_sender_names_only_what_is_below_the_directory() {
    let check = |path: &str, kind| receives(vec![entry(path, kind, "x")]);
    for (path, what) in [
        ("/etc/x", "whose path is absolute"),
        ("..", "whose path is not clean"),
        ("a/../../x", "whose path is not clean"),
        ("./x", "whose path is not clean"),
        ("", "whose path is not clean"),
        ("x/", "whose path is not clean"),
        ("x//y", "whose path is not clean"),
        ("x\0y", "whose path is not clean"),
        ("no/x", "whose directory was not sent"),
        ("up/x", "whose directory was not sent"),
    ] {
        for kind in [Kind::Directory, Kind::Symlink] {
            assert_eq!(check(path, kind), format!("an entry `{path}` {what}"));
        }
    }
}

#[test]
fn links_lead_no_entry_elsewhere() {
    let through = vec![entry("a", Kind::Symlink, ".."), entry("a/x", Kind::Directory, "")];
    assert_eq!(receives(through), "an entry `a/x` whose directory was not sent");
    // A link that lies there already gives way to the directory that is sent.
    let replaced = vec![entry("up", Kind::Directory, ""), entry("up/x", Kind::Directory, ""), stat(None), fin()];
    assert_eq!(receives(replaced), "received, without []");
    let linked = |first: &str| receives(vec![entry("x", Kind::File, first), stat(None), fin()]);
    assert_eq!(linked("../secret"), "an entry `x` that is linked to no file before it");
    assert_eq!(linked("up"), "an entry `x` that is linked to no file before it");
    assert_eq!(linked("x"), "an entry `x` that is linked to no file before it");
    assert_eq!(receives(vec![entry("x", Kind::Symlink, "")]), "an entry `x` that is a link to nowhere");
}

#[test]
fn a_sender_keeps_the_order() {
    let dir = |path: &str| entry(path, Kind::Directory, "");
    let file = |path: &str| entry(path, Kind::File, "");
    assert_eq!(receives(vec![dir("b"), dir("a")]), "an entry `a` that is out of order");
    assert_eq!(receives(vec![dir("a"), dir("a")]), "an entry `a` that is out of order");
    assert_eq!(receives(vec![dir("a.b"), dir("a"), dir("a/c")]), "an entry `a` that is out of order");
    assert_eq!(receives(vec![dir("a"), dir("a/c"), dir("a.b"), stat(None), fin()]), "received, without []");
    assert_eq!(receives(vec![file("a"), dir("a/b")]), "an entry `a/b` whose directory was not sent");
    assert_eq!(receives(vec![stat(None), dir("a")]), "an entry `a` after the last one");
    assert_eq!(receives(vec![file("a"), stat(None), dir("b")]), "an entry `b` after the last one");
    assert_eq!(receives(vec![entry("s", Kind::Other, "")]), "an entry `s` of a type that is not known");
    let device = vec![entry("n", Kind::CharDevice, ""), stat(None), fin()];
    assert_eq!(receives(device), "received, without [\"n\"]");
}

#[test]
fn data_comes_only_for_what_was_asked() {
    let file = |path: &str| entry(path, Kind::File, "");
    let unasked = "an entry `` in data that nobody asked for";
    assert_eq!(receives(vec![data(0, b"x".to_vec())]), unasked);
    assert_eq!(receives(vec![entry("d", Kind::Directory, ""), data(0, b"x".to_vec())]), unasked);
    assert_eq!(receives(vec![file("a"), data(0, Vec::new()), data(0, b"x".to_vec())]), unasked);
    assert_eq!(receives(vec![file("a"), data(0, b"half".to_vec())]), "the sender is gone");
    let whole = vec![file("a"), data(0, b"x".to_vec()), data(0, Vec::new()), stat(None), fin()];
    assert_eq!(receives(whole), "received, without []");
    assert_eq!(receives(vec![file("a"), fin()]), "an entry `` in a packet that is the receiver's");
    assert_eq!(receives(vec![request(0)]), "an entry `` in a packet that is the receiver's");
    let refused = Packet { r#type: PacketType::PacketErr.into(), data: b"no space".to_vec(), ..Packet::default() };
    assert_eq!(receives(vec![refused]), "no space");
}

/// What a sender makes of a receiver's packets. The directory holds the file `f` in the directory `d`.
async fn sends(packets: Vec<Packet>) -> String {
    let from = tempfile::tempdir().unwrap();
    make(from.path(), &["d/f"]);
    let (out, mut sent) = mpsc::channel(64);
    // The receiver knows the entries before it asks.
    let drained = tokio::spawn(async move { while sent.recv().await.is_some() {} });
    let asking = stream::unfold(packets.into_iter(), |mut packets| async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        packets.next().map(|packet| (Ok(packet), packets))
    });
    let result = send(tree(from.path()), Box::pin(asking), &out).await;
    drop(out);
    drained.await.unwrap();
    result.map_or_else(|error| error.to_string(), |()| "sent".to_owned())
}

#[tokio::test]
async fn a_receiver_asks_only_for_files_and_once() {
    let no_file = "the receiver of a directory asks for what is no file";
    assert_eq!(sends(vec![request(1), fin()]).await, "sent");
    assert_eq!(sends(vec![request(0)]).await, no_file);
    assert_eq!(sends(vec![request(2)]).await, no_file);
    assert_eq!(sends(vec![request(u32::MAX)]).await, no_file);
    assert_eq!(sends(vec![request(1), request(1)]).await, no_file);
    assert_eq!(sends(vec![stat(None)]).await, "the receiver of a directory sends files itself");
    assert_eq!(sends(vec![]).await, "the receiver is gone");
    let refused = Packet { r#type: PacketType::PacketErr.into(), data: b"no space".to_vec(), ..Packet::default() };
    assert_eq!(sends(vec![refused]).await, "no space");
}
