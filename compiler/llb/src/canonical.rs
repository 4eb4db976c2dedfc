//! The bytes that digests are made of.
//!
//! Owns how messages are written where prost's own way is not Go's: a map entry always carries both key and value, even
//! empty ones, and the member of an op's oneof stands where its `FieldOrder` says. Messages without maps are left to
//! prost, whose order is the same for them. Knows nothing about what makes a valid graph.

use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, message};

use crate::pb;

/// Where the member of a oneof is written. Solvers accept both, but the digests differ. Of LLB's messages only `Op` has
/// plain fields with higher numbers than a member of its oneof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldOrder {
    /// By its number, before platform and constraints: what the HLB reference compiler writes, and therefore we.
    ByNumber,
    /// After all plain fields: what BuildKit's clients write since they use Go's own protobuf library.
    OneofLast,
}

/// The bytes of an op as this project writes them. Their SHA-256 is the op's digest.
pub fn encode_op(op: &pb::Op) -> Vec<u8> {
    encode_op_in(FieldOrder::ByNumber, op)
}

/// The bytes of an op in a given order.
pub fn encode_op_in(order: FieldOrder, op: &pb::Op) -> Vec<u8> {
    let parts = OpParts { kind: op.op.as_ref(), platform: op.platform.as_ref(), constraints: op.constraints.as_ref() };
    parts.encode(order, op.inputs.iter().map(|input| (input.digest.as_bytes(), input.index)))
}

/// The canonical bytes of a definition. The ops in it are written as they are.
pub fn encode_definition(definition: &pb::Definition) -> Vec<u8> {
    // What is said about an op mostly fits into this, so that growing is rare.
    const SAID: usize = 160;
    let ops: usize = definition.def.iter().map(|op| op.len() + SAID).sum();
    let mut out = Vec::with_capacity(ops);
    put_definition(definition, &mut out);
    out
}

/// What an op says besides its inputs.
pub(crate) struct OpParts<'a> {
    pub(crate) kind: Option<&'a pb::OpKind>,
    pub(crate) platform: Option<&'a pb::Platform>,
    pub(crate) constraints: Option<&'a pb::WorkerConstraints>,
}

impl OpParts<'_> {
    /// The bytes of the op. `inputs` are digests and outputs.
    pub(crate) fn encode<'d>(
        &self,
        order: FieldOrder,
        inputs: impl Iterator<Item = (&'d [u8], i64)> + Clone,
    ) -> Vec<u8> {
        let named: usize = inputs.clone().map(|(digest, index)| field_length(input_length(digest, index))).sum();
        let kind = self.kind.map_or(0, kind_length);
        let platform = self.platform.map_or(0, |platform| message::encoded_len(10, platform));
        let constraints = self.constraints.map_or(0, |constraints| message::encoded_len(11, constraints));
        // Most ops live as long as their graph, so none takes more than it needs.
        let mut out = Vec::with_capacity(named + field_length(kind) + platform + constraints);
        for (digest, index) in inputs {
            encode_key(1, WireType::LengthDelimited, &mut out);
            encode_varint(input_length(digest, index) as u64, &mut out);
            if !digest.is_empty() {
                put_bytes(1, digest, &mut out);
            }
            if index != 0 {
                prost::encoding::int64::encode(2, &index, &mut out);
            }
        }
        if order == FieldOrder::ByNumber {
            put_kind(self.kind, kind, &mut out);
        }
        if let Some(platform) = self.platform {
            message::encode(10, platform, &mut out);
        }
        if let Some(constraints) = self.constraints {
            message::encode(11, constraints, &mut out);
        }
        if order == FieldOrder::OneofLast {
            put_kind(self.kind, kind, &mut out);
        }
        out
    }
}

fn input_length(digest: &[u8], index: i64) -> usize {
    let text = if digest.is_empty() { 0 } else { field_length(digest.len()) };
    text + if index == 0 { 0 } else { prost::encoding::int64::encoded_len(2, &index) }
}

/// How many bytes the member of the oneof takes; of nested builds, which are rare, only known when they are written.
fn kind_length(kind: &pb::OpKind) -> usize {
    match kind {
        pb::OpKind::Exec(exec) => exec.encoded_len(),
        pb::OpKind::Source(source) => source_op_length(source),
        pb::OpKind::File(file) => file.encoded_len(),
        pb::OpKind::Build(_) => 0,
        pb::OpKind::Merge(merge) => merge.encoded_len(),
        pb::OpKind::Diff(diff) => diff.encoded_len(),
        pb::OpKind::Passthrough(pass) => pass.encoded_len(),
    }
}

fn put_kind(kind: Option<&pb::OpKind>, length: usize, out: &mut Vec<u8>) {
    match kind {
        None => {}
        Some(pb::OpKind::Exec(exec)) => put_message(2, exec, length, out),
        Some(pb::OpKind::Source(source)) => put_source_op(source, length, out),
        Some(pb::OpKind::File(file)) => put_message(4, file, length, out),
        Some(pb::OpKind::Build(build)) => put_bytes(5, &encode_build_op(build), out),
        Some(pb::OpKind::Merge(merge)) => put_message(6, merge, length, out),
        Some(pb::OpKind::Diff(diff)) => put_message(7, diff, length, out),
        Some(pb::OpKind::Passthrough(pass)) => put_message(8, pass, length, out),
    }
}

