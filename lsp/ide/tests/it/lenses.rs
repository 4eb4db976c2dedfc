//! What can be done with targets.

use crate::fixture::Fixture;

fn check(text: &str) -> String {
    let fixture = Fixture::new(text);
    let lenses = fixture.analysis().lenses();
    let one = |lens: &hlb_ide::Lens| format!("[{}] {:?} {}\n", fixture.slice(lens.span), lens.kind, lens.target);
    lenses.iter().map(one).collect()
}

#[test]
fn targets_and_tests_have_lenses() {
    insta::assert_snapshot!(check("$0fs default() {\n\tscratch\n}\n"), @"
    [default] Run default
    [default] Graph default
    [default] Why default
    [default] Debug default
    ");
    let text = "$0test \"it is ä𝄞\" {\n\tassert true\n}\n";
    insta::assert_snapshot!(check(text), @r#"["it is ä𝄞"] Test it is ä𝄞"#);
}

/// The targets that can be run, one a line.
fn run(text: &str) -> String {
    check(text).lines().filter(|line| line.contains(" Run ")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn what_is_no_target_for_people_has_none() {
    for (text, why) in [
        ("$0string s() {\n\t\"x\"\n}\n", "a text"),
        ("$0option::run opts() {\n\tdir \"/\"\n}\n", "options"),
        ("$0fs helper(string name) {\n\tscratch\n}\n", "a function that must be given something"),
        ("$0let x = 1\n", "a number"),
        ("$0", "nothing"),
        ("$0fs (", "no name"),
    ] {
        assert_eq!(run(text), "", "{why}");
    }
    let bound = "$0fs default() {\n\tscratch\n\trun \"x\" with option {\n\t\tmount scratch \"/o\" as app\n\t}\n}\n";
    assert_eq!(run(bound), "[default] Run default\n", "a name that is bound has none");
}

#[test]
fn what_can_be_left_out_or_is_exported_does_no_harm() {
    assert_eq!(run("$0fs build(bool race = false) {\n\tscratch\n}\n"), "[build] Run build\n");
    assert_eq!(run("$0export fs build(string name) {\n\tscratch\n}\n"), "[build] Run build\n");
    assert_eq!(run("$0pipeline all() {\n\tstage fs { scratch; }\n}\n"), "[all] Run all\n");
}

#[test]
fn lenses_are_there_while_a_text_has_mistakes() {
    assert_eq!(
        run("$0fs a() {\n\tscratc\n}\n\nfs b() {\n\trun \"\n}\n\nfs c() {\n\tscratch\n"),
        "[a] Run a\n[b] Run b\n[c] Run c\n"
    );
}
