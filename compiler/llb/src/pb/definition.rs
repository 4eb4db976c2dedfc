//! `Definition`: the ops of a graph, and what is said about them without being part of their digests.
//!
//! Owns wire shapes only. Two of them, of which there is at least one for each op, keep what they hold in other forms than
//! prost knows, and are written here as prost would write them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prost::bytes::{Buf, BufMut, Bytes};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};

use super::{Capabilities, Ranges};

/// A graph as it is sent.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub struct Definition {
    /// The encoded ops; the last is the terminal op. The bytes are kept as they came: digests are theirs. They are shared
    /// with the graph that they are of.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub def: Vec<Bytes>,
    /// What is said about each op, by digest.
    #[prost(btree_map = "string, message", tag = "2")]
    pub metadata: BTreeMap<String, OpMetadata>,
    /// Where the ops come from.
    #[prost(message, optional, tag = "3")]
    pub source: Option<Source>,
}

impl fmt::Debug for Definition {
    /// Ops are shown as bytes of other fields are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let def: Vec<&[u8]> = self.def.iter().map(AsRef::as_ref).collect();
        let Self { metadata, source, .. } = self;
        f.debug_struct("Definition").field("def", &def).field("metadata", metadata).field("source", source).finish()
    }
}

/// What is said about an op. What few ops have stands behind a pointer: there is one of these for each op.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpMetadata {
    /// Whether it is done even if its result is known.
    pub ignore_cache: bool,
    /// For people; `llb.customname` is the name to show.
    pub description: BTreeMap<String, String>,
    /// Whether its result goes into exported caches.
    pub export_cache: Option<ExportCache>,
    /// What a solver must be able to do.
    pub caps: Capabilities,
    /// Under which heading its progress is shown.
    pub progress_group: Option<Box<ProgressGroup>>,
    /// Limits for its processes.
    pub linux_resources: Option<Box<LinuxResources>>,
}

impl Message for OpMetadata {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        if self.ignore_cache {
            encoding::bool::encode(1, &true, buf);
        }
        let (key, value) = (encoding::string::encode, encoding::string::encode);
        let (key_len, value_len) = (encoding::string::encoded_len, encoding::string::encoded_len);
        encoding::btree_map::encode(key, key_len, value, value_len, 2, &self.description, buf);
        if let Some(export) = &self.export_cache {
            encoding::message::encode(4, export, buf);
        }
        self.caps.encode(5, buf);
        if let Some(group) = &self.progress_group {
            encoding::message::encode(6, group, buf);
        }
        if let Some(resources) = &self.linux_resources {
            encoding::message::encode(7, resources, buf);
        }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        let (field, merged) = match tag {
            1 => ("ignore_cache", encoding::bool::merge(wire_type, &mut self.ignore_cache, buf, context)),
            2 => {
                let (key, value) = (encoding::string::merge, encoding::string::merge);
                ("description", encoding::btree_map::merge(key, value, &mut self.description, buf, context))
            }
            4 => {
                let export = self.export_cache.get_or_insert_default();
                ("export_cache", encoding::message::merge(wire_type, export, buf, context))
            }
            5 => ("caps", self.caps.merge(buf, context)),
            6 => {
                let group = self.progress_group.get_or_insert_default();
                ("progress_group", encoding::message::merge(wire_type, group, buf, context))
            }
            7 => {
                let resources = self.linux_resources.get_or_insert_default();
                ("linux_resources", encoding::message::merge(wire_type, resources, buf, context))
            }
            _ => return encoding::skip_field(wire_type, tag, buf, context),
        };
        in_field("OpMetadata", field, merged)
    }

    fn encoded_len(&self) -> usize {
        let (key, value) = (encoding::string::encoded_len, encoding::string::encoded_len);
        usize::from(self.ignore_cache) * 2
            + encoding::btree_map::encoded_len(key, value, 2, &self.description)
            + self.export_cache.as_ref().map_or(0, |export| encoding::message::encoded_len(4, export))
            + self.caps.encoded_len()
            + self.progress_group.as_ref().map_or(0, |group| encoding::message::encoded_len(6, group))
            + self.linux_resources.as_ref().map_or(0, |resources| encoding::message::encoded_len(7, resources))
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Says in an error where it is, as prost does.
fn in_field(message: &'static str, field: &'static str, merged: Result<(), DecodeError>) -> Result<(), DecodeError> {
    merged.map_err(|mut error| {
        error.push(message, field);
        error
    })
}

/// Whether a result goes into exported caches.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct ExportCache {
    /// Whether.
    #[prost(bool, tag = "1")]
    pub value: bool,
}

