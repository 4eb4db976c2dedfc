//! Connections that steps make to what the user lends: an SSH agent, keys, other sockets.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::Arc;

use bollard_buildkit_proto::moby::sshforward::v1 as api;
use futures_util::stream::StreamExt;
use hlb_agent::Lent;
use tokio::io::AsyncWriteExt;
use tokio_util::io::ReaderStream;
use tonic::{Request, Response, Status, Streaming};

use super::scope::Scope;
use super::{Answers, PIECE};
use crate::error::LocalError;

/// The id of a request that names none.
const DEFAULT: &str = "default";

pub(super) struct Sockets {
    pub(super) lent: BTreeMap<String, Lent>,
    pub(super) scope: Arc<Scope>,
}

impl Sockets {
    fn get<'a>(&'a self, id: &str) -> Result<&'a Lent, Status> {
        self.lent.get(id).ok_or_else(|| Status::not_found(format!("nothing is lent as `{id}`")))
    }

    fn report(&self, id: &str, source: hlb_agent::AgentError) -> Status {
        self.scope.report(LocalError::Socket { id: id.to_owned(), source })
    }
}

#[tonic::async_trait]
impl api::ssh_server::Ssh for Sockets {
    async fn check_agent(
        &self,
        request: Request<api::CheckAgentRequest>,
    ) -> Result<Response<api::CheckAgentResponse>, Status> {
        let id = request.into_inner().id;
        let id = if id.is_empty() { DEFAULT } else { &id };
        hlb_agent::check(self.get(id)?).await.map_err(|error| self.report(id, error))?;
        Ok(Response::new(api::CheckAgentResponse {}))
    }

    type ForwardAgentStream = Answers<api::BytesMessage>;

    async fn forward_agent(
        &self,
        request: Request<Streaming<api::BytesMessage>>,
    ) -> Result<Response<Self::ForwardAgentStream>, Status> {
        let id =
            request.metadata().get("buildkit.ssh.id").and_then(|id| id.to_str().ok()).unwrap_or(DEFAULT).to_owned();
        let connection = hlb_agent::connect(self.get(&id)?).await.map_err(|error| self.report(&id, error))?;
        let (reader, mut writer) = tokio::io::split(connection);
        let mut inbound = request.into_inner();
        self.scope.spawn(async move {
            while let Ok(Some(message)) = inbound.message().await {
                if writer.write_all(&message.data).await.is_err() {
                    return;
                }
            }
            // The step has said all; it may still listen.
            let _ = writer.shutdown().await;
        });
        // It ends after an error.
        let pieces = ReaderStream::with_capacity(reader, PIECE).filter_map(|piece| ready(piece.ok()));
        let stop = self.scope.stopped().cancelled_owned();
        let outbound = pieces.map(|piece| Ok(api::BytesMessage { data: piece.to_vec() })).take_until(stop);
        Ok(Response::new(Box::pin(outbound)))
    }
}
