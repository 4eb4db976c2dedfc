//! Doing what a program asks for.
//!
//! Owns the order of solves and exports: beside one another, one after the other, the first failure ends the rest. How one
//! graph is solved is the runtime's business.

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use hlb_compiler::{
    Content, Export, FrontendCall, ReadAnswer, ReadRequest, Request, Solve, TargetCall, Variant, WorldError,
};
use hlb_gateway::{FrontendOutcome, FrontendRequest, GatewayError, run_frontend};
use hlb_language::diagnostic::Location;
use hlb_llb::pb;
use hlb_registry::Platform;
use hlb_runtime::{
    Attestations, ErrorKind, ExportTarget, Exported, ImageVariant, Runtime, SolveError, SolveRequest, StatusSink,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::deliver::{self, Lendings, Terms};
use crate::image;
use crate::look::{self, Key, Results};
use crate::world::chain;

/// Does requests.
pub(crate) struct Executor {
    /// What has been looked into. In front of the runtime, in whose state directory it is mounted.
    results: Results,
    runtime: Runtime,
    status: StatusSink,
    terms: Terms,
    /// The targets that are built.
    targets: OnceLock<Vec<TargetCall>>,
    /// The last step that failed while the program was evaluated.
    broken: Mutex<Option<Box<Broken>>>,
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
    pub(crate) fn new(runtime: Runtime, status: StatusSink, terms: Terms) -> Self {
        let (targets, broken) = (OnceLock::new(), Mutex::new(None));
        Self { results: Results::default(), runtime, status, terms, targets, broken }
    }

    /// Notes which targets are built, and what they are given.
    pub(crate) fn called(&self, targets: &[TargetCall]) {
        self.targets.get_or_init(|| targets.to_vec());
    }

    /// What is said of a result, with what was asked for.
    fn attestations(&self) -> Attestations {
        let mut attestations = self.terms.attestations.clone();
        let (Some(provenance), Some(targets)) = (&mut attestations.provenance, self.targets.get()) else {
            return attestations;
        };
        let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        provenance.program.args = BTreeMap::from([("target".to_owned(), names.join(","))]);
        provenance.program.parameters = targets
            .iter()
            .flat_map(|target| target.args.iter().map(|(name, texts)| (format!("{}.{name}", target.name), texts)))
            .map(|(name, texts)| (name, if texts.is_empty() { "true".to_owned() } else { texts.join(",") }))
            .collect();
        attestations
    }

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
        all(running, &cancel).await.map(drop)
    }

    /// Does the one export of a solve to a registry, and gives the digest of the image.
    ///
    /// # Errors
    /// If building or pushing fails.
    pub(crate) async fn publish(&self, solve: &Solve, cancel: &CancellationToken) -> Result<String, Unpublished> {
        let [export] = solve.exports.as_slice() else { return Err(Unpublished::Exports(solve.exports.len())) };
        let exported = self.export(&Lendings::of(solve), export, cancel).await.map_err(|broken| self.keep(*broken))?;
        exported.digest.map(|digest| digest.to_string()).ok_or(Unpublished::NoDigest)
    }

    /// Builds a filesystem and writes its files into a directory.
    ///
    /// # Errors
    /// If building or writing fails.
    pub(crate) async fn write(&self, solve: &Solve, into: &Path, cancel: &CancellationToken) -> Result<(), SolveError> {
        let request = Lendings::of(solve).request(solve.definition.clone(), &self.terms);
        let solved = self.runtime.solve(request, Arc::clone(&self.status), cancel).await?;
        self.runtime.export(&solved, &ExportTarget::Directory(into.to_owned()), cancel).await.map(drop)
    }

    /// Makes a filesystem, unless this process has made it, and looks into it.
    ///
    /// # Errors
    /// If building fails, or what is asked for cannot be given.
    pub(crate) async fn read(
        &self,
        request: &ReadRequest,
        cancel: &CancellationToken,
    ) -> Result<ReadAnswer, WorldError> {
        let solve = &request.solve;
        let failed = |error: SolveError| {
            let source = solve.definition.source.clone();
            WorldError::Other(chain(&self.keep(Broken { error, source, export: None })))
        };
        let wanted = Lendings::of(solve).request(solve.definition.clone(), &self.terms);
        let key = Key::of(&wanted);
        let contents = match self.results.open(&key) {
            Some(contents) => contents,
            None => {
                let result = self.results.made(&key);
                let make = || self.runtime.solve(wanted, Arc::clone(&self.status), cancel);
                let solved = result.get_or_try_init(make).await.map_err(failed)?;
                let contents = Arc::new(self.runtime.look(solved).await.map_err(failed)?);
                self.results.keep(key, &contents);
                contents
            }
        };
        let what = request.what.clone();
        let answered = tokio::task::spawn_blocking(move || look::answer(&contents, &what)).await;
        answered.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    /// The last step that failed while the program was evaluated.
    pub(crate) fn broken(&self) -> Option<Box<Broken>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Remembers a step that failed, to be told with its place and its log.
    fn keep(&self, broken: Broken) -> SolveError {
        let error = broken.error.clone();
        if error.vertex().is_some() {
            *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(broken));
        }
        error
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
        let SolveRequest { locals, layouts, secrets, sockets, allow, build, keep_failed, hints, .. } =
            lent.request(pb::Definition::default(), &self.terms);
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
            allow,
            build,
            keep_failed,
            hints,
            platform,
        };
        run_frontend(&self.runtime, request, Arc::clone(&self.status), cancel).await
    }

    async fn solve(&self, solve: Solve, cancel: &CancellationToken) -> Result<(), Box<Broken>> {
        let lent = Lendings::of(&solve);
        // A program that ends in an export has made all there is when the export is done.
        let mut exported = false;
        for export in &solve.exports {
            exported |= export.variants().iter().any(|it| it.definition.def == solve.definition.def);
            self.export(&lent, export, cancel).await?;
        }
        if exported {
            return Ok(());
        }
        let source = solve.definition.source.clone();
        let request = lent.request(solve.definition, &self.terms);
        let solved = self.runtime.solve(request, Arc::clone(&self.status), cancel).await;
        solved.map(drop).map_err(|error| Box::new(Broken { error, source, export: None }))
    }

    /// Does one export.
    async fn export(
        &self,
        lent: &Lendings,
        export: &Export,
        cancel: &CancellationToken,
    ) -> Result<Exported, Box<Broken>> {
        let broken = |error| Box::new(Broken { error, source: None, export: Some(export.at) });
        deliver::holds(&export.to, &self.attestations()).map_err(broken)?;
        match &export.content {
            Content::One(one) => {
                let target = deliver::target(export.to.clone(), &one.image);
                let request = lent.request(one.definition.clone(), &self.terms);
                let solved = self.runtime.solve(request, Arc::clone(&self.status), cancel).await;
                let solved = solved.map_err(|error| {
                    let source = one.definition.source.clone();
                    Box::new(Broken { error, source, export: Some(export.at) })
                })?;
                self.runtime.export(&solved, &target, cancel).await.map_err(broken)
            }
            Content::Index(variants) => {
                let target = deliver::index_target(export.to.clone()).map_err(broken)?;
                let platforms: Vec<Platform> = variants.iter().map(deliver::platform).collect();
                // Before anything is built for it.
                target.check(&platforms).map_err(broken)?;
                let images = self.images(lent, variants, export.at, cancel).await?;
                self.runtime.export_index(&images, &target, cancel).await.map_err(broken)
            }
        }
    }

    /// Makes the images of an index, side by side.
    async fn images(
        &self,
        lent: &Lendings,
        variants: &[Variant],
        at: Location,
        cancel: &CancellationToken,
    ) -> Result<Vec<ImageVariant>, Box<Broken>> {
        let cancel = cancel.child_token();
        let mut running = JoinSet::new();
        for (number, variant) in variants.iter().enumerate() {
            let (runtime, status, token) = (self.runtime.clone(), Arc::clone(&self.status), cancel.clone());
            let request = lent.request(variant.definition.clone(), &self.terms);
            let source = variant.definition.source.clone();
            let (platform, config) = (deliver::platform(variant), image::to_json(&variant.image));
            running.spawn(async move {
                match runtime.solve(request, status, &token).await {
                    Ok(solved) => Ok((number, ImageVariant { solved, platform, config })),
                    Err(error) => Err(Box::new(Broken { error, source, export: Some(at) })),
                }
            });
        }
        let mut made = all(running, &cancel).await?;
        made.sort_by_key(|(number, _)| *number);
        Ok(made.into_iter().map(|(_, image)| image).collect())
    }
}

/// Waits for all; the first that fails ends the others.
async fn all<T: 'static>(
    mut running: JoinSet<Result<T, Box<Broken>>>,
    cancel: &CancellationToken,
) -> Result<Vec<T>, Box<Broken>> {
    let mut done = Vec::new();
    let mut first: Option<Box<Broken>> = None;
    while let Some(ended) = running.join_next().await {
        let broken = match ended {
            Ok(Ok(one)) => {
                done.push(one);
                continue;
            }
            Ok(Err(broken)) => broken,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        cancel.cancel();
        // Those that were only cancelled hide the one that is to blame.
        if first.as_ref().is_none_or(|first| first.error.kind() == ErrorKind::Cancelled) {
            first = Some(broken);
        }
    }
    first.map_or(Ok(done), Err)
}
