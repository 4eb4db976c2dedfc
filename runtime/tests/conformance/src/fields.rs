//! Which fields of ops the cases use.
//!
//! Owns the names of all fields, as their paths in the JSON of LLB, and the reading of graphs. Runs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hlb_llb::definition::Graph;
use hlb_llb::pb;
use serde_json::Value;

/// Fields whose values have meanings of their own: each is a name as the field is.
const CHOICES: [(&str, &[i64]); 5] = [
    ("exec.network", &[pb::NetMode::Host as i64, pb::NetMode::None as i64]),
    ("exec.security", &[pb::SecurityMode::Insecure as i64]),
    (
        "exec.mounts.mountType",
        &[
            pb::MountType::Secret as i64,
            pb::MountType::Ssh as i64,
            pb::MountType::Cache as i64,
            pb::MountType::Tmpfs as i64,
        ],
    ),
    ("exec.mounts.contentCache", &[pb::MountContentCache::On as i64, pb::MountContentCache::Off as i64]),
    ("exec.mounts.cacheOpt.sharing", &[pb::CacheSharingOpt::Private as i64, pb::CacheSharingOpt::Locked as i64]),
];

/// What sources begin with.
const SCHEMES: [&str; 8] =
    ["docker-image", "docker-image+blob", "git", "http", "https", "local", "oci-layout", "oci-layout+blob"];

/// Every field of every op: `exec.meta.args`, `source.attrs.git.checksum`, `exec.network=2`.
///
/// # Panics
/// If the sources of `hlb-llb` are not where they were.
pub fn all() -> BTreeSet<String> {
    let mut all: BTreeSet<String> = full().iter().flat_map(of).collect();
    for (field, values) in CHOICES {
        all.retain(|name| !name.starts_with(&format!("{field}=")));
        all.extend(values.iter().map(|value| format!("{field}={value}")));
    }
    all.extend(SCHEMES.map(|scheme| format!("source.identifier={scheme}")));
    all.remove("source.identifier=x");
    all.remove("source.attrs.x");
    all.extend(attributes().into_iter().map(|name| format!("source.attrs.{name}")));
    all
}

/// For each field that is used, the first of the graphs that has it.
pub fn used<'case>(graphs: impl IntoIterator<Item = (&'case str, pb::Definition)>) -> BTreeMap<String, &'case str> {
    let mut used = BTreeMap::new();
    for (case, definition) in graphs {
        let graph = Graph::load(&definition).unwrap_or_else(|error| panic!("{case}: {error}"));
        for name in graph.vertices.iter().flat_map(|vertex| of(&vertex.op)) {
            let first = used.entry(name).or_insert(case);
            *first = (*first).min(case);
        }
    }
    used
}

/// The fields of an op that are not what they are when nobody says anything.
fn of(op: &pb::Op) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk("", &hlb_llb::dump::op(op), &mut found);
    found
}

fn walk(path: &str, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        // Numbers and names of no field: whatever is in there was chosen by whoever made the graph.
        Value::Object(_) if matches!(path, "build.inputs" | "build.def") => _ = found.insert(path.to_owned()),
        Value::Object(fields) => {
            for (name, value) in fields {
                // Members of a oneof stand in an object that is no field.
                let name = if matches!(name.as_str(), "Op" | "Action" | "User") { "" } else { name.as_str() };
                let dot = if path.is_empty() || name.is_empty() { "" } else { "." };
                walk(&format!("{path}{dot}{name}"), value, found);
            }
        }
        Value::Array(items) => {
            found.insert(path.to_owned());
            items.iter().filter(|item| item.is_object()).for_each(|item| walk(path, item, found));
        }
        value => {
            let choice = CHOICES.iter().any(|(field, _)| *field == path);
            let scheme = value.as_str().and_then(|text| text.split_once("://")).map(|(scheme, _)| scheme);
            match scheme {
                _ if choice => found.insert(format!("{path}={value}")),
                Some(scheme) if path == "source.identifier" => found.insert(format!("{path}={scheme}")),
                _ => found.insert(path.to_owned()),
            };
        }
    }
}

/// The attributes that sources have by the constructors of `hlb-llb`.
fn attributes() -> BTreeSet<String> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    let ops = Path::new(&package).join("../../../compiler/llb/src/ops");
    let mut found = BTreeSet::new();
    for file in ["git.rs", "source.rs"] {
        let text = std::fs::read_to_string(ops.join(file)).unwrap();
        let names = text.split(".set(\"").skip(1).filter_map(|rest| rest.split('"').next());
        found.extend(names.map(str::to_owned));
    }
    assert!(found.len() > 40, "the attributes of sources are written in another way: {found:?}");
    found
}

