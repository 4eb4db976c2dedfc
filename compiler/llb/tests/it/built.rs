//! What `ops` builds against generated types: the same bytes, for graphs of random ops of every kind with random details.

use std::collections::BTreeSet;

use bollard_buildkit_proto::pb as theirs;
use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::ops::{self, Exec, ExecMount, FileStep, MountKind};
use hlb_llb::{Digest, Graph, pb};
use prost::Message;

use crate::wire::Random;

/// Chooses details.
struct Maker {
    random: Random,
    made: Vec<Output>,
}

impl Maker {
    fn flag(&mut self) -> bool {
        self.random.below(2) == 0
    }

    fn text(&mut self) -> String {
        ["", "a", "/b c", "ü=<&>\n", "sha256:12"][self.random.below(5)].to_owned()
    }

    fn some_text(&mut self) -> Option<String> {
        self.flag().then(|| self.text())
    }

    /// Not empty.
    fn name(&mut self) -> String {
        format!("/{}", self.random.below(40))
    }

    fn texts(&mut self) -> Vec<String> {
        (0..self.random.below(4)).map(|_| self.text()).collect()
    }

    fn number(&mut self) -> i64 {
        [0, 1, -1, 300, i64::MAX, i64::MIN][self.random.below(6)]
    }

    fn id(&mut self) -> u32 {
        [0, 1, 1000, u32::MAX][self.random.below(4)]
    }

    fn platform(&mut self) -> pb::Platform {
        let [architecture, os, variant, os_version] = std::array::from_fn(|_| self.text());
        pb::Platform { architecture, os, variant, os_version, os_features: self.texts() }
    }

    fn output(&mut self) -> Option<Output> {
        let chosen = self.random.below(self.made.len() + 1);
        self.made.get(chosen).cloned()
    }

    fn owner(&mut self) -> Option<ops::Owner> {
        let mut user = || match self.random.below(3) {
            0 => None,
            1 => Some(ops::UserRef::Id(self.id())),
            _ => Some(ops::UserRef::Name(self.text())),
        };
        let (user, group) = (user(), user());
        self.flag().then_some(ops::Owner { user, group })
    }

    fn annotations(&mut self) -> Annotations {
        let group = pb::ProgressGroup { id: self.text(), name: self.text(), weak: self.flag() };
        Annotations {
            name: self.some_text(),
            ignore_cache: self.flag(),
            export_cache: self.flag().then_some(true),
            progress_group: self.flag().then_some(group),
            workers: self.texts(),
            ..Annotations::default()
        }
    }

    fn step(&mut self) -> FileStep {
        let created = self.flag().then(|| self.number());
        let (owner, path) = (self.owner(), self.text());
        let mode = i32::try_from(self.random.below(0o777)).unwrap();
        match self.random.below(5) {
            0 => FileStep::MkDir { path, mode, parents: self.flag(), owner, created },
            1 => FileStep::MkFile { path, mode, data: self.text().into_bytes(), owner, created },
            2 => FileStep::Symlink { oldpath: self.text(), newpath: path, owner, created },
            3 => FileStep::Rm { path, allow_not_found: self.flag(), allow_wildcard: self.flag() },
            _ => {
                let mut copy = ops::Copy::new(self.output(), path, self.text());
                copy.mode = match self.random.below(3) {
                    0 => ops::Mode::Keep,
                    1 => ops::Mode::Bits(mode),
                    _ => ops::Mode::Symbolic(self.text()),
                };
                (copy.owner, copy.created) = (owner, created);
                (copy.include, copy.exclude, copy.required) = (self.texts(), self.texts(), self.texts());
                copy.follow_symlinks = self.flag();
                copy.contents_only = self.flag();
                copy.unpack = self.flag();
                copy.create_dest_path = self.flag();
                copy.allow_wildcard = self.flag();
                copy.allow_empty_wildcard = self.flag();
                copy.always_replace = self.flag();
                FileStep::Copy(copy)
            }
        }
    }

