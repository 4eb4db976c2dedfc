//! Processes.
//!
//! Owns the order of mounts and how their outputs are numbered.

use std::sync::Arc;

use super::inputs::Inputs;
use crate::caps::{Cap, Caps};
use crate::graph::{Annotations, NewVertex, Output, Vertex};
use crate::pb;

/// A process to run. All fields are what is in force where it runs.
#[derive(Clone, Debug)]
pub struct Exec {
    /// Program and arguments.
    pub args: Vec<String>,
    /// Environment, each `NAME=value`, in order. No `PATH` is added.
    pub env: Vec<String>,
    /// Working directory, absolute.
    pub cwd: String,
    /// User; empty is root.
    pub user: String,
    /// Host name; empty is the solver's default.
    pub hostname: String,
    /// Control group to stand under; empty is the solver's default.
    pub cgroup_parent: String,
    /// Additional lines of `/etc/hosts`.
    pub extra_hosts: Vec<pb::HostIp>,
    /// Resource limits.
    pub ulimits: Vec<pb::Ulimit>,
    /// Exit codes that count as success; `None` is only 0.
    pub valid_exit_codes: Option<Vec<i32>>,
    /// Proxy variables.
    pub proxy: Option<pb::ProxyEnv>,
    /// What network it sees.
    pub network: pb::NetMode,
    /// How confined it is.
    pub security: pb::SecurityMode,
    /// The root file system; `None` is the empty one.
    pub root: Option<Output>,
    /// Whether the root can only be read. Its output is then the root itself.
    pub readonly_root: bool,
    /// Further file systems, in any order.
    pub mounts: Vec<ExecMount>,
    /// Secrets, in order.
    pub secrets: Vec<Secret>,
    /// SSH agents, in order.
    pub ssh: Vec<Ssh>,
    /// Devices of the host.
    pub devices: Vec<pb::CdiDevice>,
    /// Whether the solver is to set `PATH` where `env` has none. It does so anyway; this makes it a promise.
    pub path_by_solver: bool,
    /// What it is built for.
    pub platform: pb::Platform,
}

/// A file system of a process.
#[derive(Clone, Debug)]
pub struct ExecMount {
    /// Where, absolute.
    pub dest: String,
    /// What is mounted; `None` is an empty file system.
    pub source: Option<Output>,
    /// Path in `source` that is mounted; empty is all.
    pub selector: String,
    /// Whether the process can only read it.
    pub readonly: bool,
    /// Whether what the process leaves there is dropped.
    pub no_output: bool,
    /// What it is.
    pub kind: MountKind,
    /// Whether the content of `source` is part of the cache key.
    pub content_cache: pb::MountContentCache,
    /// A result of an earlier solve to mount, for containers of a frontend; empty in graphs.
    pub result_id: String,
}

/// What a mount is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountKind {
    /// The source itself.
    Bind,
    /// A directory that lives on from solve to solve.
    Cache {
        /// What tells it from others.
        id: String,
        /// How processes at the same time use it.
        sharing: pb::CacheSharingOpt,
    },
    /// In memory. Has no source.
    Tmpfs {
        /// Most bytes it can hold; 0 is the kernel's default.
        size: i64,
    },
}

/// A secret, as a file or as an environment variable or as both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Its name.
    pub id: String,
    /// Path of the file.
    pub target: Option<String>,
    /// Name of the variable.
    pub env: Option<String>,
    /// Owner of the file.
    pub uid: u32,
    /// Group of the file.
    pub gid: u32,
    /// Permission bits of the file; BuildKit's default is 0400.
    pub mode: u32,
    /// Whether the process runs without it.
    pub optional: bool,
}

/// An SSH agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssh {
    /// Its name.
    pub id: String,
    /// Path of the socket; `None` is a path of its own under `/run/buildkit`.
    pub target: Option<String>,
    /// Owner of the socket.
    pub uid: u32,
    /// Group of the socket.
    pub gid: u32,
    /// Permission bits of the socket; BuildKit's default is 0600.
    pub mode: u32,
    /// Whether the process runs without it.
    pub optional: bool,
}

/// What a process leaves.
#[derive(Clone, Debug)]
pub struct ExecOutputs {
    /// The process.
    pub vertex: Arc<Vertex>,
    /// The root after it; what the root was, if it could only be read.
    pub root: Option<Output>,
    /// For each of `Exec::mounts`, in the same order, what is there after it: the source if it could only be read,
    /// `None` where nothing is kept.
    pub mounts: Vec<Option<Output>>,
}

