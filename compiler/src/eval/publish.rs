//! Pushes whose digest the program uses.
//!
//! Owns when they are done: when the digest is wanted, each once. How is the world's business.

use std::rc::Rc;

use ecow::EcoString;

use super::value::{ExportId, Frame};
use super::{Evaluator, Fail, traced};
use crate::codes;
use crate::emit::Emitter;
use crate::request::ExportTo;
use crate::world::WorldError;

impl Evaluator<'_> {
    /// The digest of an image, which is pushed now unless it has been. `frame` is the call that wants to know.
    pub(super) fn publish(&mut self, id: ExportId, frame: &Rc<Frame>) -> Result<EcoString, Fail> {
        if let Some(known) = self.published.get(&id) {
            return Ok(known.clone());
        }
        let Some(plan) = self.exports.get(id.0) else { return Ok(EcoString::new()) };
        let solve = Emitter::new(self).publication(plan);
        match self.world.publish(&solve) {
            Ok(digest) => {
                let digest = EcoString::from(digest);
                self.published.insert(id, digest.clone());
                Ok(digest)
            }
            Err(error) => {
                let name = match &plan.to {
                    ExportTo::Registry { reference, .. } => reference.as_str(),
                    _ => "",
                };
                let push = |message: String| plan.site.fail(codes::PUSH, message);
                let fail = match error {
                    WorldError::Refused { .. } => push(format!(
                        "the digest of `{name}` is known only when it has been pushed, and nothing is pushed here"
                    ))
                    .help("build it with `hlbc run`"),
                    WorldError::Unavailable { reason, advice } => {
                        push(format!("cannot push `{name}`: {reason}")).help(advice)
                    }
                    error => *push(format!("cannot push `{name}`: {error}")),
                };
                Err(Box::new(traced(fail, frame)))
            }
        }
    }
}
