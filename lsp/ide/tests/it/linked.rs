//! Names that are edited together.

use crate::fixture::{Fixture, spans};

fn linked(text: &str) -> String {
    let fixture = Fixture::new(text);
    fixture.analysis().linked(fixture.offset).map_or_else(|| "nothing".to_owned(), |found| spans(&fixture.text, found))
}

#[test]
fn names_inside_of_a_function_are_linked() {
    insta::assert_snapshot!(linked("fs a() {\n\tlet n$0 = \"𝄞ä\"\n\tscratch\n\tmkfile \"ä𝄞${n}\" 0o644 n\n}\n\nfs b() {\n\tlet n = \"x\"\n\tmkfile n 0o644 n\n}\n"), @r"
    2:6 [n]
    4:14 [n]
    4:24 [n]
    ");
    insta::assert_snapshot!(linked("fs a() {\n\tscratch\n\tfor x in [\"ä𝄞\"] { mkdir $0x 0o755; }\n}\n"), @r"
    3:6 [x]
    3:26 [x]
    ");
    insta::assert_snapshot!(linked("[string] a() { [for x in [\"a\"] : x$0]; }\n"), @r"
    1:21 [x]
    1:34 [x]
    ");
}

#[test]
fn mistakes_around_a_name_leave_it_linked() {
    insta::assert_snapshot!(linked("fs a() {\n\tlet n = \"x\"\n\tnope \"\n\tmkfile $0n 0o644 n\n}\n"), @r"
    2:6 [n]
    4:9 [n]
    4:17 [n]
    ");
    insta::assert_snapshot!(linked("fs a() {\n\tlet n$0 = \"x\"\n\tmkfile n 0o644\n"), @"2:6 [n]");
    insta::assert_snapshot!(linked("fs a( {\n\tlet n$0 = \"x\"\n\tmkfile n 0o644 n\n}\n"), @r"
    2:6 [n]
    3:9 [n]
    3:17 [n]
    ");
}

#[test]
fn what_others_may_name_is_not_linked() {
    for text in [
        "fs $0a() {\n\tscratch\n}\n",
        "fs a(string n$0) {\n\tmkfile n 0o644 n\n}\n",
        "import li$0b from \"./lib.hlb\"\n",
        "enum E { x$0 y }\n",
        "fs a() {\n\tscr$0atch\n}\n",
        "fs a() {\n\tscratch\n$0}\n",
        "fs a() binds (string n) {\n\tlet $0n = \"x\"\n\tmkfile n 0o644 n\n}\n",
    ] {
        assert_eq!(linked(text), "nothing", "{text}");
    }
}
