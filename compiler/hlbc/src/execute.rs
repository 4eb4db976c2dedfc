//! Doing what a program asks for.
//!
//! Owns the order of solves and exports: beside one another, one after the other, the first failure ends the rest. How one
//! graph is solved is the runtime's business.

use std::collections::BTreeSet;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use hlb_compiler::{Export, FrontendCall, Request, Solve};
use hlb_gateway::{FrontendOutcome, FrontendRequest, GatewayError, run_frontend};
use hlb_language::diagnostic::Location;
use hlb_llb::pb;
use hlb_registry::Platform;
use hlb_runtime::{Entitlement, ErrorKind, ExportTarget, Runtime, SolveError, SolveRequest, StatusSink};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::deliver::{self, Lendings};

/// Does requests.
pub(crate) struct Executor {
    pub(crate) runtime: Runtime,
    pub(crate) status: StatusSink,
    /// What steps may do beyond the usual.
    pub(crate) allow: BTreeSet<Entitlement>,
}

/// A request that failed, with what is needed to find the place in the program.
pub(crate) struct Broken {
    pub(crate) error: SolveError,
    /// Where the ops of the graph come from.
    pub(crate) source: Option<pb::Source>,
    /// The call that asked for the export that failed.
    pub(crate) export: Option<Location>,
}

/// An image that was not pushed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unpublished {
    /// Building or pushing failed.
    #[error(transparent)]
    Failed(#[from] SolveError),
    /// There is not one thing to push.
    #[error("{0} exports were asked for at once, and a push is one")]
    Exports(usize),
    /// It went nowhere where images have digests.
    #[error("the image was written out, and has no digest there")]
    NoDigest,
}

type Outcome<'a> = Pin<Box<dyn Future<Output = Result<(), Box<Broken>>> + Send + 'a>>;

impl Executor {
    /// Does a request. When this returns, nothing of it is running any more.
    pub(crate) fn execute(self: Arc<Self>, request: Request, cancel: CancellationToken) -> Outcome<'static> {
        Box::pin(async move {
            match request {
                Request::Nil => Ok(()),
                Request::Solve(solve) => self.solve(*solve, &cancel).await,
                Request::Sequential(parts) => {
                    for part in parts {
                        Arc::clone(&self).execute(part, cancel.clone()).await?;
                    }
                    Ok(())
                }
                Request::Parallel(parts) => self.side_by_side(parts, &cancel).await,
            }
        })
    }

    async fn side_by_side(self: Arc<Self>, parts: Vec<Request>, cancel: &CancellationToken) -> Result<(), Box<Broken>> {
        let cancel = cancel.child_token();
        let mut running = JoinSet::new();
        for part in parts {
            running.spawn(Arc::clone(&self).execute(part, cancel.clone()));
        }
        let mut first: Option<Box<Broken>> = None;
        while let Some(ended) = running.join_next().await {
            let broken = match ended {
                Ok(Ok(())) => continue,
                Ok(Err(broken)) => broken,
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            };
            cancel.cancel();
            // Those that were only cancelled hide the one that is to blame.
            if first.as_ref().is_none_or(|first| first.error.kind() == ErrorKind::Cancelled) {
                first = Some(broken);
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// Does the one export of a solve to a registry, and gives the digest of the image.
    ///
    /// # Errors
    /// If building or pushing fails.
    pub(crate) async fn publish(&self, solve: &Solve, cancel: &CancellationToken) -> Result<String, Unpublished> {
        let [export] = solve.exports.as_slice() else { return Err(Unpublished::Exports(solve.exports.len())) };
        let lent = Lendings::new(&solve.locals, &solve.layouts, &solve.secrets, &solve.sockets);
        let request = lent.request(export.definition.clone(), self.allow.clone());
        let target = deliver::target(export.to.clone(), &export.image);
        let solved = self.runtime.solve(request, Arc::clone(&self.status), cancel).await?;
        let exported = self.runtime.export(&solved, &target, cancel).await?;
        exported.digest.map(|digest| digest.to_string()).ok_or(Unpublished::NoDigest)
    }

    /// Builds a filesystem and writes its files into a directory.
    ///
    /// # Errors
    /// If building or writing fails.
    pub(crate) async fn write(&self, solve: &Solve, into: &Path, cancel: &CancellationToken) -> Result<(), SolveError> {
        let lent = Lendings::new(&solve.locals, &solve.layouts, &solve.secrets, &solve.sockets);
        let request = lent.request(solve.definition.clone(), self.allow.clone());
        let solved = self.runtime.solve(request, Arc::clone(&self.status), cancel).await?;
        self.runtime.export(&solved, &ExportTarget::Directory(into.to_owned()), cancel).await.map(drop)
    }

    /// Runs an external frontend.
    ///
    /// # Errors
    /// If it cannot be had or fails.
    pub(crate) async fn frontend(
        &self,
        call: &FrontendCall,
        cancel: &CancellationToken,
    ) -> Result<FrontendOutcome, GatewayError> {
        let lent = Lendings::new(&call.locals, &call.layouts, &call.secrets, &call.sockets);
        let SolveRequest { locals, layouts, secrets, sockets, .. } =
            lent.request(pb::Definition::default(), BTreeSet::new());
        let platform = Platform::new(&call.platform.os, &call.platform.architecture, &call.platform.variant);
        let mut opts = call.opts.clone();
        if platform != Platform::host() {
            opts.entry("platform".to_owned()).or_insert_with(|| platform.to_string());
        }
        let request = FrontendRequest {
            source: call.source.clone(),
            opts,
            inputs: call.inputs.clone(),
            locals,
            layouts,
            secrets,
            sockets,
            allow: self.allow.clone(),
            platform,
        };
        run_frontend(&self.runtime, request, Arc::clone(&self.status), cancel).await
    }

    async fn solve(&self, solve: Solve, cancel: &CancellationToken) -> Result<(), Box<Broken>> {
        let lent = Lendings::new(&solve.locals, &solve.layouts, &solve.secrets, &solve.sockets);
        let request = |definition: pb::Definition| lent.request(definition, self.allow.clone());
        // A program that ends in an export has made all there is when the export is done.
        let mut exported = false;
        for Export { definition, image, to, at } in solve.exports {
            exported |= definition.def == solve.definition.def;
            let source = definition.source.clone();
            let broken = |error| Box::new(Broken { error, source: source.clone(), export: Some(at) });
            let target = deliver::target(to, &image);
            let solved =
                self.runtime.solve(request(definition), Arc::clone(&self.status), cancel).await.map_err(broken)?;
            self.runtime.export(&solved, &target, cancel).await.map_err(broken)?;
        }
        if exported {
            return Ok(());
        }
        let source = solve.definition.source.clone();
        let solved = self.runtime.solve(request(solve.definition), Arc::clone(&self.status), cancel).await;
        solved.map(drop).map_err(|error| Box::new(Broken { error, source, export: None }))
    }
}
