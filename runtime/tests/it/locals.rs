//! Directories of the caller: what is kept of them between builds, and that nothing is copied twice.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hlb_llb::graph::{Annotations, Output};
use hlb_llb::ops::{Copy, FileStep, Local, LocalOwner, file, local};

use crate::support::{Bench, read};

/// The caller's directory without what a pattern selects.
fn without(pattern: &str) -> Output {
    let mut wanted = Local::new("src", LocalOwner::Unique("src".to_owned()));
    if !pattern.is_empty() {
        wanted.exclude = vec![pattern.to_owned()];
    }
    local(wanted, Annotations::default())
}

/// The inodes that a file has in the layers of a state directory.
fn inodes(bench: &Bench, name: &str) -> BTreeSet<u64> {
    let layers = std::fs::read_dir(bench.path("state/layers")).unwrap();
    let found = layers.filter_map(|layer| std::fs::metadata(layer.unwrap().path().join("fs").join(name)).ok());
    found.map(|found| found.ino()).collect()
}

#[test]
fn privileged_selections_of_a_directory_share_its_files() {
    let bench = Bench::new();
    for name in ["a", "b", "c", "d"] {
        bench.write(name, name);
    }
    // Files that were written just now are not known yet when they are seen.
    std::thread::sleep(Duration::from_millis(100));
    let ran = |pattern: &str| {
        let _ = std::fs::remove_dir_all(bench.out());
        !bench.solve(Some(&without(pattern))).unwrap().ran.is_empty()
    };
    assert!(ran("a"));
    assert!(ran("b") && ran("c") && ran("d") && ran("[ab]"));
    for name in ["a", "b", "c", "d"] {
        assert_eq!(inodes(&bench, name).len(), 1, "{name} was copied twice");
    }
    // Each is still known by itself.
    assert!(!ran("a") && !ran("[ab]"));
    bench.write("c", "changed");
    assert!(ran("a"));
    assert_eq!(read(&bench.out(), "c"), "changed");
    assert_eq!((inodes(&bench, "c").len(), inodes(&bench, "d").len()), (2, 1));
}

/// Runs a program to its end.
fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output();
    let output = output
        .unwrap_or_else(|error| panic!("`{program}` cannot be started ({error}): run `cargo xtask setup --tests`"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A file system on which files can share blocks, in place of a directory.
struct Disk<'a> {
    at: &'a str,
    _image: tempfile::NamedTempFile,
}

impl<'a> Disk<'a> {
    fn new(at: &'a str) -> Self {
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(400 << 20).unwrap();
        let path = image.path().to_str().unwrap();
        run("mkfs.xfs", &["-q", "-m", "reflink=1", path]);
        run("mount", &["-t", "xfs", "-o", "loop", path, at]);
        Self { at, _image: image }
    }

    /// MiB that are taken.
    fn used(&self) -> u64 {
        run("sync", &["-f", self.at]);
        let disk = rustix::fs::statvfs(self.at).unwrap();
        ((disk.f_blocks - disk.f_bfree) * disk.f_frsize) >> 20
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["--lazy", self.at]).status();
    }
}

#[test]
fn privileged_copies_share_blocks_where_the_disk_can() {
    const MIB: usize = 48;
    let bench = Bench::new();
    let at = bench.path("");
    let disk = Disk::new(at.to_str().unwrap());
    std::fs::create_dir(bench.src()).unwrap();
    let data: Vec<u8> = (0..MIB << 20).map(|at| (at >> 7) as u8 ^ at as u8).collect();
    std::fs::write(bench.src().join("big"), &data).unwrap();
    let before = disk.used();
    assert!(before >= MIB as u64);
    let copy = Copy { contents_only: true, ..Copy::new(Some(without("")), "/", "/copied") };
    let copied =
        file(None, vec![FileStep::Copy(Copy { create_dest_path: true, ..copy })], Annotations::default()).unwrap();
    bench.solve(Some(&copied)).unwrap();
    let same = |path: &Path| std::fs::read(path).unwrap() == data;
    assert!(same(&bench.out().join("copied/big")));
    assert_eq!(inodes(&bench, "big").len() + inodes(&bench, "copied/big").len(), 2);
    let more = disk.used() - before;
    assert!(more < MIB as u64 / 4, "{more} MiB more are taken by a layer, a copy of it and a directory");
}
