//! The result that the daemon sends.
//!
//! Owns the place where it goes: a file appears there when it is complete and the solve has succeeded, a directory is
//! filled as the files come, each of them whole.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bollard_buildkit_proto::fsutil::types::Packet;
use bollard_buildkit_proto::moby::filesync::packet::file_send_server::FileSend as PacketSend;
use bollard_buildkit_proto::moby::filesync::v1::BytesMessage;
use bollard_buildkit_proto::moby::filesync::v1::file_send_server::FileSend as ByteSend;
use futures_util::stream::{self, StreamExt};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::Answers;
use super::scope::Scope;
use crate::error::{BuildkitError, LocalError};
use crate::fsutil::{self, ReceiveError};
use crate::request::Export;

/// Packets that wait for the connection.
const QUEUE: usize = 64;

/// Where a result goes and how much of it is there.
#[derive(Debug)]
pub(crate) struct Delivery {
    place: Place,
    begun: AtomicBool,
    /// Set once all has come: what was left out of it.
    complete: Mutex<Option<Vec<PathBuf>>>,
}

#[derive(Debug)]
enum Place {
    Daemon,
    /// Under a name of its own until it is complete. Taken when the solve ends.
    File {
        path: PathBuf,
        part: Mutex<Option<NamedTempFile>>,
    },
    Directory {
        path: PathBuf,
    },
}

impl Delivery {
    /// Makes sure that the place can be written.
    pub(super) fn open(export: Option<&Export>) -> Result<Self, LocalError> {
        let place = match export {
            None | Some(Export::Image(_)) => Place::Daemon,
            Some(Export::Directory(path)) => {
                prepare_directory(path)?;
                Place::Directory { path: path.clone() }
            }
            Some(Export::Tar(path) | Export::Oci(path, _) | Export::Docker(path, _)) => {
                Place::File { path: path.clone(), part: Mutex::new(Some(prepare_file(path)?)) }
            }
        };
        Ok(Self { place, begun: AtomicBool::new(false), complete: Mutex::new(None) })
    }

    pub(super) fn is_file(&self) -> bool {
        matches!(self.place, Place::File { .. })
    }

    pub(super) fn is_directory(&self) -> bool {
        matches!(self.place, Place::Directory { .. })
    }

    /// Puts what has come in its place. Returns what was left out.
    pub(crate) fn finish(&self) -> Result<Vec<PathBuf>, BuildkitError> {
        let complete = self.complete.lock().unwrap_or_else(PoisonError::into_inner).take();
        let missing =
            || BuildkitError::Protocol { what: "the build succeeded, but its result was not sent".to_owned() };
        match &self.place {
            Place::Daemon => Ok(Vec::new()),
            Place::Directory { .. } => complete.ok_or_else(missing),
            Place::File { path, part } => {
                let skipped = complete.ok_or_else(missing)?;
                let part = part.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(missing)?;
                let placed = part.persist(path);
                placed.map_err(|error| LocalError::Write { path: path.clone(), source: error.error })?;
                Ok(skipped)
            }
        }
    }

    /// Removes what is not in its place.
    pub(crate) fn abandon(&self) {
        if let Place::File { part, .. } = &self.place {
            drop(part.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }

    /// One result is expected.
    fn begin(&self) -> Result<(), Status> {
        if self.begun.swap(true, Ordering::Relaxed) {
            return Err(Status::failed_precondition("the result was sent before"));
        }
        Ok(())
    }

    fn completed(&self, skipped: Vec<PathBuf>) {
        *self.complete.lock().unwrap_or_else(PoisonError::into_inner) = Some(skipped);
    }
}

fn prepare_directory(path: &Path) -> Result<(), LocalError> {
    match std::fs::create_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory) => {
            Err(LocalError::NotDirectory { path: path.to_owned() })
        }
        Err(source) => Err(LocalError::Write { path: path.to_owned(), source }),
    }
}

