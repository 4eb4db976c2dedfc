//! Damaged definitions: no bytes make anything panic, hang or forget, and what is loaded holds what it promises.
//!
//! The same cases in every run. `HLB_FUZZ_SECONDS` adds others, for so long.

use std::time::{Duration, Instant};

use hlb_llb::definition::InvalidDefinition;
use hlb_llb::graph::{import, marshal};
use hlb_llb::json::ToJson;
use hlb_llb::{Digest, FieldOrder, Graph, encode_definition, encode_op, encode_op_in, pb};
use prost::Message;

use crate::corpus::cases;
use crate::oracle::random_op;
use crate::wire::{Random, change_field, flip};

const CASES: u64 = 20_000;

/// What became of a case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Garbled,
    Refused,
    Loaded,
}

#[test]
fn damaged_definitions_do_no_harm() {
    // Larger ones take longer and say nothing new.
    let corpus: Vec<Vec<u8>> =
        cases().into_iter().map(|case| case.bytes).filter(|bytes| (1..2000).contains(&bytes.len())).collect();
    assert!(corpus.len() > 60, "only {} small definitions", corpus.len());
    let mut counts = [0_u64; 3];
    let mut run = |seed: u64| {
        let damaged = damage(&corpus, seed);
        let outcome = std::panic::catch_unwind(|| exercise(&damaged));
        counts[outcome.unwrap_or_else(|_| panic!("case {seed}: {damaged:02x?}")) as usize] += 1;
    };
    (0..CASES).for_each(&mut run);
    let seconds = std::env::var("HLB_FUZZ_SECONDS").map_or(0, |seconds| seconds.parse().unwrap());
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut seed = CASES;
    while Instant::now() < end {
        run(seed);
        seed += 1;
    }
    // The damage is neither so great that nothing is reached nor so small that nothing happens.
    assert!(counts.iter().all(|count| *count > CASES / 20), "{counts:?} garbled, refused, loaded");
}

/// A definition with something wrong with it.
fn damage(corpus: &[Vec<u8>], seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let bytes = &corpus[random.below(corpus.len())];
    let other = &corpus[random.below(corpus.len())];
    match random.below(9) {
        0 => flip(bytes, &mut random),
        1 => bytes[..random.below(bytes.len())].to_vec(),
        2 => [&bytes[..random.below(bytes.len())], &other[random.below(other.len())..]].concat(),
        3 => change_field(bytes, &mut random),
        4 => with_other_op(bytes, &mut random, flip),
        5 => {
            let choices: Vec<u8> = (0..random.below(300)).map(|_| random.next().to_le_bytes()[0]).collect();
            with_other_op(bytes, &mut random, |_, _| random_op(&choices))
        }
        _ => with_other_op(bytes, &mut random, change_field),
    }
}

/// A definition in which one op is another; ops that name it by its digest name it by the new one.
fn with_other_op(bytes: &[u8], random: &mut Random, change: impl Fn(&[u8], &mut Random) -> Vec<u8>) -> Vec<u8> {
    let mut definition = pb::Definition::decode(bytes).unwrap();
    let chosen = random.below(definition.def.len());
    let known: Vec<String> = definition.def[..chosen].iter().map(|op| Digest::of(op).to_string()).collect();
    let mut renamed: Vec<(String, String)> = Vec::new();
    for (position, op) in definition.def.iter_mut().enumerate().skip(chosen) {
        let before = Digest::of(&*op).to_string();
        if position == chosen {
            *op = change(op, random).into();
            // Most inputs are to be there, or nothing is looked at but that.
            if let Ok(mut decoded) = pb::Op::decode(op.clone())
                && !known.is_empty()
                && random.below(8) != 0
            {
                for input in decoded.inputs.iter_mut().filter(|input| !known.contains(&input.digest)) {
                    input.digest.clone_from(&known[random.below(known.len())]);
                }
                *op = encode_op(&decoded).into();
            }
        } else if let Ok(mut decoded) = pb::Op::decode(op.clone()) {
            for input in &mut decoded.inputs {
                if let Some((_, new)) = renamed.iter().find(|(old, _)| *old == input.digest) {
                    input.digest.clone_from(new);
                }
            }
            *op = encode_op(&decoded).into();
        }
        let after = Digest::of(&*op).to_string();
        if let Some(metadata) = definition.metadata.remove(&before) {
            definition.metadata.insert(after.clone(), metadata);
        }
        renamed.push((before, after));
    }
    encode_definition(&definition)
}

