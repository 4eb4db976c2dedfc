//! Builds in which this process is the frontend.
//!
//! Owns the calls that answer for one: to learn what the daemon can do, and to have it export the empty file system, for
//! which no definition stands.

use std::collections::BTreeSet;

use bollard_buildkit_proto::moby::buildkit::v1::frontend::llb_bridge_client::LlbBridgeClient;
use bollard_buildkit_proto::moby::buildkit::v1::frontend::{PingRequest, Ref, Result as Answer, ReturnRequest, result};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Request, Status};

/// The metadata that says which build a call is about.
const BUILD: &str = "buildkit-controlapi-buildid";

/// A build that waits for its frontend's answer.
pub(crate) struct Bridge {
    client: LlbBridgeClient<Channel>,
    build: MetadataValue<Ascii>,
}

impl Bridge {
    /// The bridge to the build with this reference.
    pub(crate) fn new(channel: Channel, reference: &str) -> Result<Self, Status> {
        let build = reference.parse().map_err(|_| Status::internal("a reference that is no header"))?;
        Ok(Self { client: LlbBridgeClient::new(channel), build })
    }

    /// The capabilities of LLB that the daemon has.
    pub(crate) async fn capabilities(&mut self) -> Result<BTreeSet<String>, Status> {
        let pong = self.client.ping(self.request(PingRequest {})).await?.into_inner();
        Ok(pong.llb_caps.into_iter().filter(|cap| cap.enabled).map(|cap| cap.id).collect())
    }

    /// Ends the build with the empty file system as its result.
    pub(crate) async fn answer_nothing(&mut self) -> Result<(), Status> {
        let nothing = Ref { id: String::new(), def: None };
        let result = Answer { result: Some(result::Result::Ref(nothing)), ..Answer::default() };
        self.client.r#return(self.request(ReturnRequest { result: Some(result), error: None })).await?;
        Ok(())
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert(BUILD, self.build.clone());
        request
    }
}
