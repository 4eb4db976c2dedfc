//! The graphs of the reference compiler, said again with our constructors: same bytes, same order, same metadata.

use std::collections::BTreeMap;

use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::ops::{self, ExecMount, FileStep, MountKind};
use hlb_llb::{Digest, pb};
use serde_json::Value;

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value, name: &str) -> i64 {
    value[name].as_i64().unwrap_or_default()
}

fn flag(value: &Value, name: &str) -> bool {
    value[name].as_bool().unwrap_or_default()
}

fn texts(value: &Value, name: &str) -> Vec<String> {
    let items = value[name].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

fn platform(op: &Value) -> pb::Platform {
    let platform = &op["platform"];
    pb::Platform {
        architecture: text(platform, "Architecture"),
        os: text(platform, "OS"),
        variant: text(platform, "Variant"),
        ..Default::default()
    }
}

fn annotations(metadata: &Value) -> Annotations {
    let description = metadata["description"].as_object();
    Annotations {
        description: description
            .into_iter()
            .flatten()
            .map(|(name, text)| (name.clone(), text.as_str().unwrap().to_owned()))
            .collect(),
        ignore_cache: flag(metadata, "ignore_cache"),
        ..Default::default()
    }
}

/// Says an op again. The names of known outputs are `digest@index`.
fn build(op: &Value, metadata: &Value, known: &BTreeMap<String, Output>) -> Vec<Output> {
    let inputs: Vec<Output> = op["inputs"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|input| known[&format!("{}@{}", text(input, "digest"), number(input, "index"))].clone())
        .collect();
    let input = |value: &Value, name: &str| match number(value, name) {
        -1 => None,
        index => Some(inputs[usize::try_from(index).unwrap()].clone()),
    };
    let annotations = annotations(metadata);
    let kind = &op["Op"];
    if let Some(source) = kind.get("source") {
        vec![build_source(source, op, annotations)]
    } else if let Some(exec) = kind.get("exec") {
        build_exec(exec, op, &input, annotations)
    } else if let Some(file) = kind.get("file") {
        let actions = file["actions"].as_array().unwrap();
        let base = input(&actions[0], "input");
        let steps = actions.iter().map(|action| build_step(action, &input)).collect();
        vec![ops::file(base, steps, annotations).unwrap()]
    } else if kind.get("merge").is_some() {
        vec![ops::merge(inputs, annotations).unwrap()]
    } else if let Some(diff) = kind.get("diff") {
        vec![ops::diff(input(&diff["lower"], "input"), input(&diff["upper"], "input"), annotations).unwrap()]
    } else {
        panic!("{op}")
    }
}

fn build_source(source: &Value, op: &Value, annotations: Annotations) -> Output {
    let identifier = text(source, "identifier");
    let attrs = &source["attrs"];
    let list = |name: &str| -> Vec<String> {
        attrs[name].as_str().map(|list| serde_json::from_str(list).unwrap()).unwrap_or_default()
    };
    match identifier.split_once("://").unwrap() {
        ("docker-image", reference) => {
            let mut image = ops::Image::new(reference, platform(op));
            image.resolve_mode = match attrs["image.resolvemode"].as_str() {
                None => ops::ResolveMode::Default,
                Some("pull") => ops::ResolveMode::Pull,
                Some("local") => ops::ResolveMode::Local,
                Some(other) => panic!("{other}"),
            };
            ops::image(image, annotations)
        }
        ("http" | "https", _) => {
            let mut http = ops::Http::new(&identifier);
            http.checksum = text(attrs, "http.checksum");
            http.filename = text(attrs, "http.filename");
            http.perm = u32::from_str_radix(attrs["http.perm"].as_str().unwrap_or("0"), 8).unwrap();
            ops::http(http, annotations)
        }
        ("git", rest) => {
            let reference = rest.split_once('#').map_or("", |(_, reference)| reference);
            let mut git = ops::Git::new(text(attrs, "git.fullurl"), reference);
            git.keep_git_dir = attrs["git.keepgitdir"] == "true";
            ops::git(git, annotations)
        }
        ("local", name) => {
            let mut local = ops::Local::new(name, ops::LocalOwner::Unique(text(attrs, "local.unique")));
            local.include = list("local.includepattern");
            local.exclude = list("local.excludepatterns");
            local.follow = list("local.followpaths");
            local.shared_key_hint = text(attrs, "local.sharedkeyhint");
            ops::local(local, annotations)
        }
        other => panic!("{other:?}"),
    }
}

fn build_exec(
    exec: &Value,
    op: &Value,
    input: &dyn Fn(&Value, &str) -> Option<Output>,
    annotations: Annotations,
) -> Vec<Output> {
    let meta = &exec["meta"];
    let mut said = ops::Exec::new(None, texts(meta, "args"), text(meta, "cwd"), platform(op));
    said.env = texts(meta, "env");
    said.user = text(meta, "user");
    said.hostname = text(meta, "hostname");
    said.network = pb::NetMode::try_from(i32::try_from(number(exec, "network")).unwrap()).unwrap();
    said.security = pb::SecurityMode::try_from(i32::try_from(number(exec, "security")).unwrap()).unwrap();
    said.extra_hosts = meta["extraHosts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|host| pb::HostIp { host: text(host, "Host"), ip: text(host, "IP") })
        .collect();
    let mut kept = Vec::new();
    for mount in exec["mounts"].as_array().unwrap() {
        let dest = text(mount, "dest");
        match number(mount, "mountType") {
            0 if dest == "/" => {
                said.root = input(mount, "input");
                said.readonly_root = flag(mount, "readonly");
                kept.push(number(mount, "output"));
            }
            1 => {
                let opt = &mount["secretOpt"];
                said.secrets.push(ops::Secret {
                    id: text(opt, "ID"),
                    target: Some(dest),
                    env: None,
                    uid: u32::try_from(number(opt, "uid")).unwrap(),
                    gid: u32::try_from(number(opt, "gid")).unwrap(),
                    mode: u32::try_from(number(opt, "mode")).unwrap(),
                    optional: flag(opt, "optional"),
                });
            }
            2 => {
                let opt = &mount["SSHOpt"];
                let position = said.ssh.len();
                said.ssh.push(ops::Ssh {
                    id: text(opt, "ID"),
                    target: (dest != format!("/run/buildkit/ssh_agent.{position}")).then_some(dest),
                    uid: u32::try_from(number(opt, "uid")).unwrap(),
                    gid: u32::try_from(number(opt, "gid")).unwrap(),
                    mode: u32::try_from(number(opt, "mode")).unwrap(),
                    optional: flag(opt, "optional"),
                });
                // Ours to add again.
                said.env.retain(|variable| !variable.starts_with("SSH_AUTH_SOCK="));
            }
            kind => {
                let mut bind = ExecMount::bind(dest, input(mount, "input"));
                bind.selector = text(mount, "selector");
                bind.readonly = flag(mount, "readonly");
                bind.kind = match kind {
                    0 => MountKind::Bind,
                    3 => MountKind::Cache {
                        id: text(&mount["cacheOpt"], "ID"),
                        sharing: pb::CacheSharingOpt::try_from(
                            i32::try_from(number(&mount["cacheOpt"], "sharing")).unwrap(),
                        )
                        .unwrap(),
                    },
                    4 => MountKind::Tmpfs { size: number(&mount["TmpfsOpt"], "size") },
                    other => panic!("mount type {other}"),
                };
                bind.no_output = number(mount, "output") == -1;
                if !bind.no_output {
                    kept.push(number(mount, "output"));
                }
                // Any order must do.
                said.mounts.insert(0, bind);
            }
        }
    }
    let built = said.build(annotations);
    kept.into_iter().map(|index| built.vertex.output(index)).collect()
}

fn build_step(action: &Value, input: &dyn Fn(&Value, &str) -> Option<Output>) -> FileStep {
    let kind = action["Action"].as_object().unwrap();
    let (name, details) = kind.iter().next().unwrap();
    let mode = i32::try_from(number(details, "mode")).unwrap();
    let created = Some(number(details, "timestamp")).filter(|time| *time != -1);
    let owner = details.get("owner").map(build_owner);
    match name.as_str() {
        "mkdir" => {
            FileStep::MkDir { path: text(details, "path"), mode, parents: flag(details, "makeParents"), owner, created }
        }
        "mkfile" => FileStep::MkFile {
            path: text(details, "path"),
            mode,
            data: unbase64(&text(details, "data")),
            owner,
            created,
        },
        "rm" => FileStep::Rm {
            path: text(details, "path"),
            allow_not_found: flag(details, "allowNotFound"),
            allow_wildcard: flag(details, "allowWildcard"),
        },
        "copy" => {
            let source = input(action, "secondaryInput");
            let mut copy = ops::Copy::new(source, text(details, "src"), text(details, "dest"));
            copy.mode = if mode == -1 { ops::Mode::Keep } else { ops::Mode::Bits(mode) };
            copy.owner = owner;
            copy.created = created;
            copy.follow_symlinks = flag(details, "followSymlink");
            copy.contents_only = flag(details, "dirCopyContents");
            copy.unpack = flag(details, "attemptUnpackDockerCompatibility");
            copy.create_dest_path = flag(details, "createDestPath");
            copy.allow_wildcard = flag(details, "allowWildcard");
            copy.allow_empty_wildcard = flag(details, "allowEmptyWildcard");
            copy.include = texts(details, "include_patterns");
            copy.exclude = texts(details, "exclude_patterns");
            FileStep::Copy(copy)
        }
        other => panic!("{other}"),
    }
}

fn build_owner(owner: &Value) -> ops::Owner {
    let user = |name: &str| {
        owner.get(name).map(|user| match user["User"].get("byName") {
            Some(named) => ops::UserRef::Name(text(named, "name")),
            None => ops::UserRef::Id(u32::try_from(number(&user["User"], "byID")).unwrap()),
        })
    };
    ops::Owner { user: user("user"), group: user("group") }
}

fn unbase64(text: &str) -> Vec<u8> {
    let values: Vec<u32> = text
        .bytes()
        .filter(|byte| *byte != b'=')
        .map(|byte| {
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            u32::try_from(alphabet.iter().position(|letter| *letter == byte).unwrap()).unwrap()
        })
        .collect();
    values
        .chunks(4)
        .flat_map(|chunk| {
            let bits = chunk.iter().fold(0, |bits, value| bits << 6 | value) << (6 * (4 - chunk.len()));
            bits.to_be_bytes()[1..chunk.len()].to_vec()
        })
        .collect()
}

/// What the reference says about an op, in the shape of ours.
fn expected_metadata(metadata: &Value) -> pb::OpMetadata {
    let caps = metadata["caps"].as_object();
    pb::OpMetadata {
        ignore_cache: flag(metadata, "ignore_cache"),
        description: annotations(metadata).description,
        caps: caps.into_iter().flatten().map(|(cap, on)| (cap.clone(), on.as_bool().unwrap())).collect(),
        ..Default::default()
    }
}

/// Says every graph of the rows again and hands it over with the name of its row and the ops as the reference has them.
pub(crate) fn each_definition(rows: &str, mut look: impl FnMut(&str, &pb::Definition, &[Value])) {
    let mut definitions = 0;
    for row in rows.lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        for wanted in row["definitions"].as_array().into_iter().flatten() {
            let name = row["name"].as_str().unwrap();
            let digests = texts(wanted, "op_digests");
            if digests.is_empty() {
                continue;
            }
            let ops = wanted["ops"].as_array().unwrap();
            let mut known: BTreeMap<String, Output> = BTreeMap::new();
            for (op, digest) in ops.iter().zip(&digests).take(ops.len() - 1) {
                for output in build(&op["Op"], &op["OpMetadata"], &known) {
                    assert_eq!(output.vertex.digest().as_str(), digest, "{name}: {op}");
                    known.insert(format!("{digest}@{}", output.index), output);
                }
            }
            let last = &ops.last().unwrap()["Op"]["inputs"][0];
            let requested = format!("{}@{}", text(last, "digest"), number(last, "index"));
            let definition = marshal(Some(&known[&requested]), Vec::new());
            let got: Vec<String> = definition.def.iter().map(|bytes| Digest::of(bytes).to_string()).collect();
            assert_eq!(got, digests, "{name}");
            look(name, &definition, ops);
            definitions += 1;
        }
    }
    assert!(definitions >= 90, "only {definitions} definitions");
}

#[test]
fn graphs_of_the_reference_compiler_come_out_the_same() {
    let rows = std::fs::read_to_string(crate::corpus::folder().join("reference-programs.jsonl")).unwrap();
    each_definition(&rows, |name, definition, ops| {
        let digests = definition.def.iter().map(|bytes| Digest::of(bytes).to_string());
        let wanted = digests.zip(ops).map(|(digest, op)| (digest, expected_metadata(&op["OpMetadata"])));
        assert_eq!(definition.metadata, wanted.collect(), "{name}");
    });
}