    fn exec(&mut self) -> Exec {
        let mut exec = Exec::new(self.output(), vec![self.text()], self.name(), self.platform());
        exec.env = self.texts();
        exec.user = self.text();
        exec.hostname = self.text();
        exec.cgroup_parent = self.text();
        exec.extra_hosts = self.texts().into_iter().map(|host| pb::HostIp { host, ip: self.text() }).collect();
        let names = self.texts();
        let limit = |name| pb::Ulimit { name, soft: self.number(), hard: self.number() };
        exec.ulimits = names.into_iter().map(limit).collect();
        exec.valid_exit_codes = self.flag().then(|| vec![0, 300, -1]);
        exec.proxy = self.flag().then(|| pb::ProxyEnv { ftp_proxy: self.text(), ..Default::default() });
        exec.network = [pb::NetMode::Unset, pb::NetMode::Host, pb::NetMode::None][self.random.below(3)];
        exec.security = [pb::SecurityMode::Sandbox, pb::SecurityMode::Insecure][self.random.below(2)];
        exec.readonly_root = self.flag();
        exec.devices =
            (0..self.random.below(2)).map(|_| pb::CdiDevice { name: self.name(), optional: self.flag() }).collect();
        for _ in 0..self.random.below(4) {
            let kind = match self.random.below(3) {
                0 => MountKind::Tmpfs { size: self.number() },
                1 => MountKind::Cache { id: self.text(), sharing: pb::CacheSharingOpt::Private },
                _ => MountKind::Bind,
            };
            let source = if kind == MountKind::Bind { self.output() } else { None };
            exec.mounts.push(ExecMount {
                selector: self.text(),
                readonly: self.flag(),
                no_output: self.flag(),
                kind,
                content_cache: [pb::MountContentCache::Default, pb::MountContentCache::Off][self.random.below(2)],
                result_id: self.text(),
                ..ExecMount::bind(self.name(), source)
            });
        }
        for _ in 0..self.random.below(3) {
            let (id, uid, gid, mode) = (self.name(), self.id(), self.id(), self.id());
            let (target, optional) = (self.flag().then(|| self.name()), self.flag());
            let env = self.some_text();
            exec.secrets.push(ops::Secret { id: id.clone(), target: target.clone(), env, uid, gid, mode, optional });
            exec.ssh.push(ops::Ssh { id, target, uid, gid, mode, optional });
        }
        exec
    }

    fn source(&mut self, annotations: Annotations) -> Output {
        let file = ops::FileInfo { filename: self.text(), perm: self.id(), uid: self.id(), gid: self.id() };
        match self.random.below(6) {
            0 => {
                let mut image = ops::Image::new(self.text(), self.platform());
                image.checksum = self.text();
                image.layer_limit = self.flag().then(|| self.id());
                ops::image(image, annotations)
            }
            1 => {
                let (reference, session, store) = (self.text(), self.text(), self.text());
                let platform = self.platform();
                ops::oci_layout(ops::OciLayout { reference, platform, session, store, layer_limit: None }, annotations)
            }
            2 => ops::image_blob(ops::Blob { reference: self.text(), file, record_type: self.text() }, annotations),
            3 => {
                let (reference, session, store) = (self.text(), self.text(), self.text());
                ops::layout_blob(ops::LayoutBlob { reference, file, session, store }, annotations)
            }
            4 => {
                let mut git = ops::Git::new(["h.org/r", "git@h.org:r"][self.random.below(2)], self.text());
                (git.subdir, git.checksum, git.mtime) = (self.text(), self.text(), self.text());
                (git.keep_git_dir, git.fetch_by_commit) = (self.flag(), self.flag());
                (git.auth_token_secret, git.ssh_agent) = (self.some_text(), self.some_text());
                ops::git(git, annotations)
            }
            _ => {
                let mut local = ops::Local::new(self.text(), ops::LocalOwner::Unique(self.text()));
                (local.include, local.exclude, local.follow) = (self.texts(), self.texts(), self.texts());
                local.metadata_only = self.flag().then(|| self.texts());
                ops::local(local, annotations)
            }
        }
    }