/// An op of each kind, with every field. A field that is added to one of these is missed by the compiler.
fn full() -> Vec<pb::Op> {
    let text = || "x".to_owned();
    let texts = || vec![text()];
    let number = 7;
    let kinds = vec![
        pb::OpKind::Exec(exec()),
        pb::OpKind::Source(pb::SourceOp { identifier: "x://x".to_owned(), attrs: [(text(), text())].into() }),
        pb::OpKind::File(pb::FileOp { actions: actions() }),
        pb::OpKind::Build(pb::BuildOp {
            builder: number,
            inputs: [(text(), pb::BuildInput { input: number })].into(),
            def: Some(pb::Definition { def: vec![b"x".as_slice().into()], ..Default::default() }),
            attrs: [("llbbuild.filename".to_owned(), text())].into(),
        }),
        pb::OpKind::Merge(pb::MergeOp { inputs: vec![pb::MergeInput { input: number }] }),
        pb::OpKind::Diff(pb::DiffOp {
            lower: Some(pb::LowerDiffInput { input: number }),
            upper: Some(pb::UpperDiffInput { input: number }),
        }),
        pb::OpKind::Passthrough(pb::PassthroughOp { id: text(), outputs: vec![number] }),
    ];
    let op = |kind| pb::Op {
        inputs: vec![pb::Input { digest: text(), index: number }],
        platform: Some(pb::Platform {
            architecture: text(),
            os: text(),
            variant: text(),
            os_version: text(),
            os_features: texts(),
        }),
        constraints: Some(pb::WorkerConstraints { filter: texts() }),
        op: Some(kind),
    };
    kinds.into_iter().map(op).collect()
}

fn exec() -> pb::ExecOp {
    let text = || "x".to_owned();
    let (texts, number) = (vec![text()], 7);
    let (uid, gid, mode, optional) = (7, 7, 7, true);
    pb::ExecOp {
        meta: Some(pb::Meta {
            args: texts.clone(),
            env: texts,
            cwd: text(),
            user: text(),
            proxy_env: Some(pb::ProxyEnv {
                http_proxy: text(),
                https_proxy: text(),
                ftp_proxy: text(),
                no_proxy: text(),
                all_proxy: text(),
            }),
            extra_hosts: vec![pb::HostIp { host: text(), ip: text() }],
            hostname: text(),
            ulimit: vec![pb::Ulimit { name: text(), soft: number, hard: number }],
            cgroup_parent: text(),
            remove_mount_stubs_recursive: true,
            valid_exit_codes: vec![7],
        }),
        mounts: vec![pb::Mount {
            input: number,
            selector: text(),
            dest: text(),
            output: number,
            readonly: true,
            mount_type: 7,
            tmpfs_opt: Some(pb::TmpfsOpt { size: number }),
            cache_opt: Some(pb::CacheOpt { id: text(), sharing: 7 }),
            secret_opt: Some(pb::SecretOpt { id: text(), uid, gid, mode, optional }),
            ssh_opt: Some(pb::SshOpt { id: text(), uid, gid, mode, optional }),
            result_id: text(),
            content_cache: 7,
        }],
        network: 7,
        security: 7,
        secretenv: vec![pb::SecretEnv { id: text(), name: text(), optional }],
        cdi_devices: vec![pb::CdiDevice { name: text(), optional }],
    }
}

fn actions() -> Vec<pb::FileAction> {
    let text = || "x".to_owned();
    let texts = || vec![text()];
    let (mode, timestamp, flag) = (7, 7, true);
    let named = || pb::UserOpt { user: Some(pb::User::ByName(pb::NamedUserOpt { name: text(), input: 7 })) };
    let numbered = || pb::UserOpt { user: Some(pb::User::ById(7)) };
    let kinds = |user: &dyn Fn() -> pb::UserOpt| {
        let owner = || Some(pb::ChownOpt { user: Some(user()), group: Some(user()) });
        vec![
            pb::FileActionKind::Copy(pb::FileActionCopy {
                src: text(),
                dest: text(),
                owner: owner(),
                mode,
                follow_symlink: flag,
                dir_copy_contents: flag,
                attempt_unpack_docker_compatibility: flag,
                create_dest_path: flag,
                allow_wildcard: flag,
                allow_empty_wildcard: flag,
                timestamp,
                include_patterns: texts(),
                exclude_patterns: texts(),
                always_replace_existing_dest_paths: flag,
                mode_str: text(),
                required_paths: texts(),
            }),
            pb::FileActionKind::Mkfile(pb::FileActionMkFile {
                path: text(),
                mode,
                data: vec![7],
                owner: owner(),
                timestamp,
            }),
            pb::FileActionKind::Mkdir(pb::FileActionMkDir {
                path: text(),
                mode,
                make_parents: flag,
                owner: owner(),
                timestamp,
            }),
            pb::FileActionKind::Rm(pb::FileActionRm { path: text(), allow_not_found: flag, allow_wildcard: flag }),
            pb::FileActionKind::Symlink(pb::FileActionSymlink {
                oldpath: text(),
                newpath: text(),
                owner: owner(),
                timestamp,
            }),
        ]
    };
    let action = |kind| pb::FileAction { input: 7, secondary_input: 7, output: 7, action: Some(kind) };
    [kinds(&named), kinds(&numbered)].concat().into_iter().map(action).collect()
}
