//! A tree as files in a directory of the user's.
//!
//! Owns how the tree and what is there already become one: directories are merged, files are replaced in one step each, so
//! that nobody ever sees half a file. Everything belongs to the user who runs this process.

use std::collections::HashMap;
use std::fs::{File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::NamedTempFile;

use hlb_patterns::Filter;

use super::{ExportError, Exported, Look, Stop, unwritable};
use crate::parallel;
use crate::sys::{file, xattr};
use crate::tree::{self, Entry, Kind, Timestamp, TreeError};

/// Set-id bits speak of the owner in the tree, who is not the owner here.
const KEPT_MODE: u32 = 0o1777;

/// How much is copied before somebody who does not want it any more is heard.
const CHUNK: u64 = 32 << 20;

/// Writes everything in `tree` into the directory `destination`, which is made if it is missing. Modes and modification
/// times are kept; devices, FIFOs and sockets are skipped.
pub(crate) fn export(
    tree: &Path,
    destination: &Path,
    look: &Look<'_>,
    stop: Stop<'_>,
) -> Result<Exported, ExportError> {
    let destination = match look.folder()? {
        Some(folder) => &destination.join(folder),
        None => destination,
    };
    match std::fs::create_dir_all(destination) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists || error.kind() == io::ErrorKind::NotADirectory => {
            return Err(ExportError::NotDirectory { path: destination.to_owned() });
        }
        other => other.map_err(unwritable(destination))?,
    }
    let entries = tree::scan(tree, &Filter::default())?;
    let mut first_names = HashMap::new();
    let (mut files, mut links, mut directories) = (Vec::new(), Vec::new(), Vec::new());
    let mut exported = Exported::default();
    for entry in &entries {
        match entry.kind {
            Kind::Directory => {
                enter(&destination.join(&entry.path))?;
                directories.push(entry);
            }
            Kind::File if entry.links > 1 => match first_names.get(&(entry.device, entry.inode)) {
                Some(first) => links.push((*first, entry)),
                None => {
                    first_names.insert((entry.device, entry.inode), &entry.path);
                    files.push(entry);
                }
            },
            Kind::File | Kind::Symlink => files.push(entry),
            Kind::CharDevice | Kind::BlockDevice | Kind::Fifo | Kind::Socket => {
                exported.skipped.push(entry.path.clone());
                continue;
            }
        }
        exported.entries += 1;
    }
    let bytes = AtomicU64::new(0);
    parallel::for_each(files, |entry: &Entry, _| {
        if stop() {
            return Err(ExportError::Cancelled);
        }
        let place = destination.join(&entry.path);
        if let Some(target) = &entry.target {
            return symlink(target, look.timestamp(entry), &place);
        }
        bytes.fetch_add(
            regular(&tree.join(&entry.path), entry, look.timestamp(entry), &place, stop)?,
            Ordering::Relaxed,
        );
        Ok(())
    })?;
    for (first, entry) in links {
        let (first, place) = (destination.join(first), destination.join(&entry.path));
        let linked = beside(&place, |part| match std::fs::hard_link(&first, part) {
            Err(error) if error.kind() == io::ErrorKind::TooManyLinks => file::copy_data(&first, part).map(drop),
            other => other,
        })?;
        replace(linked.into_temp_path(), &place)?;
    }
    for entry in directories.into_iter().rev() {
        let place = destination.join(&entry.path);
        file::set_mode(&place, entry.mode & KEPT_MODE)
            .and_then(|()| file::set_times(&place, look.timestamp(entry), look.timestamp(entry)))
            .map_err(unwritable(&place))?;
    }
    for (name, bytes) in look.more {
        let place = destination.join(name);
        let failed = unwritable(&place);
        let said = beside(&place, |part| std::fs::write(part, bytes))?.into_temp_path();
        file::set_mode(&said, 0o644).map_err(&failed)?;
        if let Some(time) = look.epoch() {
            file::set_times(&said, time, time).map_err(&failed)?;
        }
        replace(said, &place)?;
        exported.entries += 1;
    }
    exported.bytes = bytes.into_inner();
    Ok(exported)
}

