//! Broken texts through the whole server. All texts and all places are asked in the process of the tests of `hlb-ide`; here a
//! sample goes over the wire.

use serde_json::{Value, json};

use crate::chance::{Chance, METHODS, no_mistake, params};
use crate::client::{Client, everything};

const URI: &str = "file:///work/build.hlb";
const TEXTS: [&str; 4] = [
    include_str!("../../../examples/pipeline/build.hlb"),
    include_str!("../../../examples/pipeline/pack.hlb"),
    include_str!("../../../examples/lua/build.hlb"),
    include_str!("../../../examples/hello/build.hlb"),
];
const MUTANTS: i64 = 200;

/// A text with one slip.
fn slip(chance: &mut Chance) -> (String, usize) {
    let mut text = chance.of(&TEXTS).to_owned();
    let at = text.floor_char_boundary(chance.below(text.len()));
    match chance.below(4) {
        0 => text.replace_range(at..text.ceil_char_boundary((at + 1 + chance.below(8)).min(text.len())), ""),
        1 => text.insert_str(at, chance.of(&["{ ", "} ", "(", ")", "\"", "with ", "fs ", "[", "= ", "ä𝄞", "${"])),
        2 => text.truncate(at),
        _ => {
            let end = text[at..].find('\n').map_or(text.len(), |len| at + len);
            text.replace_range(at..end, "");
        }
    }
    (text, at)
}

#[test]
fn no_request_fails_on_a_broken_text() {
    let (mut client, _) = Client::able(everything(), &[], Value::Null);
    client.open(URI, "");
    let mut chance = Chance::new(5);
    for version in 2..2 + MUTANTS {
        let (text, at) = slip(&mut chance);
        let document = json!({"uri": URI, "version": version});
        let changes = json!([{"text": text}]);
        client.tell("textDocument/didChange", json!({"textDocument": document, "contentChanges": changes}));
        let at = (at + chance.below(9)).saturating_sub(4).min(text.len());
        let before = &text[..text.floor_char_boundary(at)];
        let (line, column) = (before.matches('\n').count() as u32, before.rsplit('\n').next().unwrap());
        let column = column.encode_utf16().count() as u32;
        let asked: Vec<(i64, &str)> =
            METHODS.iter().map(|method| (client.send(method, params(method, URI, line, column)), *method)).collect();
        for (id, method) in asked {
            no_mistake(method, &client.answer(id), &text);
        }
        client.rest();
    }
}
