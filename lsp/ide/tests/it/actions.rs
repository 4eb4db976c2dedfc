//! What can be done with a selection.

use hlb_ide::{Action, ActionKind};

use crate::fixture::{Fixture, apply};

fn actions(text: &str, only: &[ActionKind]) -> (Fixture, Vec<Action>) {
    let fixture = Fixture::new(text);
    let found = fixture.snapshot().actions(&fixture.path, fixture.range, only);
    (fixture, found)
}

/// The titles of what can be done, with a `!` for what most would want.
fn titles(text: &str, only: &[ActionKind]) -> String {
    let (_, found) = actions(text, only);
    let one = |it: &Action| format!("{:?}: {}{}", it.kind, it.title, if it.preferred { " !" } else { "" });
    found.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// The text after the first thing of a kind, which must have no mistakes any more at the place that it mends.
fn done(text: &str, kind: ActionKind) -> String {
    let (fixture, found) = actions(text, &[kind]);
    let Some(action) = found.first() else { return "nothing".to_owned() };
    let [edit] = action.edits.as_slice() else { panic!("one file is changed") };
    let new = apply(&fixture.text, &edit.edits);
    if let Some((_, code)) = action.mends {
        let after = Fixture::new(&format!("$0{new}"));
        let count = |told: Vec<hlb_ide::Told>| told.iter().filter(|it| it.code == code).count();
        let (before, after) = (count(fixture.analysis().diagnostics()), count(after.analysis().diagnostics()));
        assert!(after < before, "{code} is still there: {new}");
    }
    new
}

const QUICK: ActionKind = ActionKind::QuickFix;

#[test]
fn what_the_compiler_would_mend_is_offered_where_it_is_wrong() {
    insta::assert_snapshot!(titles("fs a() {\n\tscra$0tc\n}\n", &[]), @"QuickFix: replace `scratc` by `scratch` !");
    insta::assert_snapshot!(done("fs a() {\n\tscra$0tc\n}\n", QUICK), @r"
    fs a() {
    	scratch
    }
    ");
    insta::assert_snapshot!(done("fs a() {\n\tmkfile \"/ä𝄞\" 0o644 \"x\"\n\tscra$0tc\n}\n", QUICK), @r#"
    fs a() {
    	mkfile "/ä𝄞" 0o644 "x"
    	scratch
    }
    "#);
    insta::assert_snapshot!(done("fs a() {\n\timage \"$0ä𝄞\n}\n", QUICK), @r#"
    fs a() {
    	image "ä𝄞"
    }
    "#);
    insta::assert_snapshot!(done("fs a() {\n\tmkdir \"/x\",$0 0o755\n}\n", QUICK), @r#"
    fs a() {
    	mkdir "/x" 0o755
    }
    "#);
    insta::assert_snapshot!(done("fs a() {\n\trun $0(\"x\"\n}\n", QUICK), @r#"
    fs a() {
    	run("x"
    }
    "#);
    assert_eq!(titles("fs $0a() {\n\tscratc\n}\n", &[]), "");
    assert_eq!(titles("fs a() {\n\tscra$0tch\n}\n", &[]), "");
}

#[test]
fn a_range_takes_all_that_it_touches() {
    insta::assert_snapshot!(titles("fs a() {\n\t$1scratc\n\tmkdirr \"/\" 0o755\n$1}\n", &[QUICK]), @r"
    QuickFix: replace `scratc` by `scratch` !
    QuickFix: replace `mkdirr` by `mkdir` !
    ");
}

#[test]
fn all_that_is_sure_is_mended_at_once() {
    let text = "fs a() {\n\t$0scratch\n\tmkdir \"/x\", 0o755\n\tmkfile \"/y\", 0o644, \"𝄞\"\n}\n";
    insta::assert_snapshot!(done(text, ActionKind::FixAll), @r#"
    fs a() {
    	scratch
    	mkdir "/x" 0o755
    	mkfile "/y" 0o644 "𝄞"
    }
    "#);
    assert_eq!(done("fs a() {\n\t$0scratc\n}\n", ActionKind::FixAll), "nothing", "a guess is not sure");
}

#[test]
fn imports_that_nothing_uses_are_removed() {
    let text = "import a from \"./a.hlb\"\nimport $0b from \"./b.hlb\" # why\nimport c from \"./a.hlb\"\n\nfs x() {\n\tc.t\n}\n\
                //- /work/a.hlb\nexport fs t() {\n\tscratch\n}\n//- /work/b.hlb\nexport fs t() {\n\tscratch\n}\n";
    insta::assert_snapshot!(titles(text, &[]), @r"
    QuickFix: remove the import `b` !
    OrganizeImports: remove the imports that nothing uses
    ");
    insta::assert_snapshot!(done(text, ActionKind::OrganizeImports), @r#"
    import c from "./a.hlb"

    fs x() {
    	c.t
    }
    "#);
    insta::assert_snapshot!(done(&text.replace("import $0b", "import b").replace("import a", "import $0a"), QUICK), @r#"
    import b from "./b.hlb" # why
    import c from "./a.hlb"

    fs x() {
    	c.t
    }
    "#);
}
