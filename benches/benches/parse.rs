//! How fast text becomes a tree, against the least one can do with text: check that it is UTF-8 and count its lines.
//!
//! The program is made here, so that it is the same on every machine: many functions of the usual shape.

use hlb_bench::{ROUNDS, compare};
use hlb_language::{parse, source::SourceId};
use std::hint::black_box;

fn program(functions: usize) -> String {
    let mut text = String::from("# A generated program.\n\n");
    for number in 0..functions {
        text.push_str(&format!(
            "# Builds part {number}.\nfs part{number}(string version) {{\n\timage \"debian:stable-slim\"\n\tenv \"V\" \
             \"${{version}}-{number}\"\n\tdir \"/src\"\n\trun \"make part-{number}\" with option {{\n\t\tmount \
             local(\"src/{number}\") \"/src\" with readonly\n\t\tmount scratch \"/out\" as out{number}\n\t}}\n\trun \
             <<~EOM\n\t\techo ${{version}} &&\n\t\ttrue\n\tEOM\n}}\n\n"
        ));
    }
    text
}

fn main() {
    for functions in [100, 1_000] {
        let text = program(functions);
        let lines = text.lines().count();
        let megabytes = text.len() as f64 / 1e6;
        let parsed = parse(SourceId(0), &text);
        assert!(parsed.diagnostics.is_empty(), "the generated program is not valid: {:?}", parsed.diagnostics);
        compare(
            &format!("parse {lines} lines"),
            ROUNDS,
            (megabytes, "MB"),
            || {
                black_box(parse(SourceId(0), black_box(&text)));
            },
            "utf-8 and newlines",
            || {
                let bytes = black_box(text.as_bytes());
                let count = std::str::from_utf8(bytes).map(|text| text.bytes().filter(|byte| *byte == b'\n').count());
                assert_eq!(black_box(count), Ok(lines));
            },
        );
    }
}
