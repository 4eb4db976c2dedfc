//! The machine as the compiler sees it.
//!
//! Owns `OsWorld`: files, environment, commands, images. Decides nothing: what is asked for is looked up.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::{
    Command, CommandOutput, Consent, FileKind, FoundModule, FrontendCall, FrontendResult, ImageConfig, ImageManifest,
    LayoutImage, ModuleRequest, Pin, PinRequest, Platform, ReadAnswer, ReadRequest, Solve, World, WorldError,
};
use hlb_gateway::GatewayError;
use hlb_modules::Session;
use hlb_registry::{Images, Reference, RegistryConfig, ResolvedImage};
use tokio::io::AsyncReadExt;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::error::in_words;
use crate::execute::Executor;
use crate::{fingerprint, image};

/// The operating system, and the outside beyond it where a command may reach there.
pub(crate) struct OsWorld<'a> {
    outside: Option<Outside<'a>>,
    /// What is kept about the program, if anything is.
    session: Option<&'a Session>,
    /// What modules of others may do.
    pub(crate) consent: Consent,
    given: AtomicU64,
}

/// What takes time to answer.
pub(crate) struct Outside<'a> {
    /// Where waiting is done. The compiler must not be called on one of its own threads.
    pub(crate) handle: Handle,
    /// Ends all waiting.
    pub(crate) cancel: Ending,
    /// Where images are looked up, if they are.
    pub(crate) images: Option<&'a Images>,
    /// What builds during evaluation, if anything does.
    pub(crate) executor: Option<Arc<Executor>>,
    /// Whether commands are run.
    pub(crate) runs: bool,
    /// Where fetched repositories are kept, if there is a place.
    pub(crate) repositories: Option<PathBuf>,
}

/// What ends waiting.
pub(crate) enum Ending {
    /// Once and for all.
    Once(CancellationToken),
    /// What is waited for now, and not what is waited for later.
    Each(Box<dyn Fn() -> CancellationToken + Send + Sync>),
}

impl Ending {
    pub(crate) fn token(&self) -> CancellationToken {
        match self {
            Self::Once(token) => token.clone(),
            Self::Each(current) => current(),
        }
    }
}

impl From<CancellationToken> for Ending {
    fn from(token: CancellationToken) -> Self {
        Self::Once(token)
    }
}

impl<'a> OsWorld<'a> {
    /// A world in which nothing is run and nothing looked up.
    pub(crate) fn quiet() -> Self {
        Self { outside: None, session: None, consent: Consent::none(), given: AtomicU64::new(0) }
    }

    /// A world that runs commands and looks images up.
    pub(crate) fn open(outside: Outside<'a>) -> Self {
        Self { outside: Some(outside), ..Self::quiet() }
    }

    /// The same for a program of which something is kept.
    pub(crate) fn with(self, session: &'a Session, consent: &Consent) -> Self {
        Self { session: Some(session), consent: consent.clone(), ..self }
    }

    fn resolve(&self, reference: &str, platform: &Platform) -> Result<Option<Arc<ResolvedImage>>, WorldError> {
        let Some(outside) = &self.outside else { return Ok(None) };
        outside.image(reference, platform)
    }
}

impl OsWorld<'_> {
    /// What builds, and with what its work is done.
    fn builder(&self, action: &str) -> Result<(&Executor, &Outside<'_>), WorldError> {
        let found = self.outside.as_ref().and_then(|outside| Some((outside.executor.as_deref()?, outside)));
        found.ok_or_else(|| WorldError::Refused { action: action.to_owned() })
    }
}

impl Outside<'_> {
    /// An image; none if none is looked up.
    pub(crate) fn image(&self, reference: &str, platform: &Platform) -> Result<Option<Arc<ResolvedImage>>, WorldError> {
        let Some(images) = self.images else { return Ok(None) };
        let reference = Reference::parse(reference).map_err(|error| WorldError::Other(error.to_string()))?;
        let platform = hlb_registry::Platform::new(&platform.os, &platform.architecture, &platform.variant);
        self.wait(async {
            let found = images.resolve(&reference, &platform).await;
            found.map(Some).map_err(|error| {
                let text = chain(&error);
                let Some(advice) = error.advice() else { return WorldError::Other(text) };
                let reason = text.strip_suffix(&format!("; {advice}")).unwrap_or(&text).to_owned();
                WorldError::Unavailable { reason, advice }
            })
        })
    }

    pub(crate) fn wait<T>(&self, work: impl Future<Output = Result<T, WorldError>>) -> Result<T, WorldError> {
        let cancel = self.cancel.token();
        self.handle.block_on(async {
            tokio::select! {
                result = work => result,
                () = cancel.cancelled() => Err(WorldError::Other("interrupted".to_owned())),
            }
        })
    }
}

