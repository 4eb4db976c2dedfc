//! Real definitions, made by Go clients of BuildKit: what we decode we encode to the same bytes.

use std::path::{Path, PathBuf};

use hlb_llb::{Digest, FieldOrder, encode_definition, encode_op_in, pb};
use prost::Message;

/// A definition of the corpus.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) ops: usize,
    pub(crate) head: String,
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

pub(crate) fn cases() -> Vec<Case> {
    let index = std::fs::read_to_string(folder().join("INDEX.tsv")).unwrap();
    index
        .lines()
        .skip(1)
        .map(|line| {
            let mut columns = line.split('\t');
            let name = columns.next().unwrap().to_owned();
            let ops = columns.next().unwrap().parse().unwrap();
            let head = columns.next().unwrap_or_default().to_owned();
            let bytes = std::fs::read(folder().join(format!("{name}.llb"))).unwrap();
            Case { name, bytes, ops, head }
        })
        .collect()
}

#[test]
fn ops_of_real_definitions_encode_to_the_same_bytes() {
    let mut ops = 0;
    for case in cases() {
        let definition = pb::Definition::decode(case.bytes.as_slice()).unwrap();
        assert_eq!(definition.def.len(), case.ops, "{}", case.name);
        for bytes in &definition.def {
            let op = pb::Op::decode(bytes.clone()).unwrap();
            assert_eq!(&encode_op_in(FieldOrder::OneofLast, &op), bytes, "{}: {op:#?}", case.name);
            ops += 1;
        }
        let head = definition.def.last().map_or(String::new(), |bytes| {
            let terminal = pb::Op::decode(bytes.clone()).unwrap();
            assert_eq!(terminal.inputs.len(), 1);
            terminal.inputs[0].digest.clone()
        });
        assert_eq!(head, case.head, "{}", case.name);
    }
    assert!(ops > 500, "only {ops} ops in the corpus");
}

#[test]
fn real_definitions_keep_their_meaning() {
    for case in cases() {
        let definition = pb::Definition::decode(case.bytes.as_slice()).unwrap();
        let encoded = encode_definition(&definition);
        assert_eq!(encoded.len(), case.bytes.len(), "{}", case.name);
        assert_eq!(pb::Definition::decode(encoded.as_slice()).unwrap(), definition, "{}", case.name);
    }
}

#[test]
fn metadata_is_filed_under_digests_of_ops() {
    for case in cases() {
        let definition = pb::Definition::decode(case.bytes.as_slice()).unwrap();
        for bytes in &definition.def {
            assert!(definition.metadata.contains_key(Digest::of(bytes).as_str()), "{}", case.name);
        }
    }
}
