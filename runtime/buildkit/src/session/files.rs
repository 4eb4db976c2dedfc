//! Directories that the daemon copies.
//!
//! Owns the reading of what it asks for: which directory, which of its files. Sending them is `fsutil`'s.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bollard_buildkit_proto::fsutil::types::Packet;
use bollard_buildkit_proto::moby::filesync::packet::file_sync_server::FileSync;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use super::Answers;
use super::scope::Scope;
use crate::error::BuildkitError;
use crate::fsutil::{self, SendError, Tree};

/// Packets that wait for the connection.
const QUEUE: usize = 64;

pub(super) struct Files {
    pub(super) directories: BTreeMap<String, PathBuf>,
    pub(super) scope: Arc<Scope>,
}

#[tonic::async_trait]
impl FileSync for Files {
    type DiffCopyStream = Answers<Packet>;

    async fn diff_copy(&self, request: Request<Streaming<Packet>>) -> Result<Response<Self::DiffCopyStream>, Status> {
        let metadata = request.metadata();
        let name = values(metadata, "dir-name")?.pop().unwrap_or_default();
        let directory = self.directories.get(&name);
        let directory = directory.ok_or_else(|| Status::not_found(format!("no access allowed to dir {name:?}")))?;
        let tree = Tree {
            directory: directory.clone(),
            include: values(metadata, "include-patterns")?,
            exclude: values(metadata, "exclude-patterns")?,
            follow: values(metadata, "followpaths")?,
        };
        let (out, packets) = mpsc::channel(QUEUE);
        let scope = self.scope.clone();
        self.scope.spawn(async move {
            let status = match fsutil::send(tree, request.into_inner(), &out).await {
                Ok(()) | Err(SendError::Gone) => return,
                Err(SendError::Local(error)) => scope.report(error),
                Err(SendError::Refused(message)) => return tracing::debug!(%message, "a directory was not taken"),
                Err(SendError::Protocol(what)) => scope.report(BuildkitError::Protocol { what: what.to_owned() }),
            };
            let _ = out.send(Err(status)).await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(packets))))
    }

    type TarStreamStream = Answers<Packet>;

    async fn tar_stream(&self, _: Request<Streaming<Packet>>) -> Result<Response<Self::TarStreamStream>, Status> {
        Err(Status::unimplemented("directories are not sent as tar streams"))
    }
}

/// All values of a key, as they were before they were made fit for a header.
fn values(metadata: &MetadataMap, key: &str) -> Result<Vec<String>, Status> {
    let encoded = metadata.get(format!("{key}-encoded")).is_some_and(|flag| flag == "1");
    let wrong = || Status::invalid_argument(format!("a value of {key} is not UTF-8"));
    let values = metadata.get_all(key).iter().map(|value| value.as_encoded_bytes());
    values
        .map(|bytes| {
            let bytes = if encoded { unescaped(bytes) } else { bytes.to_vec() };
            String::from_utf8(bytes).map_err(|_| wrong())
        })
        .collect()
}

/// Undoes the escapes of a URL's query. What is no escape stays.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match (first, digit(after.first()), digit(after.get(1))) {
            (b'%', Some(high), Some(low)) => {
                plain.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', ..) => plain.push(b' '),
            _ => plain.push(first),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of `key` in the metadata given as pairs.
    fn check(pairs: &[(&'static str, &str)], expected: &[&str]) {
        let mut metadata = MetadataMap::new();
        for (key, value) in pairs {
            metadata.append(*key, value.parse().unwrap());
        }
        assert_eq!(values(&metadata, "key").unwrap(), expected, "{pairs:?}");
    }

    #[test]
    fn values_are_decoded_if_they_were_encoded() {
        check(&[], &[]);
        check(&[("key", "a+b%20c"), ("key", "d")], &["a+b%20c", "d"]);
        check(&[("key", "a+b%20c"), ("key", "%C3%A9"), ("key-encoded", "1")], &["a b c", "\u{e9}"]);
        check(&[("key", "50%"), ("key", "%zz%4"), ("key-encoded", "1")], &["50%", "%zz%4"]);
        check(&[("key", "%41"), ("key-encoded", "0")], &["%41"]);
    }

    #[test]
    fn values_that_are_no_text_are_refused() {
        let mut metadata = MetadataMap::new();
        metadata.append("key", "%ff".parse().unwrap());
        metadata.append("key-encoded", "1".parse().unwrap());
        assert_eq!(values(&metadata, "key").unwrap_err().message(), "a value of key is not UTF-8");
    }
}
