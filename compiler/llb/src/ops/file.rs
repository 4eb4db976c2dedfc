//! File operations.
//!
//! Owns how actions and inputs are numbered, and how paths become absolute.

use super::inputs::Inputs;
use crate::caps::Cap;
use crate::graph::{Annotations, NewVertex, Output};
use crate::pb;

/// One change of files. Paths are absolute.
#[derive(Clone, Debug)]
pub enum FileStep {
    /// Makes a directory.
    MkDir {
        /// Where.
        path: String,
        /// Permission bits.
        mode: i32,
        /// Whether missing parents are made.
        parents: bool,
        /// Owner; `None` is root.
        owner: Option<Owner>,
        /// Modification time in nanoseconds since 1970; `None` is the time of the action.
        created: Option<i64>,
    },
    /// Writes a file.
    MkFile {
        /// Where.
        path: String,
        /// Permission bits.
        mode: i32,
        /// Content.
        data: Vec<u8>,
        /// Owner; `None` is root.
        owner: Option<Owner>,
        /// Modification time in nanoseconds since 1970; `None` is the time of the action.
        created: Option<i64>,
    },
    /// Makes a symbolic link.
    Symlink {
        /// What the link says.
        oldpath: String,
        /// Where the link is.
        newpath: String,
        /// Owner; `None` is root.
        owner: Option<Owner>,
        /// Modification time in nanoseconds since 1970; `None` is the time of the action.
        created: Option<i64>,
    },
    /// Removes files.
    Rm {
        /// What.
        path: String,
        /// Whether it need not be there.
        allow_not_found: bool,
        /// Whether `path` is a pattern.
        allow_wildcard: bool,
    },
    /// Copies files in.
    Copy(Copy),
}

/// Copies files in.
#[derive(Clone, Debug)]
pub struct Copy {
    /// From where; `None` is the empty file system.
    pub source: Option<Output>,
    /// Path there.
    pub src: String,
    /// Path to copy to; a slash at the end counts.
    pub dest: String,
    /// Owner of what is copied; `None` keeps it.
    pub owner: Option<Owner>,
    /// Permissions of what is copied.
    pub mode: Mode,
    /// Whether a symbolic link at `src` is followed.
    pub follow_symlinks: bool,
    /// Whether a directory's content is copied rather than the directory.
    pub contents_only: bool,
    /// Whether an archive is unpacked.
    pub unpack: bool,
    /// Whether missing parents of `dest` are made.
    pub create_dest_path: bool,
    /// Whether `src` is a pattern.
    pub allow_wildcard: bool,
    /// Whether a pattern may match nothing.
    pub allow_empty_wildcard: bool,
    /// Modification time in nanoseconds since 1970; `None` keeps it.
    pub created: Option<i64>,
    /// Only what matches one of these is copied; empty is everything.
    pub include: Vec<String>,
    /// What matches one of these is not copied.
    pub exclude: Vec<String>,
    /// Whether what is in the way is removed first.
    pub always_replace: bool,
    /// Paths that must be among what is copied.
    pub required: Vec<String>,
}

/// Permissions of what is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As they are.
    Keep,
    /// These bits.
    Bits(i32),
    /// Changed as `chmod` does, such as `u+x`.
    Symbolic(String),
}

/// An owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// User; `None` is the default.
    pub user: Option<UserRef>,
    /// Group; `None` is the default.
    pub group: Option<UserRef>,
}

/// A user or group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserRef {
    /// By number.
    Id(u32),
    /// By a name that the file system which is changed knows.
    Name(String),
}

/// Changes `base`, one step after the other, in one vertex. `None` is the empty file system. Without steps it is `base`.
pub fn file(base: Option<Output>, steps: Vec<FileStep>, annotations: Annotations) -> Option<Output> {
    let Some(last) = steps.len().checked_sub(1) else { return base };
    let mut inputs = Inputs::default();
    let base_index = inputs.position(base.as_ref());
    let sources: Vec<i64> = steps.iter().map(|step| inputs.position(step.source())).collect();
    let count = i64::try_from(inputs.len()).unwrap_or(i64::MAX);
    let listed = (inputs.len() > 1).then(|| listing_order(base.as_ref(), &steps));
    let actions = steps
        .into_iter()
        .zip(sources)
        .enumerate()
        .zip(-1..)
        .map(|((position, (step, secondary_input)), before)| pb::FileAction {
            input: if position == 0 { base_index } else { count.saturating_add(before) },
            secondary_input,
            output: if position == last { 0 } else { -1 },
            action: Some(step.into_pb(base_index)),
        })
        .collect();
    let kind = pb::OpKind::File(pb::FileOp { actions });
    // The reference means to ask for more, such as where a copy has patterns, but looks before it has any actions.
    let caps = Cap::FileBase.into();
    let vertex = NewVertex { kind, inputs: inputs.into_list(), listed, platform: None, caps, annotations }.build();
    Some(vertex.output(0))
}

