//! A tree on this machine as text.
//!
//! Owns what of a tree counts when two programs should have made the same one: everything that `stat` tells but inode numbers,
//! sizes of directories and the fraction of times, and what is in files.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use hlb_llb::digest::Hasher;

/// The listing of a directory: a line for each path, sorted, which begins with the path in quotes.
pub(crate) fn list(root: &Path) -> String {
    let mut paths = vec![PathBuf::new()];
    let mut left = vec![PathBuf::new()];
    while let Some(dir) = left.pop() {
        for entry in std::fs::read_dir(root.join(&dir)).unwrap() {
            let entry = entry.unwrap();
            let path = dir.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                left.push(path.clone());
            }
            paths.push(path);
        }
    }
    // For links: which name of a file comes first.
    paths.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
    let mut names = HashMap::new();
    // The root is whatever the program that made it says.
    sorted(paths.iter().skip(1).map(|path| line(root, path, &mut names)).collect())
}

/// Lines as a listing has them.
pub(crate) fn sorted(mut lines: Vec<String>) -> String {
    lines.sort();
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// How many bytes of the disk a file takes.
pub(crate) fn allocated(path: &Path) -> u64 {
    path.symlink_metadata().unwrap().blocks() * 512
}

fn line(root: &Path, path: &Path, names: &mut HashMap<(u64, u64), PathBuf>) -> String {
    let full = root.join(path);
    let data = full.symlink_metadata().unwrap();
    let kind = data.file_type();
    let mut line =
        format!("\"{}\" {}:{} {:o}", path.as_os_str().as_bytes().escape_ascii(), data.uid(), data.gid(), data.mode());
    if kind.is_symlink() {
        let target = std::fs::read_link(&full).unwrap();
        let _ = write!(line, " -> {}", target.as_os_str().as_bytes().escape_ascii());
    } else if kind.is_char_device() || kind.is_block_device() {
        let _ = write!(line, " {}", data.rdev());
    } else if kind.is_file() {
        let _ = write!(line, " {} {}", data.len(), content(&full, &data));
    }
    let _ = write!(line, " @{}", data.mtime());
    for (name, value) in attributes(&full) {
        let _ = write!(line, " {}={}", name.display(), value.escape_ascii());
    }
    if !kind.is_dir() && data.nlink() > 1 {
        let first = names.entry((data.dev(), data.ino())).or_insert_with(|| path.to_owned());
        if first != path {
            let _ = write!(line, " = {}", first.display());
        }
    }
    line
}

/// What is in a file. Zeros are passed over, so that holes cost nothing and count as zeros.
fn content(path: &Path, data: &Metadata) -> String {
    let mut file = File::open(path).unwrap();
    let (mut hasher, mut at) = (Hasher::default(), 0_u64);
    let mut buffer = vec![0; 64 << 10];
    let zeros = vec![0; 64 << 10];
    while at < data.len() {
        let wanted = usize::try_from(data.len() - at).unwrap_or(usize::MAX).min(buffer.len());
        file.read_exact(&mut buffer[..wanted]).unwrap();
        if buffer[..wanted] != zeros[..wanted] {
            hasher.update(at.to_le_bytes());
            hasher.update(&buffer[..wanted]);
        }
        at += wanted as u64;
    }
    hasher.finish().hex()[..12].to_owned()
}

/// Extended attributes by name, without what belongs to the machine and not to the tree.
fn attributes(path: &Path) -> Vec<(OsString, Vec<u8>)> {
    let mut names = vec![0; 4096];
    let length = rustix::fs::llistxattr(path, &mut names[..]).unwrap();
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let mut found: Vec<(OsString, Vec<u8>)> = names
        .filter(|name| name.starts_with(b"user.") || *name == b"security.capability")
        .map(|name| {
            let mut value = vec![0; 4096];
            let name = std::ffi::OsStr::from_bytes(name).to_owned();
            let length = rustix::fs::lgetxattr(path, &name, &mut value[..]).unwrap();
            value.truncate(length);
            (name, value)
        })
        .collect();
    found.sort();
    found
}