impl Exec {
    /// A process with nothing but a root, arguments and a working directory.
    pub fn new(root: Option<Output>, args: Vec<String>, cwd: impl Into<String>, platform: pb::Platform) -> Self {
        Self {
            args,
            env: Vec::new(),
            cwd: cwd.into(),
            user: String::new(),
            hostname: String::new(),
            cgroup_parent: String::new(),
            extra_hosts: Vec::new(),
            ulimits: Vec::new(),
            valid_exit_codes: None,
            proxy: None,
            network: pb::NetMode::Unset,
            security: pb::SecurityMode::Sandbox,
            root,
            readonly_root: false,
            mounts: Vec::new(),
            secrets: Vec::new(),
            ssh: Vec::new(),
            devices: Vec::new(),
            path_by_solver: false,
            platform,
        }
    }

    /// Makes the vertex: one, however many of its results are used.
    pub fn build(mut self, annotations: Annotations) -> ExecOutputs {
        let mut caps = self.caps();
        if annotations.linux_resources.is_some() {
            caps.add(Cap::ExecMetaLinuxResources);
        }
        let env = self.env_with_agent();
        let root = ExecMount { readonly: self.readonly_root, ..ExecMount::bind("/", self.root) };
        // Position 0 is the root, the others follow as they were given.
        let mut sorted: Vec<(usize, ExecMount)> = std::iter::once(root).chain(self.mounts).enumerate().collect();
        sorted.sort_by(|(_, a), (_, b)| a.dest.cmp(&b.dest));

        let mut inputs = Inputs::default();
        let mut kept: Vec<Kept> = std::iter::repeat_with(|| Kept::Nothing).take(sorted.len()).collect();
        let mut next = 0;
        let mut mounts = Vec::with_capacity(sorted.len() + self.secrets.len() + self.ssh.len());
        for (position, mount) in sorted {
            let (output, keeps) = if mount.has_output() {
                next += 1;
                (next - 1, Kept::Output(next - 1))
            } else if mount.readonly {
                (-1, Kept::Source(mount.source.clone()))
            } else {
                (-1, Kept::Nothing)
            };
            if let Some(slot) = kept.get_mut(position) {
                *slot = keeps;
            }
            let input = inputs.position(mount.source.as_ref());
            mounts.push(mount.into_pb(input, output));
        }
        mounts.extend(self.secrets.iter().filter_map(Secret::to_mount));
        mounts.extend(self.ssh.iter().enumerate().map(|(position, ssh)| ssh.to_mount(position)));

        let kind = pb::OpKind::Exec(pb::ExecOp {
            meta: Some(pb::Meta {
                args: self.args,
                env,
                cwd: self.cwd,
                user: self.user,
                proxy_env: self.proxy,
                extra_hosts: self.extra_hosts,
                hostname: self.hostname,
                ulimit: self.ulimits,
                cgroup_parent: self.cgroup_parent,
                remove_mount_stubs_recursive: true,
                valid_exit_codes: self.valid_exit_codes.unwrap_or_default(),
            }),
            mounts,
            network: self.network.into(),
            security: self.security.into(),
            secretenv: self.secrets.iter().filter_map(Secret::to_env).collect(),
            cdi_devices: self.devices,
        });
        let (inputs, platform) = (inputs.into_list(), Some(self.platform));
        let vertex = NewVertex { kind, inputs, listed: None, platform, caps, annotations }.build();
        let mut outputs = kept.into_iter().map(|kept| match kept {
            Kept::Nothing => None,
            Kept::Output(index) => Some(vertex.output(index)),
            Kept::Source(source) => source,
        });
        let root = outputs.next().flatten();
        let mounts = outputs.collect();
        ExecOutputs { root, mounts, vertex }
    }

    /// The environment, which says where the first agent is unless it says so already.
    fn env_with_agent(&mut self) -> Vec<String> {
        let mut env = std::mem::take(&mut self.env);
        if let Some(first) = self.ssh.first()
            && !env.iter().any(|variable| variable.starts_with("SSH_AUTH_SOCK="))
        {
            env.push(format!("SSH_AUTH_SOCK={}", first.path(0)));
        }
        env
    }

