//! Looking into results through the solver.
//!
//! Owns how a question about a filesystem is asked over the protocol, whose messages are small. The words for what cannot be given
//! are `crate::look`'s.

use hlb_compiler::{MAX_TEXT, ReadAnswer, Reading, WorldError};
use hlb_gateway::client::{CallError, FileType, Gateway, Reference};

use crate::look::{not_readable, text};

/// What is asked for at a time: well below the largest message.
const PIECE: u64 = 4 << 20;

/// Answers a question about a result.
///
/// # Errors
/// If the result cannot be made, or what is asked for is not there or cannot be given.
pub(super) async fn answer(gateway: &Gateway, of: &Reference, what: &Reading) -> Result<ReadAnswer, WorldError> {
    if of.is_empty() {
        return nothing(what);
    }
    Ok(match what {
        Reading::Read { path } => ReadAnswer::Text(read(gateway, of, path).await?),
        Reading::Glob { pattern } => {
            let found = gateway.glob(of, pattern).await;
            ReadAnswer::Paths(found.map_err(|error| failed(pattern, error))?)
        }
        Reading::Exists { path } => match gateway.stat(of, path).await {
            Ok(_) => ReadAnswer::Exists(true),
            Err(error) if error.is_not_found() => ReadAnswer::Exists(false),
            Err(error) => return Err(failed(path, error)),
        },
    })
}

async fn read(gateway: &Gateway, of: &Reference, path: &str) -> Result<String, WorldError> {
    let stat = gateway.stat(of, path).await.map_err(|error| failed(path, error))?;
    match stat.kind {
        FileType::Regular => {}
        FileType::Directory => return Err(not_readable(path, "it is a directory")),
        FileType::Symlink | FileType::Other => return Err(not_readable(path, "it is no regular file")),
    }
    if stat.size > MAX_TEXT {
        let reason = format!("it has {} bytes, and only {MAX_TEXT} can be read at once", stat.size);
        return Err(not_readable(path, reason));
    }
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < stat.size {
        let (offset, left) = (bytes.len() as u64, stat.size - bytes.len() as u64);
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let piece = gateway.read_part(of, path, number(offset), number(left.min(PIECE))).await;
        let piece = piece.map_err(|error| failed(path, error))?;
        if piece.is_empty() {
            return Err(not_readable(path, "the solver gives only a part of it"));
        }
        bytes.extend(piece);
    }
    text(path, bytes)
}

/// The empty filesystem, which no solver has.
fn nothing(what: &Reading) -> Result<ReadAnswer, WorldError> {
    let is_root = what.place().split('/').all(|part| matches!(part, "" | "." | ".."));
    match what {
        Reading::Read { path } if is_root => Err(not_readable(path, "it is a directory")),
        Reading::Read { path } => Err(WorldError::NotFound { path: path.into() }),
        Reading::Glob { .. } if is_root => Ok(ReadAnswer::Paths(vec!["/".to_owned()])),
        Reading::Glob { .. } => Ok(ReadAnswer::Paths(Vec::new())),
        Reading::Exists { .. } => Ok(ReadAnswer::Exists(is_root)),
    }
}

fn failed(place: &str, error: CallError) -> WorldError {
    match error {
        error if error.is_not_found() => WorldError::NotFound { path: place.into() },
        CallError::Pattern(_) | CallError::TooMany(_) => not_readable(place, error.to_string()),
        error => WorldError::Other(error.to_string()),
    }
}
