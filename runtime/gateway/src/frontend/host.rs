//! What a frontend asks for, done by the embedded runtime.
//!
//! Owns the way from the protocol's requests to the runtime's. Knows nothing of connections.

use std::path::Path;

use hlb_llb::pb;
use hlb_registry::{Platform, Reference};
use hlb_runtime::{CAPABILITIES, Contents, Entry, LogSink, Runtime, SolveRequest, StatusSink};
use tokio_util::sync::CancellationToken;

use super::{FrontendRequest, wired};
use crate::client::Image;
use crate::server::{Fault, Host, Tree};

/// The embedded runtime as a frontend sees it.
pub(super) struct RuntimeHost {
    runtime: Runtime,
    request: FrontendRequest,
    status: StatusSink,
    cancel: CancellationToken,
    log: LogSink,
}

impl RuntimeHost {
    pub(super) fn new(
        runtime: Runtime,
        request: FrontendRequest,
        status: StatusSink,
        cancel: CancellationToken,
        log: LogSink,
    ) -> Self {
        Self { runtime, request, status, cancel, log }
    }
}

impl Host for RuntimeHost {
    type Tree = Contents;

    async fn solve(&self, definition: pb::Definition) -> Result<Contents, Fault> {
        let request = SolveRequest {
            definition,
            locals: self.request.locals.clone(),
            layouts: self.request.layouts.clone(),
            secrets: self.request.secrets.clone(),
            sockets: self.request.sockets.clone(),
            allow: self.request.allow.clone(),
            build: self.request.build.clone(),
            keep_failed: self.request.keep_failed,
            hints: self.request.hints.clone(),
        };
        let fault = |error: hlb_runtime::SolveError| Fault::new(chain(&error));
        let solved = self.runtime.solve(request, self.status.clone(), &self.cancel).await.map_err(fault)?;
        self.runtime.look(&solved).await.map_err(fault)
    }

    async fn image(&self, reference: &str, platform: Option<pb::Platform>) -> Result<Image, Fault> {
        let reference = Reference::parse(reference).map_err(|error| Fault::new(error.to_string()))?;
        let platform = platform.map_or_else(
            || self.request.platform.clone(),
            |platform| Platform::new(&platform.os, &platform.architecture, &platform.variant),
        );
        let found = tokio::select! {
            found = self.runtime.images().resolve(&reference, &platform) => found,
            () = self.cancel.cancelled() => return Err(Fault::new("the build was cancelled")),
        };
        let found = found.map_err(|error| Fault::new(chain(&error)))?;
        Ok(Image { digest: found.root_digest.to_string(), config: found.config_bytes.clone() })
    }

    fn platform(&self) -> pb::Platform {
        wired(&Platform::host())
    }

    fn capabilities(&self) -> &[&str] {
        CAPABILITIES
    }

    fn warn(&self, short: &str, detail: &[String]) {
        let mut text = format!("warning: {short}\n");
        detail.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
        (self.log)(text.as_bytes());
    }
}

impl Tree for Contents {
    fn read_file(&self, path: &str, offset: u64, length: Option<u64>, limit: u64) -> std::io::Result<Vec<u8>> {
        Contents::read_file(self, Path::new(path), offset, length, limit)
    }

    fn read_dir(&self, path: &str, pattern: &str) -> std::io::Result<Vec<Entry>> {
        Contents::read_dir(self, Path::new(path), pattern)
    }

    fn stat(&self, path: &str) -> std::io::Result<Entry> {
        Contents::stat(self, Path::new(path))
    }
}

/// An error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(&format!(": {words}"));
        }
        next = cause.source();
    }
    text
}
