//! How far the outside reaches for names and modules.
//!
//! Owns the translation of what `hlb-modules` asks for into requests to registries, remotes and the runtime.

use std::path::{Path, PathBuf};

use hlb_compiler::{Effect, Effects, Lent, ModuleFrom, ModuleRequest, PinRequest, Solve, WorldError, trust_flag};
use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::{Graph, ops, pb};
use hlb_registry::Reference;
use hlb_runtime::SolveError;

use crate::deliver::Lendings;
use crate::world::{OsWorld, Outside, chain};

/// The schemes that `ops::git` knows no identifier for.
const LOCAL_REMOTE: &str = "file://";

impl OsWorld<'_> {
    /// That a module of others uses the SSH agent of this machine only if it may.
    ///
    /// # Errors
    /// If it may not.
    pub(crate) fn permit(&self, wanted: &ModuleRequest<'_>) -> Result<(), WorldError> {
        let (Some(importer), ModuleFrom::Git { remote, .. }) = (wanted.importer, &wanted.from) else { return Ok(()) };
        if !remote.starts_with("ssh://") || self.consent.allows(&importer.source, Effect::Ssh) {
            return Ok(());
        }
        Err(WorldError::Unavailable {
            reason: format!(
                "for that, `{}` wants to use the SSH agent of this machine, and nobody has said that it may",
                importer.source
            ),
            advice: format!("if it may, say so with `{}`", trust_flag(&importer.source, Effects::just(Effect::Ssh))),
        })
    }
}

impl Outside<'_> {
    fn sources(&self, lent: &Lent) -> Result<hlb_runtime::Outside, WorldError> {
        let repositories = self.repositories.clone().ok_or_else(|| WorldError::Unavailable {
            reason: "there is no state directory to keep repositories in".to_owned(),
            advice: "name one with `HLBC_ROOT`".to_owned(),
        })?;
        Ok(Lendings::of_source(lent).sources(repositories))
    }
}

impl hlb_modules::Outside for Outside<'_> {
    fn is_of_this_machine(&self, wanted: &PinRequest) -> bool {
        let PinRequest::Image { reference, .. } = wanted else { return false };
        let has = |images: &hlb_registry::Images| {
            Reference::parse(reference).is_ok_and(|reference| images.has_layout(&reference))
        };
        self.images.is_some_and(has)
    }

    fn look_up(&self, wanted: &PinRequest) -> Result<String, WorldError> {
        let (op, lent) = match wanted {
            PinRequest::Image { reference, platform } => {
                let found = self.image(reference, platform)?;
                let nowhere = || WorldError::Refused { action: "looking up an image".to_owned() };
                return found.map(|image| image.root_digest.to_string()).ok_or_else(nowhere);
            }
            PinRequest::Git { git, lent } => (git_op(git)?, lent),
            PinRequest::Http { http, lent } => (source_op(ops::http((**http).clone(), Annotations::default()))?, lent),
        };
        let sources = self.sources(lent)?;
        self.wait(async { sources.stands_for(&op).await.map_err(said) })
    }

    fn checkout(&self, remote: &str, commit: &str, into: &Path) -> Result<(), WorldError> {
        let git = ops::Git { skip_submodules: true, ..ops::Git::new(remote, commit) };
        let op = git_op(&git)?;
        // Modules are fetched with the agent of the user, where there is one.
        let sockets = [("default".to_owned(), hlb_compiler::Socket::Agent(Vec::new()))].into();
        let sources = self.sources(&Lent { sockets, ..Lent::default() })?;
        self.wait(async { sources.checkout(&op, into).await.map_err(said) })
    }

    fn build(&self, solve: &Solve, into: &Path) -> Result<(), WorldError> {
        let refused = || WorldError::Refused { action: "building a module".to_owned() };
        let executor = self.executor.as_ref().ok_or_else(refused)?;
        // Not dropped when cancelled: the work ends in order.
        self.handle.block_on(executor.write(solve, into, &self.cancel.token())).map_err(said)
    }
}

fn git_op(git: &ops::Git) -> Result<pb::SourceOp, WorldError> {
    let mut op = source_op(ops::git(git.clone(), Annotations::default()))?;
    if git.url.starts_with(LOCAL_REMOTE) {
        op.identifier = format!("git://here#{}", git.reference);
    }
    Ok(op)
}

fn source_op(output: Output) -> Result<pb::SourceOp, WorldError> {
    let graph =
        Graph::load(&marshal(Some(&output), Vec::new())).map_err(|error| WorldError::Other(error.to_string()))?;
    let op = graph.vertices.into_iter().find_map(|vertex| match vertex.op.op {
        Some(pb::OpKind::Source(source)) => Some(source),
        _ => None,
    });
    op.ok_or_else(|| WorldError::Other("it is not a source".to_owned()))
}

fn said(error: SolveError) -> WorldError {
    WorldError::Other(chain(&error))
}

/// Where repositories are kept in a state directory.
pub(crate) fn repositories(state: &Path) -> PathBuf {
    state.join("git")
}