/// A message whose length is known, which else would be measured again.
fn put_message(tag: u32, value: &impl Message, length: usize, out: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(length as u64, out);
    value.encode_raw(out);
}

fn source_op_length(source: &pb::SourceOp) -> usize {
    let identifier = if source.identifier.is_empty() { 0 } else { field_length(source.identifier.len()) };
    let attrs = source.attrs.iter().map(|(name, value)| field_length(entry_length(name, value.len()))).sum::<usize>();
    identifier + attrs
}

fn put_source_op(source: &pb::SourceOp, length: usize, out: &mut Vec<u8>) {
    encode_key(3, WireType::LengthDelimited, out);
    encode_varint(length as u64, out);
    put_string(1, &source.identifier, out);
    for (name, value) in &source.attrs {
        put_entry(2, name, value.as_bytes(), out);
    }
}

fn encode_build_op(build: &pb::BuildOp) -> Vec<u8> {
    let mut out = Vec::new();
    if build.builder != 0 {
        prost::encoding::int64::encode(1, &build.builder, &mut out);
    }
    for (name, input) in &build.inputs {
        put_entry(2, name, &input.encode_to_vec(), &mut out);
    }
    if let Some(definition) = &build.def {
        put_bytes(3, &encode_definition(definition), &mut out);
    }
    for (name, value) in &build.attrs {
        put_entry(4, name, value.as_bytes(), &mut out);
    }
    out
}

fn put_definition(definition: &pb::Definition, out: &mut Vec<u8>) {
    for op in &definition.def {
        put_bytes(1, op, out);
    }
    let mut value = Vec::new();
    for (digest, metadata) in &definition.metadata {
        value.clear();
        put_metadata(metadata, &mut value);
        put_entry(2, digest, &value, out);
    }
    if let Some(source) = &definition.source {
        put_source(source, out);
    }
}

fn put_metadata(metadata: &pb::OpMetadata, out: &mut Vec<u8>) {
    if metadata.ignore_cache {
        prost::encoding::bool::encode(1, &true, out);
    }
    for (name, text) in &metadata.description {
        put_entry(2, name, text.as_bytes(), out);
    }
    if let Some(export) = &metadata.export_cache {
        message::encode(4, export, out);
    }
    for (cap, wanted) in metadata.caps.iter() {
        encode_key(5, WireType::LengthDelimited, out);
        encode_varint(field_length(cap.len()) as u64 + 2, out);
        put_bytes(1, cap.as_bytes(), out);
        prost::encoding::bool::encode(2, &wanted, out);
    }
    if let Some(group) = &metadata.progress_group {
        message::encode(6, group, out);
    }
    if let Some(resources) = &metadata.linux_resources {
        message::encode(7, resources, out);
    }
}

/// The source map, which is the larger part of most definitions: measured first, so that it is written in place.
fn put_source(source: &pb::Source, out: &mut Vec<u8>) {
    let infos: Vec<Vec<u8>> = source.infos.iter().map(encode_info).collect();
    let lengths: Vec<usize> = source.locations.values().map(Message::encoded_len).collect();
    let locations = source.locations.keys().zip(&lengths);
    let total = locations.clone().map(|(digest, length)| field_length(entry_length(digest, *length))).sum::<usize>()
        + infos.iter().map(|info| field_length(info.len())).sum::<usize>();
    out.reserve(total + 16);
    encode_key(3, WireType::LengthDelimited, out);
    encode_varint(total as u64, out);
    for ((digest, places), length) in source.locations.iter().zip(&lengths) {
        encode_key(1, WireType::LengthDelimited, out);
        encode_varint(entry_length(digest, *length) as u64, out);
        put_bytes(1, digest.as_bytes(), out);
        put_message(2, places, *length, out);
    }
    for info in &infos {
        put_bytes(2, info, out);
    }
}

fn encode_info(info: &pb::SourceInfo) -> Vec<u8> {
    let mut out = Vec::with_capacity(info.filename.len() + info.data.len() + info.language.len() + 32);
    put_string(1, &info.filename, &mut out);
    if !info.data.is_empty() {
        put_bytes(2, &info.data, &mut out);
    }
    if let Some(definition) = &info.definition {
        put_bytes(3, &encode_definition(definition), &mut out);
    }
    put_string(4, &info.language, &mut out);
    out
}

fn put_string(tag: u32, text: &str, out: &mut Vec<u8>) {
    if !text.is_empty() {
        put_bytes(tag, text.as_bytes(), out);
    }
}

fn put_bytes(tag: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// A map entry whose value is a text or a message: key and value, both also where they are empty.
fn put_entry(tag: u32, key: &str, value: &[u8], out: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(entry_length(key, value.len()) as u64, out);
    put_bytes(1, key.as_bytes(), out);
    put_bytes(2, value, out);
}

fn entry_length(key: &str, value: usize) -> usize {
    field_length(key.len()) + field_length(value)
}

/// Bytes of a field with so much content and a number below 16.
fn field_length(content: usize) -> usize {
    1 + encoded_len_varint(content as u64) + content
}
