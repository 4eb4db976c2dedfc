//! Whiteouts: how a layer says that something beneath it is gone.
//!
//! Owns both spellings. In archives it is a file named `.wh.NAME`, or `.wh..wh..opq` for all of a directory; in a layer on
//! disk it is a character device 0:0, or an extended attribute of the directory, in the name space that the kernel lets us
//! write: `trusted` as root, `user` in a user namespace.

use std::ffi::CStr;
use std::io;
use std::os::fd::AsFd;

use rustix::fs::{FileType, Mode, Stat, XattrFlags};
use rustix::io::Errno;

use crate::sys::rootless::{self, Privilege};

const PREFIX: &[u8] = b".wh.";
const OPAQUE_NAME: &[u8] = b".wh..wh..opq";
const META_PREFIX: &[u8] = b".wh..wh.";
const TRUSTED: &[u8] = b"trusted.overlay.";
const USER: &[u8] = b"user.overlay.";

/// What a file name in an archive stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Marker<'a> {
    /// Itself.
    None,
    /// The absence of a name.
    Whiteout(&'a [u8]),
    /// The absence of everything that lower layers have in the directory.
    Opaque,
    /// Bookkeeping of AUFS that old tools left in layers.
    Ignored,
    /// The absence of `.`, `..` or nothing.
    Nonsense,
}

impl<'a> Marker<'a> {
    pub(crate) fn of(name: &'a [u8]) -> Self {
        match name.strip_prefix(PREFIX) {
            _ if name == OPAQUE_NAME => Self::Opaque,
            _ if name.starts_with(META_PREFIX) => Self::Ignored,
            Some(b"" | b"." | b"..") => Self::Nonsense,
            Some(hidden) => Self::Whiteout(hidden),
            None => Self::None,
        }
    }
}

/// Whether a file in a layer is a whiteout.
pub(crate) fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

/// Makes a whiteout in a directory of a layer.
pub(crate) fn make(dir: impl AsFd, name: &CStr) -> io::Result<()> {
    Ok(rustix::fs::mknodat(dir, name, FileType::CharacterDevice, Mode::empty(), 0)?)
}

/// Whether a directory of a layer hides what lower layers have in it.
pub(crate) fn is_opaque(dir: impl AsFd) -> io::Result<bool> {
    let mut value = [0; 1];
    match rustix::fs::fgetxattr(dir, own(Mark::Opaque), &mut value[..]) {
        Ok(length) => Ok(length == 1 && value == *b"y"),
        Err(Errno::NODATA | Errno::NOTSUP | Errno::RANGE) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Makes a directory of a layer hide what lower layers have in it.
pub(crate) fn set_opaque(dir: impl AsFd) -> io::Result<()> {
    Ok(rustix::fs::fsetxattr(dir, own(Mark::Opaque), b"y", XattrFlags::empty())?)
}

/// What overlayfs notes at a file or directory of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Lower layers do not show through the directory.
    Opaque,
    /// It was copied from a lower layer.
    Origin,
}

/// The extended attribute of a mark, as the kernel writes and reads it for this process.
pub(crate) fn own(mark: Mark) -> &'static CStr {
    match (mark, rootless::privilege() == Privilege::Root) {
        (Mark::Opaque, true) => c"trusted.overlay.opaque",
        (Mark::Opaque, false) => c"user.overlay.opaque",
        (Mark::Origin, true) => c"trusted.overlay.origin",
        (Mark::Origin, false) => c"user.overlay.origin",
    }
}

/// Whether an extended attribute steers overlayfs and so must not come from an archive.
pub(crate) fn is_overlay_xattr(name: &[u8]) -> bool {
    name.starts_with(TRUSTED) || name.starts_with(USER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        for (name, marker) in [
            ("a", Marker::None),
            (".wh", Marker::None),
            (".whx", Marker::None),
            (".wh.a", Marker::Whiteout(b"a")),
            (".wh..a", Marker::Whiteout(b".a")),
            (".wh.a.wh.b", Marker::Whiteout(b"a.wh.b")),
            (".wh..wh..opq", Marker::Opaque),
            (".wh..wh.plnk", Marker::Ignored),
            (".wh.", Marker::Nonsense),
            (".wh..", Marker::Nonsense),
            (".wh...", Marker::Nonsense),
        ] {
            assert_eq!(Marker::of(name.as_bytes()), marker, "{name}");
        }
    }
}
