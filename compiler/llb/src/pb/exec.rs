//! `ExecOp`: a process and its mounts.
//!
//! Owns wire shapes only.

/// Runs a process in a container.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExecOp {
    /// The process.
    #[prost(message, optional, tag = "1")]
    pub meta: Option<Meta>,
    /// Its file systems; one of them at `/`.
    #[prost(message, repeated, tag = "2")]
    pub mounts: Vec<Mount>,
    /// What network it sees.
    #[prost(enumeration = "NetMode", tag = "3")]
    pub network: i32,
    /// How confined it is.
    #[prost(enumeration = "SecurityMode", tag = "4")]
    pub security: i32,
    /// Secrets given as environment variables.
    #[prost(message, repeated, tag = "5")]
    pub secretenv: Vec<SecretEnv>,
    /// Devices of the host.
    #[prost(message, repeated, tag = "6")]
    pub cdi_devices: Vec<CdiDevice>,
}

/// A process.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Meta {
    /// Program and arguments.
    #[prost(string, repeated, tag = "1")]
    pub args: Vec<String>,
    /// Environment, each `NAME=value`.
    #[prost(string, repeated, tag = "2")]
    pub env: Vec<String>,
    /// Working directory.
    #[prost(string, tag = "3")]
    pub cwd: String,
    /// User, and group after a colon, by name or number; empty is root.
    #[prost(string, tag = "4")]
    pub user: String,
    /// Proxy variables; not part of cache keys.
    #[prost(message, optional, tag = "5")]
    pub proxy_env: Option<ProxyEnv>,
    /// Additional lines of `/etc/hosts`.
    #[prost(message, repeated, tag = "6")]
    pub extra_hosts: Vec<HostIp>,
    /// Host name; empty is the solver's default.
    #[prost(string, tag = "7")]
    pub hostname: String,
    /// Resource limits.
    #[prost(message, repeated, tag = "9")]
    pub ulimit: Vec<Ulimit>,
    /// Control group to stand under.
    #[prost(string, tag = "10")]
    pub cgroup_parent: String,
    /// Whether empty parent directories made for mount points are removed too.
    #[prost(bool, tag = "11")]
    pub remove_mount_stubs_recursive: bool,
    /// Exit codes that count as success; empty is only 0.
    #[prost(int32, repeated, tag = "12")]
    pub valid_exit_codes: Vec<i32>,
}

/// A line of `/etc/hosts`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct HostIp {
    /// Name.
    #[prost(string, tag = "1")]
    pub host: String,
    /// Address.
    #[prost(string, tag = "2")]
    pub ip: String,
}

/// A resource limit.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Ulimit {
    /// Such as `nofile`.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Limit that the process may raise.
    #[prost(int64, tag = "2")]
    pub soft: i64,
    /// How far.
    #[prost(int64, tag = "3")]
    pub hard: i64,
}

/// What network a process sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum NetMode {
    /// Its own, as the solver provides it.
    Unset = 0,
    /// The host's.
    Host = 1,
    /// Only a loopback device.
    None = 2,
}

/// How confined a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum SecurityMode {
    /// Default capabilities and system calls.
    Sandbox = 0,
    /// All capabilities, no filter.
    Insecure = 1,
}

/// A secret given as environment variable.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct SecretEnv {
    /// Name of the secret.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Name of the variable.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Whether the variable is empty, rather than the op failing, when there is no such secret.
    #[prost(bool, tag = "3")]
    pub optional: bool,
}

/// A device of the host.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CdiDevice {
    /// Full name, `vendor/class=device`.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Whether the op goes on without it.
    #[prost(bool, tag = "2")]
    pub optional: bool,
}

