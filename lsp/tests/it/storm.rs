//! Somebody types very fast, and the editor asks all the time.

use serde_json::{Value, json};

use crate::chance::{Chance, Edited, no_mistake, question};
use crate::client::{Client, everything};

const URI: &str = "file:///work/build.hlb";
const TEXT: &str = include_str!("../../../examples/lua/build.hlb");

const INSERTED: [&str; 16] = [
    "{",
    "}",
    "(",
    ")",
    "\"",
    "with ",
    "x",
    " ",
    "\n",
    "\tscratch\n",
    "ä𝄞",
    "fs f() {\n\tscratch\n}\n",
    "# ",
    "let ",
    "${",
    ",",
];

/// Where something was typed, its length, and what was there before.
type Typed = (usize, usize, String);

#[test]
fn edits_with_questions_in_between_end_at_the_diagnostics_of_their_text() {
    let (mut client, _) = Client::able(everything(), &[], Value::Null);
    client.open(URI, TEXT);
    let mut edited = Edited { uri: URI, text: TEXT.to_owned(), version: 1 };
    let mut chance = Chance::new(7);
    let mut asked: Vec<(i64, &str)> = Vec::new();
    let mut before: Option<Typed> = None;
    for at in 0..2000 {
        // Half of what is typed is taken back, so that the text stays a program with a few mistakes.
        match before.take().filter(|_| chance.below(8) > 0) {
            Some((start, len, old)) => edited.replace(&mut client, start, start + len, &old),
            None => {
                let start = edited.text.floor_char_boundary(chance.below(edited.text.len()));
                let end = edited.text.ceil_char_boundary((start + chance.of(&[0, 0, 1, 4])).min(edited.text.len()));
                let new = chance.of(&INSERTED);
                before = Some((start, new.len(), edited.text[start..end].to_owned()));
                edited.replace(&mut client, start, end, new);
            }
        }
        if at % 3 == 0 {
            let place = edited.position(chance.below(edited.text.len()));
            let (method, params) = question(&mut chance, URI, place);
            let id = client.send(method, params);
            asked.push((id, method));
            if at % 7 == 0 {
                client.tell("$/cancelRequest", json!({"id": id}));
            }
        }
    }
    for (id, method) in asked {
        no_mistake(method, &client.answer(id), "");
    }
    let told = client.settled(URI);
    let versions = client.versions_heard();
    assert!(versions.is_sorted(), "diagnostics went back in time: {versions:?}");
    assert_eq!(versions.last(), Some(&edited.version));
    let (mut fresh, _) = Client::able(everything(), &[], Value::Null);
    fresh.open(URI, &edited.text);
    assert_eq!(told, fresh.settled(URI), "{}", edited.text);
    assert!(!told.as_array().unwrap().is_empty(), "so many edits leave a mistake");
}
