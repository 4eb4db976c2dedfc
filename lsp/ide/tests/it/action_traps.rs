//! Actions that would change more than they say.

use hlb_ide::ActionKind;

use crate::fixture::{Fixture, acted, apply};

/// The text after the first action of a kind with such a title, byte for byte.
fn exactly(text: &str, kind: ActionKind, title: &str) -> String {
    let fixture = Fixture::new(text);
    let found = fixture.snapshot().actions(&fixture.path, fixture.range, &[kind]);
    let Some(action) = found.iter().find(|it| it.title.starts_with(title)) else { return "nothing".to_owned() };
    match (&action.refused, action.edits.as_slice()) {
        (Some(why), _) => why.clone(),
        (None, [edit]) => apply(&fixture.text, &edit.edits),
        (None, _) => panic!("one file is changed"),
    }
}

#[test]
fn a_comment_does_not_become_that_of_the_next_declaration() {
    let removed = |text: &str| exactly(text, ActionKind::QuickFix, "remove the import");
    assert_eq!(
        removed("# ä𝄞.\nimport g$0o from \"std/go\"\nfs f() {\n\tscratch\n}\n"),
        "# ä𝄞.\n\nfs f() {\n\tscratch\n}\n"
    );
    assert_eq!(
        removed("import g$0o from \"std/go\"\n# F.\nfs f() {\n\tscratch\n}\n"),
        "# F.\nfs f() {\n\tscratch\n}\n"
    );
    let ordered = |text: &str| exactly(text, ActionKind::OrganizeImports, "");
    assert_eq!(
        ordered("# Tools.\nimport go from \"std/go\"\nfs f() {\n\tscra$0tch\n}\n"),
        "# Tools.\n\nfs f() {\n\tscratch\n}\n"
    );
    let inlined = exactly("let $0a = \"x\" # say\nfs f() {\n\timage a\n}\n", ActionKind::Inline, "inline");
    assert_eq!(inlined, "the program would not mean the same afterwards");
}

#[test]
fn ends_of_lines_stay_what_they_are() {
    let crlf = |text: &str| text.replace('\n', "\r\n");
    let text = crlf("fs f() {\n\timage $1\"alpine\"$1\n\trun \"ä𝄞\"\n}\n");
    let let_made = crlf("fs f() {\n\tlet value = \"alpine\"\n\timage value\n\trun \"ä𝄞\"\n}\n");
    assert_eq!(exactly(&text, ActionKind::Extract, "extract into a `let`"), let_made);
    let text = crlf("fs f() {\n\timage \"a\"\n$1\trun \"a\"\n\trun \"b\"$1\n}\n");
    let made = crlf("fs f() {\n\timage \"a\"\n\textracted\n}\n\nfs extracted() {\n\trun \"a\"\n\trun \"b\"\n}\n");
    assert_eq!(exactly(&text, ActionKind::Extract, "extract into a function"), made);
}

#[test]
fn how_a_file_is_started_stays_in_its_first_line() {
    let text = "#!/usr/bin/env hlbc\nlet a = $1\"x\"$1 + \"y\"\n";
    let made = exactly(text, ActionKind::Extract, "extract into a constant");
    assert!(made.starts_with("#!/usr/bin/env hlbc\nlet value = \"x\"\n"), "{made}");
}

#[test]
fn arguments_behind_optional_ones_are_named() {
    let filled = |call: &str, params: &str| {
        let text = format!("fs g({params}) {{\n\timage b\n}}\n\nfs f() {{\n\t$0{call}\n}}\n");
        let made = acted(&text, ActionKind::QuickFix, "add the missing argument");
        made.rsplit_once("{\n\t").map_or(made.clone(), |(_, call)| call.trim_end_matches("\n}\n").to_owned())
    };
    assert_eq!(filled("g", "int o = 1, string b"), "g b = \"\"");
    assert_eq!(filled("g \"x\"", "string a, int o = 1, string b"), "g \"x\" b = \"\"");
    assert_eq!(filled("g 2", "int o = 1, string b"), "g 2 \"\"");
}

#[test]
fn a_large_selection_is_offered_little() {
    let text = format!("fs g(string a) {{\n\timage a\n}}\n\n$1fs f() {{\n{}}}$1\n", "\tg\n".repeat(200));
    let fixture = Fixture::new(&text);
    let found = fixture.snapshot().actions(&fixture.path, fixture.range, &[ActionKind::QuickFix]);
    assert_eq!(found.iter().map(|it| it.title.as_str()).collect::<Vec<_>>(), ["add the missing argument of `g`"; 3]);
    assert!(found.iter().all(|it| !it.preferred));
}
