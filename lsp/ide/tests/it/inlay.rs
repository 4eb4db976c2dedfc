//! What a text does not say.

use hlb_ide::{InlaySettings, Settings};
use hlb_language::span::Span;

use crate::fixture::Fixture;

/// The text with its hints in guillemets.
fn check(text: &str) -> String {
    shown(&Fixture::new(text), Span::new(0, text.len()))
}

fn shown(fixture: &Fixture, range: Span) -> String {
    let mut text = fixture.text.clone();
    let hints = fixture.snapshot().hints(&fixture.analysis(), range);
    for hint in hints.iter().rev() {
        text.insert_str(hint.offset, &format!("«{}»", hint.text));
    }
    text
}

#[test]
fn parameters_are_named_before_literals() {
    insta::assert_snapshot!(check("$0fs default() {\n\tscratch\n\tmkfile \"/ä𝄞\" 0o644 \"x\"\n\tmkdir(\"/a\", 0o755)\n}\n"), @r#"
    fs default() {
    	scratch
    	mkfile «path:»"/ä𝄞" «filemode:»0o644 «content:»"x"
    	mkdir(«path:»"/a", «filemode:»0o755)
    }
    "#);
}

#[test]
fn what_needs_no_name_gets_none() {
    for text in [
        "fs default() {\n\timage \"alpine\"\n}\n",
        "fs f(string a, string b) {\n\tscratch\n}\n\nfs default() {\n\tf \"a\" \"B\"\n}\n",
        "fs f(string a, string b) {\n\tscratch\n}\n\nfs default() {\n\tf(b = \"x\", a = \"y\")\n}\n",
        "fs f(string a, string b) {\n\tf b a\n}\n",
        "fs default() {\n\trun \"a\" \"b\"\n}\n",
        "fs default() {\n\tnothing \"a\" \"b\"\n}\n",
    ] {
        assert_eq!(check(&format!("$0{text}")), text);
    }
}

#[test]
fn functions_and_records_of_the_program_count_as_well() {
    let text = "$0type Point {\n\tint left\n\tint right = 0\n}\n\nfs at(int x, int y) {\n\tscratch\n}\n\nfs default() {\n\tlet Point p = Point(1, -2)\n\tat 1 p.right\n}\n";
    insta::assert_snapshot!(check(text), @"
    type Point {
    	int left
    	int right = 0
    }

    fs at(int x, int y) {
    	scratch
    }

    fs default() {
    	let Point p = Point(«left:»1, «right:»-2)
    	at «x:»1 p.right
    }
    ");
}

#[test]
fn types_stand_where_they_could_be_written() {
    let text = "$0let version = \"1\"\n\nlet int count = 1\n\nfs default() {\n\tlet names = [\"a\"]\n\tlet nothing = none\n\tlet wrong = nope\n\tscratch\n}\n";
    insta::assert_snapshot!(check(text), @r#"
    let «string »version = "1"

    let int count = 1

    fs default() {
    	let «[string] »names = ["a"]
    	let nothing = none
    	let wrong = nope
    	scratch
    }
    "#);
}

#[test]
fn hints_are_there_while_a_text_has_mistakes() {
    insta::assert_snapshot!(check("$0fs default() {\n\tmkdir \"/a\" 0o755\n\trun \"${\n}\n\nfs other( {\n\tlet x = 1\n"), @r#"
    fs default() {
    	mkdir «path:»"/a" «filemode:»0o755
    	run "${
    }

    fs other( {
    	let «int »x = 1
    "#);
}

#[test]
fn only_what_is_in_the_range_and_wanted_is_given() {
    let text = "$0fs default() {\n\tscratch\n\tmkdir \"/a\" 0o755\n\tmkdir \"/b\" 0o755\n}\n";
    let mut fixture = Fixture::new(text);
    let second = fixture.text.rfind("mkdir").unwrap();
    assert_eq!(shown(&fixture, Span::new(second, second + 8)).matches('«').count(), 1);
    let inlay = InlaySettings { parameters: false, types: true, digests: true };
    fixture.host.configure(Settings { inlay, ..Settings::default() });
    assert_eq!(shown(&fixture, Span::new(0, 1000)), fixture.text);
}

#[test]
fn a_value_in_front_of_a_dot_is_the_first_argument() {
    insta::assert_snapshot!(check("$0string f(string x) {\n\tx.trimPrefix(\"ä𝄞\").replace(\"a\", \"b\")\n}\n"), @r#"
    string f(string x) {
    	x.trimPrefix("ä𝄞").replace(«old:»"a", «new:»"b")
    }
    "#);
}

#[test]
fn a_type_of_another_file_is_not_written_by_its_name_alone() {
    let text = "$0import p from \"./p.hlb\"\n\nfs default() {\n\tlet a = p.mk()\n\tlet b = 1\n\tscratch\n}\n//- /work/p.hlb\nexport type Point {\n\tint x\n}\n\nexport Point mk() {\n\tPoint(1)\n}\n";
    let fixture = Fixture::new(text);
    let hints = fixture.snapshot().hints(&fixture.analysis(), Span::new(0, fixture.text.len()));
    let hints: Vec<_> = hints.iter().map(|it| (it.text.as_str(), it.edit.is_some())).collect();
    assert_eq!(hints, [("Point ", false), ("int ", true)]);
}
