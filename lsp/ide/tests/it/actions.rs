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
    let one = |it: &Action| {
        let why = it.refused.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        format!("{:?}: {}{}{why}", it.kind, it.title, if it.preferred { " !" } else { "" })
    };
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
fn what_one_expects_and_cannot_be_done_is_refused_with_words() {
    let mut why = String::new();
    for text in [
        "export let $0a = \"x\"\n\nfs f() {\n\timage a\n}\n",
        "# What it is.\nlet $0a = \"x\"\n\nfs f() {\n\timage a\n}\n",
        "fs f() {\n\tlet $0ä = \"x\"\n\timage \"x\"\n}\n",
        "fs f() {\n\tlet $0a = \"ä𝄞\"\n\timage \"x\"\n}\n",
        "fs f() {\n\tlet $0a = \"x\"\n\timage a\n\tnope a\n}\n",
        "fs f() binds (string v) {\n\tlet v = \"1\"\n\timage $0v\n}\n",
        "fs f() {\n\tlet $0a = local(\".\")\n\tmerge a a\n}\n",
        "string f(string a) {\n\tlet $0b = a\n\t[\"x\"].map(fn(string a) string { a + b; }).join(\"\")\n}\n",
        "fs g() {\n\timage \"a\"\n\trun \"b\"\n}\n\nfs f() { $0g; }\n",
        "fs g() with (bool b = false) { image \"a\"; }\n\nfs f() {\n\t$0g with option { b; }\n}\n",
        "string g(bool b) {\n\tif b { \"x\"; }\n}\n\nstring f() {\n\t\"y\"\n\t$0g true\n}\n",
        "string g() { localRun \"date\"; }\n\nstring f() { $0g() + g; }\n",
        "fs g(fs a) { merge a a; }\n\nfs f() { $0g local(\".\"); }\n",
    ] {
        why.push_str(&titles(text, &[ActionKind::Inline]));
        why.push('\n');
    }
    insta::assert_snapshot!(why, @"
    Inline: inline `a` (`a` is exported, so other files may use it)
    Inline: inline `a` (the comment above `a` would be lost)

    Inline: inline `a` (nothing uses `a`)
    Inline: inline `a` (a mistake hides what `a` means somewhere; mend it first)
    Inline: inline `v` (`v` is a result of the function, which its callers may read)
    Inline: inline `a` (the value of `a` takes work, which would be done more than once)
    Inline: inline `b` (the program would not mean the same afterwards)
    Inline: inline this call of `g` (`g` is not one statement)
    Inline: inline this call of `g` (`g` has options or results)
    Inline: inline this call of `g` (the statement of `g` says something else where the call is)
    Inline: inline this call of `g` (the command of `g` would be run more than once)
    Inline: inline this call of `g` (an argument takes work, which would be done more than once)
    ");
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
    OrganizeImports: put the imports in order
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

#[test]
fn imports_are_sorted_between_other_lines() {
    let text = "$0import b from \"./b.hlb\" # 𝄞\nimport up from \"../up.hlb\"\nimport go from \"std/go\"\n# Others.\nimport z from \"./z.hlb\"\nimport a from \"./a.hlb\"\n\n\
                fs x() {\n\tb.t\n\tup.t\n\tgo.build\n\tz.t\n\ta.t\n}\n";
    insta::assert_snapshot!(done(text, ActionKind::OrganizeImports), @r#"
    import go from "std/go"
    import up from "../up.hlb"
    import b from "./b.hlb" # 𝄞
    # Others.
    import a from "./a.hlb"
    import z from "./z.hlb"

    fs x() {
    	b.t
    	up.t
    	go.build
    	z.t
    	a.t
    }
    "#);
    for text in [
        // In order, alone, or not on lines of their own.
        "$0import a from \"./a.hlb\"\nimport b from \"./b.hlb\"\n\nfs x() {\n\ta.t\n\tb.t\n",
        "$0import b from \"./b.hlb\"\n\nimport a from \"./a.hlb\"\n\nfs x() {\n\ta.t\n\tb.t\n}\n",
        "$0import b from \"./b.hlb\" import a from \"./a.hlb\"\n\nfs x() {\n\ta.t\n\tb.t\n}\n",
    ] {
        assert_eq!(done(text, ActionKind::OrganizeImports), "nothing", "{text}");
    }
}

/// The programs below the heading *Wrong* of the pages about codes, with the code.
fn wrong_programs() -> Vec<(String, String)> {
    let repository =
        camino::Utf8Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("it is in the repository");
    let mut found = Vec::new();
    for page in repository.join("docs/diagnostics").read_dir_utf8().unwrap() {
        let page = page.unwrap().into_path();
        let text = std::fs::read_to_string(&page).unwrap();
        let Some((_, wrong)) = text.split_once("## Wrong") else { continue };
        let wrong = wrong.split("\n## ").next().unwrap_or_default();
        for block in wrong.split("```hlb\n").skip(1) {
            let program = block.split("\n```").next().unwrap_or_default();
            found.push((page.file_stem().unwrap_or_default().to_owned(), format!("{program}\n")));
        }
    }
    found.sort();
    found
}

#[test]
fn what_a_page_calls_wrong_is_mended_by_each_fix_that_is_offered() {
    let mut mended: Vec<String> = Vec::new();
    for (code, program) in wrong_programs() {
        let (fixture, found) = actions(&format!("$1{program}$1"), &[QUICK]);
        for action in found.iter().filter(|it| it.mends.is_some_and(|(_, mends)| mends == code)) {
            let [edit] = action.edits.as_slice() else { panic!("one file is changed") };
            let new = apply(&fixture.text, &edit.edits);
            let after = Fixture::new(&format!("$0{new}"));
            let count = |told: Vec<hlb_ide::Told>| told.iter().filter(|it| it.code == code).count();
            let (before, after) = (count(fixture.analysis().diagnostics()), count(after.analysis().diagnostics()));
            assert!(after < before, "{code}: `{}` leaves it: {new}", action.title);
            mended.push(code.clone());
        }
    }
    mended.dedup();
    assert!(mended.len() >= 20, "only these codes have fixes: {mended:?}");
}