/// Makes sure of a directory. A file or link in its place gives way; nothing is written through a link.
fn enter(place: &Path) -> Result<(), ExportError> {
    let failed = unwritable(place);
    match std::fs::create_dir(place) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if std::fs::symlink_metadata(place).map_err(&failed)?.is_dir() {
                return Ok(());
            }
            std::fs::remove_file(place).map_err(&failed)?;
            std::fs::create_dir(place).map_err(&failed)
        }
        other => other.map_err(&failed),
    }
}

fn regular(from: &Path, entry: &Entry, time: Timestamp, place: &Path, stop: Stop<'_>) -> Result<u64, ExportError> {
    let failed = unwritable(place);
    let mut source = File::from(file::open_regular(from).map_err(|error| TreeError::new(from, error))?);
    let (part, bytes) = match file::create_unnamed(&parent(place)) {
        // A file without a name until it is complete: if this process is killed meanwhile, nothing is left.
        Ok(mut unnamed) => {
            let bytes = copy(&mut source, &mut unnamed, place, stop)?;
            (beside(place, |part| file::link_open(&unnamed, part))?.into_temp_path(), bytes)
        }
        // Not every file system has such.
        Err(_) => {
            let private = Permissions::from_mode(0o600);
            let part = tempfile::Builder::new().prefix(".hlbc-").permissions(private).tempfile_in(parent(place));
            let mut part = part.map_err(&failed)?;
            let bytes = copy(&mut source, part.as_file_mut(), place, stop)?;
            (part.into_temp_path(), bytes)
        }
    };
    file::set_mode(&part, entry.mode & KEPT_MODE).map_err(&failed)?;
    for (name, value) in xattr::list(from).unwrap_or_default() {
        if name.to_bytes().starts_with(b"user.") {
            // Not every file system of a user's has them.
            let _ = xattr::set(&part, &name, &value);
        }
    }
    file::set_times(&part, time, time).map_err(&failed)?;
    replace(part, place)?;
    Ok(bytes)
}

fn copy(source: &mut File, target: &mut File, place: &Path, stop: Stop<'_>) -> Result<u64, ExportError> {
    let mut bytes = 0;
    loop {
        if stop() {
            return Err(ExportError::Cancelled);
        }
        match io::copy(&mut source.take(CHUNK), target).map_err(unwritable(place))? {
            0 => return Ok(bytes),
            copied => bytes += copied,
        }
    }
}

fn symlink(target: &Path, time: Timestamp, place: &Path) -> Result<(), ExportError> {
    let part = beside(place, |part| std::os::unix::fs::symlink(target, part))?;
    file::set_times(part.path(), time, time).map_err(unwritable(place))?;
    replace(part.into_temp_path(), place)
}

/// Makes something under a name of its own in the directory where it will be.
fn beside(place: &Path, mut make: impl FnMut(&Path) -> io::Result<()>) -> Result<NamedTempFile<()>, ExportError> {
    let made = tempfile::Builder::new().prefix(".hlbc-").make_in(parent(place), |part| make(part));
    made.map_err(unwritable(place))
}

fn replace(part: tempfile::TempPath, place: &Path) -> Result<(), ExportError> {
    match part.persist(place) {
        Ok(()) => Ok(()),
        Err(failed) if failed.error.kind() == io::ErrorKind::IsADirectory => {
            Err(ExportError::IsDirectory { path: place.to_owned() })
        }
        Err(failed) => Err(unwritable(place)(failed.error)),
    }
}

