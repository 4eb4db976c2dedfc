//! Definitions written down op by op, for tests that need every kind.
//!
//! Owns the digests in inputs and the terminal op.

use std::sync::Arc;

use hlb_llb::{Digest, encode_op, pb};

/// A definition under construction.
#[derive(Default)]
pub(crate) struct Draft {
    digests: Vec<String>,
    pub(crate) definition: pb::Definition,
}

/// An op of a draft, and which of its outputs.
pub(crate) type At = (usize, i64);

impl Draft {
    /// Adds an op for linux/amd64 if it has a platform at all.
    pub(crate) fn op(&mut self, inputs: &[At], kind: pb::OpKind) -> usize {
        let platform = matches!(kind, pb::OpKind::Exec(_)).then(linux);
        self.raw(inputs, pb::Op { op: Some(kind), platform, ..Default::default() })
    }

    pub(crate) fn raw(&mut self, inputs: &[At], op: pb::Op) -> usize {
        let input = |(op, index): &At| pb::Input { digest: self.digests[*op].clone(), index: *index };
        let bytes = encode_op(&pb::Op { inputs: inputs.iter().map(input).collect(), ..op });
        self.digests.push(Digest::of(&bytes).to_string());
        self.definition.def.push(bytes.into());
        self.digests.len() - 1
    }

    pub(crate) fn image(&mut self, reference: &str) -> usize {
        let kind = source(&format!("docker-image://{reference}"), &[]);
        self.raw(&[], pb::Op { op: Some(kind), platform: Some(linux()), ..Default::default() })
    }

    /// A command with a root that it leaves changed.
    pub(crate) fn run(&mut self, root: At, args: &[&str]) -> usize {
        self.op(&[root], exec(args, vec![mount("/", 0, 0)]))
    }

    /// What is said about an op.
    pub(crate) fn say(&mut self, op: usize) -> &mut pb::OpMetadata {
        self.definition.metadata.entry(self.digests[op].clone()).or_default()
    }

    /// Where an op was written, lines and columns.
    pub(crate) fn at(&mut self, op: usize, file: &str, places: &[(i32, i32)]) {
        let source = self.definition.source.get_or_insert_default();
        let index = source.infos.iter().position(|info| info.filename == file).unwrap_or_else(|| {
            source.infos.push(pb::SourceInfo { filename: file.to_owned(), ..Default::default() });
            source.infos.len() - 1
        });
        let range = |(line, character): &(i32, i32)| {
            let start = Some(pb::Position { line: *line, character: *character });
            pb::Range { start, end: start }
        };
        let location = pb::Location { source_index: index as i32, ranges: places.iter().map(range).collect() };
        let places = source.locations.entry(self.digests[op].clone()).or_default();
        Arc::make_mut(&mut places.locations).push(location);
    }

    pub(crate) fn finish(mut self, result: At) -> pb::Definition {
        self.raw(&[result], pb::Op::default());
        self.definition
    }
}

pub(crate) fn linux() -> pb::Platform {
    pb::Platform { architecture: "amd64".to_owned(), os: "linux".to_owned(), ..Default::default() }
}

pub(crate) fn source(identifier: &str, attrs: &[(&str, &str)]) -> pb::OpKind {
    let attrs = attrs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    pb::OpKind::Source(pb::SourceOp { identifier: identifier.to_owned(), attrs })
}

pub(crate) fn exec(args: &[&str], mounts: Vec<pb::Mount>) -> pb::OpKind {
    let args = args.iter().map(|arg| (*arg).to_owned()).collect();
    pb::OpKind::Exec(pb::ExecOp {
        meta: Some(pb::Meta { args, cwd: "/".to_owned(), ..Default::default() }),
        mounts,
        ..Default::default()
    })
}

pub(crate) fn mount(dest: &str, input: i64, output: i64) -> pb::Mount {
    pb::Mount { dest: dest.to_owned(), input, output, ..Default::default() }
}

/// File actions one after the other, of which the last is kept.
pub(crate) fn files(inputs: usize, actions: Vec<(i64, pb::FileActionKind)>) -> pb::OpKind {
    let last = actions.len() - 1;
    let action = |(position, (secondary_input, kind)): (usize, (i64, pb::FileActionKind))| pb::FileAction {
        input: if position == 0 { if inputs == 0 { -1 } else { 0 } } else { (inputs + position - 1) as i64 },
        secondary_input,
        output: if position == last { 0 } else { -1 },
        action: Some(kind),
    };
    pb::OpKind::File(pb::FileOp { actions: actions.into_iter().enumerate().map(action).collect() })
}

