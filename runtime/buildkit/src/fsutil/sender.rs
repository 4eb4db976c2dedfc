//! Sends a directory.
//!
//! Owns the sender's side of the exchange: entries as fast as they are taken, beside them the content of the files that are
//! asked for, a few at a time.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bollard_buildkit_proto::fsutil::types::Packet;
use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use futures_util::stream::{Stream, StreamExt};
use hlb_patterns::{Filter, follow};
use rustix::fs::OFlags;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tonic::Status;

use super::walk::Walk;
use super::{Kind, PIECE, data, fin, from_wire, stat};
use crate::error::LocalError;

/// How many files are read at a time.
const READERS: usize = 4;

/// What of a directory is sent.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    /// The directory.
    pub(crate) directory: PathBuf,
    /// What is sent; empty for everything.
    pub(crate) include: Vec<String>,
    /// What of it is not.
    pub(crate) exclude: Vec<String>,
    /// Paths that are sent with whatever the links on their way point to.
    pub(crate) follow: Vec<String>,
}

/// Why a directory was not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// It cannot be read.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The receiver does not want it, in its words.
    #[error("{0}")]
    Refused(String),
    /// The receiver said something that makes no sense.
    #[error("the receiver of a directory {0}")]
    Protocol(&'static str),
    /// Nobody receives any more.
    #[error("the receiver is gone")]
    Gone,
}

type Out = mpsc::Sender<Result<Packet, Status>>;

/// The files that were announced, by id. What is no file, or was asked for, is `None`.
type Announced = Arc<Mutex<Vec<Option<PathBuf>>>>;

/// Sends a directory to whoever sends `inbound`, and returns when all of it has been taken.
pub(crate) async fn send<S>(tree: Tree, mut inbound: S, out: &Out) -> Result<(), SendError>
where
    S: Stream<Item = Result<Packet, Status>> + Unpin,
{
    let announced = Announced::default();
    let mut work: JoinSet<Result<(), SendError>> = JoinSet::new();
    let (files, packets) = (announced.clone(), out.clone());
    let directory = tree.directory.clone();
    work.spawn_blocking(move || announce(&tree, &files, &packets));
    let mut wanted: VecDeque<(u32, PathBuf)> = VecDeque::new();
    loop {
        // One task more than readers: the announcer. Once it is done there is one reader more, which does no harm.
        while work.len() <= READERS
            && let Some((id, path)) = wanted.pop_front()
        {
            let (packets, host) = (out.clone(), directory.join(path));
            work.spawn_blocking(move || read(id, &host, &packets));
        }
        let packet = tokio::select! {
            Some(done) = work.join_next() => {
                finished(done, &directory)?;
                continue;
            }
            packet = inbound.next() => packet.and_then(Result::ok).ok_or(SendError::Gone)?,
        };
        match packet.r#type() {
            PacketType::PacketReq => {
                let path = asked(&announced, packet.id).ok_or(SendError::Protocol("asks for what is no file"))?;
                wanted.push_back((packet.id, path));
            }
            PacketType::PacketFin => break,
            PacketType::PacketErr => {
                return Err(SendError::Refused(String::from_utf8_lossy(&packet.data).into_owned()));
            }
            PacketType::PacketStat | PacketType::PacketData => {
                return Err(SendError::Protocol("sends files itself"));
            }
        }
    }
    // A receiver that wants no more than it has may say so early; ours is the last word all the same.
    while let Some(done) = work.join_next().await {
        finished(done, &directory)?;
    }
    out.send(Ok(fin())).await.map_err(|_| SendError::Gone)
}

fn finished(task: Result<Result<(), SendError>, JoinError>, directory: &Path) -> Result<(), SendError> {
    task.map_err(|error| LocalError::Read { path: directory.to_owned(), source: io::Error::other(error) })?
}

fn asked(announced: &Announced, id: u32) -> Option<PathBuf> {
    let mut announced = announced.lock().unwrap_or_else(PoisonError::into_inner);
    announced.get_mut(usize::try_from(id).ok()?)?.take()
}

/// Sends all entries.
fn announce(tree: &Tree, files: &Announced, out: &Out) -> Result<(), SendError> {
    let mut include = tree.include.clone();
    if !tree.follow.is_empty() {
        let paths = follow::resolve(&tree.directory, &tree.follow)
            .map_err(|error| LocalError::Read { path: error.path, source: error.source })?;
        match paths {
            Some(paths) => include.extend(paths),
            None => include.clear(),
        }
    }
    let filter = Filter::new(&include, &tree.exclude).map_err(LocalError::from)?;
    let mut walk = Walk::new(&tree.directory, filter)?;
    while let Some(entry) = walk.next()? {
        let is_file = from_wire(entry.mode).0 == Kind::File && entry.linkname.is_empty();
        let path = is_file.then(|| PathBuf::from(&entry.path));
        files.lock().unwrap_or_else(PoisonError::into_inner).push(path);
        out.blocking_send(Ok(stat(Some(entry)))).map_err(|_| SendError::Gone)?;
    }
    out.blocking_send(Ok(stat(None))).map_err(|_| SendError::Gone)
}

/// Sends what a file holds.
fn read(id: u32, path: &Path, out: &Out) -> Result<(), SendError> {
    let unreadable = |source| LocalError::Read { path: path.to_owned(), source };
    // Whatever it has become meanwhile, a link is not followed and a FIFO not waited for.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let mut file = File::options().read(true).custom_flags(flags).open(path).map_err(unreadable)?;
    loop {
        let mut piece = vec![0; PIECE];
        let length = match file.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other.map_err(unreadable)?,
        };
        piece.truncate(length);
        out.blocking_send(Ok(data(id, piece))).map_err(|_| SendError::Gone)?;
        if length == 0 {
            return Ok(());
        }
    }
}