fn parent(place: &Path) -> PathBuf {
    place.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    fn write(dir: &Path, name: &str, content: &str, mode: u32) {
        let at = dir.join(name);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(&at, content).unwrap();
        file::set_mode(&at, mode).unwrap();
        let time = Timestamp { seconds: 1000, nanos: 7 };
        file::set_times(&at, time, time).unwrap();
    }

    /// A tree with one of each kind.
    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "bin/tool", "run", 0o4755);
        write(dir.path(), "data", "new", 0o640);
        std::os::unix::fs::lchown(dir.path().join("data"), Some(1000), Some(1000)).unwrap();
        std::fs::hard_link(dir.path().join("data"), dir.path().join("bin/data")).unwrap();
        symlink("bin/tool", dir.path().join("link")).unwrap();
        file::make_node(&dir.path().join("null"), &Entry::of_node(Kind::CharDevice, 0x103)).unwrap();
        let time = Timestamp { seconds: 2000, nanos: 0 };
        file::set_times(&dir.path().join("bin"), time, time).unwrap();
        dir
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = tree::scan(dir, &Filter::default()).unwrap();
        entries.iter().map(|entry| entry.path.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_tree_lands_beside_what_is_there() {
        let (tree, home) = (tree(), tempfile::tempdir().unwrap());
        let out = home.path().join("made/out");
        write(&out, "kept", "mine", 0o600);
        write(&out, "data", "old", 0o600);
        symlink("/nowhere", out.join("bin")).unwrap();
        for _ in 0..2 {
            let exported = export(tree.path(), &out, &Look::default(), &|| false).unwrap();
            assert_eq!(exported, Exported { entries: 5, bytes: 6, skipped: vec!["null".into()] });
            assert_eq!(names(&out), ["bin", "bin/data", "bin/tool", "data", "kept", "link"]);
        }
        let meta = |name: &str| std::fs::symlink_metadata(out.join(name)).unwrap();
        assert_eq!((meta("bin/tool").mode() & 0o7777, meta("bin/tool").mtime()), (0o755, 1000));
        assert_eq!((meta("data").mode() & 0o7777, meta("data").uid(), meta("data").mtime_nsec()), (0o640, 0, 7));
        assert_eq!(meta("data").ino(), meta("bin/data").ino());
        assert_eq!(meta("bin").mtime(), 2000);
        assert_eq!(std::fs::read_to_string(out.join("data")).unwrap(), "new");
        assert_eq!(std::fs::read_to_string(out.join("kept")).unwrap(), "mine");
    }

    #[test]
    fn directories_of_the_user_are_not_removed() {
        let (tree, out) = (tree(), tempfile::tempdir().unwrap());
        write(out.path(), "data/precious", "", 0o600);
        let error = export(tree.path(), out.path(), &Look::default(), &|| false).unwrap_err();
        assert!(matches!(&error, ExportError::IsDirectory { path } if *path == out.path().join("data")), "{error}");
        assert!(out.path().join("data/precious").exists());
        assert!(!names(out.path()).iter().any(|name| name.contains(".hlbc-")));
        let file = out.path().join("data/precious");
        let error = export(tree.path(), &file, &Look::default(), &|| false).unwrap_err().to_string();
        assert_eq!(error, format!("`{}` exists and is not a directory", file.display()));
        let error = export(tree.path(), &file.join("below"), &Look::default(), &|| false).unwrap_err().to_string();
        assert_eq!(error, format!("`{}` exists and is not a directory", file.join("below").display()));
    }

    #[test]
    fn a_cancelled_export_leaves_no_part_of_a_file() {
        let (tree, out) = (tree(), tempfile::tempdir().unwrap());
        let error = export(tree.path(), out.path(), &Look::default(), &|| true).unwrap_err();
        assert!(matches!(error, ExportError::Cancelled), "{error}");
        assert_eq!(names(out.path()), ["bin"]);
    }

    #[test]
    fn files_can_all_have_one_time_and_lie_in_a_folder() {
        let (tree, out) = (tree(), tempfile::tempdir().unwrap());
        let more = [("provenance.json".to_owned(), b"{}".to_vec())];
        let look = Look { epoch: Some(5000), folder: Some("linux_amd64"), more: &more };
        export(tree.path(), out.path(), &look, &|| false).unwrap();
        let found = tree::scan(out.path(), &Filter::default()).unwrap();
        let inside: Vec<_> = found.iter().filter(|entry| entry.path != Path::new("linux_amd64")).collect();
        assert_eq!(inside.len(), 6);
        for entry in inside {
            assert!(entry.path.starts_with("linux_amd64"), "{entry:?}");
            assert_eq!((entry.mtime.seconds, entry.mtime.nanos), (5000, 0), "{entry:?}");
        }
        assert_eq!(std::fs::read(out.path().join("linux_amd64/provenance.json")).unwrap(), b"{}");
    }

    #[test]
    fn full_disks_are_named() {
        let error = unwritable(Path::new("/out"))(io::Error::from_raw_os_error(28)).to_string();
        assert_eq!(error, "cannot write to `/out`: the disk is full");
    }
}