/// A file system of a process.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Mount {
    /// Position in the inputs of the op; −1 is an empty file system.
    #[prost(int64, tag = "1")]
    pub input: i64,
    /// Path in the input that is mounted.
    #[prost(string, tag = "2")]
    pub selector: String,
    /// Where it is mounted.
    #[prost(string, tag = "3")]
    pub dest: String,
    /// Which output of the op it becomes; −1 is none.
    #[prost(int64, tag = "4")]
    pub output: i64,
    /// Whether the process can only read it.
    #[prost(bool, tag = "5")]
    pub readonly: bool,
    /// What it is.
    #[prost(enumeration = "MountType", tag = "6")]
    pub mount_type: i32,
    /// Details of a `Tmpfs` mount.
    #[prost(message, optional, tag = "19")]
    pub tmpfs_opt: Option<TmpfsOpt>,
    /// Details of a `Cache` mount.
    #[prost(message, optional, tag = "20")]
    pub cache_opt: Option<CacheOpt>,
    /// Details of a `Secret` mount.
    #[prost(message, optional, tag = "21")]
    pub secret_opt: Option<SecretOpt>,
    /// Details of an `Ssh` mount.
    #[prost(message, optional, tag = "22")]
    pub ssh_opt: Option<SshOpt>,
    /// A result of an earlier solve to mount (containers of the gateway).
    #[prost(string, tag = "23")]
    pub result_id: String,
    /// Whether the content of the input is part of the cache key.
    #[prost(enumeration = "MountContentCache", tag = "24")]
    pub content_cache: i32,
}

/// What a mount is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum MountType {
    /// An input, or an empty file system.
    Bind = 0,
    /// A file with a secret in it.
    Secret = 1,
    /// A socket of an SSH agent.
    Ssh = 2,
    /// A directory that lives on from solve to solve.
    Cache = 3,
    /// An empty file system in memory.
    Tmpfs = 4,
}

/// Whether the content of a mounted input is part of the cache key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum MountContentCache {
    /// Where the mount can be read only and is not the root.
    Default = 0,
    /// Yes; an error where the process could change it.
    On = 1,
    /// No.
    Off = 2,
}

/// Details of a mount in memory.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct TmpfsOpt {
    /// Most bytes it can hold; 0 is the kernel's default.
    #[prost(int64, tag = "1")]
    pub size: i64,
}

/// Details of a cache mount.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CacheOpt {
    /// What tells it from others.
    #[prost(string, tag = "1")]
    pub id: String,
    /// How processes at the same time use it.
    #[prost(enumeration = "CacheSharingOpt", tag = "2")]
    pub sharing: i32,
}

/// How processes at the same time use one cache mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum CacheSharingOpt {
    /// Together.
    Shared = 0,
    /// Each gets its own when another is using it.
    Private = 1,
    /// One after the other.
    Locked = 2,
}

/// Details of a secret that is mounted as a file.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct SecretOpt {
    /// Name of the secret.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Owner of the file.
    #[prost(uint32, tag = "2")]
    pub uid: u32,
    /// Group of the file.
    #[prost(uint32, tag = "3")]
    pub gid: u32,
    /// Permission bits of the file.
    #[prost(uint32, tag = "4")]
    pub mode: u32,
    /// Whether the op goes on when there is no such secret.
    #[prost(bool, tag = "5")]
    pub optional: bool,
}

/// Details of a mounted SSH agent.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct SshOpt {
    /// Name of the agent.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Owner of the socket.
    #[prost(uint32, tag = "2")]
    pub uid: u32,
    /// Group of the socket.
    #[prost(uint32, tag = "3")]
    pub gid: u32,
    /// Permission bits of the socket.
    #[prost(uint32, tag = "4")]
    pub mode: u32,
    /// Whether the op goes on when there is no such agent.
    #[prost(bool, tag = "5")]
    pub optional: bool,
}

/// Proxy variables; each is set in lower and in upper case.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ProxyEnv {
    /// `http_proxy`.
    #[prost(string, tag = "1")]
    pub http_proxy: String,
    /// `https_proxy`.
    #[prost(string, tag = "2")]
    pub https_proxy: String,
    /// `ftp_proxy`.
    #[prost(string, tag = "3")]
    pub ftp_proxy: String,
    /// `no_proxy`.
    #[prost(string, tag = "4")]
    pub no_proxy: String,
    /// `all_proxy`.
    #[prost(string, tag = "5")]
    pub all_proxy: String,
}
