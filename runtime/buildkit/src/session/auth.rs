//! The user's credentials for registries.
//!
//! Owns the way from a registry's host to what `docker login` keeps for it. Tokens are the daemon's to fetch: it does so
//! itself when told that we do not.

use std::sync::Arc;

use bollard_buildkit_proto::moby::filesync::v1 as api;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use tonic::{Request, Response, Status};

use super::scope::Scope;
use crate::error::LocalError;

pub(super) struct Auth {
    pub(super) scope: Arc<Scope>,
}

#[tonic::async_trait]
impl api::auth_server::Auth for Auth {
    async fn credentials(
        &self,
        request: Request<api::CredentialsRequest>,
    ) -> Result<Response<api::CredentialsResponse>, Status> {
        let server = stored_name(request.into_inner().host);
        let asked = server.clone();
        let found = tokio::task::spawn_blocking(move || docker_credential::get_credential(&asked)).await;
        let found = found.map_err(|error| Status::internal(error.to_string()))?;
        let (username, secret) = match found {
            Ok(DockerCredential::UsernamePassword(user, password)) => (user, password),
            Ok(DockerCredential::IdentityToken(token)) => (String::new(), token),
            Err(
                CredentialRetrievalError::NoCredentialConfigured
                | CredentialRetrievalError::ConfigNotFound
                | CredentialRetrievalError::ConfigReadError,
            ) => (String::new(), String::new()),
            Err(error) => {
                return Err(self.scope.report(LocalError::Credentials { server, reason: error.to_string() }));
            }
        };
        Ok(Response::new(api::CredentialsResponse { username, secret }))
    }

    async fn fetch_token(
        &self,
        _: Request<api::FetchTokenRequest>,
    ) -> Result<Response<api::FetchTokenResponse>, Status> {
        Err(Status::unimplemented("tokens are fetched by the daemon"))
    }

    async fn get_token_authority(
        &self,
        _: Request<api::GetTokenAuthorityRequest>,
    ) -> Result<Response<api::GetTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("tokens are fetched by the daemon"))
    }

    async fn verify_token_authority(
        &self,
        _: Request<api::VerifyTokenAuthorityRequest>,
    ) -> Result<Response<api::VerifyTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("tokens are fetched by the daemon"))
    }
}

/// How `docker login` names a registry.
fn stored_name(host: String) -> String {
    if host == "registry-1.docker.io" { "https://index.docker.io/v1/".to_owned() } else { host }
}