fn prepare_file(path: &Path) -> Result<NamedTempFile, LocalError> {
    if path.is_dir() {
        return Err(LocalError::IsDirectory { path: path.to_owned() });
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The umask applies, as to any file that the user makes.
    let permissions = Permissions::from_mode(0o666);
    std::fs::create_dir_all(parent)
        .and_then(|()| tempfile::Builder::new().prefix(".hlbc-").permissions(permissions).tempfile_in(parent))
        .map_err(|source| LocalError::Write { path: path.to_owned(), source })
}

/// Takes a result that is one file.
pub(super) struct File {
    pub(super) delivery: Arc<Delivery>,
    pub(super) scope: Arc<Scope>,
}

#[tonic::async_trait]
impl ByteSend for File {
    type DiffCopyStream = Answers<BytesMessage>;

    async fn diff_copy(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::DiffCopyStream>, Status> {
        self.delivery.begin()?;
        let (delivery, scope) = (self.delivery.clone(), self.scope.clone());
        // Says nothing while it takes the bytes; an error, or just the end, is the answer.
        let taking = async move { take(request.into_inner(), &delivery, &scope).await.err().map(Err) };
        Ok(Response::new(Box::pin(stream::once(taking).filter_map(std::future::ready))))
    }
}

async fn take(mut inbound: Streaming<BytesMessage>, delivery: &Delivery, scope: &Scope) -> Result<(), Status> {
    let Place::File { path, part } = &delivery.place else { return Err(Status::internal("no file is expected")) };
    let unwritable = |source| scope.report(LocalError::Write { path: path.clone(), source });
    let file = part.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|part| part.as_file().try_clone());
    let file = file.ok_or_else(|| Status::cancelled("the build has ended"))?;
    let mut file = tokio::fs::File::from_std(file.map_err(unwritable)?);
    while let Some(message) = inbound.message().await? {
        file.write_all(&message.data).await.map_err(unwritable)?;
    }
    file.flush().await.map_err(unwritable)?;
    delivery.completed(Vec::new());
    Ok(())
}

/// Takes a result that is a tree of files.
pub(super) struct Directory {
    pub(super) delivery: Arc<Delivery>,
    pub(super) scope: Arc<Scope>,
}

#[tonic::async_trait]
impl PacketSend for Directory {
    type DiffCopyStream = Answers<Packet>;

    async fn diff_copy(&self, request: Request<Streaming<Packet>>) -> Result<Response<Self::DiffCopyStream>, Status> {
        let Place::Directory { path } = &self.delivery.place else {
            return Err(Status::internal("no directory is expected"));
        };
        self.delivery.begin()?;
        let (out, packets) = mpsc::channel(QUEUE);
        let (path, delivery, scope) = (path.clone(), self.delivery.clone(), self.scope.clone());
        let mut inbound = request.into_inner();
        let handle = Handle::current();
        self.scope.spawn_blocking(move || {
            let stop = scope.stopped();
            let next = || {
                handle.block_on(async {
                    tokio::select! {
                        () = stop.cancelled() => None,
                        packet = inbound.next() => packet,
                    }
                })
            };
            let send = |packet| {
                handle.block_on(async {
                    tokio::select! {
                        () = stop.cancelled() => false,
                        sent = out.send(Ok(packet)) => sent.is_ok(),
                    }
                })
            };
            let error: BuildkitError = match fsutil::receive(&path, next, send) {
                Ok(skipped) => return delivery.completed(skipped),
                Err(ReceiveError::Gone) => return,
                Err(ReceiveError::Refused(message)) => return tracing::debug!(%message, "the result was not sent"),
                Err(ReceiveError::Local(error)) => error.into(),
                Err(ReceiveError::Protocol { path, what }) => BuildkitError::Protocol {
                    what: format!("the result has an entry `{}` {what}", path.escape_debug()),
                },
            };
            let status = scope.report(error);
            let _ = handle.block_on(async {
                tokio::select! {
                    () = stop.cancelled() => Ok(()),
                    sent = out.send(Err(status)) => sent,
                }
            });
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(packets))))
    }
}
