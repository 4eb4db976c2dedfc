//! The one file that an export writes.
//!
//! Owns how it comes to be at its place: a regular file appears, or is replaced, when it is complete; a device or a pipe that
//! is there already, and standard output, is written into, never replaced. Knows nothing of what is written.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use super::options::Place;
use super::{ExportError, Stop, unwritable};

/// What standard output is called in errors, as in options.
const STDOUT: &str = "-";
const BUFFER: usize = 256 * 1024;

/// A file that is being written. Dropped unfinished, nothing of it stays.
pub(crate) struct Destination<'a> {
    /// What the caller called it, for errors.
    name: &'a Path,
    writer: BufWriter<Stoppable<'a>>,
}

enum Sink {
    /// Becomes the file at the path.
    Part(NamedTempFile, PathBuf),
    /// What is there.
    Stream(File),
    Stdout(io::Stdout),
}

/// A file that takes no more once nobody wants it.
struct Stoppable<'a> {
    sink: Sink,
    stop: Stop<'a>,
}

impl<'a> Destination<'a> {
    /// Begins to write. Directories above are made; a link is followed to the file that it names.
    pub(crate) fn open(place: &'a Place, stop: Stop<'a>) -> Result<Self, ExportError> {
        let name = match place {
            Place::File(path) => path,
            Place::Stdout => Path::new(STDOUT),
        };
        let failed = unwritable(name);
        let sink = match std::fs::metadata(name) {
            _ if *place == Place::Stdout => Sink::Stdout(io::stdout()),
            Ok(there) if there.is_dir() => return Err(ExportError::IsDirectory { path: name.to_owned() }),
            Ok(there) if there.is_file() => part(&name.canonicalize().map_err(&failed)?).map_err(&failed)?,
            Ok(_) => Sink::Stream(stream(name).map_err(&failed)?),
            Err(_) => part(name).map_err(&failed)?,
        };
        Ok(Self { name, writer: BufWriter::with_capacity(BUFFER, Stoppable { sink, stop }) })
    }

    /// What errors call it.
    pub(crate) fn name(&self) -> &'a Path {
        self.name
    }

    /// Puts the complete file in its place.
    pub(crate) fn finish(self) -> Result<(), ExportError> {
        let failed = unwritable(self.name);
        let stop = self.writer.get_ref().stop;
        let Stoppable { sink, .. } = self.writer.into_inner().map_err(|error| match stop() {
            true => ExportError::Cancelled,
            false => failed(error.into_error()),
        })?;
        match sink {
            Sink::Part(part, path) => part.persist(path).map(drop).map_err(|error| failed(error.error)),
            Sink::Stream(_) => Ok(()),
            Sink::Stdout(mut out) => out.flush().map_err(failed),
        }
    }
}

impl Write for Destination<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Write for Stoppable<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            _ if (self.stop)() => Err(io::Error::other("cancelled")),
            Sink::Part(part, _) => part.write(bytes),
            Sink::Stream(file) => file.write(bytes),
            Sink::Stdout(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Part(part, _) => part.flush(),
            Sink::Stream(file) => file.flush(),
            Sink::Stdout(out) => out.flush(),
        }
    }
}

fn part(path: &Path) -> io::Result<Sink> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent)?;
    // The umask applies, as to any file that the user makes.
    let permissions = Permissions::from_mode(0o666);
    let part = tempfile::Builder::new().prefix(".hlbc-").permissions(permissions).tempfile_in(parent)?;
    Ok(Sink::Part(part, path.to_owned()))
}

/// Opens a device or a pipe. A pipe that nobody reads is an error at once: waiting for a reader could not be interrupted.
fn stream(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new().write(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    let set = rustix::fs::fcntl_getfl(&file)?;
    rustix::fs::fcntl_setfl(&file, set - OFlags::NONBLOCK)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path) -> Result<(), ExportError> {
        let place = Place::File(path.to_owned());
        let mut destination = Destination::open(&place, &|| false)?;
        destination.write_all(b"new").unwrap();
        destination.finish()
    }

    #[test]
    fn a_file_is_replaced_when_it_is_complete_and_a_link_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        let place = Place::File(link.clone());
        let mut unfinished = Destination::open(&place, &|| false).unwrap();
        unfinished.write_all(b"half").unwrap();
        drop(unfinished);
        assert_eq!(std::fs::read(&file).unwrap(), b"old");
        write(&link).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert!(link.is_symlink());
        write(&dir.path().join("a/b")).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn what_is_no_file_is_written_into_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(write(&pipe).unwrap_err().to_string().starts_with("cannot write to"), "nobody reads");
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read(pipe).unwrap()
        });
        while let Err(error) = write(&pipe) {
            assert!(error.to_string().contains("No such device"), "{error}");
        }
        assert_eq!(reader.join().unwrap(), b"new");
        let null = Path::new("/dev/null");
        write(null).unwrap();
        assert!(!std::fs::metadata(null).unwrap().is_file());
        assert!(matches!(write(dir.path()), Err(ExportError::IsDirectory { .. })));
    }

    #[test]
    fn a_cancelled_file_does_not_appear() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::File(dir.path().join("file"));
        let mut destination = Destination::open(&place, &|| true).unwrap();
        destination.write_all(b"new").unwrap();
        assert!(matches!(destination.finish(), Err(ExportError::Cancelled)));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