/// A heading for progress.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ProgressGroup {
    /// What tells it from others.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Text.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Whether it is shown only if nothing else is known about the op.
    #[prost(bool, tag = "3")]
    pub weak: bool,
}

/// Limits of a control group; 0 and empty are no limit.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LinuxResources {
    /// Memory in bytes.
    #[prost(int64, tag = "1")]
    pub memory: i64,
    /// Memory and swap in bytes.
    #[prost(int64, tag = "2")]
    pub memory_swap: i64,
    /// Weight among others.
    #[prost(uint64, tag = "3")]
    pub cpu_shares: u64,
    /// Period of the quota in microseconds.
    #[prost(uint64, tag = "4")]
    pub cpu_period: u64,
    /// Microseconds in each period.
    #[prost(int64, tag = "5")]
    pub cpu_quota: i64,
    /// Processors it may use, such as `0-3`.
    #[prost(string, tag = "6")]
    pub cpuset_cpus: String,
    /// Memory nodes it may use.
    #[prost(string, tag = "7")]
    pub cpuset_mems: String,
}

/// Where ops come from.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Source {
    /// Places of each op, by digest.
    #[prost(btree_map = "string, message", tag = "1")]
    pub locations: BTreeMap<String, Locations>,
    /// The files that places are in.
    #[prost(message, repeated, tag = "2")]
    pub infos: Vec<SourceInfo>,
}

/// Places of an op.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Locations {
    /// The places. They are most of a definition, and its graph has the same.
    pub locations: Arc<Vec<Location>>,
}

impl Message for Locations {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        self.locations.iter().for_each(|location| encoding::message::encode(1, location, buf));
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            1 => {
                let all = Arc::make_mut(&mut self.locations);
                in_field("Locations", "locations", encoding::message::merge_repeated(wire_type, all, buf, context))
            }
            _ => encoding::skip_field(wire_type, tag, buf, context),
        }
    }

    fn encoded_len(&self) -> usize {
        encoding::message::encoded_len_repeated(1, &self.locations)
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// A source file.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SourceInfo {
    /// Name.
    #[prost(string, tag = "1")]
    pub filename: String,
    /// Content.
    #[prost(bytes = "vec", tag = "2")]
    pub data: Vec<u8>,
    /// A graph that yields the file.
    #[prost(message, optional, tag = "3")]
    pub definition: Option<super::Definition>,
    /// Language, by the name that syntax highlighters use.
    #[prost(string, tag = "4")]
    pub language: String,
}

/// A place in a source file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Location {
    /// Position in `Source::infos`.
    pub source_index: i32,
    /// Parts of the file.
    pub ranges: Ranges,
}

impl Message for Location {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        if self.source_index != 0 {
            encoding::int32::encode(1, &self.source_index, buf);
        }
        self.ranges.iter().for_each(|range| encoding::message::encode(2, range, buf));
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        let (field, merged) = match tag {
            1 => ("source_index", encoding::int32::merge(wire_type, &mut self.source_index, buf, context)),
            2 => {
                let mut range = Range::default();
                let merged = encoding::message::merge(wire_type, &mut range, buf, context);
                self.ranges.push(range);
                ("ranges", merged)
            }
            _ => return encoding::skip_field(wire_type, tag, buf, context),
        };
        in_field("Location", field, merged)
    }

    fn encoded_len(&self) -> usize {
        let index = if self.source_index == 0 { 0 } else { encoding::int32::encoded_len(1, &self.source_index) };
        index + encoding::message::encoded_len_repeated(2, &self.ranges)
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// A part of a source file.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Range {
    /// Where it starts.
    #[prost(message, optional, tag = "1")]
    pub start: Option<Position>,
    /// Where it ends.
    #[prost(message, optional, tag = "2")]
    pub end: Option<Position>,
}

/// A point in a source file.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Position {
    /// Line, from 1.
    #[prost(int32, tag = "1")]
    pub line: i32,
    /// Column, from 0.
    #[prost(int32, tag = "2")]
    pub character: i32,
}
