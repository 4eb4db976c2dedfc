//! The frontend's end: asking the solver for graphs, images and files, and giving it the result.
//!
//! Owns the connection on standard input and output and one typed call for each message that a frontend needs. What is asked for
//! and why is the caller's.

mod invocation;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

use bollard_buildkit_proto::moby::buildkit::v1::frontend::llb_bridge_client::LlbBridgeClient;
use hlb_llb::pb;
use hlb_patterns::{InvalidPattern, Search, TooMany};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::transport::{Channel, Endpoint, Uri};

use crate::MAX_MESSAGE;
use crate::failure::Failure;
use crate::wire::{self, FileStat, WireError, proto};

pub use crate::wire::FileType;
pub use invocation::Invocation;

/// What a solver must be able to do to be of any use.
const NEEDED: [&str; 4] = ["solve.base", "return", "readfile", "proto.refarray"];

/// A connection to the solver that started this frontend. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gateway {
    client: LlbBridgeClient<Channel>,
    capabilities: BTreeSet<String>,
    ops: BTreeSet<String>,
    platforms: Vec<pb::Platform>,
}

/// A file system that the solver has made or can make.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// Empty: the empty file system.
    id: String,
    /// The graph that makes it, where the solver says it.
    pub definition: Option<pb::Definition>,
}

/// What another frontend made.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// The file system.
    pub reference: Reference,
    /// What is said about it, such as `containerimage.config`.
    pub metadata: BTreeMap<String, Vec<u8>>,
}

/// An image as the solver finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Digest of the index, or of the manifest where there is none.
    pub digest: String,
    /// Its config as JSON.
    pub config: Vec<u8>,
}

/// A result of a frontend.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// One file system.
    One(Box<Part>),
    /// One for each platform.
    Platforms(Vec<Part>),
    /// Nothing but words, the answer to a request about the program.
    Words(BTreeMap<String, Vec<u8>>),
}

/// A file system with what it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What it runs on.
    pub platform: pb::Platform,
    /// The file system.
    pub reference: Reference,
    /// The config of the image that it is, as JSON.
    pub config: Vec<u8>,
}

