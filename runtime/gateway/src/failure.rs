//! How a frontend says that it failed.
//!
//! Owns the form of errors on the wire: a status with a text for people, and where in a source the fault is, which clients of
//! BuildKit show beside the text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hlb_llb::pb;
use serde_json::{Value, json};

use crate::wire::{Any, RpcStatus};

/// The type that BuildKit gives to a place in a source.
const SOURCE: &str = "github.com/moby/buildkit/errdefs.Source+json";
/// The type that it gives to a request about the program that the frontend cannot answer.
const SUBREQUEST: &str = "github.com/moby/buildkit/errdefs.Subrequest+json";
/// Codes of gRPC.
const UNKNOWN: i32 = 2;
const INVALID_ARGUMENT: i32 = 3;
const UNIMPLEMENTED: i32 = 12;

/// Why a frontend gives no result.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// For people.
    pub message: String,
    /// Where in a source the fault is.
    pub excerpt: Option<Box<Excerpt>>,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Failed,
    Request,
    Subrequest(String),
}

/// A place in a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Excerpt {
    /// The source.
    pub source: pb::SourceInfo,
    /// The lines; from 1.
    pub ranges: Vec<pb::Range>,
}

impl Failure {
    /// The program is wrong, or what it needs cannot be had.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), excerpt: None, kind: Kind::Failed }
    }

    /// The frontend was asked for what it does not do.
    pub fn request(message: impl Into<String>) -> Self {
        Self { kind: Kind::Request, ..Self::new(message) }
    }

    /// There is no such request about a program. Clients know this failure and do without.
    pub fn unknown_subrequest(name: &str) -> Self {
        Self { kind: Kind::Subrequest(name.to_owned()), ..Self::new(format!("unsupported request {name}")) }
    }

    /// The same failure at a place.
    #[must_use]
    pub fn at(self, excerpt: Option<Excerpt>) -> Self {
        Self { excerpt: excerpt.map(Box::new), ..self }
    }

    pub(crate) fn to_status(&self) -> RpcStatus {
        let mut details = Vec::new();
        if let Some(excerpt) = &self.excerpt {
            details.push(detail(SOURCE, &excerpt.to_json()));
        }
        if let Kind::Subrequest(name) = &self.kind {
            details.push(detail(SUBREQUEST, &json!({ "name": name })));
        }
        let code = match self.kind {
            Kind::Failed => UNKNOWN,
            Kind::Request => INVALID_ARGUMENT,
            Kind::Subrequest(_) => UNIMPLEMENTED,
        };
        RpcStatus { code, message: self.message.clone(), details }
    }
}

impl Excerpt {
    fn to_json(&self) -> Value {
        let point = |at: &pb::Position| json!({ "line": at.line, "character": at.character });
        let range = |range: &pb::Range| json!({ "start": range.start.as_ref().map(point), "end": range.end.as_ref().map(point) });
        let ranges: Vec<Value> = self.ranges.iter().map(range).collect();
        let data = STANDARD.encode(&self.source.data);
        json!({
            "info": { "filename": self.source.filename, "data": data, "language": self.source.language },
            "ranges": ranges,
        })
    }
}

fn detail(name: &str, value: &Value) -> Any {
    Any { type_url: name.to_owned(), value: value.to_string().into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_detail_in_json() {
        let at = |line| Some(pb::Position { line, character: 0 });
        let source = pb::SourceInfo { filename: "a.hlb".to_owned(), data: b"x".to_vec(), ..Default::default() };
        let excerpt = Excerpt { source, ranges: vec![pb::Range { start: at(3), end: at(4) }] };
        let status = Failure::new("no").at(Some(excerpt)).to_status();
        assert_eq!((status.code, status.message.as_str()), (2, "no"));
        assert_eq!(
            String::from_utf8(status.details[0].value.clone()).unwrap(),
            r#"{"info":{"data":"eA==","filename":"a.hlb","language":""},"ranges":[{"end":{"character":0,"line":4},"start":{"character":0,"line":3}}]}"#
        );
    }
}
