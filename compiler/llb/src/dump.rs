//! A definition as text, one JSON object for each op, as `buildctl debug dump-llb` prints it.
//!
//! Owns the shape of a line. Does not check what it prints.

use crate::definition::{InvalidDefinition, decode_op};
use crate::digest::Digest;
use crate::json::Object;
use crate::pb;

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