impl World for OsWorld<'_> {
    fn read_text(&self, path: &Utf8Path) -> Result<String, WorldError> {
        let bytes = std::fs::read(path).map_err(|error| io_error(path, &error))?;
        String::from_utf8(bytes)
            .map_err(|_| WorldError::Unreadable { path: path.to_owned(), reason: "it is not UTF-8".to_owned() })
    }

    fn stat(&self, path: &Utf8Path) -> Result<FileKind, WorldError> {
        let found = std::fs::metadata(path).map_err(|error| io_error(path, &error))?;
        Ok(match found.file_type() {
            kind if kind.is_file() => FileKind::File,
            kind if kind.is_dir() => FileKind::Directory,
            _ => FileKind::Other,
        })
    }

    fn files(&self, dir: &Utf8Path, include: &[String], exclude: &[String]) -> Result<Vec<Utf8PathBuf>, WorldError> {
        let mut files = Vec::new();
        for entry in fingerprint::selected(dir, include, exclude)? {
            if entry.is_file {
                let path = Utf8PathBuf::from_path_buf(entry.path);
                files.push(path.map_err(|path| WorldError::Unreadable {
                    path: dir.to_owned(),
                    reason: format!("the name of `{}` is not UTF-8", path.display()),
                })?);
            }
        }
        Ok(files)
    }

    fn local_fingerprint(&self, dir: &Utf8Path, include: &[String], exclude: &[String]) -> Result<String, WorldError> {
        fingerprint::of(dir, include, exclude)
    }

    fn env(&self, key: &str) -> Option<String> {
        std::env::var(key).ok()
    }

    fn cwd(&self) -> Result<Utf8PathBuf, WorldError> {
        let here = std::env::current_dir()
            .map_err(|error| WorldError::Other(format!("the working directory cannot be used: {error}")))?;
        Utf8PathBuf::from_path_buf(here)
            .map_err(|path| WorldError::Other(format!("the working directory `{}` is not UTF-8", path.display())))
    }

    fn home(&self) -> Option<Utf8PathBuf> {
        std::env::var("HOME").ok().filter(|home| !home.is_empty()).map(Utf8PathBuf::from)
    }

    fn host(&self) -> Platform {
        let host = hlb_registry::Platform::host();
        Platform { os: host.os.into(), architecture: host.architecture.into(), variant: host.variant.into() }
    }

    fn unique(&self) -> String {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let count = self.given.fetch_add(1, Ordering::Relaxed);
        format!("{time:x}-{:x}-{count:x}", std::process::id())
    }

    fn run(&self, command: &Command) -> Result<CommandOutput, WorldError> {
        let action = || "running a command".to_owned();
        match &self.outside {
            Some(outside) if outside.runs => outside.wait(run(command)),
            _ => Err(WorldError::Refused { action: action() }),
        }
    }

    fn pin(&self, wanted: &PinRequest) -> Result<Option<Pin>, WorldError> {
        let outside = self.outside.as_ref().map(|outside| outside as &dyn hlb_modules::Outside);
        self.session.map_or(Ok(None), |session| session.pin(wanted, outside))
    }

    fn module(&self, wanted: &ModuleRequest<'_>) -> Result<FoundModule, WorldError> {
        self.permit(wanted)?;
        let outside = self.outside.as_ref().map(|outside| outside as &dyn hlb_modules::Outside);
        let refused = || WorldError::Refused { action: "fetching a module".to_owned() };
        self.session.ok_or_else(refused)?.module(wanted, outside)
    }

    fn consent(&self) -> Consent {
        self.consent.clone()
    }

    fn fetches(&self) -> bool {
        self.outside.as_ref().is_some_and(|outside| outside.runs)
    }

    fn image_config(&self, reference: &str, platform: &Platform) -> Result<Option<ImageConfig>, WorldError> {
        Ok(self.resolve(reference, platform)?.map(|image| image::read(&image)))
    }

    fn publish(&self, solve: &Solve) -> Result<String, WorldError> {
        let (executor, outside) = self.builder("pushing an image")?;
        // Not dropped when cancelled: the work ends in order.
        let pushed = outside.handle.block_on(executor.publish(solve, &outside.cancel.token()));
        pushed.map_err(|error| WorldError::Other(chain(&error)))
    }

    fn frontend(&self, call: &FrontendCall) -> Result<FrontendResult, WorldError> {
        let (executor, outside) = self.builder("running a frontend")?;
        let made =
            outside.handle.block_on(executor.frontend(call, &outside.cancel.token())).map_err(|error| match error {
                // The program's place says which frontend it is.
                GatewayError::Failed { message, .. } => WorldError::Other(message),
                GatewayError::Start { source, .. } => WorldError::Other(chain(&*source)),
                error => WorldError::Other(error.to_string()),
            })?;
        let config = made.config.as_deref().map(String::from_utf8_lossy);
        Ok(FrontendResult { definition: made.definition, config: config.and_then(|text| image::from_json(&text)) })
    }

    fn read_result(&self, request: &ReadRequest) -> Result<ReadAnswer, WorldError> {
        let (executor, outside) = self.builder(&request.what.action())?;
        // Not dropped when cancelled, either.
        outside.handle.block_on(executor.read(request, &outside.cancel.token()))
    }

    fn image_manifest(
        &self,
        reference: &str,
        platform: Option<&Platform>,
    ) -> Result<Option<ImageManifest>, WorldError> {
        let platform = platform.cloned().unwrap_or_else(|| Platform::new("linux", "amd64"));
        let Some(image) = self.resolve(reference, &platform)? else { return Ok(None) };
        let manifest = serde_json::to_string(&image.manifest).map_err(|error| WorldError::Other(error.to_string()))?;
        Ok(Some(ImageManifest {
            digest: image.root_digest.to_string(),
            manifest,
            config: String::from_utf8_lossy(&image.config_bytes).into_owned(),
            index: None,
        }))
    }

    fn layout_image(&self, dir: &Utf8Path, name: &str, platform: &Platform) -> Result<LayoutImage, WorldError> {
        let action = || "looking into an OCI layout".to_owned();
        let Some(outside) = &self.outside else { return Err(WorldError::Refused { action: action() }) };
        // A name in a layout may be a tag alone. Without any, the only image is meant.
        let whole = match name {
            "" => "layout".to_owned(),
            digest if digest.starts_with("sha256:") => format!("layout@{digest}"),
            tag if !tag.contains(['/', ':', '@']) => format!("layout:{tag}"),
            name => name.to_owned(),
        };
        let reference = Reference::parse(&whole).map_err(|error| WorldError::Other(error.to_string()))?;
        let platform = hlb_registry::Platform::new(&platform.os, &platform.architecture, &platform.variant);
        let images = Images::new(RegistryConfig::empty());
        let found = outside.wait(async {
            let found = images.resolve_in_layout(dir.as_std_path(), &reference, &platform).await;
            found.map_err(|error| WorldError::Other(chain(&error)))
        })?;
        Ok(LayoutImage { digest: found.root_digest.to_string(), config: Some(image::read(&found)) })
    }
}

