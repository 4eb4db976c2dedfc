//! The sign of life that a daemon asks for every few seconds, and without which it gives the session up.

use bollard_buildkit_proto::health;
use bollard_buildkit_proto::health::health_check_response::ServingStatus;
use tonic::{Request, Response, Status};

use super::Answers;

pub(super) struct Health;

#[tonic::async_trait]
impl health::health_server::Health for Health {
    async fn check(
        &self,
        _: Request<health::HealthCheckRequest>,
    ) -> Result<Response<health::HealthCheckResponse>, Status> {
        Ok(Response::new(health::HealthCheckResponse { status: ServingStatus::Serving.into() }))
    }

    async fn list(
        &self,
        _: Request<health::HealthListRequest>,
    ) -> Result<Response<health::HealthListResponse>, Status> {
        Err(Status::unimplemented("services are not listed"))
    }

    type WatchStream = Answers<health::HealthCheckResponse>;

    async fn watch(&self, _: Request<health::HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("health is not watched"))
    }
}
