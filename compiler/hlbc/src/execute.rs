//! Doing what a program asks for.
//!
//! Owns the order of solves and exports: beside one another, one after the other, the first failure ends the rest. How one
//! graph is solved is the runtime's business.

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use hlb_compiler::{
    Content, Export, FrontendCall, ReadAnswer, ReadRequest, Request, Solve, TargetCall, Variant, WorldError,
};
use hlb_gateway::{FrontendOutcome, FrontendRequest, GatewayError, run_frontend};
use hlb_language::diagnostic::Location;
use hlb_llb::pb;
use hlb_registry::Platform;
use hlb_runtime::{
    Attestations, Contents, ErrorKind, ExportTarget, Exported, FileOptions, ImageOptions, ImageVariant, Runtime,
    SolveError, SolveRequest, Solved, StatusSink,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::deliver::{self, Lendings, Terms};
use crate::image;
use crate::look::{self, Key, Results};
use crate::output::Output;
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
    /// What was written out.
    delivered: Mutex<Vec<Delivered>>,
}

/// An export that is done.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    /// Where it went, in words.
    pub(crate) title: String,
    pub(crate) exported: Exported,
    /// How it was made, if that was to be kept.
    pub(crate) provenance: Option<serde_json::Value>,
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
        Self {
            results: Results::default(),
            runtime,
            status,
            terms,
            targets: OnceLock::new(),
            broken: Mutex::new(None),
            delivered: Mutex::default(),
        }
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

    /// Does the exports of a solve, and then writes its result to all outputs side by side.
    ///
    /// # Errors
    /// The first failure, which ends the others.
    pub(crate) async fn deliver(
        self: Arc<Self>,
        solve: Solve,
        outputs: Vec<Output>,
        cancel: CancellationToken,
    ) -> Result<(), Box<Broken>> {
        let lent = Lendings::of(&solve);
        for export in &solve.exports {
            self.export(&lent, export, &cancel).await?;
        }
        let mut request = lent.request(solve.definition.clone(), &self.terms);
        let attestations = self.attestations();
        let targets = outputs.into_iter().map(|output| {
            let target = deliver::attested(deliver::output(output.to, &solve.image), &attestations);
            target.map(|target| (output.text, target))
        });
        let targets: Vec<(String, ExportTarget)> = targets
            .collect::<Result<_, _>>()
            .map_err(|error| Box::new(Broken { error, source: None, export: None }))?;
        request.hints.images.extend(images(targets.iter().map(|(_, target)| target)));
        let solved = self.runtime.solve(request, Arc::clone(&self.status), &cancel).await;
        let source = solve.definition.source.clone();
        let solved = solved.map_err(|error| Box::new(Broken { error, source, export: None }))?;
        let cancel = cancel.child_token();
        let mut running = JoinSet::new();
        for (number, (title, target)) in targets.into_iter().enumerate() {
            let (this, solved, token) = (Arc::clone(&self), solved.clone(), cancel.clone());
            running.spawn(async move {
                let done = this.write_out(title, &solved, &target, &token).await;
                done.map(|done| (number, done)).map_err(|error| Box::new(Broken { error, source: None, export: None }))
            });
        }
        let (mut done, failed) = ended(running, &cancel).await;
        done.sort_by_key(|(number, _)| *number);
        self.delivered().extend(done.into_iter().map(|(_, done)| done));
        failed.map_or(Ok(()), Err)
    }

    async fn write_out(
        &self,
        title: String,
        solved: &Solved,
        target: &ExportTarget,
        cancel: &CancellationToken,
    ) -> Result<Delivered, SolveError> {
        let exported = self.runtime.export(solved, target, cancel).await?;
        Ok(Delivered { title, exported, provenance: self.provenance(solved, cancel).await? })
    }

    async fn provenance(
        &self,
        solved: &Solved,
        cancel: &CancellationToken,
    ) -> Result<Option<serde_json::Value>, SolveError> {
        if !self.terms.hints.trace {
            return Ok(None);
        }
        let wanted = self.attestations().provenance.unwrap_or_default();
        self.runtime.provenance(solved, wanted, cancel).await
    }

    /// What was written out so far, in order.
    pub(crate) fn delivered(&self) -> MutexGuard<'_, Vec<Delivered>> {
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner)
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
        let target = ExportTarget::Directory(into.to_owned(), FileOptions::default());
        self.runtime.export(&solved, &target, cancel).await.map(drop)
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
        let contents = self.contents(solve, cancel).await.map_err(failed)?;
        let what = request.what.clone();
        let answered = tokio::task::spawn_blocking(move || look::answer(&contents, &what)).await;
        answered.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    /// Makes a filesystem, unless this process has made it, to look into it.
    ///
    /// # Errors
    /// If building fails.
    pub(crate) async fn contents(
        &self,
        solve: &Solve,
        cancel: &CancellationToken,
    ) -> Result<Arc<Contents>, SolveError> {
        let wanted = Lendings::of(solve).request(solve.definition.clone(), &self.terms);
        let key = Key::of(&wanted);
        if let Some(contents) = self.results.open(&key) {
            return Ok(contents);
        }
        let result = self.results.made(&key);
        let make = || self.runtime.solve(wanted, Arc::clone(&self.status), cancel);
        let solved = result.get_or_try_init(make).await?;
        let contents = Arc::new(self.runtime.look(solved).await?);
        self.results.keep(key, &contents);
        Ok(contents)
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
        let (title, epoch) = (hlb_compiler::destination(&export.to), self.terms.epoch);
        match &export.content {
            Content::One(one) => {
                let target = deliver::target(export.to.clone(), &one.image, epoch);
                let target = deliver::attested(target, &self.attestations()).map_err(broken)?;
                let mut request = lent.request(one.definition.clone(), &self.terms);
                request.hints.images.extend(images([&target]));
                let solved = self.runtime.solve(request, Arc::clone(&self.status), cancel).await;
                let solved = solved.map_err(|error| {
                    let source = one.definition.source.clone();
                    Box::new(Broken { error, source, export: Some(export.at) })
                })?;
                let done = self.write_out(title, &solved, &target, cancel).await.map_err(broken)?;
                let exported = done.exported.clone();
                self.delivered().push(done);
                Ok(exported)
            }
            Content::Index(variants) => {
                let mut target = deliver::index_target(export.to.clone(), epoch).map_err(broken)?;
                let options = deliver::attested_image(&target.to, target.options, &self.attestations());
                target.options = options.map_err(broken)?;
                let platforms: Vec<Platform> = variants.iter().map(deliver::platform).collect();
                // Before anything is built for it.
                target.check(&platforms).map_err(broken)?;
                let images = self.images(lent, variants, (export.at, &target.options), cancel).await?;
                let exported = self.runtime.export_index(&images, &target, cancel).await.map_err(broken)?;
                self.delivered().push(Delivered { title, exported: exported.clone(), provenance: None });
                Ok(exported)
            }
        }
    }

    /// Makes the images of an index, side by side.
    async fn images(
        &self,
        lent: &Lendings,
        variants: &[Variant],
        (at, options): (Location, &ImageOptions),
        cancel: &CancellationToken,
    ) -> Result<Vec<ImageVariant>, Box<Broken>> {
        let cancel = cancel.child_token();
        let mut running = JoinSet::new();
        for (number, variant) in variants.iter().enumerate() {
            let (runtime, status, token) = (self.runtime.clone(), Arc::clone(&self.status), cancel.clone());
            let mut request = lent.request(variant.definition.clone(), &self.terms);
            request.hints.images.push(options.clone());
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

/// The images among what a result becomes.
fn images<'t>(targets: impl IntoIterator<Item = &'t ExportTarget>) -> impl Iterator<Item = ImageOptions> {
    targets.into_iter().filter_map(|target| match target {
        ExportTarget::Image(image) => Some(image.options.clone()),
        ExportTarget::Directory(..) | ExportTarget::Tar(..) => None,
    })
}

/// Waits for all; the first that fails ends the others.
async fn all<T: 'static>(
    running: JoinSet<Result<T, Box<Broken>>>,
    cancel: &CancellationToken,
) -> Result<Vec<T>, Box<Broken>> {
    let (done, first) = ended(running, cancel).await;
    first.map_or(Ok(done), Err)
}

/// The same, with what was done before.
async fn ended<T: 'static>(
    mut running: JoinSet<Result<T, Box<Broken>>>,
    cancel: &CancellationToken,
) -> (Vec<T>, Option<Box<Broken>>) {
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
    (done, first)
}
