//! What names that may move stand for.
//!
//! Owns which names are asked for: those that the program does not pin itself. A world that pins nothing leaves them as they are.

use hlb_llb::ops;

use super::Invocation;
use crate::codes;
use crate::eval::graph::Needs;
use crate::eval::{Evaluator, Fail};
use crate::remote::{Lent, Pin, PinRequest};
use crate::world::{Platform, WorldError};

/// An image's reference with the digest that it stands for. `index` is the argument that names it.
pub(super) fn image(
    evaluator: &Evaluator<'_>,
    call: &Invocation,
    index: usize,
    reference: String,
    platform: &Platform,
) -> Result<String, Fail> {
    if reference.contains('@') {
        return Ok(reference);
    }
    let wanted = PinRequest::Image { reference: reference.clone(), platform: platform.clone() };
    match evaluator.world.pin(&wanted) {
        Ok(Some(Pin(digest))) => Ok(format!("{reference}@{digest}")),
        Ok(None) => Ok(reference),
        Err(error @ WorldError::NotLocked { .. }) => Err(not_locked(call, index, &error)),
        Err(error) => Err(call.site.fail_lookup(index, &reference, &error)),
    }
}

/// Has a git source name its commit. The remote is argument 0, the ref argument 1.
pub(super) fn git(evaluator: &Evaluator<'_>, call: &Invocation, git: &mut ops::Git, needs: &Needs) -> Result<(), Fail> {
    if !git.checksum.is_empty() || is_commit(&git.reference) {
        return Ok(());
    }
    let wanted = PinRequest::Git { git: Box::new(git.clone()), lent: lent(needs) };
    match evaluator.world.pin(&wanted) {
        Ok(Some(Pin(commit))) => git.reference = commit,
        Ok(None) => {}
        Err(error) => {
            let what = if git.reference.is_empty() { "the default branch" } else { git.reference.as_str() };
            return Err(untold(call, 1, &format!("which commit `{what}` is"), error));
        }
    }
    Ok(())
}

/// Has a download name the digest of its body. The URL is argument 0.
pub(super) fn http(
    evaluator: &Evaluator<'_>,
    call: &Invocation,
    http: &mut ops::Http,
    needs: &Needs,
) -> Result<(), Fail> {
    if !http.checksum.is_empty() {
        return Ok(());
    }
    let wanted = PinRequest::Http { http: Box::new(http.clone()), lent: lent(needs) };
    match evaluator.world.pin(&wanted) {
        Ok(Some(Pin(digest))) => http.checksum = digest,
        Ok(None) => {}
        Err(error) => return Err(untold(call, 0, "what is behind the URL", error)),
    }
    Ok(())
}

/// Whether a text is a whole commit id, SHA-1 or SHA-256.
fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn lent(needs: &Needs) -> Lent {
    Lent { secrets: needs.secrets.clone(), sockets: needs.sockets.clone() }
}

fn untold(call: &Invocation, index: usize, what: &str, error: WorldError) -> Fail {
    match error {
        WorldError::NotLocked { .. } => not_locked(call, index, &error),
        WorldError::Unavailable { reason, advice } => {
            let message = format!("cannot tell {what}: {reason}");
            Box::new(call.site.fail_arg(index, codes::PIN, message).help(advice))
        }
        error => call.site.fail_arg(index, codes::PIN, format!("cannot tell {what}: {error}")),
    }
}

fn not_locked(call: &Invocation, index: usize, error: &WorldError) -> Fail {
    let fail = call.site.fail_arg(index, codes::NOT_LOCKED, error.to_string());
    Box::new(fail.help("add it with `hlbc update`"))
}
