//! Our wire types against generated ones: whatever bytes the schema allows, both read the same and write the same.
//!
//! The schema is told a second time here, in the fewest words, and random messages are made from it. What is read is
//! compared as text, so that a wrong name of a field is found as well as a wrong number.

use bollard_buildkit_proto::pb as theirs;
use hlb_llb::{encode_definition, encode_op, pb as ours};
use proptest::prelude::*;
use prost::Message;

/// A field: number, what it holds.
type Field = (u32, Kind);

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Texts,
    Bytes,
    /// Signed number, or enumeration with so many values.
    Int,
    Uint,
    Enum(i64),
    Bool,
    PackedInts,
    One(&'static [Field]),
    Many(&'static [Field]),
    /// From text to a message, a text or a bool.
    MapOf(&'static [Field]),
    TextMap,
    BoolMap,
    /// At most one of these.
    OneOf(&'static [Field]),
}

use Kind::{Bool, BoolMap, Bytes, Enum, Int, Many, MapOf, One, OneOf, PackedInts, Text, TextMap, Texts, Uint};

const PLATFORM: &[Field] = &[(1, Text), (2, Text), (3, Text), (4, Text), (5, Texts)];
const INPUT: &[Field] = &[(1, Text), (2, Int)];
const POSITION: &[Field] = &[(1, Int)];
const META: &[Field] = &[
    (1, Texts),
    (2, Texts),
    (3, Text),
    (4, Text),
    (5, One(&[(1, Text), (2, Text), (3, Text), (4, Text), (5, Text)])),
    (6, Many(&[(1, Text), (2, Text)])),
    (7, Text),
    (9, Many(&[(1, Text), (2, Int), (3, Int)])),
    (10, Text),
    (11, Bool),
    (12, PackedInts),
];
const SECRET: &[Field] = &[(1, Text), (2, Uint), (3, Uint), (4, Uint), (5, Bool)];
const MOUNT: &[Field] = &[
    (1, Int),
    (2, Text),
    (3, Text),
    (4, Int),
    (5, Bool),
    (6, Enum(5)),
    (19, One(&[(1, Int)])),
    (20, One(&[(1, Text), (2, Enum(3))])),
    (21, One(SECRET)),
    (22, One(SECRET)),
    (23, Text),
    (24, Enum(3)),
];
const EXEC: &[Field] = &[
    (1, One(META)),
    (2, Many(MOUNT)),
    (3, Enum(3)),
    (4, Enum(2)),
    (5, Many(&[(1, Text), (2, Text), (3, Bool)])),
    (6, Many(&[(1, Text), (2, Bool)])),
];
const USER: &[Field] = &[(0, OneOf(&[(1, One(&[(1, Text), (2, Int)])), (2, Uint)]))];
const OWNER: &[Field] = &[(1, One(USER)), (2, One(USER))];
const COPY: &[Field] = &[
    (1, Text),
    (2, Text),
    (3, One(OWNER)),
    (4, Int),
    (5, Bool),
    (6, Bool),
    (7, Bool),
    (8, Bool),
    (9, Bool),
    (10, Bool),
    (11, Int),
    (12, Texts),
    (13, Texts),
    (14, Bool),
    (15, Text),
    (16, Texts),
];
const ACTION: &[Field] = &[
    (1, Int),
    (2, Int),
    (3, Int),
    (
        0,
        OneOf(&[
            (4, One(COPY)),
            (5, One(&[(1, Text), (2, Int), (3, Bytes), (4, One(OWNER)), (5, Int)])),
            (6, One(&[(1, Text), (2, Int), (3, Bool), (4, One(OWNER)), (5, Int)])),
            (7, One(&[(1, Text), (2, Bool), (3, Bool)])),
            (8, One(&[(1, Text), (2, Text), (3, One(OWNER)), (4, Int)])),
        ]),
    ),
];
const NESTED: &[Field] = &[(1, Bytes), (2, MapOf(METADATA))];
const METADATA: &[Field] =
    &[(1, Bool), (2, TextMap), (4, One(&[(1, Bool)])), (5, BoolMap), (6, One(&[(1, Text), (2, Text), (3, Bool)]))];
const RANGE: &[Field] = &[(1, One(&[(1, Int), (2, Int)])), (2, One(&[(1, Int), (2, Int)]))];
const LOCATIONS: &[Field] = &[(1, Many(&[(1, Int), (2, Many(RANGE))]))];
const SOURCE_INFO: &[Field] = &[(1, Text), (2, Bytes), (3, One(NESTED)), (4, Text)];
const DEFINITION: &[Field] =
    &[(1, Bytes), (2, MapOf(METADATA)), (3, One(&[(1, MapOf(LOCATIONS)), (2, Many(SOURCE_INFO))]))];
const OP: &[Field] = &[
    (1, Many(INPUT)),
    (10, One(PLATFORM)),
    (11, One(&[(1, Texts)])),
    (
        0,
        OneOf(&[
            (2, One(EXEC)),
            (3, One(&[(1, Text), (2, TextMap)])),
            (4, One(&[(2, Many(ACTION))])),
            (5, One(&[(1, Int), (2, MapOf(POSITION)), (3, One(NESTED)), (4, TextMap)])),
            (6, One(&[(1, Many(POSITION))])),
            (7, One(&[(1, One(POSITION)), (2, One(POSITION))])),
        ]),
    ),
];

/// An op with whatever the schema allows, chosen by the bytes.
pub(crate) fn random_op(choices: &[u8]) -> Vec<u8> {
    Maker { choices: choices.iter() }.message(OP)
}

/// Makes messages out of arbitrary bytes, which say at each point what to do. When they run out, nothing more is made.
struct Maker<'a> {
    choices: std::slice::Iter<'a, u8>,
}

impl Maker<'_> {
    fn choose(&mut self, options: usize) -> usize {
        self.choices.next().map_or(0, |byte| usize::from(*byte) % options)
    }

    fn text(&mut self) -> Vec<u8> {
        ["", "a", "/b c", "ü=<&>", "\n"][self.choose(5)].as_bytes().to_vec()
    }

    fn message(&mut self, fields: &[Field]) -> Vec<u8> {
        let mut out = Vec::new();
        for field in fields {
            if self.choose(3) != 0 {
                self.field(*field, &mut out);
            }
        }
        out
    }

    fn field(&mut self, (number, kind): Field, out: &mut Vec<u8>) {
        let bools = [0_u64, 1];
        match kind {
            Text | Bytes => put(number, &self.text(), out),
            Texts => (0..self.choose(3)).for_each(|_| put(number, &self.text(), out)),
            Int => put_number(number, [1, 7, u64::MAX, 0, 300][self.choose(5)], out),
            Uint => put_number(number, [1, 1000, 0][self.choose(3)], out),
            Enum(values) => {
                let value = self.choose(usize::try_from(values).unwrap());
                put_number(number, value as u64, out);
            }
            Bool => put_number(number, bools[self.choose(2)], out),
            PackedInts => put(number, &[1, 127, 0][..self.choose(4)], out),
            One(fields) => {
                let message = self.message(fields);
                put(number, &message, out);
            }
            Many(fields) => {
                for _ in 0..self.choose(4) {
                    let message = self.message(fields);
                    put(number, &message, out);
                }
            }
            MapOf(fields) => {
                let message = self.message(fields);
                self.entry(number, |entry| put(2, &message, entry), out);
            }
            TextMap => {
                let text = self.text();
                self.entry(number, |entry| put(2, &text, entry), out);
            }
            BoolMap => {
                let value = bools[self.choose(2)];
                self.entry(number, |entry| put_number(2, value, entry), out);
            }
            OneOf(members) => {
                let member = members[self.choose(members.len())];
                self.field(member, out);
            }
        }
    }

    fn entry(&mut self, number: u32, value: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
        let mut entry = Vec::new();
        put(1, &self.text(), &mut entry);
        value(&mut entry);
        put(number, &entry, out);
    }
}

fn put(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    prost::encoding::encode_varint(u64::from(number << 3 | 2), out);
    prost::encoding::encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn put_number(number: u32, value: u64, out: &mut Vec<u8>) {
    prost::encoding::encode_varint(u64::from(number << 3), out);
    prost::encoding::encode_varint(value, out);
}

/// `Debug` of ours without what theirs are too old to have.
fn shown(ours: &impl std::fmt::Debug) -> String {
    format!("{ours:?}").replace(", linux_resources: None", "")
}

fn check_op(bytes: &[u8]) {
    let mine = ours::Op::decode(bytes).unwrap();
    let reference = theirs::Op::decode(bytes).unwrap();
    assert_eq!(shown(&mine), format!("{reference:?}"));

    assert_eq!(theirs::Op::decode(encode_op(&mine).as_slice()).unwrap(), reference);
    // Maps are where prost and Go differ; everything else is the same to the byte.
    if !matches!(mine.op, Some(ours::OpKind::Source(_) | ours::OpKind::Build(_))) {
        assert_eq!(encode_op(&mine), reference.encode_to_vec());
    }
    assert_eq!(ours::Op::decode(reference.encode_to_vec().as_slice()).unwrap(), mine);
    // There is one canonical form: how the bytes were ordered before makes no difference.
    assert_eq!(encode_op(&ours::Op::decode(reference.encode_to_vec().as_slice()).unwrap()), encode_op(&mine));
}

fn check_definition(bytes: &[u8]) {
    let mine = ours::Definition::decode(bytes).unwrap();
    let reference = theirs::Definition::decode(bytes).unwrap();
    assert_eq!(shown(&mine), format!("{reference:?}"));

    assert_eq!(theirs::Definition::decode(encode_definition(&mine).as_slice()).unwrap(), reference);
    assert_eq!(ours::Definition::decode(reference.encode_to_vec().as_slice()).unwrap(), mine);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn ops_mean_the_same_to_both(choices in proptest::collection::vec(any::<u8>(), 0..400)) {
        check_op(&random_op(&choices));
    }

    #[test]
    fn definitions_without_maps_have_the_same_bytes(choices in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut mine = ours::Definition::decode(Maker { choices: choices.iter() }.message(DEFINITION).as_slice()).unwrap();
        let places = mine.source.as_mut().map(|source| std::mem::take(&mut source.locations)).unwrap_or_default();
        let metadata = std::mem::take(&mut mine.metadata);
        for info in mine.source.iter_mut().flat_map(|source| &mut source.infos) {
            info.definition = None;
        }
        let reference = theirs::Definition::decode(encode_definition(&mine).as_slice()).unwrap();
        prop_assert_eq!(encode_definition(&mine), reference.encode_to_vec());
        for places in places.values() {
            let reference = theirs::Locations::decode(places.encode_to_vec().as_slice()).unwrap();
            prop_assert_eq!(places.encode_to_vec(), reference.encode_to_vec());
        }
        for mut metadata in metadata.into_values() {
            metadata.caps.clear();
            metadata.description.clear();
            let reference = theirs::OpMetadata::decode(metadata.encode_to_vec().as_slice()).unwrap();
            prop_assert_eq!(metadata.encode_to_vec(), reference.encode_to_vec());
        }
    }

    /// What the generated types do not know yet, said by hand.
    #[test]
    fn passthrough_and_resource_limits_have_the_bytes_of_the_schema(
        signed in proptest::array::uniform3(any::<i64>()),
        unsigned in proptest::array::uniform2(any::<u64>()),
        cpus in ".{0,5}",
        outputs in proptest::collection::vec(any::<i64>(), 0..5),
    ) {
        let limits = ours::LinuxResources {
            memory: signed[0],
            memory_swap: signed[1],
            cpu_shares: unsigned[0],
            cpu_period: unsigned[1],
            cpu_quota: signed[2],
            cpuset_cpus: cpus.clone(),
            cpuset_mems: cpus.clone(),
        };
        let numbers = [signed[0] as u64, signed[1] as u64, unsigned[0], unsigned[1], signed[2] as u64];
        let mut wanted = Vec::new();
        for (number, value) in (1..).zip(numbers).filter(|(_, value)| *value != 0) {
            put_number(number, value, &mut wanted);
        }
        for number in [6, 7].into_iter().filter(|_| !cpus.is_empty()) {
            put(number, cpus.as_bytes(), &mut wanted);
        }
        prop_assert_eq!(limits.encode_to_vec(), wanted.clone());
        prop_assert_eq!(ours::LinuxResources::decode(wanted.as_slice()).unwrap(), limits);

        let pass = ours::PassthroughOp { id: cpus.clone(), outputs: outputs.clone() };
        let mut wanted = Vec::new();
        if !cpus.is_empty() {
            put(1, cpus.as_bytes(), &mut wanted);
        }
        if !outputs.is_empty() {
            let mut packed = Vec::new();
            outputs.iter().for_each(|output| prost::encoding::encode_varint(*output as u64, &mut packed));
            put(2, &packed, &mut wanted);
        }
        prop_assert_eq!(pass.encode_to_vec(), wanted.clone());
        prop_assert_eq!(ours::PassthroughOp::decode(wanted.as_slice()).unwrap(), pass);
    }

    #[test]
    fn definitions_mean_the_same_to_both(choices in proptest::collection::vec(any::<u8>(), 0..400)) {
        check_definition(&Maker { choices: choices.iter() }.message(DEFINITION));
    }
}

/// Every field at once, so that none can be missing by chance.
#[test]
fn every_field_of_every_op_is_known() {
    let OneOf(members) = OP[3].1 else { unreachable!() };
    for member in members {
        let mut out = Vec::new();
        // Always the second option: one of each repeated field, none empty.
        let choices = [1_u8; 4000];
        let mut maker = Maker { choices: choices.iter() };
        for field in &OP[..3] {
            maker.field(*field, &mut out);
        }
        maker.field(*member, &mut out);
        check_op(&out);
        let op = ours::Op::decode(out.as_slice()).unwrap();
        assert_eq!(encode_op(&op).len(), out.len(), "{op:#?}");
    }
}

/// What the generated types do not know yet.
#[test]
fn passthrough_and_resource_limits_survive() {
    let op = ours::Op {
        inputs: vec![ours::Input { digest: "sha256:a".to_owned(), index: 1 }],
        op: Some(ours::OpKind::Passthrough(ours::PassthroughOp { id: "x".to_owned(), outputs: vec![0, 1, 300] })),
        ..Default::default()
    };
    let bytes = encode_op(&op);
    assert_eq!(
        bytes,
        [&[0x0a, 12, 0x0a, 8][..], b"sha256:a", &[0x10, 1, 0x42, 9, 0x0a, 1], b"x", &[0x12, 4, 0, 1, 0xac, 0x02]]
            .concat()
    );
    assert_eq!(ours::Op::decode(bytes.as_slice()).unwrap(), op);

    let limits = ours::LinuxResources {
        memory: 1,
        memory_swap: 2,
        cpu_shares: 3,
        cpu_period: 4,
        cpu_quota: 5,
        cpuset_cpus: "6".to_owned(),
        cpuset_mems: "7".to_owned(),
    };
    let metadata = ours::OpMetadata { linux_resources: Some(Box::new(limits)), ..Default::default() };
    let definition = ours::Definition { metadata: [(String::new(), metadata)].into(), ..Default::default() };
    let bytes = encode_definition(&definition);
    let value = [0x3a, 16, 0x08, 1, 0x10, 2, 0x18, 3, 0x20, 4, 0x28, 5, 0x32, 1, b'6', 0x3a, 1, b'7'];
    assert_eq!(bytes, [&[0x12, 22, 0x0a, 0, 0x12, 18][..], &value].concat());
    assert_eq!(ours::Definition::decode(bytes.as_slice()).unwrap(), definition);
}
