//! A definition as text, one JSON object for each op, as `buildctl debug dump-llb` prints it.
//!
//! Owns the shape of a line. Does not check what it prints.

use crate::definition::{InvalidDefinition, decode_op};
use crate::digest::Digest;
use crate::json::{Object, ToJson};
use crate::pb;

/// An op as a value, for those who keep or compare it.
pub fn op(op: &pb::Op) -> serde_json::Value {
    serde_json::from_str(&op.to_json()).unwrap_or_default()
}

/// The lines, in the order of the definition.
pub fn dump(definition: &pb::Definition) -> Result<String, InvalidDefinition> {
    let mut out = String::new();
    let nothing = pb::OpMetadata::default();
    for bytes in &definition.def {
        let digest = Digest::of(bytes);
        let op = decode_op(&digest, bytes)?;
        let metadata = definition.metadata.get(digest.as_str()).unwrap_or(&nothing);
        let mut line = Object::begin(&mut out);
        line.field("Op", &op).field("Digest", digest.as_str()).field("OpMetadata", metadata);
        line.end();
        out.push('\n');
    }
    Ok(out)
}
