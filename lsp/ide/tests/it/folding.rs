//! What can be folded.

use crate::fixture::Fixture;

/// The lines, and what would be left of the first.
fn folds(text: &str) -> String {
    let fixture = Fixture::new(&format!("$0{text}"));
    let source = hlb_language::source::Source::new("", fixture.text.as_str());
    let one = |fold: &hlb_ide::Fold| {
        let (start, end) = (fold.span.start as usize, fold.span.end as usize);
        let line = source.line_index(start);
        let left = &fixture.text[source.line_span(line).expect("it is a line").start as usize..start];
        format!("{}-{} {:?} {}\n", line + 1, source.line_index(end) + 1, fold.kind, left.trim())
    };
    fixture.analysis().folds().iter().map(one).collect()
}

#[test]
fn folds_of_blocks_and_lists() {
    insta::assert_snapshot!(folds("fs f() {\n\tscratch\n\trun \"x\" with option {\n\t\tshlex\n\t}\n}\n"), @r#"
    1-5 Region fs f() {
    3-4 Region run "x" with option {
    "#);
    insta::assert_snapshot!(folds("fs f(\n\tstring a\n\tint b\n) {\n\tscratch\n}\n"), @r"
    1-3 Region fs f(
    4-5 Region ) {
    ");
    insta::assert_snapshot!(folds("let x = [\n\t1,\n\t2,\n]\n\nlet y = {\n\t\"a\" = 1,\n}\n"), @r"
    1-3 Region let x = [
    6-7 Region let y = {
    ");
    insta::assert_snapshot!(folds("type T {\n\tstring a\n}\n\nenum E {\n\ta\n}\n\nfs f() { scratch; }\n"), @r"
    1-2 Region type T {
    5-6 Region enum E {
    ");
    insta::assert_snapshot!(folds("string f(int n) {\n\tif n == 1 {\n\t\t\"a\"\n\t} else {\n\t\t\"b\"\n\t}\n}\n"), @r"
    1-6 Region string f(int n) {
    2-3 Region if n == 1 {
    4-5 Region } else {
    ");
}

#[test]
fn of_what_starts_on_one_line_the_longest_folds() {
    insta::assert_snapshot!(folds("fs f() {\n\tg(fs {\n\t\tscratch\n\t},\n\t1)\n}\n"), @r"
    1-5 Region fs f() {
    2-4 Region g(
    ");
}

#[test]
fn folds_of_heredocs_comments_and_imports() {
    insta::assert_snapshot!(folds("string f() {\n\t<<-ä𝄞\n\tä𝄞\n\t<<~EOM\n\tx\n\tEOM\n}\n"), @r"
    1-6 Region string f() {
    4-5 Region <<~EOM
    ");
    insta::assert_snapshot!(folds("string f() {\n\t<<~EOM\n\t\tä𝄞\n\t\tx {\n\tEOM\n}\n"), @r"
    1-5 Region string f() {
    2-4 Region <<~EOM
    ");
    insta::assert_snapshot!(folds("# One.\n# Two 𝄞.\n\n# Alone.\nfs f() {\n\t# a\n\t# b\n\tscratch # c\n\t# d\n}\n"), @r"
    1-2 Comment # One.
    5-9 Region fs f() {
    6-7 Comment # a
    ");
    insta::assert_snapshot!(folds("import a from \"./a\"\nimport b from \"./b\"\n\nimport c from \"./c\"\n\nfs f() { a.x; }\n"), @r#"1-4 Imports import a from "./a""#);
}

#[test]
fn folds_are_there_while_a_text_has_mistakes() {
    insta::assert_snapshot!(folds("fs f( {\n\tscratch\n}\n\nfs g() {\n\tscratch\n"), @"1-2 Region fs f( {");
    insta::assert_snapshot!(folds("fs f() {\n\tg(\n\tscratch\n}\n\nfs g() {\n\t]\n}\n"), @r"
    1-3 Region fs f() {
    6-7 Region fs g() {
    ");
    insta::assert_snapshot!(folds("}\n)\n\"\n{\n\n"), @"");
}

#[test]
fn closers_without_openers_close_nothing() {
    insta::assert_snapshot!(folds("fs f() {\n\t) ] \n\tg([\n\t\t1\n\t)\n}\n"), @r"
    1-5 Region fs f() {
    3-4 Region g(
    ");
    // Each of many closers is met by as many openers of another sort.
    let many = format!("fs f() {{\n{}{}\n", "{\n".repeat(20_000), ")\n".repeat(20_000));
    assert_eq!(folds(&many), "");
}
