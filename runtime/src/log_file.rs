//! What steps printed, in files.
//!
//! Owns the format of those files, and that no secret of a build gets into one: `scrub` takes them out before anything is
//! written or shown.
//!
//! ```text
//!   hlbc log 1\n  { stream u8 (1, 2) · microseconds since the build began u64 · length u32 · bytes }…      (little-endian)
//! ```

pub(crate) mod scrub;

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hlb_llb::status::Stream;

/// How a file begins. The number changes with the format.
const MAGIC: &[u8] = b"hlbc log 1\n";
/// Bytes in front of each piece.
const HEADER: usize = 13;
/// Characters of a digest in the name of a file.
const DIGEST: usize = 12;

/// A log that is being written.
#[derive(Debug)]
pub(crate) struct LogWriter(File);

/// A piece of what a step printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPiece {
    /// Where it printed.
    pub stream: Stream,
    /// When, from the beginning of the build.
    pub at: Duration,
    /// What. Not cut at lines.
    pub data: Vec<u8>,
}

/// A log that is read piece by piece.
#[derive(Debug)]
pub struct LogReader(BufReader<File>);

/// Where the log of a step is, below the state directory.
pub(crate) fn path(root: &Path, build: i64, number: u32, vertex: &str) -> PathBuf {
    let hex = vertex.split_once(':').map_or(vertex, |(_, hex)| hex);
    folder(root, build).join(format!("{number}-{}.log", hex.get(..DIGEST).unwrap_or(hex)))
}

/// Where the logs of a build are.
pub(crate) fn folder(root: &Path, build: i64) -> PathBuf {
    root.join("logs").join(build.to_string())
}

impl LogWriter {
    /// Opens a log to add to it. The folder must be there.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        if file.metadata()?.len() == 0 {
            file.write_all(MAGIC)?;
        }
        Ok(Self(file))
    }

    /// Adds a piece in one write, so that a process that dies leaves whole pieces.
    pub(crate) fn write(&mut self, stream: Stream, at: Duration, data: &[u8]) -> io::Result<()> {
        for data in data.chunks(usize::try_from(u32::MAX).unwrap_or(usize::MAX)) {
            let mut piece = Vec::with_capacity(HEADER + data.len());
            piece.push(match stream {
                Stream::Stdout => 1,
                Stream::Stderr => 2,
            });
            piece.extend_from_slice(&u64::try_from(at.as_micros()).unwrap_or(u64::MAX).to_le_bytes());
            piece.extend_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
            piece.extend_from_slice(data);
            self.0.write_all(&piece)?;
        }
        Ok(())
    }
}

impl LogReader {
    /// Opens a log; `None` if the step printed nothing.
    pub(crate) fn open(path: &Path) -> io::Result<Option<Self>> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => BufReader::new(other?),
        };
        let mut magic = [0; MAGIC.len()];
        match file.read_exact(&mut magic) {
            Ok(()) if magic == MAGIC => Ok(Some(Self(file))),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "it is no log of this version")),
        }
    }
}

impl Iterator for LogReader {
    type Item = io::Result<LogPiece>;

    /// The next piece. A piece that was cut off by the death of its writer is the end.
    fn next(&mut self) -> Option<Self::Item> {
        let mut header = [0; HEADER];
        let mut read = || -> io::Result<LogPiece> {
            self.0.read_exact(&mut header)?;
            let [stream, rest @ ..] = header;
            let (at, length) = rest.split_at(8);
            let at = u64::from_le_bytes(at.try_into().unwrap_or_default());
            let length = u32::from_le_bytes(length.try_into().unwrap_or_default());
            let mut data = Vec::new();
            self.0.by_ref().take(u64::from(length)).read_to_end(&mut data)?;
            if data.len() as u64 != u64::from(length) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let stream = if stream == 1 { Stream::Stdout } else { Stream::Stderr };
            Ok(LogPiece { stream, at: Duration::from_micros(at), data })
        };
        match read() {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
            other => Some(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(path: &Path) -> Vec<LogPiece> {
        LogReader::open(path).unwrap().unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn logs_are_read_as_they_were_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = path(dir.path(), 7, 3, "sha256:0123456789abcdef");
        assert!(path.ends_with("logs/7/3-0123456789ab.log"));
        assert!(LogReader::open(&path).unwrap().is_none());
        std::fs::create_dir_all(folder(dir.path(), 7)).unwrap();
        let mut log = LogWriter::open(&path).unwrap();
        log.write(Stream::Stdout, Duration::from_micros(5), b"a\n\0").unwrap();
        drop(log);
        LogWriter::open(&path).unwrap().write(Stream::Stderr, Duration::from_secs(70), b"e").unwrap();
        let expected = [
            LogPiece { stream: Stream::Stdout, at: Duration::from_micros(5), data: b"a\n\0".to_vec() },
            LogPiece { stream: Stream::Stderr, at: Duration::from_secs(70), data: b"e".to_vec() },
        ];
        assert_eq!(pieces(&path), expected);
        // What a dying process has left of a piece is no piece.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, b'x']);
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(pieces(&path), expected);
        std::fs::write(&path, "text").unwrap();
        assert!(LogReader::open(&path).is_err());
    }
}