/// A path made absolute against `dir`. With `keep_slash` a slash or a dot at the end stays, which says that the path is
/// a directory.
pub fn absolute_path(dir: &str, path: &str, keep_slash: bool) -> String {
    let cleaned = if path.starts_with('/') { clean_path(path) } else { clean_path(&format!("/{dir}/{path}")) };
    let bare = if cleaned == "/" { "" } else { cleaned.as_str() };
    if keep_slash && path.ends_with('/') {
        format!("{bare}/")
    } else if keep_slash && path.ends_with("/.") {
        format!("{bare}/.")
    } else {
        cleaned
    }
}

/// A path without empty and `.` elements, and without `..` where it can be resolved; never empty.
pub fn clean_path(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut elements: Vec<&str> = Vec::new();
    for element in path.split('/') {
        match element {
            "" | "." => {}
            ".." if elements.last().is_some_and(|last| *last != "..") => {
                elements.pop();
            }
            ".." if rooted => {}
            other => elements.push(other),
        }
    }
    let joined = elements.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// The reference walks actions from the last back, and at each names first the base, then what is copied from.
fn listing_order(base: Option<&Output>, steps: &[FileStep]) -> Vec<Output> {
    let mut listed = Inputs::default();
    for step in steps.iter().rev() {
        listed.position(base);
        listed.position(step.source());
    }
    listed.into_list()
}

impl FileStep {
    fn source(&self) -> Option<&Output> {
        match self {
            Self::Copy(copy) => copy.source.as_ref(),
            _ => None,
        }
    }

    /// `base` is the position of the input that knows names of users.
    fn into_pb(self, base: i64) -> pb::FileActionKind {
        match self {
            Self::MkDir { path, mode, parents, owner, created } => pb::FileActionKind::Mkdir(pb::FileActionMkDir {
                path,
                mode,
                make_parents: parents,
                owner: owner.map(|owner| owner.into_pb(base)),
                timestamp: created.unwrap_or(-1),
            }),
            Self::MkFile { path, mode, data, owner, created } => pb::FileActionKind::Mkfile(pb::FileActionMkFile {
                path,
                mode,
                data,
                owner: owner.map(|owner| owner.into_pb(base)),
                timestamp: created.unwrap_or(-1),
            }),
            Self::Symlink { oldpath, newpath, owner, created } => pb::FileActionKind::Symlink(pb::FileActionSymlink {
                oldpath,
                newpath,
                owner: owner.map(|owner| owner.into_pb(base)),
                timestamp: created.unwrap_or(-1),
            }),
            Self::Rm { path, allow_not_found, allow_wildcard } => {
                pb::FileActionKind::Rm(pb::FileActionRm { path, allow_not_found, allow_wildcard })
            }
            Self::Copy(copy) => pb::FileActionKind::Copy(copy.into_pb(base)),
        }
    }
}

impl Copy {
    /// A copy with no options.
    pub fn new(source: Option<Output>, src: impl Into<String>, dest: impl Into<String>) -> Self {
        Self {
            source,
            src: src.into(),
            dest: dest.into(),
            owner: None,
            mode: Mode::Keep,
            follow_symlinks: false,
            contents_only: false,
            unpack: false,
            create_dest_path: false,
            allow_wildcard: false,
            allow_empty_wildcard: false,
            created: None,
            include: Vec::new(),
            exclude: Vec::new(),
            always_replace: false,
            required: Vec::new(),
        }
    }

    fn into_pb(self, base: i64) -> pb::FileActionCopy {
        let (mode, mode_str) = match self.mode {
            Mode::Keep => (-1, String::new()),
            Mode::Bits(bits) => (bits, String::new()),
            Mode::Symbolic(text) => (-1, text),
        };
        pb::FileActionCopy {
            src: self.src,
            dest: self.dest,
            owner: self.owner.map(|owner| owner.into_pb(base)),
            mode,
            follow_symlink: self.follow_symlinks,
            dir_copy_contents: self.contents_only,
            attempt_unpack_docker_compatibility: self.unpack,
            create_dest_path: self.create_dest_path,
            allow_wildcard: self.allow_wildcard,
            allow_empty_wildcard: self.allow_empty_wildcard,
            timestamp: self.created.unwrap_or(-1),
            include_patterns: self.include,
            exclude_patterns: self.exclude,
            always_replace_existing_dest_paths: self.always_replace,
            mode_str,
            required_paths: self.required,
        }
    }
}

impl Owner {
    fn into_pb(self, base: i64) -> pb::ChownOpt {
        pb::ChownOpt {
            user: self.user.map(|user| user.into_pb(base)),
            group: self.group.map(|group| group.into_pb(base)),
        }
    }
}

impl UserRef {
    fn into_pb(self, base: i64) -> pb::UserOpt {
        let user = match self {
            Self::Id(id) => pb::User::ById(id),
            Self::Name(name) => pb::User::ByName(pb::NamedUserOpt { name, input: base }),
        };
        pb::UserOpt { user: Some(user) }
    }
}
