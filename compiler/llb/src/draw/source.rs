//! Sources in words.
//!
//! Owns which attributes are worth showing and what they are called.

use super::kind::Kind;
use super::words::{Detail, printable};
use crate::pb;

/// What is fetched; the kind has said how.
pub(super) fn what(source: &pb::SourceOp, kind: Kind) -> String {
    let short = match kind {
        Kind::Image | Kind::Local | Kind::Git => source.identifier.split_once("://").map(|(_, what)| what),
        _ => None,
    };
    printable(short.unwrap_or(&source.identifier))
}

pub(super) fn details(source: &pb::SourceOp) -> Vec<Detail> {
    let shown = source.attrs.iter().filter(|(name, _)| !is_internal(name));
    shown.map(|(name, value)| (label(name), words(value))).collect()
}

/// What a client tells a solver without changing what is fetched.
pub(crate) fn is_internal(name: &str) -> bool {
    matches!(name, "local.sharedkeyhint" | "local.unique" | "local.session" | "image.recordtype")
}

fn label(name: &str) -> String {
    match name {
        "local.includepattern" => "include".to_owned(),
        "local.excludepatterns" => "exclude".to_owned(),
        "local.followpaths" => "follow".to_owned(),
        "image.resolvemode" => "resolve".to_owned(),
        "git.fullurl" => "from".to_owned(),
        "git.keepgitdir" => "keep .git".to_owned(),
        name => printable(name.split_once('.').map_or(name, |(_, rest)| rest)),
    }
}

/// A value as it is, lists without their brackets.
fn words(value: &str) -> String {
    match serde_json::from_str::<Vec<String>>(value) {
        Ok(items) => items.iter().map(|item| printable(item)).collect::<Vec<_>>().join(", "),
        Err(_) => printable(value),
    }
}