/// A call did not work.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody speaks the protocol at the other end.
    #[error("nobody speaks the gateway protocol on standard input and output: {0}")]
    Connect(#[source] tonic::transport::Error),
    /// The solver is too old.
    #[error("the solver lacks `{0}` of the gateway protocol, which BuildKit has since 0.8")]
    TooOld(&'static str),
    /// The solver refused.
    #[error("{}", .0.message())]
    Refused(Box<tonic::Status>),
    /// A message cannot be carried over.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A pattern is malformed.
    #[error(transparent)]
    Pattern(#[from] InvalidPattern),
    /// A pattern means too much.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The answer is not one to the question.
    #[error("the solver answered with {0}, which cannot be used here")]
    Answer(&'static str),
}

impl Gateway {
    /// Speaks over standard input and output.
    ///
    /// # Errors
    /// If nobody is there, or is too old.
    pub async fn stdio() -> Result<Self, CallError> {
        Self::connect(tokio::io::join(tokio::io::stdin(), tokio::io::stdout())).await
    }

    /// Speaks over any connection.
    ///
    /// # Errors
    /// If nobody is there, or is too old.
    pub async fn connect<C>(connection: C) -> Result<Self, CallError>
    where
        C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        // There is one connection, and when it is gone there is no other.
        let only = Mutex::new(Some(hyper_util::rt::TokioIo::new(connection)));
        let connector = tower::service_fn(move |_: Uri| {
            let taken = only.lock().ok().and_then(|mut only| only.take());
            std::future::ready(taken.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotConnected)))
        });
        // The name is asked for and means nothing.
        let endpoint = Endpoint::from_static("http://gateway");
        let channel = endpoint.connect_with_connector(connector).await.map_err(CallError::Connect)?;
        let mut client =
            LlbBridgeClient::new(channel).max_decoding_message_size(MAX_MESSAGE).max_encoding_message_size(MAX_MESSAGE);
        let pong = client.ping(proto::PingRequest {}).await?.into_inner();
        let enabled = |caps: Vec<wire::ApiCap>| caps.into_iter().filter(|cap| cap.enabled).map(|cap| cap.id).collect();
        let platforms = pong.workers.iter().flat_map(|worker| &worker.platforms);
        let gateway = Self {
            client,
            capabilities: enabled(pong.frontend_api_caps),
            ops: enabled(pong.llb_caps),
            platforms: platforms.map(wire::lossless).collect::<Result<_, _>>()?,
        };
        match NEEDED.into_iter().find(|needed| !gateway.can(needed)) {
            Some(missing) => Err(CallError::TooOld(missing)),
            None => Ok(gateway),
        }
    }

    /// Whether the solver has a capability of the protocol, such as `source.metaresolver`.
    pub fn can(&self, capability: &str) -> bool {
        self.capabilities.contains(capability)
    }

    /// The capabilities of LLB that the solver has.
    pub fn ops(&self) -> &BTreeSet<String> {
        &self.ops
    }

    /// What the solver can build for, its own platform first; may be empty.
    pub fn platforms(&self) -> &[pb::Platform] {
        &self.platforms
    }

    /// The result of a graph, made now if `evaluate`, else when somebody looks at it. A graph without ops is the empty file
    /// system.
    ///
    /// # Errors
    /// If the solver refuses the graph, or a step of it fails.
    pub async fn solve(&self, definition: &pb::Definition, evaluate: bool) -> Result<Reference, CallError> {
        if definition.def.is_empty() {
            return Ok(Reference { id: String::new(), definition: Some(definition.clone()) });
        }
        let request = proto::SolveRequest { definition: Some(wire::to_wire(definition)?), evaluate, ..self.request() };
        Ok(self.made(request).await?.reference)
    }

    /// The result of another frontend, by its image.
    ///
    /// # Errors
    /// If it cannot be had, fails, or gives results for several platforms.
    pub async fn frontend(
        &self,
        source: &str,
        opts: &BTreeMap<String, String>,
        inputs: &BTreeMap<String, pb::Definition>,
    ) -> Result<Made, CallError> {
        let mut frontend_opt: HashMap<String, String> =
            opts.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        frontend_opt.insert("source".to_owned(), source.to_owned());
        let inputs = inputs.iter().map(|(name, graph)| Ok((name.clone(), wire::to_wire(graph)?)));
        let request = proto::SolveRequest {
            frontend: "gateway.v0".to_owned(),
            frontend_opt,
            frontend_inputs: inputs.collect::<Result<_, WireError>>()?,
            ..self.request()
        };
        self.made(request).await
    }

    fn request(&self) -> proto::SolveRequest {
        proto::SolveRequest { allow_result_return: true, allow_result_array_ref: true, ..Default::default() }
    }

    async fn made(&self, request: proto::SolveRequest) -> Result<Made, CallError> {
        let result = self.client.clone().solve(request).await?.into_inner().result.unwrap_or_default();
        let reference = match result.result {
            None => Reference { id: String::new(), definition: None },
            Some(proto::result::Result::Ref(found)) => {
                let definition = found.def.as_ref().map(wire::from_wire).transpose()?;
                Reference { id: found.id, definition }
            }
            Some(proto::result::Result::RefDeprecated(id)) => Reference { id, definition: None },
            Some(_) => return Err(CallError::Answer("results for several platforms")),
        };
        Ok(Made { reference, metadata: result.metadata.into_iter().collect() })
    }

    /// An image for a platform, by its normalised name; with `pull` from its registry, whatever the solver has.
    ///
    /// # Errors
    /// If it does not exist, its registry refuses, or it is not made for the platform.
    pub async fn image(&self, reference: &str, platform: &pb::Platform, pull: bool) -> Result<Image, CallError> {
        let resolve_mode = if pull { "pull" } else { "" }.to_owned();
        let name = format!("load metadata for {reference}");
        let platform = Some(wire::platform(platform));
        if !self.can("source.metaresolver") {
            let request = proto::ResolveImageConfigRequest {
                r#ref: reference.to_owned(),
                platform,
                log_name: name,
                resolve_mode,
                ..Default::default()
            };
            let found = self.client.clone().resolve_image_config(request).await?.into_inner();
            return Ok(Image { digest: found.digest, config: found.config });
        }
        let source = wire::wired::SourceOp { identifier: format!("docker-image://{reference}"), ..Default::default() };
        let request = proto::ResolveSourceMetaRequest {
            source: Some(source),
            platform,
            log_name: name,
            resolve_mode,
            ..Default::default()
        };
        let found = self.client.clone().resolve_source_meta(request).await?.into_inner();
        let image = found.image.ok_or(CallError::Answer("no image"))?;
        Ok(Image { digest: image.digest, config: image.config })
    }

    /// A file of a result.
    ///
    /// # Errors
    /// If it is not there (see [`CallError::is_not_found`]) or cannot be made.
    pub async fn read_file(&self, of: &Reference, path: &str) -> Result<Vec<u8>, CallError> {
        let request = proto::ReadFileRequest { r#ref: of.id.clone(), file_path: path.to_owned(), ..Default::default() };
        Ok(self.client.clone().read_file(request).await?.into_inner().data)
    }

    /// Bytes of a file of a result from `offset` on, at most `length`.
    ///
    /// # Errors
    /// As [`Gateway::read_file`].
    pub async fn read_part(&self, of: &Reference, path: &str, offset: i64, length: i64) -> Result<Vec<u8>, CallError> {
        let request = proto::ReadFileRequest {
            r#ref: of.id.clone(),
            file_path: path.to_owned(),
            range: Some(proto::FileRange { offset, length }),
            ..Default::default()
        };
        Ok(self.client.clone().read_file(request).await?.into_inner().data)
    }

    /// The paths of a result that a pattern means, as [`Search`] finds them.
    ///
    /// # Errors
    /// If the pattern is malformed, it means too many paths, or the result cannot be made.
    pub async fn glob(&self, of: &Reference, pattern: &str) -> Result<Vec<String>, CallError> {
        let mut search = Search::new(pattern)?;
        while let Some(directory) = search.next() {
            let entries = match self.read_dir(of, &directory.to_string_lossy(), "").await {
                Err(error) if error.is_not_found() => continue,
                entries => entries?,
            };
            for entry in entries {
                search.see(entry.name.as_ref(), entry.kind == FileType::Directory)?;
            }
        }
        Ok(search.found().iter().map(|path| path.to_string_lossy().into_owned()).collect())
    }

    /// The entries of a directory of a result.
    ///
    /// # Errors
    /// If it is not there or cannot be made.
    pub async fn read_dir(&self, of: &Reference, path: &str, pattern: &str) -> Result<Vec<FileStat>, CallError> {
        let request = proto::ReadDirRequest {
            r#ref: of.id.clone(),
            dir_path: path.to_owned(),
            include_pattern: pattern.to_owned(),
            ..Default::default()
        };
        let entries = self.client.clone().read_dir(request).await?.into_inner().entries;
        Ok(entries.into_iter().map(FileStat::from).collect())
    }

    /// What stands at a path of a result.
    ///
    /// # Errors
    /// If nothing is there (see [`CallError::is_not_found`]) or it cannot be made.
    pub async fn stat(&self, of: &Reference, path: &str) -> Result<FileStat, CallError> {
        let request = proto::StatFileRequest { r#ref: of.id.clone(), path: path.to_owned(), ..Default::default() };
        let stat = self.client.clone().stat_file(request).await?.into_inner().stat;
        stat.map(FileStat::from).ok_or(CallError::Answer("nothing"))
    }

    /// Makes a result now.
    ///
    /// # Errors
    /// If a step fails.
    pub async fn evaluate(&self, of: &Reference) -> Result<(), CallError> {
        self.client.clone().evaluate(proto::EvaluateRequest { r#ref: of.id.clone() }).await?;
        Ok(())
    }

    /// Graphs that the caller of this frontend gave it, by name.
    ///
    /// # Errors
    /// If the solver refuses.
    pub async fn inputs(&self) -> Result<BTreeMap<String, pb::Definition>, CallError> {
        let found = self.client.clone().inputs(proto::InputsRequest {}).await?.into_inner().definitions;
        found.iter().map(|(name, graph)| Ok((name.clone(), wire::from_wire(graph)?))).collect()
    }

    /// Shows a warning to the caller, in one line and more lines. `vertex` is an op of a graph that was solved.
    ///
    /// # Errors
    /// If the solver refuses.
    pub async fn warn(&self, vertex: &str, short: &str, detail: &[String]) -> Result<(), CallError> {
        if !self.can("gateway.warnings") {
            return Ok(());
        }
        let request = proto::WarnRequest {
            digest: vertex.to_owned(),
            level: 1,
            short: short.as_bytes().to_vec(),
            detail: detail.iter().map(|line| line.as_bytes().to_vec()).collect(),
            ..Default::default()
        };
        self.client.clone().warn(request).await?;
        Ok(())
    }

    /// Gives the result. Nothing can be asked for afterwards.
    ///
    /// # Errors
    /// If the solver refuses.
    pub async fn finish(&self, answer: &Answer) -> Result<(), CallError> {
        let request = proto::ReturnRequest { result: Some(answer.to_wire()), error: None };
        self.client.clone().r#return(request).await?;
        Ok(())
    }

    /// Says that there is no result. Nothing can be asked for afterwards.
    ///
    /// # Errors
    /// If the solver refuses.
    pub async fn fail(&self, failure: &Failure) -> Result<(), CallError> {
        let request = proto::ReturnRequest { result: None, error: Some(failure.to_status()) };
        self.client.clone().r#return(request).await?;
        Ok(())
    }
}

impl Reference {
    /// Whether it is the empty file system.
    pub fn is_empty(&self) -> bool {
        self.id.is_empty()
    }
}

impl Answer {
    fn to_wire(&self) -> proto::Result {
        const CONFIG: &str = "containerimage.config";
        let reference = |part: &Part| proto::Ref { id: part.reference.id.clone(), def: None };
        match self {
            Self::One(part) => proto::Result {
                metadata: HashMap::from([(CONFIG.to_owned(), part.config.clone())]),
                result: Some(proto::result::Result::Ref(reference(part))),
                ..Default::default()
            },
            Self::Platforms(parts) => {
                let mut metadata = HashMap::new();
                let mut refs = HashMap::new();
                let mut listed = Vec::new();
                for part in parts {
                    let (id, platform) = (platform_id(&part.platform), platform_json(&part.platform));
                    metadata.insert(format!("{CONFIG}/{id}"), part.config.clone());
                    refs.insert(id.clone(), reference(part));
                    listed.push(json!({ "ID": id, "Platform": platform }));
                }
                let list = json!({ "Platforms": listed }).to_string().into_bytes();
                metadata.insert("refs.platforms".to_owned(), list);
                let result = Some(proto::result::Result::Refs(proto::RefMap { refs }));
                proto::Result { metadata, result, ..Default::default() }
            }
            Self::Words(words) => proto::Result {
                metadata: words.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
                result: Some(proto::result::Result::Ref(proto::Ref::default())),
                ..Default::default()
            },
        }
    }
}

/// A platform in one word: `linux/arm/v7`.
fn platform_id(platform: &pb::Platform) -> String {
    let parts = [&platform.os, &platform.architecture, &platform.variant];
    parts.into_iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join("/")
}

fn platform_json(platform: &pb::Platform) -> serde_json::Value {
    let mut json = json!({ "architecture": platform.architecture, "os": platform.os });
    if let (Some(json), false) = (json.as_object_mut(), platform.variant.is_empty()) {
        json.insert("variant".to_owned(), platform.variant.clone().into());
    }
    json
}

impl CallError {
    /// Whether a file is not there, or is below what is no directory. BuildKit says so in words only.
    pub fn is_not_found(&self) -> bool {
        const MISSING: [&str; 3] =
            ["no such file or directory", "not a directory", "too many levels of symbolic links"];
        let Self::Refused(status) = self else { return false };
        status.code() == tonic::Code::NotFound || MISSING.iter().any(|words| status.message().ends_with(words))
    }
}

impl From<tonic::Status> for CallError {
    fn from(status: tonic::Status) -> Self {
        Self::Refused(Box::new(status))
    }
}
