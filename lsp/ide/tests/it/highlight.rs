//! The uses of a name within a text.

use hlb_ide::Access;

use crate::fixture::{Fixture, spans};

fn highlights(text: &str) -> String {
    let fixture = Fixture::new(text);
    let found = fixture.analysis().highlights(fixture.offset);
    let one = |(span, access): (_, Access)| format!("{access:?} {}", spans(&fixture.text, [span]));
    found.into_iter().map(one).collect()
}

#[test]
fn highlights_tell_definitions_from_uses() {
    insta::assert_snapshot!(highlights("fs $0a() {\n\tscratch\n}\n\nfs b() {\n\ta\n}\n"), @r"
    Write 1:4 [a]
    Read 6:2 [a]
    ");
    insta::assert_snapshot!(highlights("fs a(string x) {\n\tscratch\n\tmkfile x 0o644 $0x\n}\n"), @r"
    Write 1:13 [x]
    Read 3:9 [x]
    Read 3:17 [x]
    ");
    insta::assert_snapshot!(highlights("fs a() {\n\tscratch\n\tfor $0it in [\"a\"] { mkfile it 0o644 it; }\n}\n"), @r"
    Write 3:6 [it]
    Read 3:27 [it]
    Read 3:36 [it]
    ");
    insta::assert_snapshot!(highlights("fs a() {\n\t$0scratch\n}\n\nfs b() {\n\tscratch\n}\n"), @r"
    Read 2:2 [scratch]
    Read 6:2 [scratch]
    ");
    insta::assert_snapshot!(highlights("enum K { big small }\n\nstring a() {\n\tmatch K.big { big$0 => \"x\"; _ => \"y\"; }\n}\n"), @r"
    Write 1:10 [big]
    Read 4:10 [big]
    Read 4:16 [big]
    ");
}

#[test]
fn a_result_that_is_set_is_written() {
    let text = "fs a() binds (fs o$0ut) {\n\timage \"x\"\n\trun \"x\" with option { mount scratch \"/o\" as out; }\n}\n\nfs b() {\n\tscratch\n\tcopy a.out \"/\" \"/\"\n}\n";
    insta::assert_snapshot!(highlights(text), @r"
    Write 1:18 [out]
    Write 3:46 [out]
    Read 8:9 [out]
    ");
}

#[test]
fn highlights_count_in_bytes() {
    insta::assert_snapshot!(highlights("# ä𝄞\nfs a() {\n\tlet n = \"ä𝄞\"\n\tmkfile \"𝄞${n}ä${$0n}\" 0o644 \"\"\n}\n"), @r"
    Write 3:6 [n]
    Read 4:13 [n]
    Read 4:18 [n]
    ");
    insta::assert_snapshot!(highlights("fs a() {\n\tmkfile \"ä𝄞\" 0o644 $0\"ä\"\n}\n"), @"");
}

#[test]
fn highlights_are_found_in_texts_with_mistakes() {
    insta::assert_snapshot!(highlights("fs a(string x) {\n\tmkfile x 0o644 $0x\n\trun \"${x"), @r"
    Write 1:13 [x]
    Read 2:9 [x]
    Read 2:17 [x]
    Read 3:9 [x]
    ");
    insta::assert_snapshot!(highlights("fs $0a( {\n\tscratch\n}\n\nfs b() {\n\ta\n\t) x\n}\n"), @r"
    Write 1:4 [a]
    Read 6:2 [a]
    ");
    insta::assert_snapshot!(highlights("$0"), @"");
}
