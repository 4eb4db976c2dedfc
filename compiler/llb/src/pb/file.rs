//! `FileOp`: changes of files without a process.
//!
//! Owns wire shapes only.

/// Changes files, one action after the other.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileOp {
    /// What is done.
    #[prost(message, repeated, tag = "2")]
    pub actions: Vec<FileAction>,
}

/// One change. With N inputs of the op, indexes 0 to N−1 mean these and N+i the result of action i.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileAction {
    /// What is changed; −1 is an empty file system.
    #[prost(int64, tag = "1")]
    pub input: i64,
    /// What is copied from; −1 is nothing.
    #[prost(int64, tag = "2")]
    pub secondary_input: i64,
    /// Which output of the op the result is; −1 is none.
    #[prost(int64, tag = "3")]
    pub output: i64,
    /// The change.
    #[prost(oneof = "FileActionKind", tags = "4, 5, 6, 7, 8")]
    pub action: Option<FileActionKind>,
}

/// The kinds of file action.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum FileActionKind {
    /// Copies files in.
    #[prost(message, tag = "4")]
    Copy(FileActionCopy),
    /// Writes a file.
    #[prost(message, tag = "5")]
    Mkfile(FileActionMkFile),
    /// Makes a directory.
    #[prost(message, tag = "6")]
    Mkdir(FileActionMkDir),
    /// Removes files.
    #[prost(message, tag = "7")]
    Rm(FileActionRm),
    /// Makes a symbolic link.
    #[prost(message, tag = "8")]
    Symlink(FileActionSymlink),
}

/// Copies files in.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileActionCopy {
    /// Path in the secondary input.
    #[prost(string, tag = "1")]
    pub src: String,
    /// Path to copy to; a slash at the end counts.
    #[prost(string, tag = "2")]
    pub dest: String,
    /// Owner of what is copied; absent keeps it.
    #[prost(message, optional, tag = "3")]
    pub owner: Option<ChownOpt>,
    /// Permission bits; −1 keeps them.
    #[prost(int32, tag = "4")]
    pub mode: i32,
    /// Whether a symbolic link at `src` is followed.
    #[prost(bool, tag = "5")]
    pub follow_symlink: bool,
    /// Whether a directory's content is copied rather than the directory.
    #[prost(bool, tag = "6")]
    pub dir_copy_contents: bool,
    /// Whether an archive is unpacked.
    #[prost(bool, tag = "7")]
    pub attempt_unpack_docker_compatibility: bool,
    /// Whether missing parents of `dest` are made.
    #[prost(bool, tag = "8")]
    pub create_dest_path: bool,
    /// Whether `src` is a pattern.
    #[prost(bool, tag = "9")]
    pub allow_wildcard: bool,
    /// Whether a pattern may match nothing.
    #[prost(bool, tag = "10")]
    pub allow_empty_wildcard: bool,
    /// Modification time in nanoseconds since 1970; −1 keeps it.
    #[prost(int64, tag = "11")]
    pub timestamp: i64,
    /// Only what matches one of these is copied; empty is everything.
    #[prost(string, repeated, tag = "12")]
    pub include_patterns: Vec<String>,
    /// What matches one of these is not copied.
    #[prost(string, repeated, tag = "13")]
    pub exclude_patterns: Vec<String>,
    /// Whether what is in the way is removed first.
    #[prost(bool, tag = "14")]
    pub always_replace_existing_dest_paths: bool,
    /// Permissions as `chmod` takes them, such as `u+x`.
    #[prost(string, tag = "15")]
    pub mode_str: String,
    /// Paths that must be among what is copied.
    #[prost(string, repeated, tag = "16")]
    pub required_paths: Vec<String>,
}

/// Writes a file.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileActionMkFile {
    /// Where.
    #[prost(string, tag = "1")]
    pub path: String,
    /// Permission bits.
    #[prost(int32, tag = "2")]
    pub mode: i32,
    /// Content.
    #[prost(bytes = "vec", tag = "3")]
    pub data: Vec<u8>,
    /// Owner; absent is root.
    #[prost(message, optional, tag = "4")]
    pub owner: Option<ChownOpt>,
    /// Modification time in nanoseconds since 1970; −1 is the time of the action.
    #[prost(int64, tag = "5")]
    pub timestamp: i64,
}

/// Makes a symbolic link.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileActionSymlink {
    /// What the link says.
    #[prost(string, tag = "1")]
    pub oldpath: String,
    /// Where the link is.
    #[prost(string, tag = "2")]
    pub newpath: String,
    /// Owner; absent is root.
    #[prost(message, optional, tag = "3")]
    pub owner: Option<ChownOpt>,
    /// Modification time in nanoseconds since 1970; −1 is the time of the action.
    #[prost(int64, tag = "4")]
    pub timestamp: i64,
}

/// Makes a directory.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileActionMkDir {
    /// Where.
    #[prost(string, tag = "1")]
    pub path: String,
    /// Permission bits.
    #[prost(int32, tag = "2")]
    pub mode: i32,
    /// Whether missing parents are made.
    #[prost(bool, tag = "3")]
    pub make_parents: bool,
    /// Owner; absent is root.
    #[prost(message, optional, tag = "4")]
    pub owner: Option<ChownOpt>,
    /// Modification time in nanoseconds since 1970; −1 is the time of the action.
    #[prost(int64, tag = "5")]
    pub timestamp: i64,
}

/// Removes files.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileActionRm {
    /// What.
    #[prost(string, tag = "1")]
    pub path: String,
    /// Whether it need not be there.
    #[prost(bool, tag = "2")]
    pub allow_not_found: bool,
    /// Whether `path` is a pattern.
    #[prost(bool, tag = "3")]
    pub allow_wildcard: bool,
}

/// An owner.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChownOpt {
    /// User.
    #[prost(message, optional, tag = "1")]
    pub user: Option<UserOpt>,
    /// Group.
    #[prost(message, optional, tag = "2")]
    pub group: Option<UserOpt>,
}

/// A user or group.
#[derive(Clone, PartialEq, prost::Message)]
pub struct UserOpt {
    /// By name or by number.
    #[prost(oneof = "User", tags = "1, 2")]
    pub user: Option<User>,
}

/// How a user or group is named.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum User {
    /// By a name that an input knows.
    #[prost(message, tag = "1")]
    ByName(NamedUserOpt),
    /// By number.
    #[prost(uint32, tag = "2")]
    ById(u32),
}

/// A name, and where it is looked up.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct NamedUserOpt {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Position of the input that holds `/etc/passwd` and `/etc/group`.
    #[prost(int64, tag = "2")]
    pub input: i64,
}
