//! The service: one method for each message of the protocol.
//!
//! Owns the reading of requests and the making of answers. What a container for a frontend would need is refused by name.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bollard_buildkit_proto::moby::buildkit::v1::frontend::llb_bridge_server::LlbBridge;
use hlb_llb::pb;
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::reference::References;
use super::{Fault, Host, Returned, Tree, stat};
use crate::MAX_MESSAGE;
use crate::client::Image;
use crate::wire::{self, ApiCap, WireError, WorkerRecord, proto, wired};

/// What of the protocol is there. Containers for frontends are not.
const CAPABILITIES: [&str; 18] = [
    "solve.base",
    "solve.inlinereturn",
    "resolveimage",
    "resolveimage.resolvemode",
    "readfile",
    "return",
    "returnmap",
    "readdir",
    "statfile",
    "importcaches",
    "proto.refarray",
    "reference.output",
    "frontend.inputs",
    "gateway.solve.metadata",
    "gateway.solve.evaluate",
    "gateway.evaluate",
    "gateway.warnings",
    "source.metaresolver",
];
/// Room in a message for what is around a file's bytes.
const FRAME: u64 = 4 << 10;

/// The service for one frontend.
pub(super) struct Bridge<H: Host> {
    host: Arc<H>,
    references: References<H>,
    inputs: BTreeMap<String, pb::Definition>,
    returned: Arc<Mutex<Option<Returned>>>,
    answered: CancellationToken,
}

type Answer<T> = Result<Response<T>, Status>;

impl<H: Host> Bridge<H> {
    pub(super) fn new(host: H, inputs: BTreeMap<String, pb::Definition>, answered: CancellationToken) -> Self {
        Self { host: Arc::new(host), references: References::new(), inputs, returned: Arc::default(), answered }
    }

    pub(super) fn returned(&self) -> Arc<Mutex<Option<Returned>>> {
        Arc::clone(&self.returned)
    }

    async fn find(&self, reference: &str, platform: Option<&wired::Platform>, mode: &str) -> Result<Image, Status> {
        if !matches!(mode, "" | "default" | "pull" | "local") {
            return Err(Status::invalid_argument(format!("`{mode}` is no way to resolve an image")));
        }
        let platform = platform.map(wire::lossless).transpose()?;
        Ok(self.host.image(reference, platform).await?)
    }

    /// Looks into a result, on a thread that may wait.
    async fn look<T: Send + 'static>(
        &self,
        id: &str,
        path: &str,
        look: impl FnOnce(&H::Tree) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, Status> {
        let tree = self.references.get(id)?.tree(&self.host).await?;
        let looked = tokio::task::spawn_blocking(move || look(&tree)).await;
        let looked = looked.map_err(|error| Status::internal(error.to_string()))?;
        looked.map_err(|error| match error.kind() {
            // In the words of BuildKit, which frontends look for.
            std::io::ErrorKind::NotFound => Status::not_found(format!("{path}: no such file or directory")),
            std::io::ErrorKind::NotADirectory => Status::unknown(format!("{path}: not a directory")),
            _ => Status::unknown(format!("{path}: {error}")),
        })
    }

    fn graph_of(&self, reference: &proto::Ref) -> Result<pb::Definition, Status> {
        if reference.id.is_empty() {
            return Ok(pb::Definition::default());
        }
        Ok(self.references.get(&reference.id)?.definition.clone())
    }

    fn take(&self, request: &proto::ReturnRequest) -> Result<Returned, Status> {
        if let Some(error) = &request.error {
            return Ok(Returned::Failed { message: error.message.clone() });
        }
        let result =
            request.result.as_ref().ok_or_else(|| Status::invalid_argument("neither a result nor an error"))?;
        let by_id = |id: &String| self.graph_of(&proto::Ref { id: id.clone(), def: None });
        let graphs = match &result.result {
            None => BTreeMap::new(),
            Some(proto::result::Result::RefDeprecated(id)) => BTreeMap::from([(String::new(), by_id(id)?)]),
            Some(proto::result::Result::Ref(one)) => BTreeMap::from([(String::new(), self.graph_of(one)?)]),
            Some(proto::result::Result::RefsDeprecated(all)) => {
                let each = all.refs.iter().map(|(name, id)| Ok((name.clone(), by_id(id)?)));
                each.collect::<Result<_, Status>>()?
            }
            Some(proto::result::Result::Refs(all)) => {
                let each = all.refs.iter().map(|(name, one)| Ok((name.clone(), self.graph_of(one)?)));
                each.collect::<Result<_, Status>>()?
            }
        };
        let metadata = result.metadata.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        Ok(Returned::Result { graphs, metadata })
    }
}

