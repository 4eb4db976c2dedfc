//! What is loaded, what is refused and with which words, and that no bytes do harm.

use hlb_llb::definition::InvalidDefinition;
use hlb_llb::graph::{Annotations, marshal};
use hlb_llb::{Digest, Graph, encode_op, ops, pb};
use proptest::prelude::*;
use prost::Message;

use crate::corpus::cases;
use crate::graph::image;

#[test]
fn real_definitions_load() {
    for case in cases() {
        let graph = Graph::decode(&case.bytes).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let head = graph.target.map_or(String::new(), |(vertex, _)| graph.vertices[vertex].digest.to_string());
        assert_eq!(head, case.head, "{}", case.name);
        for (position, vertex) in graph.vertices.iter().enumerate() {
            assert!(vertex.op.op.is_some() && !vertex.name.is_empty(), "{}", case.name);
            assert!(vertex.inputs.iter().all(|(input, _)| *input < position), "{}", case.name);
            assert_eq!(vertex.inputs.len(), vertex.op.inputs.len(), "{}", case.name);
        }
    }
}

#[test]
fn vertices_are_named_by_what_they_do() {
    let mut name_of = Vec::new();
    let base = image("base");
    let merged = ops::merge(vec![base.clone(), image("x")], Annotations::default()).unwrap();
    let diff = ops::diff(Some(merged), Some(base.clone()), Annotations::default()).unwrap();
    let steps = vec![
        ops::FileStep::MkDir { path: "/d".into(), mode: 0, parents: false, owner: None, created: None },
        ops::FileStep::MkFile { path: "/f".into(), mode: 0, data: vec![], owner: None, created: None },
        ops::FileStep::Symlink { oldpath: "f".into(), newpath: "/s".into(), owner: None, created: None },
        ops::FileStep::Rm { path: "/r".into(), allow_not_found: false, allow_wildcard: false },
        ops::FileStep::Copy(ops::Copy::new(Some(base), "/a", "/b")),
    ];
    let file = ops::file(Some(diff), steps, Annotations::default()).unwrap();
    let args = ["sh".to_owned(), "-c".to_owned(), "a b".to_owned()];
    let exec = ops::Exec::new(Some(file), args.to_vec(), "/", pb::Platform::default()).build(Annotations::default());
    let named = Annotations { name: Some("finish".to_owned()), ..Default::default() };
    let last = ops::diff(exec.root, None, named).unwrap();
    let graph = Graph::load(&marshal(Some(&last), Vec::new())).unwrap();
    name_of.extend(graph.vertices.iter().map(|vertex| vertex.name.clone()));
    insta::assert_snapshot!(name_of.join("\n"), @"
docker-image://docker.io/library/base:latest
docker-image://docker.io/library/x:latest
merge (docker-image://docker.io/library/base:latest, docker-image://docker.io/library/x:latest)
diff (merge (docker-image://docker.io/library/base:latest, docker-image://docker.io/library/x:latest)) -> (docker-image://docker.io/library/base:latest)
mkdir /d, mkfile /f, symlink /s -> f, rm /r, copy /a /b
sh -c a b
finish
");
}

#[test]
fn capabilities_are_those_of_all_vertices() {
    let merged = ops::merge(vec![image("a"), image("b")], Annotations::default());
    let graph = Graph::load(&marshal(merged.as_ref(), Vec::new())).unwrap();
    assert_eq!(graph.capabilities().into_iter().collect::<Vec<_>>(), ["mergeop", "source.image"]);
}

/// Why a definition with one op of a kind, which has one input, is refused.
fn refusal(kind: pb::OpKind) -> String {
    let source = encode_op(&pb::Op {
        op: Some(pb::OpKind::Source(pb::SourceOp { identifier: "local://x".to_owned(), ..Default::default() })),
        ..Default::default()
    });
    let inputs = vec![pb::Input { digest: Digest::of(&source).to_string(), index: 0 }];
    refusal_of(source, pb::Op { inputs, op: Some(kind), ..Default::default() })
}

fn refusal_of(source: Vec<u8>, op: pb::Op) -> String {
    let op = encode_op(&op);
    let digest = Digest::of(&op).to_string();
    let terminal =
        encode_op(&pb::Op { inputs: vec![pb::Input { digest: digest.clone(), index: 0 }], ..Default::default() });
    let definition = pb::Definition { def: [source, op, terminal].map(Into::into).into(), ..Default::default() };
    let error = Graph::load(&definition).unwrap_err().to_string();
    error.strip_prefix(&format!("op {digest}: ")).unwrap_or_else(|| panic!("{error}")).to_owned()
}

fn exec(mounts: Vec<pb::Mount>) -> pb::ExecOp {
    let meta = Some(pb::Meta { args: vec!["x".to_owned()], cwd: "/".to_owned(), ..Default::default() });
    pb::ExecOp { meta, mounts, ..Default::default() }
}

fn mount(dest: &str, input: i64, output: i64) -> pb::Mount {
    pb::Mount { dest: dest.to_owned(), input, output, ..Default::default() }
}

#[test]
fn processes_need_a_root_and_outputs_in_order() {
    let check = |exec: pb::ExecOp, wanted: &str| assert_eq!(refusal(pb::OpKind::Exec(exec)), wanted);
    check(pb::ExecOp::default(), "exec.meta is missing");
    check(pb::ExecOp { meta: Some(pb::Meta::default()), ..Default::default() }, "exec.meta.args is missing");
    let nowhere = pb::Meta { args: vec!["x".to_owned()], ..Default::default() };
    check(pb::ExecOp { meta: Some(nowhere), ..Default::default() }, "exec.meta.cwd is missing");
    check(exec(vec![]), "exec.mounts is missing");
    check(exec(vec![mount("/a", 0, 0)]), "exec.mounts have none of type bind at /");
    check(exec(vec![mount("", 0, 0)]), "exec.mounts[0].dest is missing");
    check(exec(vec![mount("/", 1, 0)]), "exec.mounts[0].input is 1, but can only be -1 to 0");
    check(exec(vec![mount("/", -2, 0)]), "exec.mounts[0].input is -2, but can only be -1 to 0");
    check(
        exec(vec![mount("/", 0, 0), mount("/a", -1, 2)]),
        "exec.mounts[1].output is 2, but outputs are numbered in order of the mounts, so it must be 1",
    );
    check(
        exec(vec![pb::Mount { mount_type: 9, ..mount("/", 0, 0) }]),
        "exec.mounts[0].mountType is 9, but can only be 0 to 4",
    );
    check(exec(vec![pb::Mount { mount_type: 3, ..mount("/c", -1, -1) }]), "exec.mounts[0].cacheOpt is missing");
    let of_type = |kind: pb::MountType| pb::Mount { mount_type: kind.into(), ..mount("/m", -1, -1) };
    check(exec(vec![of_type(pb::MountType::Ssh)]), "exec.mounts[0].SSHOpt is missing");
    check(exec(vec![of_type(pb::MountType::Secret)]), "exec.mounts[0].secretOpt is missing");
    let nameless = Some(pb::SecretOpt::default());
    check(
        exec(vec![pb::Mount { secret_opt: nameless, ..of_type(pb::MountType::Secret) }]),
        "exec.mounts[0].secretOpt.ID is missing",
    );
    let sharing = Some(pb::CacheOpt { sharing: 3, ..Default::default() });
    check(
        exec(vec![pb::Mount { cache_opt: sharing, ..of_type(pb::MountType::Cache) }]),
        "exec.mounts[0].cacheOpt.sharing is 3, but can only be 0 to 2",
    );
    check(
        exec(vec![pb::Mount { content_cache: 3, ..mount("/", 0, 0) }]),
        "exec.mounts[0].contentCache is 3, but can only be 0 to 2",
    );
    check(
        exec(vec![mount("/", -1, 0), pb::Mount { content_cache: 1, selector: "a".into(), ..mount("/a", 0, 1) }]),
        "exec.mounts[1].contentCache is on, but what is mounted is a part of its input that the process can change and \
         that is kept",
    );
    check(
        exec(vec![mount("/", 0, 0), mount("/a", -1, 0)]),
        "exec.mounts[1].output is 0, but outputs are numbered in order of the mounts, so it must be 1",
    );
    check(exec(vec![mount("/", 0, -2)]), "exec.mounts[0].output is -2, but can only be -1 to 9223372036854775806");
    check(exec(vec![pb::Mount { mount_type: 4, ..mount("/", -1, -1) }]), "exec.mounts have none of type bind at /");
    let env = vec![pb::SecretEnv::default()];
    check(pb::ExecOp { secretenv: env, ..exec(vec![mount("/", 0, 0)]) }, "exec.secretenv[0].ID is missing");
    let devices = vec![pb::CdiDevice::default()];
    check(pb::ExecOp { cdi_devices: devices, ..exec(vec![mount("/", 0, 0)]) }, "exec.cdiDevices[0].name is missing");
    check(pb::ExecOp { network: -1, ..exec(vec![mount("/", 0, 0)]) }, "exec.network is -1, but can only be 0 to 2");
    check(pb::ExecOp { security: 2, ..exec(vec![mount("/", 0, 0)]) }, "exec.security is 2, but can only be 0 to 1");
}

#[test]
fn secrets_need_neither_input_nor_output() {
    let secret = pb::Mount {
        mount_type: pb::MountType::Secret.into(),
        secret_opt: Some(pb::SecretOpt { id: "x".to_owned(), ..Default::default() }),
        ..mount("/s", 7, 7)
    };
    let op = pb::Op { op: Some(pb::OpKind::Exec(exec(vec![mount("/", -1, 0), secret]))), ..Default::default() };
    let op = encode_op(&op);
    let input = pb::Input { digest: Digest::of(&op).to_string(), index: 0 };
    let terminal = encode_op(&pb::Op { inputs: vec![input], ..Default::default() });
    let graph =
        Graph::load(&pb::Definition { def: [op, terminal].map(Into::into).into(), ..Default::default() }).unwrap();
    assert_eq!(graph.target, Some((0, 0)));
}

fn rm(input: i64, output: i64) -> pb::FileAction {
    let action = Some(pb::FileActionKind::Rm(pb::FileActionRm { path: "/x".to_owned(), ..Default::default() }));
    pb::FileAction { input, secondary_input: -1, output, action }
}

#[test]
fn file_actions_read_what_is_before_them() {
    let check = |actions: Vec<pb::FileAction>, wanted: &str| {
        assert_eq!(refusal(pb::OpKind::File(pb::FileOp { actions })), wanted);
    };
    check(vec![], "file.actions is missing");
    check(vec![rm(0, -1)], "file.actions.output is missing");
    check(vec![rm(1, 0)], "file.actions[0].input is 1, but can only be -1 to 0");
    check(vec![rm(0, -1), rm(2, 0)], "file.actions[1].input is 2, but can only be -1 to 1");
    check(vec![rm(0, 0), rm(1, 0)], "file.actions[1].output is 0, which another action makes too");
    check(vec![rm(0, 0), rm(1, 2)], "file.actions[1].output is 2, but can only be -1 to 1");
    check(vec![rm(0, i64::MAX)], "file.actions[0].output is 9223372036854775807, but can only be -1 to 0");
    check(
        vec![pb::FileAction { secondary_input: -2, ..rm(0, 0) }],
        "file.actions[0].secondaryInput is -2, but can only be -1 to 0",
    );
    check(vec![pb::FileAction { action: None, ..rm(0, 0) }], "file.actions[0].action is missing");
    let named = pb::User::ByName(pb::NamedUserOpt { name: "x".to_owned(), input: 3 });
    let owner = Some(pb::ChownOpt { user: Some(pb::UserOpt { user: Some(named) }), group: None });
    let mkdir = pb::FileActionKind::Mkdir(pb::FileActionMkDir { owner, ..Default::default() });
    check(
        vec![pb::FileAction { action: Some(mkdir), ..rm(0, 0) }],
        "file.actions[0].owner.user.input is 3, but can only be -1 to 0",
    );
}

#[test]
fn other_ops_refer_to_what_is_there() {
    let check = |kind, wanted: &str| assert_eq!(refusal(kind), wanted);
    let source =
        |identifier: &str| pb::OpKind::Source(pb::SourceOp { identifier: identifier.to_owned(), ..Default::default() });
    check(source(""), "source.identifier is missing");
    check(source("alpine"), "source.identifier is `alpine`, but must have the form scheme://what");
    check(pb::OpKind::Merge(pb::MergeOp::default()), "merge.inputs is missing");
    check(
        pb::OpKind::Merge(pb::MergeOp { inputs: vec![pb::MergeInput { input: -1 }] }),
        "merge.inputs[0].input is -1, but can only be 0",
    );
    check(pb::OpKind::Diff(pb::DiffOp::default()), "diff.lower is missing");
    let lower = Some(pb::LowerDiffInput { input: -1 });
    check(pb::OpKind::Diff(pb::DiffOp { lower, upper: None }), "diff.upper is missing");
    check(
        pb::OpKind::Diff(pb::DiffOp { lower, upper: Some(pb::UpperDiffInput { input: 1 }) }),
        "diff.upper.input is 1, but can only be -1 to 0",
    );
    check(pb::OpKind::Build(pb::BuildOp::default()), "build.builder is 0, but can only be -1");
    let build = |name: &str, input| pb::BuildOp {
        builder: -1,
        inputs: [(name.to_owned(), pb::BuildInput { input })].into(),
        ..Default::default()
    };
    check(pb::OpKind::Build(build("x", 0)), "build.inputs[\"buildkit.llb.definition\"] is missing");
    check(
        pb::OpKind::Build(build("buildkit.llb.definition", 1)),
        "build.inputs[\"buildkit.llb.definition\"].input is 1, but can only be 0",
    );
    let pass = |id: &str, outputs: &[i64]| {
        pb::OpKind::Passthrough(pb::PassthroughOp { id: id.to_owned(), outputs: outputs.to_vec() })
    };
    check(pass("", &[0]), "passthrough.id is missing");
    check(pass("x", &[]), "passthrough.outputs is missing");
    check(pass("x", &[0, 1]), "passthrough.outputs[1] is 1, but can only be 0");
}

#[test]
fn inputs_are_outputs_of_ops_that_are_there() {
    let check = |digest: &str, index: i64, wanted: &str| {
        let source = encode_op(&pb::Op {
            op: Some(pb::OpKind::Source(pb::SourceOp { identifier: "local://x".to_owned(), ..Default::default() })),
            ..Default::default()
        });
        let digest = digest.replace('=', Digest::of(&source).as_str());
        let op = pb::Op {
            inputs: vec![pb::Input { digest, index }],
            op: Some(pb::OpKind::Merge(pb::MergeOp { inputs: vec![pb::MergeInput { input: 0 }] })),
            ..Default::default()
        };
        assert_eq!(refusal_of(source, op), wanted);
    };
    check("=", -1, "inputs[0].index is -1, but can only be 0");
    check("=", 1, "inputs[0].index is 1, but can only be 0");
    check("", 0, "inputs[0].digest is missing");
    check("sha256:12", 0, "inputs[0].digest names op `sha256:12`, which is not in the definition");
    assert_eq!(refusal_of(Vec::new(), pb::Op::default()), "op is missing");
}

/// Digests order a graph, not positions: only the last op must be the last.
#[test]
fn ops_can_stand_in_any_order() {
    let mut output = image("a");
    for step in 0..20 {
        output = ops::merge(vec![output, image(&step.to_string())], Annotations::default()).unwrap();
    }
    let sorted = marshal(Some(&output), Vec::new());
    let graph = Graph::load(&sorted).unwrap();
    let mut shuffled = sorted.clone();
    let end = shuffled.def.len() - 1;
    for turn in 0..end {
        shuffled.def[..end].rotate_left(turn % 7 + 1);
        shuffled.def[..end].swap(0, turn);
        assert_eq!(Graph::load(&shuffled).unwrap(), graph);
    }
    shuffled.def[..end].reverse();
    assert_eq!(Graph::load(&shuffled).unwrap(), graph);
}

/// As BuildKit does it: all ops must be ops and name ops, only those that are needed must make sense.
#[test]
fn ops_that_nobody_needs_are_left_out() {
    let fine = marshal(Some(&image("a")), Vec::new());
    let with = |bytes: Vec<u8>| {
        let mut definition = fine.clone();
        definition.def.insert(0, bytes.into());
        Graph::load(&definition)
    };
    let senseless = pb::Op { op: Some(pb::OpKind::Merge(pb::MergeOp::default())), ..Default::default() };
    assert_eq!(with(encode_op(&senseless)).unwrap(), Graph::load(&fine).unwrap());
    assert!(matches!(with(vec![0xff]), Err(InvalidDefinition::GarbledOp { .. })));
    let input = |digest: &str, index| pb::Input { digest: digest.to_owned(), index };
    let user = |input| encode_op(&pb::Op { inputs: vec![input], ..Default::default() });
    let words = |bytes| with(bytes).unwrap_err().to_string().split_once(": ").unwrap().1.to_owned();
    assert_eq!(
        words(user(input("sha256:0", 0))),
        "inputs[0].digest names op `sha256:0`, which is not in the definition"
    );
    let known = Digest::of(&fine.def[0]).to_string();
    assert_eq!(words(user(input(&known, -1))), "inputs[0].index is -1, but can only be 0");
}

/// What nests is refused by depth, long before a stack could overflow.
#[test]
fn definitions_in_definitions_end_somewhere() {
    let nest = |depth| {
        let mut bytes = Vec::new();
        for _ in 0..depth {
            // Definition.source = { infos: [{ definition: … }] }
            for key in [0x1a, 0x12, 0x1a] {
                let mut outer = vec![key];
                prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
                outer.append(&mut bytes);
                bytes = outer;
            }
        }
        bytes
    };
    let definition = pb::Definition::decode(nest(30).as_slice()).unwrap();
    assert_eq!(hlb_llb::encode_definition(&definition), nest(30));
    assert_eq!(hlb_llb::json::ToJson::to_json(&definition).matches("Source").count(), 30);
    for depth in [40, 1000, 4000] {
        let error = Graph::decode(&nest(depth)).unwrap_err();
        assert!(matches!(error, InvalidDefinition::Garbled { .. }), "{error:?}");
    }
}

/// A name made of a long one is cut, and does not hold on to what was cut off.
#[test]
fn names_of_names_are_short() {
    let name = Some("ä".repeat(1_000_000));
    let mut output = ops::merge(vec![image("a"), image("b")], Annotations { name, ..Default::default() }).unwrap();
    for _ in 0..50 {
        output = ops::diff(Some(output), None, Annotations::default()).unwrap();
        output = ops::merge(vec![output.clone(), image("a")], Annotations::default()).unwrap();
    }
    let graph = Graph::load(&marshal(Some(&output), Vec::new())).unwrap();
    let composite: Vec<&String> =
        graph.vertices.iter().map(|vertex| &vertex.name).filter(|name| name.starts_with("diff")).collect();
    assert_eq!(composite.len(), 50);
    assert!(composite.iter().all(|name| name.len() < 1010 && name.capacity() < 2100 && name.ends_with('…')));
}

#[test]
fn the_last_op_only_names_an_output() {
    let load = |ops: Vec<pb::Op>| {
        let def = ops.iter().map(|op| encode_op(op).into()).collect();
        Graph::load(&pb::Definition { def, ..Default::default() }).unwrap_err()
    };
    let input = pb::Input { digest: "sha256:0".to_owned(), index: 0 };
    let source = pb::OpKind::Source(pb::SourceOp { identifier: "local://x".to_owned(), ..Default::default() });
    let not_terminal = |error| assert!(matches!(error, InvalidDefinition::NotTerminal { .. }), "{error:?}");
    not_terminal(load(vec![pb::Op::default()]));
    not_terminal(load(vec![pb::Op { op: Some(source), ..Default::default() }]));
    not_terminal(load(vec![pb::Op { inputs: vec![input.clone(), input], ..Default::default() }]));
}

#[test]
fn garbled_ops_are_told_apart_from_garbled_definitions() {
    let error = Graph::decode(&[0xff; 9]).unwrap_err();
    assert!(matches!(error, InvalidDefinition::Garbled { .. }), "{error:?}");
    let error = Graph::load(&pb::Definition { def: vec![vec![0xff; 3].into()], ..Default::default() }).unwrap_err();
    assert!(matches!(error, InvalidDefinition::GarbledOp { .. }), "{error:?}");
}

/// The definition after bytes of one of its ops were changed, with digests that fit again.
fn mutate(case: &[u8], changes: &[(u16, u8)]) -> pb::Definition {
    let mut definition = pb::Definition::decode(case).unwrap();
    let mut renamed: Vec<(String, String)> = Vec::new();
    for (position, bytes) in definition.def.iter_mut().enumerate() {
        let before = Digest::of(&*bytes).to_string();
        if let Ok(mut op) = pb::Op::decode(bytes.clone()) {
            for input in &mut op.inputs {
                if let Some((_, new)) = renamed.iter().find(|(old, _)| *old == input.digest) {
                    input.digest.clone_from(new);
                }
            }
            *bytes = encode_op(&op).into();
        }
        let mut changed = bytes.to_vec();
        let length = changed.len();
        for (place, value) in changes.iter().skip(position % 3) {
            // The inputs at the front stay, so that what is behind them is looked at.
            if let Some(byte) = changed.get_mut(80 + usize::from(*place) % length.max(1)) {
                *byte = *value;
            }
        }
        *bytes = changed.into();
        renamed.push((before, Digest::of(&*bytes).to_string()));
    }
    definition
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn random_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Graph::decode(&bytes);
        let bytes = pb::Bytes::from(bytes);
        let _ = Graph::load(&pb::Definition { def: vec![bytes.clone(), bytes], ..Default::default() });
    }

    #[test]
    fn damaged_definitions_are_answered(
        case in 0..191_usize,
        changes in proptest::collection::vec((any::<u16>(), 0..40_u8), 0..4),
    ) {
        let definition = mutate(&cases()[case].bytes, &changes);
        if let Ok(graph) = Graph::load(&definition) {
            for vertex in &graph.vertices {
                prop_assert_eq!(vertex.inputs.len(), vertex.op.inputs.len());
            }
        }
    }
}
