//! The protocol's messages, and the way between them and LLB's own types.
//!
//! Owns the names of generated modules, so that nothing else depends on how they are generated, and the form in which the
//! protocol describes files.

pub(crate) use bollard_buildkit_proto::fsutil::types::Stat;
pub(crate) use bollard_buildkit_proto::google::protobuf::Any;
pub(crate) use bollard_buildkit_proto::google::rpc::Status as RpcStatus;
pub(crate) use bollard_buildkit_proto::moby::buildkit::v1::apicaps::ApiCap;
pub(crate) use bollard_buildkit_proto::moby::buildkit::v1::frontend as proto;
pub(crate) use bollard_buildkit_proto::moby::buildkit::v1::types::WorkerRecord;
pub(crate) use bollard_buildkit_proto::pb as wired;
use hlb_llb::pb;
use prost::Message;

/// A message cannot be carried over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// It is garbled.
    #[error("a message of the gateway protocol cannot be read: {0}")]
    Garbled(String),
    /// The protocol's types have no place for a part of it.
    #[error(
        "the graph holds what cannot be passed through the gateway protocol yet, such as limits of memory and processors"
    )]
    Lossy,
}

/// A file as the protocol describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStat {
    /// Its name in its directory.
    pub name: String,
    /// What it is.
    pub kind: FileType,
    /// In bytes.
    pub size: u64,
    /// Where it leads, if it is a symbolic link.
    pub target: String,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Anything else.
    Other,
}

/// The graph for a request.
pub(crate) fn to_wire(definition: &pb::Definition) -> Result<wired::Definition, WireError> {
    lossless(definition)
}

/// The graph of a message.
pub(crate) fn from_wire(definition: &wired::Definition) -> Result<pb::Definition, WireError> {
    lossless(definition)
}

/// The same message in other types. What they have no field for would vanish silently, so that is looked for.
pub(crate) fn lossless<A: Message, B: Message + Default>(message: &A) -> Result<B, WireError> {
    let bytes = message.encode_to_vec();
    let other = B::decode(bytes.as_slice()).map_err(|error| WireError::Garbled(error.to_string()))?;
    if other.encoded_len() == bytes.len() { Ok(other) } else { Err(WireError::Lossy) }
}

pub(crate) fn platform(platform: &pb::Platform) -> wired::Platform {
    wired::Platform {
        architecture: platform.architecture.clone(),
        os: platform.os.clone(),
        variant: platform.variant.clone(),
        os_version: platform.os_version.clone(),
        os_features: platform.os_features.clone(),
    }
}

/// The bits of Go's file modes; permissions are where everybody has them.
pub(crate) mod go_mode {
    pub(crate) const DIR: u32 = 1 << 31;
    pub(crate) const SYMLINK: u32 = 1 << 27;
    pub(crate) const DEVICE: u32 = 1 << 26;
    pub(crate) const FIFO: u32 = 1 << 25;
    pub(crate) const SOCKET: u32 = 1 << 24;
    pub(crate) const SETUID: u32 = 1 << 23;
    pub(crate) const SETGID: u32 = 1 << 22;
    pub(crate) const CHAR: u32 = 1 << 21;
    pub(crate) const STICKY: u32 = 1 << 20;
    /// All bits that say what a file is.
    pub(crate) const TYPE: u32 = DIR | SYMLINK | DEVICE | FIFO | SOCKET | CHAR;
}

impl From<Stat> for FileStat {
    fn from(stat: Stat) -> Self {
        let kind = match stat.mode & go_mode::TYPE {
            0 => FileType::Regular,
            go_mode::DIR => FileType::Directory,
            go_mode::SYMLINK => FileType::Symlink,
            _ => FileType::Other,
        };
        Self { name: stat.path, kind, size: u64::try_from(stat.size).unwrap_or_default(), target: stat.linkname }
    }
}

/// A file of the runtime as a message.
pub(crate) fn stat(entry: &hlb_runtime::Entry) -> Stat {
    let kind = match entry.mode & 0o170_000 {
        0o040_000 => go_mode::DIR,
        0o120_000 => go_mode::SYMLINK,
        0o060_000 => go_mode::DEVICE,
        0o020_000 => go_mode::DEVICE | go_mode::CHAR,
        0o010_000 => go_mode::FIFO,
        0o140_000 => go_mode::SOCKET,
        _ => 0,
    };
    let bit = |kernel: u32, go: u32| if entry.mode & kernel == 0 { 0 } else { go };
    let special = bit(0o4000, go_mode::SETUID) | bit(0o2000, go_mode::SETGID) | bit(0o1000, go_mode::STICKY);
    let text = |name: &std::ffi::OsStr| name.to_string_lossy().into_owned();
    let (major, minor) = entry.device.unwrap_or_default();
    Stat {
        path: text(&entry.name),
        mode: kind | special | entry.mode & 0o777,
        uid: entry.uid,
        gid: entry.gid,
        size: if kind == go_mode::DIR { 0 } else { i64::try_from(entry.size).unwrap_or(i64::MAX) },
        mod_time: entry.modified,
        linkname: entry.target.as_deref().map(text).unwrap_or_default(),
        devmajor: i64::from(major),
        devminor: i64::from(minor),
        xattrs: entry.attributes.iter().map(|(name, value)| (text(name), value.clone())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(mode: u32) -> hlb_runtime::Entry {
        hlb_runtime::Entry {
            name: "f".into(),
            mode,
            uid: 1,
            gid: 2,
            size: 3,
            modified: 4,
            target: None,
            device: None,
            attributes: Vec::new(),
        }
    }

    #[test]
    fn modes_are_those_of_go() {
        let check = |kernel: u32, go: u32| assert_eq!(stat(&entry(kernel)).mode, go, "{kernel:o}");
        check(0o100_644, 0o644);
        check(0o104_755, go_mode::SETUID | 0o755);
        check(0o041_777, go_mode::DIR | go_mode::STICKY | 0o777);
        check(0o120_777, go_mode::SYMLINK | 0o777);
        check(0o020_600, go_mode::DEVICE | go_mode::CHAR | 0o600);
        check(0o060_600, go_mode::DEVICE | 0o600);
    }

    #[test]
    fn a_stat_says_what_a_file_is() {
        let check = |mode, kind| assert_eq!(FileStat::from(stat(&entry(mode))).kind, kind, "{mode:o}");
        check(0o100_644, FileType::Regular);
        check(0o040_755, FileType::Directory);
        check(0o120_777, FileType::Symlink);
        check(0o010_600, FileType::Other);
    }

    #[test]
    fn what_would_be_lost_is_refused() {
        let mut definition = pb::Definition { def: vec![vec![1].into()], ..pb::Definition::default() };
        definition.metadata.insert("sha256:a".to_owned(), pb::OpMetadata { ignore_cache: true, ..Default::default() });
        assert_eq!(from_wire(&to_wire(&definition).unwrap()).unwrap(), definition);
        let limits = pb::LinuxResources { memory: 5, ..Default::default() };
        let metadata = pb::OpMetadata { linux_resources: Some(Box::new(limits)), ..Default::default() };
        definition.metadata.insert("sha256:b".to_owned(), metadata);
        assert_eq!(to_wire(&definition), Err(WireError::Lossy));
    }
}