/// Runs a command with nothing to read. It is killed if it is not waited for to the end.
async fn run(command: &Command) -> Result<CommandOutput, WorldError> {
    let Some((program, args)) = command.args.split_first() else {
        return Err(WorldError::Other("a command needs a program".to_owned()));
    };
    let failed = |error: std::io::Error| WorldError::Other(format!("cannot run `{program}`: {error}"));
    let mut child = tokio::process::Command::new(program)
        .args(args)
        .current_dir(&command.dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let (mut stdout, mut stderr, mut combined) = (Vec::new(), Vec::new(), Vec::new());
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let (mut from_out, mut from_err) = ([0; 8192], [0; 8192]);
    while out.is_some() || err.is_some() {
        tokio::select! {
            read = piece(&mut out, &mut from_out) => take(read.map_err(failed)?, &mut out, &mut stdout, &mut combined),
            read = piece(&mut err, &mut from_err) => take(read.map_err(failed)?, &mut err, &mut stderr, &mut combined),
        }
    }
    let status = child.wait().await.map_err(failed)?;
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(CommandOutput {
        exit_code: status.code().unwrap_or_else(|| 128 + signal.unwrap_or(0)),
        stdout: text(stdout),
        stderr: text(stderr),
        combined: text(combined),
    })
}

/// The next bytes of a pipe; waits for ever if it has ended.
async fn piece<'a, R: tokio::io::AsyncRead + Unpin>(
    pipe: &mut Option<R>,
    buffer: &'a mut [u8],
) -> std::io::Result<&'a [u8]> {
    let Some(pipe) = pipe else { return std::future::pending().await };
    let read = pipe.read(buffer).await?;
    Ok(buffer.get(..read).unwrap_or_default())
}

fn take<R>(read: &[u8], pipe: &mut Option<R>, own: &mut Vec<u8>, combined: &mut Vec<u8>) {
    if read.is_empty() {
        *pipe = None;
    }
    own.extend_from_slice(read);
    combined.extend_from_slice(read);
}

fn io_error(path: &Utf8Path, error: &std::io::Error) -> WorldError {
    match error.kind() {
        std::io::ErrorKind::NotFound => WorldError::NotFound { path: path.to_owned() },
        _ => WorldError::Unreadable { path: path.to_owned(), reason: in_words(&error.to_string()) },
    }
}

/// An error with its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    in_words(&text)
}
