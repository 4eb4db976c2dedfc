//! What hostile definitions cost: memory is at most a multiple of their length, time too.
//!
//! Each is looked at in a process of its own, whose greatest size the kernel knows.

use std::process::Command;

use hlb_llb::graph::{Annotations, marshal};
use hlb_llb::{Digest, encode_definition, encode_op, ops, pb};

use crate::fuzz::exercise;
use crate::graph::image;

/// Bytes of each definition, about.
const LENGTH: usize = 200_000;
/// The dearest are empty file actions, two bytes each, which a decoder must keep until it is known that they are empty.
const MULTIPLE: usize = 400;
const CHILD: &str = "HLB_HOSTILE_DEFINITION";

/// A name, and what makes the bytes.
type Hostile = (&'static str, fn() -> Vec<u8>);

const HOSTILE: [Hostile; 14] = [
    ("file actions", || one_op(0x22, &[0x12, 0])),
    ("mounts", || one_op(0x12, &[0x12, 0])),
    ("merge inputs", || one_op(0x32, &[0x0a, 0])),
    ("arguments", || one_op(0x12, &field(0x0a, &[0x0a, 0].repeat(LENGTH / 2)))),
    ("op inputs", || definition(&[[0x0a, 0].repeat(LENGTH / 2)])),
    ("empty ops", || definition(&vec![Vec::new(); LENGTH / 2])),
    ("different ops", || {
        let ops: Vec<Vec<u8>> = (0..LENGTH / 8).map(|number| [&[0x98, 0x01][..], &varint(number)].concat()).collect();
        definition(&ops)
    }),
    ("source files", || field(0x1a, &[0x12, 0].repeat(LENGTH / 2))),
    ("places", || field(0x1a, &field(0x0a, &field(0x12, &[0x0a, 0].repeat(LENGTH / 2))))),
    ("ranges", || field(0x1a, &field(0x0a, &field(0x12, &field(0x0a, &[0x12, 0].repeat(LENGTH / 2)))))),
    ("metadata", || (0..LENGTH / 9).flat_map(|number| field(0x12, &field(0x0a, &text(number)))).collect()),
    ("capabilities", || {
        let caps: Vec<u8> = (0..LENGTH / 9).flat_map(|number| field(0x2a, &field(0x0a, &text(number)))).collect();
        field(0x12, &field(0x12, &caps))
    }),
    ("names of names", || {
        let name = Some("\u{1}".repeat(LENGTH / 2));
        let mut output = ops::diff(Some(image("a")), None, Annotations { name, ..Default::default() });
        for number in 0..LENGTH / 400 {
            let title = Annotations { description: [(number.to_string(), String::new())].into(), ..Default::default() };
            output = ops::diff(output, Some(image("b")), title);
        }
        encode_definition(&marshal(output.as_ref(), Vec::new()))
    }),
    ("outputs", || {
        let many = i64::try_from(LENGTH / 100).unwrap();
        let rm = pb::FileActionKind::Rm(pb::FileActionRm::default());
        let actions = (0..many)
            .map(|output| pb::FileAction { input: -1, secondary_input: -1, output, action: Some(rm.clone()) })
            .collect();
        let file = encode_op(&pb::Op { op: Some(pb::OpKind::File(pb::FileOp { actions })), ..Default::default() });
        let digest = Digest::of(&file).to_string();
        let inputs = (0..many).map(|index| pb::Input { digest: digest.clone(), index }).collect();
        let positions = (0..many).map(|input| pb::MergeInput { input }).collect();
        let kind = Some(pb::OpKind::Merge(pb::MergeOp { inputs: positions }));
        let merge = encode_op(&pb::Op { inputs, op: kind, ..Default::default() });
        let last = pb::Input { digest: Digest::of(&merge).to_string(), index: 0 };
        let end = encode_op(&pb::Op { inputs: vec![last], ..Default::default() });
        definition(&[file, merge, end])
    }),
];

#[test]
fn memory_is_a_multiple_of_what_is_sent() {
    if let Ok(chosen) = std::env::var(CHILD) {
        let (_, make) = HOSTILE.iter().find(|(name, _)| *name == chosen).unwrap();
        let bytes = make();
        let before = greatest_size();
        let outcome = exercise(&bytes);
        panic!("{} {} {outcome:?}", bytes.len(), greatest_size() - before);
    }
    for (name, _) in HOSTILE {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "memory::memory_is_a_multiple_of_what_is_sent", "--nocapture"])
            .env(CHILD, name)
            .env("RUST_BACKTRACE", "0")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stderr);
        let numbers: Vec<usize> = said
            .lines()
            .find_map(|line| {
                let numbers: Vec<usize> = line.split(' ').map_while(|word| word.parse().ok()).collect();
                (numbers.len() == 2).then_some(numbers)
            })
            .unwrap_or_else(|| panic!("{name}: {said}"));
        let (length, taken) = (numbers[0], numbers[1]);
        assert!(length > LENGTH / 2, "{name}: only {length} bytes");
        assert!(taken < MULTIPLE * length, "{name}: {taken} bytes of memory for {length} bytes");
    }
}

/// The greatest size so far of what this process has in memory, in bytes.
fn greatest_size() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// A definition with an op, of which one member has nothing but the same field again and again.
fn one_op(member: u8, again: &[u8]) -> Vec<u8> {
    let repeated = if again.len() > LENGTH / 2 { again.to_vec() } else { again.repeat(LENGTH / again.len()) };
    definition(&[field(member, &repeated)])
}

fn definition(ops: &[Vec<u8>]) -> Vec<u8> {
    ops.iter().flat_map(|op| field(0x0a, op)).collect()
}

fn field(key: u8, content: &[u8]) -> Vec<u8> {
    [&[key][..], &varint(content.len()), content].concat()
}

fn varint(number: usize) -> Vec<u8> {
    let mut out = Vec::new();
    prost::encoding::encode_varint(number as u64, &mut out);
    out
}

fn text(number: usize) -> Vec<u8> {
    format!("{number:x}").into_bytes()
}