    /// Adds one op, or what it comes to.
    fn add(&mut self) {
        let annotations = self.annotations();
        match self.random.below(8) {
            0 | 1 => {
                let source = self.source(annotations);
                self.made.push(source);
            }
            2 | 3 => {
                let built = self.exec().build(annotations);
                self.made.extend(built.mounts.into_iter().chain([built.root]).flatten());
            }
            4 => {
                let steps = (0..1 + self.random.below(3)).map(|_| self.step()).collect();
                let file = ops::file(self.output(), steps, annotations);
                self.made.extend(file);
            }
            5 => {
                let inputs = (0..self.random.below(5)).filter_map(|_| self.output()).collect();
                self.made.extend(ops::merge(inputs, annotations));
            }
            6 => {
                let sides = (self.output(), self.output());
                self.made.extend(ops::diff(sides.0, sides.1, annotations));
            }
            _ => {
                if let Some(source) = self.output() {
                    let build = ops::Build { source, filename: self.text(), platform: self.platform() };
                    self.made.push(ops::build(build, annotations));
                }
            }
        }
    }
}

/// The bytes of a source op as generated types write them, with the attributes in order.
fn source_bytes(source: &theirs::SourceOp) -> Vec<u8> {
    let mut attrs: Vec<(&String, &String)> = source.attrs.iter().collect();
    attrs.sort();
    let named = theirs::SourceOp { identifier: source.identifier.clone(), ..Default::default() };
    let mut out = named.encode_to_vec();
    for (name, value) in attrs {
        let one = theirs::SourceOp { attrs: [(name.clone(), value.clone())].into(), ..Default::default() };
        out.extend(one.encode_to_vec());
    }
    out
}

/// The bytes of an op as generated types write them; of those that have maps each has one entry, or is a source's.
fn their_bytes(op: &theirs::Op) -> Vec<u8> {
    let Some(theirs::op::Op::Source(source)) = &op.op else { return op.encode_to_vec() };
    let rest = theirs::Op { op: None, ..op.clone() }.encode_to_vec();
    let inside = source_bytes(source);
    // A source reads nothing, so it is first.
    let mut out = vec![0x1a];
    prost::encoding::encode_varint(inside.len() as u64, &mut out);
    [out, inside, rest].concat()
}

#[test]
fn random_graphs_have_the_bytes_of_generated_types() {
    let mut kinds = BTreeSet::new();
    for seed in 0..600 {
        let mut maker = Maker { random: Random(seed), made: Vec::new() };
        while maker.made.len() < 8 {
            maker.add();
        }
        let handed_on = [true, false, true].into_iter();
        let inputs = handed_on.map(|handed_on| ops::PassthroughInput { output: maker.output(), handed_on }).collect();
        let mut all = maker.made;
        all.extend(ops::passthrough("all", inputs, Annotations::default()).into_iter().flatten());
        let target = ops::merge(all, Annotations::default()).unwrap();
        let definition = marshal(Some(&target), Vec::new());
        let graph = Graph::load(&definition).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(graph.vertices.len() + 1, definition.def.len(), "seed {seed}");
        for bytes in &definition.def {
            let ours = pb::Op::decode(bytes.clone()).unwrap();
            kinds.insert(ours.op.as_ref().map(std::mem::discriminant).map(|kind| format!("{kind:?}")));
            // They are too old to know it.
            if matches!(ours.op, Some(pb::OpKind::Passthrough(_))) {
                continue;
            }
            let theirs = theirs::Op::decode(bytes.clone()).unwrap();
            // An entry always has both parts with us, and only those that are not empty with prost.
            let build = matches!(&theirs.op, Some(theirs::op::Op::Build(_)));
            if build {
                assert_eq!(pb::Op::decode(theirs.encode_to_vec().as_slice()).unwrap(), ours, "seed {seed}");
            } else {
                assert_eq!(&their_bytes(&theirs), bytes, "seed {seed}: {ours:#?}");
            }
            assert!(definition.metadata.contains_key(Digest::of(bytes).as_str()), "seed {seed}");
        }
    }
    assert_eq!(kinds.len(), 8, "seven kinds and the last op: {kinds:?}");
}
