//! Real graphs, damaged: whatever loads can be drawn and compared, and no change goes unseen.
//!
//! Owns the damage, which is the same in every run. Inputs are mended after it, or nothing would hang together.

use std::collections::HashMap;

use hlb_llb::compare::{compare_plans, json, text};
use hlb_llb::{Digest, Graph, Plan, draw, dump, encode_op, pb};
use prost::Message;

use crate::corpus::cases;
use crate::draft::everything;

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

/// The bytes with a few of them changed, lost or doubled.
fn damaged(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(2) {
        if bytes.is_empty() {
            break;
        }
        let at = random.below(bytes.len());
        match random.below(4) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.below(256) as u8,
            2 => drop(bytes.remove(at)),
            _ => bytes.insert(at, bytes[at]),
        }
    }
    bytes
}

/// The definition with one op damaged and all that stands on it adapted; `None` if what came out is no op.
fn changed(definition: &pb::Definition, random: &mut Random) -> Option<pb::Definition> {
    let victim = random.below(definition.def.len());
    let mut renamed: HashMap<String, String> = HashMap::new();
    let mut changed = pb::Definition { source: definition.source.clone(), ..Default::default() };
    for (position, bytes) in definition.def.iter().enumerate() {
        let old = Digest::of(bytes).to_string();
        let mut op = if position == victim {
            pb::Op::decode(damaged(bytes, random).as_slice()).ok()?
        } else {
            pb::Op::decode(bytes.clone()).unwrap()
        };
        for input in &mut op.inputs {
            if let Some(new) = renamed.get(&input.digest) {
                input.digest.clone_from(new);
            }
        }
        let bytes = encode_op(&op);
        let new = Digest::of(&bytes).to_string();
        if let Some(metadata) = definition.metadata.get(&old) {
            changed.metadata.insert(new.clone(), metadata.clone());
        }
        renamed.insert(old, new);
        changed.def.push(bytes.into());
    }
    Some(changed)
}

fn check(before: &pb::Definition, after: &pb::Definition) -> bool {
    let (Ok(a), Ok(b)) = (Graph::load(before), Graph::load(after)) else { return false };
    let (mut old, mut new) = (Plan::new(), Plan::new());
    old.add(&a, before.source.as_ref(), "result");
    new.add(&b, after.source.as_ref(), "result");
    for drawing in [draw::text(&new), draw::dot(&new), draw::mermaid(&new)] {
        assert!(!drawing.chars().any(|c| c.is_control() && c != '\n'), "{drawing}");
    }
    let comparison = compare_plans(&old, &new);
    let shown = text(&comparison, &old, &new);
    assert!(serde_json::from_str::<serde_json::Value>(&json(&comparison, &old, &new)).is_ok());
    let kept = comparison.same + comparison.changed.len() + comparison.follow.len();
    assert_eq!(kept + comparison.added.len(), new.steps.len(), "{shown}");
    assert_eq!(kept + comparison.removed.len(), old.steps.len(), "{shown}");
    let target = |graph: &Graph| graph.target.map(|(vertex, output)| (graph.vertices[vertex].digest.clone(), output));
    assert!(target(&a) == target(&b) || !comparison.is_same(), "{shown}");
    // Steps that only follow need something to follow from.
    let cause = comparison.changed.len() + comparison.added.len() + comparison.removed.len();
    assert!(cause > 0 || comparison.follow.is_empty(), "{shown}");
    true
}

#[test]
fn damaged_graphs_are_drawn_and_compared() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let corpus = cases().into_iter().map(|case| pb::Definition::decode(case.bytes.as_slice()).unwrap());
    let mut loaded = 0;
    for definition in corpus.chain([everything()]).filter(|definition| !definition.def.is_empty()) {
        assert!(check(&definition, &definition));
        for _ in 0..10 {
            if let Some(changed) = changed(&definition, &mut random) {
                loaded += usize::from(check(&definition, &changed));
                loaded += usize::from(check(&changed, &definition));
            }
        }
    }
    assert!(loaded > 300, "only {loaded} graphs were whole enough");
}

#[test]
fn damaged_definitions_are_dumped_or_refused() {
    let mut random = Random(0x1234_5678_9abc_def1);
    for case in cases() {
        for _ in 0..16 {
            let bytes = damaged(&case.bytes, &mut random);
            let Ok(definition) = pb::Definition::decode(bytes.as_slice()) else { continue };
            if let Ok(text) = dump::dump(&definition) {
                assert_eq!(text.lines().count(), definition.def.len());
                assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{text}");
            }
            check(&definition, &definition);
        }
    }
}

#[test]
fn unlike_graphs_are_compared() {
    let all: Vec<pb::Definition> =
        cases().into_iter().map(|case| pb::Definition::decode(case.bytes.as_slice()).unwrap()).collect();
    for (a, b) in all.iter().zip(all.iter().skip(1)) {
        assert!(check(a, b) && check(b, a));
    }
}
