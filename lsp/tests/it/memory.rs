//! A day of edits in one process.

use serde_json::Value;

use crate::chance::{Chance, Edited};
use crate::client::{Client, everything};

const URI: &str = "file:///work/build.hlb";
const TEXT: &str = include_str!("../../../examples/pipeline/build.hlb");
const EDITS: usize = 20_000;

/// What may come on top of a twentieth.
const SLACK: u64 = 4 << 20;

#[test]
fn a_day_of_edits_needs_no_more_memory_than_its_morning() {
    let (mut client, _) = Client::able(everything(), &[], Value::Null);
    client.open(URI, TEXT);
    let mut edited = Edited { uri: URI, text: TEXT.to_owned(), version: 1 };
    let mut chance = Chance::new(11);
    let mut half = 0;
    for at in 0..EDITS / 2 {
        let place = edited.text.floor_char_boundary(chance.below(edited.text.len()));
        let word = chance.of(&["x", "\n", "ä", "}", "\tscratch\n"]);
        edited.replace(&mut client, place, place, word);
        edited.replace(&mut client, place, place + word.len(), "");
        if at % 50 == 0 {
            let (line, character) = edited.position(place);
            client.ask("textDocument/hover", Client::at(URI, line, character));
            client.rest();
        }
        if at == EDITS / 4 {
            client.settled(URI);
            half = resident(client.process_id());
        }
    }
    assert_eq!(edited.text, TEXT);
    client.settled(URI);
    let end = resident(client.process_id());
    assert!(end <= half + half / 20 + SLACK, "{half} bytes after half of the edits, {end} after all");
}

/// Memory of a process that is in use, in bytes.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
