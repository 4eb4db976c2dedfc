//! LLB that is given to a command.
//!
//! Owns reading it from a file or standard input, the words for what is wrong with it, and leaving out more of its directories.

use std::collections::{BTreeMap, HashMap};
use std::io::{IsTerminal, Read};

use camino::Utf8Path;
use hlb_llb::definition::InvalidDefinition;
use hlb_llb::{Digest, Graph, encode_op, pb};
use prost::Message;

use crate::error::{Failure, Kind};

const MAKE_ONE: &str = "make one with `hlbc emit --format pb > FILE`";

/// Bytes from a file, or from standard input for none or `-`, and what to call them.
///
/// # Errors
/// If they cannot be read, or there are none: a command before this one in a pipe has failed then.
pub(crate) fn read_bytes(file: Option<&Utf8Path>) -> Result<(String, Vec<u8>), Failure> {
    let mut bytes = Vec::new();
    let name = match file.filter(|file| *file != "-") {
        Some(file) => {
            bytes = std::fs::read(file).map_err(|error| {
                Failure::new(Kind::Usage, format!("cannot read `{file}`")).because(error).help("check the name")
            })?;
            format!("`{file}`")
        }
        None => {
            let mut input = std::io::stdin().lock();
            if input.is_terminal() {
                return Err(Failure::new(Kind::Usage, "LLB is binary, and standard input is a terminal")
                    .help("name a file, or put the command behind `hlbc emit --format pb |`"));
            }
            input
                .read_to_end(&mut bytes)
                .map_err(|error| Failure::new(Kind::Environment, "cannot read standard input").because(error))?;
            "standard input".to_owned()
        }
    };
    if bytes.is_empty() {
        return Err(Failure::new(Kind::Usage, format!("{name} is empty")).help(MAKE_ONE));
    }
    Ok((name, bytes))
}

/// A definition from a file or from standard input, and what to call it.
///
/// # Errors
/// If there is none.
pub(crate) fn read(file: Option<&Utf8Path>) -> Result<(String, pb::Definition), Failure> {
    let (name, bytes) = read_bytes(file)?;
    let definition = decode(&name, &bytes)?;
    Ok((name, definition))
}

/// The definition that bytes are.
///
/// # Errors
/// If they are none.
pub(crate) fn decode(name: &str, bytes: &[u8]) -> Result<pb::Definition, Failure> {
    pb::Definition::decode(bytes)
        .map_err(|error| broken(name, &InvalidDefinition::Garbled { reason: error.to_string() }))
}

/// Checks a definition.
///
/// # Errors
/// If a solver would refuse it.
pub(crate) fn load(name: &str, definition: &pb::Definition) -> Result<Graph, Failure> {
    Graph::load(definition).map_err(|error| broken(name, &error))
}

/// The same definition with more left out of its local directories: patterns by the names that these have in it. Each op that is
/// another then gets another digest, and so do all that read it.
///
/// # Errors
/// If an op cannot be read.
pub(crate) fn without(
    definition: pb::Definition,
    graph: &Graph,
    left_out: &BTreeMap<String, Vec<String>>,
) -> Result<pb::Definition, Failure> {
    if left_out.is_empty() {
        return Ok(definition);
    }
    let mut by_digest: HashMap<Digest, pb::Bytes> =
        definition.def.iter().map(|bytes| (Digest::of(bytes), bytes.clone())).collect();
    let ops = graph.vertices.iter().filter_map(|vertex| by_digest.remove(&vertex.digest));
    let terminal = definition.def.last().cloned();
    let mut moved: HashMap<String, String> = HashMap::new();
    let mut made = pb::Definition { source: definition.source, ..pb::Definition::default() };
    for bytes in ops.chain(terminal) {
        let mut op = pb::Op::decode(bytes.clone())
            .map_err(|error| Failure::new(Kind::Program, "an op cannot be read").because(error))?;
        let mut changed = leave_out(&mut op, left_out);
        for input in &mut op.inputs {
            if let Some(digest) = moved.get(&input.digest) {
                input.digest.clone_from(digest);
                changed = true;
            }
        }
        let old = Digest::of(&bytes).to_string();
        let bytes = if changed { encode_op(&op).into() } else { bytes };
        let new = Digest::of(&bytes).to_string();
        if let Some(metadata) = definition.metadata.get(&old) {
            made.metadata.insert(new.clone(), metadata.clone());
        }
        if changed {
            if let Some(source) = &mut made.source
                && let Some(locations) = source.locations.remove(&old)
            {
                source.locations.insert(new.clone(), locations);
            }
            moved.insert(old, new);
        }
        made.def.push(bytes);
    }
    Ok(made)
}

/// Leaves more out of an op that takes in a local directory. Whether it does.
fn leave_out(op: &mut pb::Op, left_out: &BTreeMap<String, Vec<String>>) -> bool {
    const EXCLUDE: &str = "local.excludepatterns";
    let Some(pb::OpKind::Source(source)) = &mut op.op else { return false };
    let name = source.identifier.strip_prefix("local://");
    let Some(more) = name.and_then(|name| left_out.get(name)).filter(|more| !more.is_empty()) else { return false };
    let known = source.attrs.get(EXCLUDE).and_then(|text| serde_json::from_str::<Vec<String>>(text).ok());
    let all: Vec<&String> = known.iter().flatten().chain(more).collect();
    source.attrs.insert(EXCLUDE.to_owned(), serde_json::json!(all).to_string());
    true
}

/// The failure of a definition that is none.
pub(crate) fn broken(name: &str, error: &InvalidDefinition) -> Failure {
    let failure = Failure::new(Kind::Program, format!("{name} cannot be used")).because(error);
    match error {
        InvalidDefinition::Garbled { .. } => failure.help(MAKE_ONE),
        InvalidDefinition::GarbledOp { .. } => failure.help("make it again: the file is damaged"),
        _ => failure.help("see the op with `hlbc dump`, and mend what made it"),
    }
}
