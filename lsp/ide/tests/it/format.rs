//! Laying out parts of a text.

use hlb_ide::{format_range, format_typed};
use hlb_language::span::Span;

use crate::fixture::{Fixture, apply};

/// The text after its range has been laid out.
fn ranged(text: &str) -> String {
    let fixture = Fixture::new(text);
    let edit = format_range(&fixture.text, fixture.range);
    edit.map_or_else(|| "nothing".to_owned(), |edit| apply(&fixture.text, &[edit]))
}

/// The text after what stands before the cursor was typed.
fn typed(text: &str) -> String {
    let fixture = Fixture::new(text);
    let last = fixture.text[..fixture.offset].chars().next_back().unwrap();
    let edit = format_typed(&fixture.text, fixture.offset, last);
    edit.map_or_else(|| "nothing".to_owned(), |edit| apply(&fixture.text, &[edit]))
}

#[test]
fn only_the_lines_of_a_range_are_laid_out() {
    let text = "fs a() {\n  scratch\n$1  mkdir   \"/ä𝄞\"  0o755$1\n  dir \"/\"\n}\n";
    assert_eq!(ranged(text), "fs a() {\n  scratch\n\tmkdir \"/ä𝄞\" 0o755\n  dir \"/\"\n}\n");
    let text = "fs a() {\n$1  scratch\n  mkdir   \"/\"  0o755\n$1  dir \"/\"\n}\n";
    assert_eq!(ranged(text), "fs a() {\n\tscratch\n\tmkdir \"/\" 0o755\n  dir \"/\"\n}\n");
    assert_eq!(ranged("fs a() {\n  scratch\n$1\n\n\n$1  dir \"/\"\n}\n"), "nothing", "empty lines only");
    assert_eq!(ranged("fs a() {\n\t$1scratch$1\n  dir \"/\"\n}\n"), "nothing", "it is laid out");
    assert_eq!(ranged("$1  $1"), "nothing");
    assert_eq!(ranged("fs a() {\n  $1scratch$1"), "nothing", "it has mistakes");
}

#[test]
fn lines_that_are_joined_or_split_grow_the_range() {
    assert_eq!(ranged("fs a() {\n  scratch; $1dir \"/ä𝄞\"$1\n}\n"), "fs a() {\n\tscratch\n\tdir \"/ä𝄞\"\n}\n");
    let text = "fs a() {  scratch\n  $1dir   \"/\"$1\n  dir \"/x\"\n}\n";
    assert_eq!(ranged(text), "fs a() {  scratch\n\tdir \"/\"\n  dir \"/x\"\n}\n");
}

#[test]
fn a_brace_lays_out_its_block_and_a_newline_its_line() {
    let text = "fs a() {\n  scratch\n  run \"x\" with option {\n  dir \"/ä𝄞\"\n  }$0\n}\n";
    assert_eq!(typed(text), "fs a() {\n  scratch\n\trun \"x\" with option {\n\t\tdir \"/ä𝄞\"\n\t}\n}\n");
    assert_eq!(typed("fs a() {\n  scratch\n}$0\n"), "fs a() {\n\tscratch\n}\n");
    assert_eq!(typed("fs a() {\n  scratch\n$0  dir   \"/\"\n}\n"), "fs a() {\n\tscratch\n  dir   \"/\"\n}\n");
    assert_eq!(typed("fs a() {\n\tmkfile \"/}$0\"  0o644 \"x\"\n}\n"), "nothing", "it is in a string");
    assert_eq!(typed("fs a() {\n  scratch }$0 }\n"), "nothing", "it closes nothing");
    assert_eq!(typed("fs a() {\n  scratch;$0\n}\n"), "nothing");
}

#[test]
fn ends_of_lines_stay_what_they_are() {
    let laid_out = "fs default() {\n\tscratch\n\tmkfile \"/ä𝄞\" 0o644 \"\"\n}\n".replace('\n', "\r\n");
    assert_eq!(hlb_ide::format(&laid_out), None);
    let loose = laid_out.replace("\tscratch", "scratch");
    let (span, new) = hlb_ide::format(&loose).unwrap();
    assert_eq!((&loose[span.range()], new.as_str()), ("scratch\r\n", "\tscratch\r\n"));
    let (span, new) = hlb_ide::format_range(&loose, Span { start: 16, end: 18 }).unwrap();
    assert_eq!((&loose[span.range()], new.as_str()), ("scratch\r\n", "\tscratch\r\n"));
}
