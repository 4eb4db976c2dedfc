//! What a selection grows to.

use crate::fixture::Fixture;

fn selections(text: &str) -> String {
    let fixture = Fixture::new(text);
    let found = fixture.analysis().selections(fixture.offset);
    let all: Vec<String> =
        found.iter().map(|span| fixture.slice(*span).replace('\n', "⏎").replace('\t', "→")).collect();
    all.join("\n")
}

#[test]
fn selections_grow_from_words_to_files() {
    insta::assert_snapshot!(selections("fs f() {\n\tscratch\n\tmkfile \"a b$0c d\" 0o644 \"\"\n}\n\nfs g() { f; }\n"), @r#"
    bc
    a bc d
    "a bc d"
    mkfile "a bc d" 0o644 ""
    scratch⏎→mkfile "a bc d" 0o644 ""
    {⏎→scratch⏎→mkfile "a bc d" 0o644 ""⏎}
    fs f() {⏎→scratch⏎→mkfile "a bc d" 0o644 ""⏎}
    fs f() {⏎→scratch⏎→mkfile "a bc d" 0o644 ""⏎}⏎⏎fs g() { f; }⏎
    "#);
    insta::assert_snapshot!(selections("fs f() {\n\tru$0n \"x\" with option {\n\t\tshlex\n\t}\n}\n"), @r#"
    run
    run "x" with option {⏎→→shlex⏎→}
    {⏎→run "x" with option {⏎→→shlex⏎→}⏎}
    fs f() {⏎→run "x" with option {⏎→→shlex⏎→}⏎}
    fs f() {⏎→run "x" with option {⏎→→shlex⏎→}⏎}⏎
    "#);
    insta::assert_snapshot!(selections("fs f() {\n\trun \"x\" with option {\n\t\tmount scratch \"/\" as o$0ut\n\t}\n}\n"), @r#"
    out
    as out
    mount scratch "/" as out
    {⏎→→mount scratch "/" as out⏎→}
    option {⏎→→mount scratch "/" as out⏎→}
    with option {⏎→→mount scratch "/" as out⏎→}
    run "x" with option {⏎→→mount scratch "/" as out⏎→}
    {⏎→run "x" with option {⏎→→mount scratch "/" as out⏎→}⏎}
    fs f() {⏎→run "x" with option {⏎→→mount scratch "/" as out⏎→}⏎}
    fs f() {⏎→run "x" with option {⏎→→mount scratch "/" as out⏎→}⏎}⏎
    "#);
    insta::assert_snapshot!(selections("string f(string x) {\n\tstr.upper(\"a${x$0}b\")\n}\n"), @r#"
    x
    ${x}
    a${x}b
    "a${x}b"
    ("a${x}b")
    str.upper("a${x}b")
    {⏎→str.upper("a${x}b")⏎}
    string f(string x) {⏎→str.upper("a${x}b")⏎}
    string f(string x) {⏎→str.upper("a${x}b")⏎}⏎
    "#);
    insta::assert_snapshot!(selections("let x = [1, 2$02, 3 + 4]\n"), @r"
    22
    1, 22, 3 + 4
    [1, 22, 3 + 4]
    let x = [1, 22, 3 + 4]
    let x = [1, 22, 3 + 4]⏎
    ");
    insta::assert_snapshot!(selections("fs f(string $0x, int y) { scratch; }\n"), @r"
    x
    string x
    fs f(string x, int y) { scratch; }
    fs f(string x, int y) { scratch; }⏎
    ");
    insta::assert_snapshot!(selections("type T { [string] na$0me; }\n"), @r"
    name
    [string] name
    [string] name;
    { [string] name; }
    type T { [string] name; }
    type T { [string] name; }⏎
    ");
}

#[test]
fn selections_know_comments_and_count_in_bytes() {
    insta::assert_snapshot!(selections("# One ä𝄞$0 two.\nfs f() { scratch; }\n"), @r"
    # One ä𝄞 two.
    # One ä𝄞 two.⏎fs f() { scratch; }⏎
    ");
    insta::assert_snapshot!(selections("string f() {\n\t\"ä$0𝄞 x\"\n}\n"), @r#"
    ä
    ä𝄞 x
    "ä𝄞 x"
    {⏎→"ä𝄞 x"⏎}
    string f() {⏎→"ä𝄞 x"⏎}
    string f() {⏎→"ä𝄞 x"⏎}⏎
    "#);
}

#[test]
fn selections_are_there_while_a_text_has_mistakes() {
    insta::assert_snapshot!(selections("fs f( {\n\tscr$0atch\n}\n"), @r"
    scratch
    {⏎→scratch⏎}
    fs f( {⏎→scratch⏎}
    fs f( {⏎→scratch⏎}⏎
    ");
    insta::assert_snapshot!(selections("fs f() {\n\tg ] x with option { sh$0lex; }\n}\n"), @r"
    shlex
    shlex;
    { shlex; }
    option { shlex; }
    with option { shlex; }
    g ] x with option { shlex; }
    {⏎→g ] x with option { shlex; }⏎}
    fs f() {⏎→g ] x with option { shlex; }⏎}
    fs f() {⏎→g ] x with option { shlex; }⏎}⏎
    ");
    insta::assert_snapshot!(selections("$0"), @"");
    let analysis = Fixture::new("ä$0").analysis();
    assert!([1, 5].iter().all(|at| analysis.selections(*at).len() == 1));
}