    fn caps(&self) -> Caps {
        let mut caps = Caps::from(Cap::ExecMetaBase);
        let mut need = |cap, when: bool| {
            if when {
                caps.add(cap);
            }
        };
        need(Cap::ExecMetaProxyenv, self.proxy.is_some());
        need(Cap::ExecMetaNetwork, self.network != pb::NetMode::Unset);
        need(Cap::ExecMetaSecurity, self.security != pb::SecurityMode::Sandbox);
        need(Cap::ExecMetaUlimit, !self.ulimits.is_empty());
        need(Cap::ExecMetaCdi, !self.devices.is_empty());
        need(Cap::ExecMetaSetsdefaultpath, self.path_by_solver);
        need(Cap::ExecValidexitcode, self.valid_exit_codes.is_some());
        need(Cap::ExecMountSecret, !self.secrets.is_empty());
        need(Cap::ExecSecretenv, self.secrets.iter().any(|secret| secret.env.is_some()));
        need(Cap::ExecMountSsh, !self.ssh.is_empty());
        need(Cap::ExecMountBind, self.root.is_some());
        for mount in &self.mounts {
            need(Cap::ExecMountSelector, !mount.selector.is_empty());
            need(Cap::ExecMountCacheContent, mount.content_cache != pb::MountContentCache::Default);
            match &mount.kind {
                MountKind::Bind => need(Cap::ExecMountBind, mount.source.is_some()),
                MountKind::Cache { .. } => {
                    need(Cap::ExecMountCache, true);
                    need(Cap::ExecMountCacheSharing, true);
                }
                MountKind::Tmpfs { size } => {
                    need(Cap::ExecMountTmpfs, true);
                    need(Cap::ExecMountTmpfsSize, *size > 0);
                }
            }
        }
        caps
    }
}

impl ExecMount {
    /// A mount that can be written and is kept.
    pub fn bind(dest: impl Into<String>, source: Option<Output>) -> Self {
        Self {
            dest: dest.into(),
            source,
            selector: String::new(),
            readonly: false,
            no_output: false,
            kind: MountKind::Bind,
            content_cache: pb::MountContentCache::Default,
            result_id: String::new(),
        }
    }

    fn has_output(&self) -> bool {
        !self.no_output && !self.readonly && self.kind == MountKind::Bind
    }

    fn into_pb(self, input: i64, output: i64) -> pb::Mount {
        let (mount_type, cache_opt, tmpfs_opt) = match self.kind {
            MountKind::Bind => (pb::MountType::Bind, None, None),
            MountKind::Cache { id, sharing } => {
                (pb::MountType::Cache, Some(pb::CacheOpt { id, sharing: sharing.into() }), None)
            }
            MountKind::Tmpfs { size } => (pb::MountType::Tmpfs, None, Some(pb::TmpfsOpt { size })),
        };
        pb::Mount {
            input,
            selector: self.selector,
            dest: self.dest,
            output,
            readonly: self.readonly,
            mount_type: mount_type.into(),
            tmpfs_opt,
            cache_opt,
            content_cache: self.content_cache.into(),
            result_id: self.result_id,
            ..Default::default()
        }
    }
}

/// What is there after the process, for a mount.
enum Kept {
    Nothing,
    Output(i64),
    /// What was mounted, which it could only read.
    Source(Option<Output>),
}

impl Secret {
    fn to_env(&self) -> Option<pb::SecretEnv> {
        let name = self.env.clone()?;
        Some(pb::SecretEnv { id: self.id.clone(), name, optional: self.optional })
    }

    /// Input and output stay 0 in mounts of secrets and agents: that is what the reference writes, and solvers look
    /// at neither.
    fn to_mount(&self) -> Option<pb::Mount> {
        let dest = self.target.clone()?;
        let secret_opt = Some(pb::SecretOpt {
            id: self.id.clone(),
            uid: self.uid,
            gid: self.gid,
            mode: self.mode,
            optional: self.optional,
        });
        Some(pb::Mount { dest, mount_type: pb::MountType::Secret.into(), secret_opt, ..Default::default() })
    }
}

impl Ssh {
    fn path(&self, position: usize) -> String {
        self.target.clone().unwrap_or_else(|| format!("/run/buildkit/ssh_agent.{position}"))
    }

    fn to_mount(&self, position: usize) -> pb::Mount {
        let ssh_opt = Some(pb::SshOpt {
            id: self.id.clone(),
            uid: self.uid,
            gid: self.gid,
            mode: self.mode,
            optional: self.optional,
        });
        pb::Mount { dest: self.path(position), mount_type: pb::MountType::Ssh.into(), ssh_opt, ..Default::default() }
    }
}
