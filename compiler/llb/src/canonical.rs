//! The bytes that digests are made of.
//!
//! Owns how messages are written where prost's own way is not Go's: a map entry always carries both key and value, even
//! empty ones, and the member of an op's oneof stands where its `FieldOrder` says. Messages without maps are left to
//! prost, whose order is the same for them. Knows nothing about what makes a valid graph.

use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};

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
    let mut out = Vec::new();
    prost::encoding::message::encode_repeated(1, &op.inputs, &mut out);
    if order == FieldOrder::ByNumber {
        put_kind(op.op.as_ref(), &mut out);
    }
    if let Some(platform) = &op.platform {
        prost::encoding::message::encode(10, platform, &mut out);
    }
    if let Some(constraints) = &op.constraints {
        prost::encoding::message::encode(11, constraints, &mut out);
    }
    if order == FieldOrder::OneofLast {
        put_kind(op.op.as_ref(), &mut out);
    }
    out
}

/// The canonical bytes of a definition. The ops in it are written as they are.
pub fn encode_definition(definition: &pb::Definition) -> Vec<u8> {
    let mut out = Vec::new();
    prost::encoding::bytes::encode_repeated(1, &definition.def, &mut out);
    for (digest, metadata) in &definition.metadata {
        put_entry(2, digest, &message_value(&encode_metadata(metadata)), &mut out);
    }
    if let Some(source) = &definition.source {
        put_bytes(3, &encode_source(source), &mut out);
    }
    out
}

fn put_kind(kind: Option<&pb::OpKind>, out: &mut Vec<u8>) {
    match kind {
        None => {}
        Some(pb::OpKind::Exec(exec)) => prost::encoding::message::encode(2, exec, out),
        Some(pb::OpKind::Source(source)) => put_bytes(3, &encode_source_op(source), out),
        Some(pb::OpKind::File(file)) => prost::encoding::message::encode(4, file, out),
        Some(pb::OpKind::Build(build)) => put_bytes(5, &encode_build_op(build), out),
        Some(pb::OpKind::Merge(merge)) => prost::encoding::message::encode(6, merge, out),
        Some(pb::OpKind::Diff(diff)) => prost::encoding::message::encode(7, diff, out),
        Some(pb::OpKind::Passthrough(pass)) => prost::encoding::message::encode(8, pass, out),
    }
}

fn encode_source_op(source: &pb::SourceOp) -> Vec<u8> {
    let mut out = Vec::new();
    put_string(1, &source.identifier, &mut out);
    for (name, value) in &source.attrs {
        put_entry(2, name, &message_value(value.as_bytes()), &mut out);
    }
    out
}

fn encode_build_op(build: &pb::BuildOp) -> Vec<u8> {
    let mut out = Vec::new();
    if build.builder != 0 {
        prost::encoding::int64::encode(1, &build.builder, &mut out);
    }
    for (name, input) in &build.inputs {
        put_entry(2, name, &message_value(&input.encode_to_vec()), &mut out);
    }
    if let Some(definition) = &build.def {
        put_bytes(3, &encode_definition(definition), &mut out);
    }
    for (name, value) in &build.attrs {
        put_entry(4, name, &message_value(value.as_bytes()), &mut out);
    }
    out
}

fn encode_metadata(metadata: &pb::OpMetadata) -> Vec<u8> {
    let mut out = Vec::new();
    if metadata.ignore_cache {
        prost::encoding::bool::encode(1, &true, &mut out);
    }
    for (name, text) in &metadata.description {
        put_entry(2, name, &message_value(text.as_bytes()), &mut out);
    }
    if let Some(export) = &metadata.export_cache {
        prost::encoding::message::encode(4, export, &mut out);
    }
    for (cap, wanted) in &metadata.caps {
        let mut value = Vec::new();
        prost::encoding::bool::encode(2, wanted, &mut value);
        put_entry(5, cap, &value, &mut out);
    }
    if let Some(group) = &metadata.progress_group {
        prost::encoding::message::encode(6, group, &mut out);
    }
    if let Some(resources) = &metadata.linux_resources {
        prost::encoding::message::encode(7, resources, &mut out);
    }
    out
}

fn encode_source(source: &pb::Source) -> Vec<u8> {
    let mut out = Vec::new();
    for (digest, locations) in &source.locations {
        put_entry(1, digest, &message_value(&locations.encode_to_vec()), &mut out);
    }
    for info in &source.infos {
        let mut bytes = Vec::new();
        put_string(1, &info.filename, &mut bytes);
        if !info.data.is_empty() {
            put_bytes(2, &info.data, &mut bytes);
        }
        if let Some(definition) = &info.definition {
            put_bytes(3, &encode_definition(definition), &mut bytes);
        }
        put_string(4, &info.language, &mut bytes);
        put_bytes(2, &bytes, &mut out);
    }
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

/// A map entry; `value` is the whole second field, key and length included.
fn put_entry(tag: u32, key: &str, value: &[u8], out: &mut Vec<u8>) {
    let mut entry = Vec::new();
    put_bytes(1, key.as_bytes(), &mut entry);
    entry.extend_from_slice(value);
    put_bytes(tag, &entry, out);
}

fn message_value(bytes: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    put_bytes(2, bytes, &mut value);
    value
}