pub(crate) fn mkfile(path: &str, data: &str) -> pb::FileActionKind {
    let (path, data) = (path.to_owned(), data.as_bytes().to_vec());
    pb::FileActionKind::Mkfile(pb::FileActionMkFile { path, mode: 0o644, data, owner: None, timestamp: -1 })
}

pub(crate) fn copy(src: &str, dest: &str) -> pb::FileActionKind {
    let (src, dest) = (src.to_owned(), dest.to_owned());
    pb::FileActionKind::Copy(pb::FileActionCopy { src, dest, mode: -1, timestamp: -1, ..Default::default() })
}

/// A graph with every kind of op and everything that an op can say.
pub(crate) fn everything() -> pb::Definition {
    let mut draft = Draft::default();
    let base = draft.image("docker.io/library/debian:12");
    draft.at(base, "build.hlb", &[(2, 2), (9, 1)]);
    let context = draft.op(
        &[],
        source(
            "local://context",
            &[("local.includepattern", r#"["*.c","*.h"]"#), ("local.sharedkeyhint", "x"), ("local.unique", "y")],
        ),
    );
    let git = draft.op(&[], source("git://example.org/a.git#main", &[("git.keepgitdir", "true")]));
    let http = draft.op(&[], source("https://example.org/f?a=1&b=2", &[("http.checksum", "sha256:aa")]));
    let layout = draft.op(&[], source("oci-layout://x@sha256:bb", &[]));

    let meta = pb::Meta {
        args: ["/bin/sh", "-c", "make \"$X\" > 'a b'"].map(str::to_owned).to_vec(),
        env: vec!["PATH=/bin".to_owned(), "X=\u{1b}[31m\n&amp;".to_owned()],
        cwd: "/src".to_owned(),
        user: "bob".to_owned(),
        proxy_env: Some(pb::ProxyEnv { http_proxy: "http://p".to_owned(), ..Default::default() }),
        extra_hosts: vec![pb::HostIp { host: "db".to_owned(), ip: "10.0.0.1".to_owned() }],
        hostname: "builder".to_owned(),
        ulimit: vec![pb::Ulimit { name: "nofile".to_owned(), soft: 1, hard: 2 }],
        cgroup_parent: "/g".to_owned(),
        valid_exit_codes: vec![0, 3],
        remove_mount_stubs_recursive: true,
    };
    let bind = |it: pb::Mount| it;
    let mounts = vec![
        bind(mount("/", 0, 0)),
        bind(mount("/out", -1, 1)),
        pb::Mount { readonly: true, selector: "sub dir".to_owned(), ..mount("/src", 1, -1) },
        pb::Mount { content_cache: 2, ..mount("/dropped", 2, -1) },
        pb::Mount {
            mount_type: pb::MountType::Cache.into(),
            cache_opt: Some(pb::CacheOpt { id: "ccache".to_owned(), sharing: pb::CacheSharingOpt::Locked.into() }),
            ..mount("/cache", -1, -1)
        },
        pb::Mount {
            mount_type: pb::MountType::Tmpfs.into(),
            tmpfs_opt: Some(pb::TmpfsOpt { size: 3 << 19 }),
            ..mount("/tmp", -1, -1)
        },
        pb::Mount {
            mount_type: pb::MountType::Secret.into(),
            secret_opt: Some(pb::SecretOpt { id: "token".to_owned(), mode: 0o400, uid: 7, gid: 8, optional: true }),
            ..mount("/run/token", -1, 0)
        },
        pb::Mount {
            mount_type: pb::MountType::Ssh.into(),
            ssh_opt: Some(pb::SshOpt { id: "default".to_owned(), mode: 0o600, ..Default::default() }),
            ..mount("/run/agent", -1, 0)
        },
    ];
    let run = draft.op(
        &[(base, 0), (context, 0), (git, 0)],
        pb::OpKind::Exec(pb::ExecOp {
            meta: Some(meta),
            mounts,
            network: pb::NetMode::Host.into(),
            security: pb::SecurityMode::Insecure.into(),
            secretenv: vec![pb::SecretEnv { id: "key".to_owned(), name: "KEY".to_owned(), optional: false }],
            cdi_devices: vec![pb::CdiDevice { name: "v/c=d".to_owned(), optional: true }],
        }),
    );
    draft.at(run, "build.hlb", &[(4, 2), (9, 1), (12, 1), (20, 1)]);
    let metadata = draft.say(run);
    metadata.ignore_cache = true;
    metadata.description.insert("llb.customname".to_owned(), "compile \"all\"".to_owned());
    metadata.export_cache = Some(pb::ExportCache { value: false });
    metadata.progress_group = Some(Box::new(pb::ProgressGroup { name: "compilers".to_owned(), ..Default::default() }));
    metadata.linux_resources =
        Some(Box::new(pb::LinuxResources { memory: 1 << 30, cpuset_cpus: "0-1".to_owned(), ..Default::default() }));

    let script = draft.raw(
        &[(run, 0)],
        pb::Op {
            op: Some(exec(&["sh", "-ec", "make\nmake test\n"], vec![mount("/", 0, 0)])),
            platform: Some(pb::Platform { architecture: "arm64".to_owned(), os: "linux".to_owned(), ..linux() }),
            constraints: Some(pb::WorkerConstraints { filter: vec!["a==b".to_owned()] }),
            ..Default::default()
        },
    );
    let user =
        |name: &str| pb::UserOpt { user: Some(pb::User::ByName(pb::NamedUserOpt { name: name.to_owned(), input: 0 })) };
    let owner =
        Some(pb::ChownOpt { user: Some(user("bob")), group: Some(pb::UserOpt { user: Some(pb::User::ById(8)) }) });
    let actions = vec![
        (
            -1,
            pb::FileActionKind::Mkdir(pb::FileActionMkDir {
                path: "/d".to_owned(),
                mode: 0o755,
                make_parents: true,
                owner: owner.clone(),
                timestamp: -1,
            }),
        ),
        (-1, mkfile("/d/f", "hello\n")),
        (
            1,
            pb::FileActionKind::Copy(pb::FileActionCopy {
                owner,
                mode: 0o600,
                follow_symlink: true,
                dir_copy_contents: true,
                attempt_unpack_docker_compatibility: true,
                create_dest_path: true,
                allow_wildcard: true,
                allow_empty_wildcard: true,
                include_patterns: vec!["*.o".to_owned()],
                exclude_patterns: vec!["x".to_owned(), "y".to_owned()],
                ..match copy("/a.o", "/d/") {
                    pb::FileActionKind::Copy(copy) => copy,
                    _ => unreachable!(),
                }
            }),
        ),
        (
            -1,
            pb::FileActionKind::Rm(pb::FileActionRm {
                path: "/t*".to_owned(),
                allow_not_found: true,
                allow_wildcard: true,
            }),
        ),
        (
            -1,
            pb::FileActionKind::Symlink(pb::FileActionSymlink {
                oldpath: "f".to_owned(),
                newpath: "/d/l".to_owned(),
                owner: None,
                timestamp: -1,
            }),
        ),
    ];
    let changed = draft.op(&[(script, 0), (run, 1)], files(2, actions));
    let fetched = draft.op(&[(http, 0)], files(1, vec![(0, copy("/f", "/f"))]));
    let merge = draft.op(
        &[(changed, 0), (fetched, 0), (layout, 0)],
        pb::OpKind::Merge(pb::MergeOp { inputs: (0..3).map(|input| pb::MergeInput { input }).collect() }),
    );
    let diff = draft.op(
        &[(merge, 0)],
        pb::OpKind::Diff(pb::DiffOp {
            lower: Some(pb::LowerDiffInput { input: -1 }),
            upper: Some(pb::UpperDiffInput { input: 0 }),
        }),
    );
    let build = draft.op(
        &[(diff, 0)],
        pb::OpKind::Build(pb::BuildOp {
            builder: -1,
            inputs: [("buildkit.llb.definition".to_owned(), pb::BuildInput { input: 0 })].into(),
            def: None,
            attrs: [("llbbuild.filename".to_owned(), "x.llb".to_owned())].into(),
        }),
    );
    let pass = draft.op(
        &[(build, 0), (context, 0), (base, 0)],
        pb::OpKind::Passthrough(pb::PassthroughOp { id: "p".to_owned(), outputs: vec![0, 1] }),
    );
    draft.finish((pass, 1))
}
