//! Files that steps may read and that end up in no layer.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bollard_buildkit_proto::moby::buildkit::secrets::v1 as api;
use tonic::{Request, Response, Status};

use super::scope::Scope;
use crate::error::LocalError;

/// As BuildKit has it.
const LONGEST: u64 = 500 << 10;

pub(super) struct Secrets {
    pub(super) files: BTreeMap<String, PathBuf>,
    pub(super) scope: Arc<Scope>,
}

#[tonic::async_trait]
impl api::secrets_server::Secrets for Secrets {
    async fn get_secret(
        &self,
        request: Request<api::GetSecretRequest>,
    ) -> Result<Response<api::GetSecretResponse>, Status> {
        let id = request.into_inner().id;
        // The daemon decides whether a step can do without.
        let path = self.files.get(&id).ok_or_else(|| Status::not_found(format!("secret {id} not found")))?;
        let unreadable = |source| self.scope.report(LocalError::Read { path: path.clone(), source });
        let bytes = tokio::fs::metadata(path).await.map_err(unreadable)?.len();
        if bytes > LONGEST {
            return Err(self.scope.report(LocalError::LongSecret { id, bytes }));
        }
        let data = tokio::fs::read(path).await.map_err(unreadable)?;
        Ok(Response::new(api::GetSecretResponse { data }))
    }
}