#[tonic::async_trait]
impl<H: Host> LlbBridge for Bridge<H> {
    async fn ping(&self, _: Request<proto::PingRequest>) -> Answer<proto::PongResponse> {
        let caps = |ids: &[&str]| ids.iter().map(cap).collect();
        let worker = WorkerRecord {
            id: "hlbc".to_owned(),
            platforms: vec![wire::platform(&self.host.platform())],
            ..Default::default()
        };
        Ok(Response::new(proto::PongResponse {
            frontend_api_caps: caps(&CAPABILITIES),
            llb_caps: caps(self.host.capabilities()),
            workers: vec![worker],
        }))
    }

    async fn resolve_image_config(
        &self,
        request: Request<proto::ResolveImageConfigRequest>,
    ) -> Answer<proto::ResolveImageConfigResponse> {
        let request = request.into_inner();
        if request.resolver_type != 0 {
            return Err(Status::unimplemented("images of OCI layouts are not supported yet for frontends"));
        }
        refuse_policies(request.source_policies.len())?;
        let image = self.find(&request.r#ref, request.platform.as_ref(), &request.resolve_mode).await?;
        let found =
            proto::ResolveImageConfigResponse { digest: image.digest, config: image.config, r#ref: request.r#ref };
        Ok(Response::new(found))
    }

    async fn resolve_source_meta(
        &self,
        request: Request<proto::ResolveSourceMetaRequest>,
    ) -> Answer<proto::ResolveSourceMetaResponse> {
        let request = request.into_inner();
        refuse_policies(request.source_policies.len())?;
        let source = request.source.ok_or_else(|| Status::invalid_argument("no source"))?;
        let Some(name) = source.identifier.strip_prefix("docker-image://") else {
            let what = format!("looking at `{}` before it is fetched is not supported yet", source.identifier);
            return Err(Status::unimplemented(what));
        };
        let image = self.find(name, request.platform.as_ref(), &request.resolve_mode).await?;
        let no_config = request.image.is_some_and(|wish| wish.no_config);
        let image = proto::ResolveSourceImageResponse {
            digest: image.digest,
            config: if no_config { Vec::new() } else { image.config },
            attestation_chain: None,
        };
        Ok(Response::new(proto::ResolveSourceMetaResponse {
            source: Some(source),
            image: Some(image),
            ..Default::default()
        }))
    }

    async fn solve(&self, request: Request<proto::SolveRequest>) -> Answer<proto::SolveResponse> {
        let request = request.into_inner();
        refuse_policies(request.source_policies.len())?;
        if !request.frontend.is_empty() {
            let source = request.frontend_opt.get("source").unwrap_or(&request.frontend);
            return Err(Status::unimplemented(format!(
                "running the frontend `{source}` from within another one is not supported yet"
            )));
        }
        let definition = request.definition.as_ref().map(wire::from_wire).transpose()?.unwrap_or_default();
        let found = if definition.def.is_empty() {
            proto::Ref::default()
        } else {
            let def = request.definition;
            let (id, reference) = self.references.add(definition);
            if request.evaluate {
                reference.tree(&self.host).await?;
            }
            proto::Ref { id, def }
        };
        let response = if request.allow_result_return {
            let kind = if request.allow_result_array_ref {
                proto::result::Result::Ref(found)
            } else {
                proto::result::Result::RefDeprecated(found.id)
            };
            let result = proto::Result { result: Some(kind), ..Default::default() };
            proto::SolveResponse { result: Some(result), ..Default::default() }
        } else {
            proto::SolveResponse { r#ref: found.id, result: None }
        };
        Ok(Response::new(response))
    }

    async fn read_file(&self, request: Request<proto::ReadFileRequest>) -> Answer<proto::ReadFileResponse> {
        let request = request.into_inner();
        let range = request.range.unwrap_or_default();
        let offset = u64::try_from(range.offset).map_err(|_| Status::invalid_argument("a negative offset"))?;
        let length = u64::try_from(range.length).map_err(|_| Status::invalid_argument("a negative length"))?;
        let length = (length > 0).then_some(length);
        let path = request.file_path.clone();
        let limit = MAX_MESSAGE as u64 - FRAME;
        let read = move |tree: &H::Tree| tree.read_file(&path, offset, length, limit);
        let data = self.look(&request.r#ref, &request.file_path, read).await?;
        Ok(Response::new(proto::ReadFileResponse { data }))
    }

    async fn read_dir(&self, request: Request<proto::ReadDirRequest>) -> Answer<proto::ReadDirResponse> {
        let proto::ReadDirRequest { r#ref: id, dir_path, include_pattern, .. } = request.into_inner();
        let path = dir_path.clone();
        let entries = self.look(&id, &dir_path, move |tree| tree.read_dir(&path, &include_pattern)).await?;
        Ok(Response::new(proto::ReadDirResponse { entries: entries.iter().map(stat).collect() }))
    }

    async fn stat_file(&self, request: Request<proto::StatFileRequest>) -> Answer<proto::StatFileResponse> {
        let request = request.into_inner();
        let path = request.path.clone();
        let entry = self.look(&request.r#ref, &request.path, move |tree| tree.stat(&path)).await?;
        Ok(Response::new(proto::StatFileResponse { stat: Some(stat(&entry)) }))
    }

    async fn evaluate(&self, request: Request<proto::EvaluateRequest>) -> Answer<proto::EvaluateResponse> {
        let id = request.into_inner().r#ref;
        if !id.is_empty() {
            self.references.get(&id)?.tree(&self.host).await?;
        }
        Ok(Response::new(proto::EvaluateResponse {}))
    }

    async fn r#return(&self, request: Request<proto::ReturnRequest>) -> Answer<proto::ReturnResponse> {
        let returned = self.take(&request.into_inner())?;
        let mut slot = self.returned.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.is_some() {
            return Err(Status::failed_precondition("a frontend returns once"));
        }
        *slot = Some(returned);
        self.answered.cancel();
        Ok(Response::new(proto::ReturnResponse {}))
    }

    async fn inputs(&self, _: Request<proto::InputsRequest>) -> Answer<proto::InputsResponse> {
        let each = self.inputs.iter().map(|(name, graph)| Ok((name.clone(), wire::to_wire(graph)?)));
        Ok(Response::new(proto::InputsResponse { definitions: each.collect::<Result<_, WireError>>()? }))
    }

    async fn warn(&self, request: Request<proto::WarnRequest>) -> Answer<proto::WarnResponse> {
        let request = request.into_inner();
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        let detail: Vec<String> = request.detail.iter().map(text).collect();
        self.host.warn(&text(&request.short), &detail);
        Ok(Response::new(proto::WarnResponse {}))
    }

    async fn new_container(&self, _: Request<proto::NewContainerRequest>) -> Answer<proto::NewContainerResponse> {
        Err(no_containers())
    }

    async fn release_container(
        &self,
        _: Request<proto::ReleaseContainerRequest>,
    ) -> Answer<proto::ReleaseContainerResponse> {
        Err(no_containers())
    }

    type ExecProcessStream = Pin<Box<dyn Stream<Item = Result<proto::ExecMessage, Status>> + Send>>;

    async fn exec_process(&self, _: Request<Streaming<proto::ExecMessage>>) -> Answer<Self::ExecProcessStream> {
        Err(no_containers())
    }

    async fn read_file_container(&self, _: Request<proto::ReadFileRequest>) -> Answer<proto::ReadFileResponse> {
        Err(no_containers())
    }

    async fn read_dir_container(&self, _: Request<proto::ReadDirRequest>) -> Answer<proto::ReadDirResponse> {
        Err(no_containers())
    }

    async fn stat_file_container(&self, _: Request<proto::StatFileRequest>) -> Answer<proto::StatFileResponse> {
        Err(no_containers())
    }
}

fn cap(id: &&str) -> ApiCap {
    ApiCap { id: (*id).to_owned(), enabled: true, ..Default::default() }
}

fn no_containers() -> Status {
    Status::unimplemented("a frontend cannot run containers here yet")
}

fn refuse_policies(count: usize) -> Result<(), Status> {
    if count == 0 { Ok(()) } else { Err(Status::unimplemented("source policies are not supported yet")) }
}

impl From<Fault> for Status {
    fn from(fault: Fault) -> Self {
        if fault.unsupported { Self::unimplemented(fault.message) } else { Self::unknown(fault.message) }
    }
}

impl From<WireError> for Status {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Garbled(_) => Self::invalid_argument(error.to_string()),
            WireError::Lossy => Self::unimplemented(error.to_string()),
        }
    }
}
