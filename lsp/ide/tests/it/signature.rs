//! What a call takes, while it is written.

use crate::fixture::Fixture;

/// The label with the active parameter in guillemets.
fn check(text: &str) -> String {
    let fixture = Fixture::new(text);
    let Some(help) = fixture.snapshot().signature(&fixture.path, fixture.offset) else { return "nothing".to_owned() };
    let mut label = help.label.clone();
    if let Some(param) = help.active.and_then(|active| help.params.get(active)) {
        label.insert(param.label.end, '»');
        label.insert(param.label.start, '«');
    }
    label
}

fn statement(stmt: &str) -> String {
    check(&format!("fs f(string s) {{\n\t{stmt}\n}}\n\nfs default() {{\n\tscratch\n}}\n"))
}

#[test]
fn calls_in_statements_count_their_words() {
    insta::assert_snapshot!(statement("mkfile $0"), @"fs mkfile(«string path», int filemode, string content)");
    insta::assert_snapshot!(statement("mkfile \"/ä𝄞\" $0"), @"fs mkfile(string path, «int filemode», string content)");
    insta::assert_snapshot!(statement("mkfile \"/x\" 0o644 $0"), @"fs mkfile(string path, int filemode, «string content»)");
    insta::assert_snapshot!(statement("mkfile \"/x$0\" 0o644 s"), @"fs mkfile(«string path», int filemode, string content)");
    insta::assert_snapshot!(statement("run \"a\" \"b\" $0"), @"fs run(«variadic string arg»)");
}

#[test]
fn calls_with_parentheses_count_their_commas() {
    insta::assert_snapshot!(statement("mkfile($0)"), @"fs mkfile(«string path», int filemode, string content)");
    insta::assert_snapshot!(statement("mkfile(s, $0)"), @"fs mkfile(string path, «int filemode», string content)");
    insta::assert_snapshot!(statement("mkfile(content = $0)"), @"fs mkfile(string path, int filemode, «string content»)");
    insta::assert_snapshot!(statement("copy(image($0), \"a\", \"b\")"), @"fs image(«string ref»)");
    insta::assert_snapshot!(statement("copy(image(\"a\"), $0, \"b\")"), @"fs copy(fs input, «string src», string dst)");
}

#[test]
fn what_is_in_a_block_is_in_no_call_around_it() {
    insta::assert_snapshot!(statement("copy fs { $0 } \"a\" \"b\""), @"nothing");
    insta::assert_snapshot!(statement("run \"x\" with option {\n\t\tmount $0\n\t}"), @"option::run mount(«fs input», string mountPoint)");
    insta::assert_snapshot!(statement("$0"), @"nothing");
}

#[test]
fn functions_records_and_methods_are_calls_too() {
    insta::assert_snapshot!(check("fs f(string a, int b = 1) {\n\tscratch\n}\n\nfs g() {\n\tf \"x\" $0\n}\n"), @"fs f(string a, «int b = …»)");
    insta::assert_snapshot!(check("type P {\n\tint x\n\tint y\n}\n\nlet p = P(1, $0)\n"), @"P(int x, «int y»)");
    insta::assert_snapshot!(statement("env \"a\" s.split($0)"), @"[string] split(«string separator», int? limit = …)");
}

#[test]
fn a_call_is_known_while_it_is_broken() {
    insta::assert_snapshot!(statement("mkfile(\"/x\", $0"), @"fs mkfile(string path, «int filemode», string content)");
    insta::assert_snapshot!(statement("mkfile(\"/x\" $0"), @"fs mkfile(string path, «int filemode», string content)");
    insta::assert_snapshot!(statement("nothing $0"), @"nothing");
}

#[test]
fn documentation_is_that_of_the_declaration() {
    let fixture = Fixture::new("fs f() {\n\tmkfile $0\n}\n");
    let help = fixture.snapshot().signature(&fixture.path, fixture.offset).unwrap();
    assert!(help.doc.unwrap().starts_with("Makes a file."));
    assert_eq!(help.params[0].doc.as_deref(), Some("where; relative to the working directory."));
}
