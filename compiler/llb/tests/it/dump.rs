//! Definitions as text.

use hlb_llb::dump::dump;
use hlb_llb::graph::{Annotations, marshal};
use hlb_llb::{ops, pb};
use prost::Message;

use crate::corpus::cases;
use crate::graph::image;

#[test]
fn a_line_is_an_op() {
    let owner = ops::Owner { user: Some(ops::UserRef::Name("bob".to_owned())), group: Some(ops::UserRef::Id(0)) };
    let mkfile = ops::FileStep::MkFile {
        path: "/x".to_owned(),
        mode: 0o644,
        data: b"<q>".to_vec(),
        owner: Some(owner),
        created: None,
    };
    let named = Annotations { name: Some("a & b".to_owned()), ..Default::default() };
    let file = ops::file(Some(image("alpine")), vec![mkfile], named);
    insta::assert_snapshot!(dump(&marshal(file.as_ref(), Vec::new())).unwrap(), @r#"
{"Op":{"Op":{"source":{"identifier":"docker-image://docker.io/library/alpine:latest"}},"platform":{"Architecture":"amd64","OS":"linux"},"constraints":{}},"Digest":"sha256:665ba8b2cdc0cb0200e2a42a6b3c0f8f684089f4cd1b81494fbb9805879120f7","OpMetadata":{"caps":{"source.image":true}}}
{"Op":{"inputs":[{"digest":"sha256:665ba8b2cdc0cb0200e2a42a6b3c0f8f684089f4cd1b81494fbb9805879120f7"}],"Op":{"file":{"actions":[{"input":0,"secondaryInput":-1,"output":0,"Action":{"mkfile":{"path":"/x","mode":420,"data":"PHE+","owner":{"user":{"User":{"byName":{"name":"bob"}}},"group":{"User":{}}},"timestamp":-1}}}]}},"constraints":{}},"Digest":"sha256:3a5a23ba9495c6b1f5e36b139197c539d72af3de85a2b6e76a8adfe4127045a9","OpMetadata":{"description":{"llb.customname":"a \u0026 b"},"caps":{"file.base":true}}}
{"Op":{"inputs":[{"digest":"sha256:3a5a23ba9495c6b1f5e36b139197c539d72af3de85a2b6e76a8adfe4127045a9"}],"Op":{}},"Digest":"sha256:1e82e2ebca334ae9010fe3e19582af81a097944f3cf6c605e6a9867d3f6fdfb4","OpMetadata":{"caps":{"constraints":true,"meta.description":true,"platform":true}}}
"#);
}

#[test]
fn real_definitions_print_as_json() {
    for case in cases() {
        let text = dump(&pb::Definition::decode(case.bytes.as_slice()).unwrap()).unwrap();
        assert_eq!(text.lines().count(), case.ops, "{}", case.name);
        for line in text.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(line["Op"].is_object() && line["OpMetadata"].is_object(), "{}", case.name);
        }
    }
}

/// The reference's own library is older: it prints indexes that are 0, and `null` where an op does nothing.
#[test]
fn ops_of_the_reference_compiler_print_the_same() {
    fn plain(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => {
                for name in ["index", "input", "output", "secondaryInput"] {
                    if fields.get(name) == Some(&0.into()) {
                        fields.remove(name);
                    }
                }
                if let Some(id) = fields.remove("byID") {
                    fields.insert("byId".to_owned(), id);
                }
                if fields.get("Op") == Some(&serde_json::Value::Null) {
                    fields.insert("Op".to_owned(), serde_json::json!({}));
                }
                fields.values_mut().for_each(plain);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(plain),
            _ => {}
        }
    }
    let rows = std::fs::read_to_string(crate::corpus::folder().join("reference-programs.jsonl")).unwrap();
    let mut compared = 0;
    crate::replay::each_definition(&rows, |name, definition, ops| {
        let text = dump(definition).unwrap();
        for (line, op) in text.lines().zip(ops) {
            let mut got: serde_json::Value = serde_json::from_str(line).unwrap();
            got.as_object_mut().unwrap().remove("Digest");
            plain(&mut got);
            let mut wanted = op.clone();
            plain(&mut wanted);
            assert_eq!(got, wanted, "{name}");
            compared += 1;
        }
    });
    assert!(compared > 200, "only {compared} ops");
}