/// Does all that can be done with bytes that someone sent.
pub(crate) fn exercise(bytes: &[u8]) -> Outcome {
    let Ok(definition) = pb::Definition::decode(bytes) else {
        assert!(matches!(Graph::decode(bytes), Err(InvalidDefinition::Garbled { .. })));
        return Outcome::Garbled;
    };
    assert!(definition.to_json().starts_with('{'));
    let encoded = encode_definition(&definition);
    assert_eq!(pb::Definition::decode(encoded.as_slice()).as_ref(), Ok(&definition));
    for op in &definition.def {
        let Ok(op) = pb::Op::decode(op.clone()) else { continue };
        assert!(op.to_json().starts_with('{'));
        for order in [FieldOrder::ByNumber, FieldOrder::OneofLast] {
            assert_eq!(pb::Op::decode(encode_op_in(order, &op).as_slice()).as_ref(), Ok(&op));
        }
    }
    let graph = match Graph::load(&definition) {
        Ok(graph) => graph,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(import(&definition, &mut Vec::new(), &[]).is_err());
            return Outcome::Refused;
        }
    };
    check(&graph);
    let mut infos = Vec::new();
    // Places in files that are not there are refused here alone: a solver has no use for them.
    if let Ok(output) = import(&definition, &mut infos, &[]) {
        assert_eq!(Graph::load(&marshal(output.as_ref(), infos)).as_ref(), Ok(&graph));
    }
    Outcome::Loaded
}

/// What `Graph` promises.
fn check(graph: &Graph) {
    for (position, vertex) in graph.vertices.iter().enumerate() {
        assert!(vertex.op.op.is_some());
        assert_eq!(vertex.inputs.len(), vertex.op.inputs.len());
        assert!(vertex.inputs.iter().all(|(input, _)| *input < position));
        let inputs = i64::try_from(vertex.inputs.len()).unwrap();
        match vertex.op.op.as_ref().unwrap() {
            pb::OpKind::Exec(exec) => {
                assert!(!exec.meta.as_ref().unwrap().args.is_empty());
                assert!(exec.mounts.iter().any(|mount| mount.dest == "/"));
                let binds = exec.mounts.iter().filter(|mount| mount.mount_type() == pb::MountType::Bind);
                assert!(binds.clone().all(|mount| (-1..inputs).contains(&mount.input)));
                let outputs = binds.map(|mount| mount.output).filter(|output| *output >= 0);
                assert!(outputs.clone().zip(outputs.skip(1)).all(|(a, b)| a < b));
            }
            pb::OpKind::File(file) => {
                let mut outputs: Vec<i64> =
                    file.actions.iter().map(|action| action.output).filter(|output| *output >= 0).collect();
                outputs.sort_unstable();
                assert!(!outputs.is_empty() && outputs.into_iter().zip(0..).all(|(output, number)| output == number));
                for (action, known) in file.actions.iter().zip(inputs..) {
                    assert!(action.action.is_some());
                    assert!((-1..known).contains(&action.input) && (-1..known).contains(&action.secondary_input));
                }
            }
            pb::OpKind::Merge(merge) => {
                assert!(merge.inputs.iter().all(|input| (0..inputs).contains(&input.input)));
            }
            pb::OpKind::Diff(diff) => {
                let sides = [diff.lower.unwrap().input, diff.upper.unwrap().input];
                assert!(sides.into_iter().all(|side| (-1..inputs).contains(&side)));
            }
            pb::OpKind::Build(build) => {
                assert!(build.inputs.values().all(|input| (0..inputs).contains(&input.input)));
            }
            pb::OpKind::Passthrough(pass) => assert!(pass.outputs.iter().all(|output| (0..inputs).contains(output))),
            pb::OpKind::Source(source) => assert!(source.identifier.contains("://")),
        }
    }
    let (target, _) = graph.target.unwrap_or_default();
    assert!(target < graph.vertices.len() || graph.vertices.is_empty());
}
