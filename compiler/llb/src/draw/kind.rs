//! Kinds of step as people tell them apart.
//!
//! Owns the word, the shape and the colour of each. Shape and word say what the colour says.

use crate::pb;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Image,
    Local,
    Git,
    Http,
    Source,
    Run,
    File,
    Merge,
    Diff,
    Build,
    Passthrough,
    Unknown,
}

impl Kind {
    pub(super) const ALL: [Self; 12] = [
        Self::Image,
        Self::Local,
        Self::Git,
        Self::Http,
        Self::Source,
        Self::Run,
        Self::File,
        Self::Merge,
        Self::Diff,
        Self::Build,
        Self::Passthrough,
        Self::Unknown,
    ];

    pub(super) fn of(op: &pb::Op) -> Self {
        match &op.op {
            None => Self::Unknown,
            Some(pb::OpKind::Source(source)) => match source.identifier.split_once("://") {
                Some(("docker-image", _)) => Self::Image,
                Some(("local", _)) => Self::Local,
                Some(("git", _)) => Self::Git,
                Some(("http" | "https", _)) => Self::Http,
                _ => Self::Source,
            },
            Some(pb::OpKind::Exec(_)) => Self::Run,
            Some(pb::OpKind::File(_)) => Self::File,
            Some(pb::OpKind::Build(_)) => Self::Build,
            Some(pb::OpKind::Merge(_)) => Self::Merge,
            Some(pb::OpKind::Diff(_)) => Self::Diff,
            Some(pb::OpKind::Passthrough(_)) => Self::Passthrough,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Local => "local",
            Self::Git => "git",
            Self::Http => "http",
            Self::Source => "source",
            Self::Run => "run",
            Self::File => "files",
            Self::Merge => "merge",
            Self::Diff => "diff",
            Self::Build => "build",
            Self::Passthrough => "passthrough",
            Self::Unknown => "unknown",
        }
    }

    /// Fill and line, as `#rrggbb`; dark text can be read on the fill.
    pub(super) fn colours(self) -> (&'static str, &'static str) {
        match self {
            Self::Image => ("#dbeafe", "#1d4ed8"),
            Self::Local => ("#dcfce7", "#15803d"),
            Self::Git | Self::Http | Self::Source => ("#ccfbf1", "#0f766e"),
            Self::Run => ("#fef3c7", "#b45309"),
            Self::File => ("#f3f4f6", "#4b5563"),
            Self::Merge | Self::Diff => ("#ede9fe", "#6d28d9"),
            Self::Build | Self::Passthrough | Self::Unknown => ("#ffe4e6", "#be123c"),
        }
    }
}
