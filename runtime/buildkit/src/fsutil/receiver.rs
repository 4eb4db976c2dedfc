//! Receives a tree into a directory.
//!
//! Owns the receiver's side of the exchange, and what becomes of each kind of entry: the tree is merged with what is there,
//! everything belongs to whoever runs this process. The sender is not trusted: `order` checks what it names, `root` where
//! that is.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use tonic::Status;

use super::order::Order;
use super::root::{Dress, Part, Root};
use super::{Kind, fin, from_wire, request};
use crate::error::LocalError;

/// How many files are open at a time.
const OPEN: usize = 16;

/// Why a tree was not received.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReceiveError {
    /// It cannot be written.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The sender could not send it, in its words.
    #[error("{0}")]
    Refused(String),
    /// The sender said something that makes no sense, or worse.
    #[error("an entry `{path}` {what}")]
    Protocol {
        /// About which path; empty for none.
        path: String,
        /// What.
        what: &'static str,
    },
    /// Nobody sends any more.
    #[error("the sender is gone")]
    Gone,
}

/// Receives a tree into a directory that exists. Blocks. Returns what was left out: only files, directories and links are
/// made. `next` is the next packet, `send` says whether somebody takes one.
pub(crate) fn receive(
    directory: &Path,
    mut next: impl FnMut() -> Option<Result<Packet, Status>>,
    mut send: impl FnMut(Packet) -> bool,
) -> Result<Vec<PathBuf>, ReceiveError> {
    let root = Root::open(directory).map_err(|source| LocalError::Write { path: directory.to_owned(), source })?;
    let mut receiver = Receiver {
        root,
        order: Order::default(),
        entries: 0,
        all_named: false,
        waiting: VecDeque::new(),
        open: HashMap::new(),
        links: Vec::new(),
        directories: Vec::new(),
        skipped: Vec::new(),
    };
    let mut finished = false;
    loop {
        let packet = match next() {
            Some(Ok(packet)) => packet,
            // The sender ends the stream once it has heard that all was received.
            None | Some(Err(_)) if finished => return Ok(receiver.skipped),
            None | Some(Err(_)) => return Err(ReceiveError::Gone),
        };
        match packet.r#type() {
            PacketType::PacketStat => receiver.entry(packet.stat)?,
            PacketType::PacketData => receiver.data(packet.id, &packet.data)?,
            PacketType::PacketFin if finished => return Ok(receiver.skipped),
            PacketType::PacketErr => {
                return Err(ReceiveError::Refused(String::from_utf8_lossy(&packet.data).into_owned()));
            }
            PacketType::PacketFin | PacketType::PacketReq => {
                return Err(senseless("in a packet that is the receiver's"));
            }
        }
        while let Some(id) = receiver.ask()? {
            if !send(request(id)) {
                return Err(ReceiveError::Gone);
            }
        }
        if !finished && receiver.has_all() {
            receiver.finish()?;
            finished = true;
            if !send(fin()) {
                return Err(ReceiveError::Gone);
            }
        }
    }
}

struct Receiver {
    root: Root,
    order: Order,
    /// How many have come; the id of the next.
    entries: u32,
    all_named: bool,
    /// Files that were not asked for yet.
    waiting: VecDeque<(u32, String, Dress)>,
    open: HashMap<u32, (String, Part, Dress)>,
    links: Vec<(String, String)>,
    directories: Vec<(String, Dress)>,
    skipped: Vec<PathBuf>,
}

impl Receiver {
    fn entry(&mut self, stat: Option<Stat>) -> Result<(), ReceiveError> {
        let Some(stat) = stat else {
            self.all_named = true;
            return Ok(());
        };
        let protocol = |what| ReceiveError::Protocol { path: stat.path.clone(), what };
        if self.all_named {
            return Err(protocol("after the last one"));
        }
        let kind = self.order.admit(&stat).map_err(protocol)?;
        let id = self.entries;
        self.entries = id.checked_add(1).ok_or_else(|| protocol("too many"))?;
        let dress = Dress {
            mode: from_wire(stat.mode).1,
            modified: stat.mod_time,
            attributes: stat.xattrs.into_iter().collect(),
        };
        match kind {
            Kind::Directory => {
                self.root.directory(&stat.path).map_err(|error| self.unwritable(&stat.path, error))?;
                self.directories.push((stat.path, dress));
            }
            Kind::File if stat.linkname.is_empty() => self.waiting.push_back((id, stat.path, dress)),
            Kind::File => self.links.push((stat.path, stat.linkname)),
            Kind::Symlink => {
                let made = self.root.symlink(&stat.path, &stat.linkname, stat.mod_time);
                made.map_err(|error| self.unwritable(&stat.path, error))?;
            }
            Kind::CharDevice | Kind::BlockDevice | Kind::Fifo | Kind::Other => self.skipped.push(stat.path.into()),
        }
        Ok(())
    }

    fn data(&mut self, id: u32, data: &[u8]) -> Result<(), ReceiveError> {
        let Some((path, part, _)) = self.open.get_mut(&id) else {
            return Err(senseless("in data that nobody asked for"));
        };
        if !data.is_empty() {
            let written = part.write(data);
            let path = path.clone();
            return written.map_err(|error| self.unwritable(&path, error));
        }
        let Some((path, part, dress)) = self.open.remove(&id) else { return Ok(()) };
        part.finish(&dress).map_err(|error| self.unwritable(&path, error))
    }

    /// The next file to ask for, if it is time to.
    fn ask(&mut self) -> Result<Option<u32>, ReceiveError> {
        if self.open.len() >= OPEN {
            return Ok(None);
        }
        let Some((id, path, dress)) = self.waiting.pop_front() else { return Ok(None) };
        let part = self.root.file(&path).map_err(|error| self.unwritable(&path, error))?;
        self.open.insert(id, (path, part, dress));
        Ok(Some(id))
    }

    fn has_all(&self) -> bool {
        self.all_named && self.open.is_empty() && self.waiting.is_empty()
    }

    /// Makes what had to wait for the files.
    fn finish(&mut self) -> Result<(), ReceiveError> {
        for (path, first) in std::mem::take(&mut self.links) {
            self.root.link(&path, &first).map_err(|error| self.unwritable(&path, error))?;
        }
        for (path, dress) in std::mem::take(&mut self.directories).into_iter().rev() {
            self.root.finish_directory(&path, &dress).map_err(|error| self.unwritable(&path, error))?;
        }
        Ok(())
    }

    fn unwritable(&self, path: &str, source: io::Error) -> ReceiveError {
        let path = self.root.host(path);
        match source.kind() {
            io::ErrorKind::IsADirectory => LocalError::IsDirectory { path }.into(),
            _ => LocalError::Write { path, source }.into(),
        }
    }
}

fn senseless(what: &'static str) -> ReceiveError {
    ReceiveError::Protocol { path: String::new(), what }
}
