//! The protocol in which trees of files go over a connection.
//!
//! ```text
//!   sender                                   receiver
//!     STAT STAT STAT …  (ids 0, 1, 2, …) ──►   makes directories and links
//!                        ◄── REQ id            asks for what files hold
//!     DATA id … DATA id, empty           ──►   writes it
//!     STAT without a stat: that was all  ──►
//!                        ◄── FIN               has everything
//!     FIN                                ──►
//! ```
//!
//! Owns the form of packets. Who sends and who receives is in the modules below; neither knows what carries the packets.

mod order;
mod receiver;
mod root;
mod sender;
mod walk;

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};

pub(crate) use receiver::{ReceiveError, receive};
pub(crate) use sender::{SendError, Tree, send};

/// The longest piece of a file in a packet.
const PIECE: usize = 32 << 10;

/// The type of a file, of those that go over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Directory,
    Symlink,
    CharDevice,
    BlockDevice,
    Fifo,
    /// One that no sender should name.
    Other,
}

const DIRECTORY: u32 = 1 << 31;
const SYMLINK: u32 = 1 << 27;
const DEVICE: u32 = 1 << 26;
const FIFO: u32 = 1 << 25;
const SOCKET: u32 = 1 << 24;
const SETUID: u32 = 1 << 23;
const SETGID: u32 = 1 << 22;
const CHARACTER: u32 = 1 << 21;
const STICKY: u32 = 1 << 20;
const IRREGULAR: u32 = 1 << 19;
const TYPES: u32 = DIRECTORY | SYMLINK | DEVICE | FIFO | SOCKET | CHARACTER | IRREGULAR;

/// The mode on the wire, which is that of Go's library rather than the kernel's. `permissions` are the lower twelve bits.
fn to_wire(kind: Kind, permissions: u32) -> u32 {
    let kind = match kind {
        Kind::File => 0,
        Kind::Directory => DIRECTORY,
        Kind::Symlink => SYMLINK,
        Kind::CharDevice => DEVICE | CHARACTER,
        Kind::BlockDevice => DEVICE,
        Kind::Fifo => FIFO,
        Kind::Other => IRREGULAR,
    };
    let special = [(0o4000, SETUID), (0o2000, SETGID), (0o1000, STICKY)];
    let special = special.iter().filter(|(bit, _)| permissions & bit != 0).map(|(_, wire)| wire);
    kind | permissions & 0o777 | special.sum::<u32>()
}

/// What a mode on the wire says.
fn from_wire(mode: u32) -> (Kind, u32) {
    let kind = match mode & TYPES {
        0 => Kind::File,
        DIRECTORY => Kind::Directory,
        SYMLINK => Kind::Symlink,
        DEVICE => Kind::BlockDevice,
        FIFO => Kind::Fifo,
        kind if kind == DEVICE | CHARACTER => Kind::CharDevice,
        _ => Kind::Other,
    };
    let special = [(SETUID, 0o4000), (SETGID, 0o2000), (STICKY, 0o1000)];
    let special = special.iter().filter(|(wire, _)| mode & wire != 0).map(|(_, bit)| bit);
    (kind, mode & 0o777 | special.sum::<u32>())
}

/// A packet with an entry, or with the end of entries.
fn stat(stat: Option<Stat>) -> Packet {
    Packet { r#type: PacketType::PacketStat.into(), stat, ..Packet::default() }
}

/// A packet that asks for what a file holds.
fn request(id: u32) -> Packet {
    Packet { r#type: PacketType::PacketReq.into(), id, ..Packet::default() }
}

/// A packet with a piece of a file; empty at its end.
fn data(id: u32, data: Vec<u8>) -> Packet {
    Packet { r#type: PacketType::PacketData.into(), id, data, ..Packet::default() }
}

/// A packet that ends the exchange.
fn fin() -> Packet {
    Packet { r#type: PacketType::PacketFin.into(), ..Packet::default() }
}

#[cfg(test)]
mod tests;
