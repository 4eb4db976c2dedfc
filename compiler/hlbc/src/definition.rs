//! LLB that is given to a command.
//!
//! Owns reading it from a file or standard input, and the words for what is wrong with it.

use std::io::{IsTerminal, Read};

use camino::Utf8Path;
use hlb_llb::definition::InvalidDefinition;
use hlb_llb::{Graph, pb};
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

/// The failure of a definition that is none.
pub(crate) fn broken(name: &str, error: &InvalidDefinition) -> Failure {
    let failure = Failure::new(Kind::Program, format!("{name} cannot be used")).because(error);
    match error {
        InvalidDefinition::Garbled { .. } => failure.help(MAKE_ONE),
        InvalidDefinition::GarbledOp { .. } => failure.help("make it again: the file is damaged"),
        _ => failure.help("see the op with `hlbc dump`, and mend what made it"),
    }
}
