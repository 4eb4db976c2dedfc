//! Other names, in all files.

use crate::fixture::{Fixture, edited};

/// The files after the name at the cursor has become another one, or why it stays.
fn renamed(text: &str, new: &str) -> String {
    let fixture = Fixture::new(text);
    match fixture.snapshot().rename(&fixture.path, fixture.offset, new) {
        Ok(edits) => edited(&edits),
        Err(refused) => format!("refused: {}", refused.0),
    }
}

/// What would be renamed.
fn prepared(text: &str) -> String {
    let fixture = Fixture::new(text);
    match fixture.snapshot().prepare_rename(&fixture.path, fixture.offset) {
        Ok(None) => "nothing".to_owned(),
        Ok(Some((span, name))) => format!("{name} at {}", fixture.slice(span)),
        Err(refused) => format!("refused: {}", refused.0),
    }
}

const LIB: &str = "//- /work/lib.hlb\nexport fs tool(string name) {\n\tscratch\n\tmkfile name 0o644 \"ä𝄞\"\n}\n";

#[test]
fn functions_are_renamed_in_all_files() {
    let text = format!(
        "//- /work/a.hlb\nimport lib from \"./lib.hlb\"\n\nfs a() {{\n\tlib.to$0ol \"ä𝄞\"\n}}\n\
         //- /work/b.hlb\nimport l from \"./lib.hlb\"\n\nfs b() {{\n\tl.tool(name = \"x\")\n}}\n{LIB}"
    );
    insta::assert_snapshot!(renamed(&text, "gadget"), @r#"
    //- a.hlb
    import lib from "./lib.hlb"

    fs a() {
    	lib.gadget "ä𝄞"
    }
    //- b.hlb
    import l from "./lib.hlb"

    fs b() {
    	l.gadget(name = "x")
    }
    //- lib.hlb
    export fs gadget(string name) {
    	scratch
    	mkfile name 0o644 "ä𝄞"
    }
    "#);
    insta::assert_snapshot!(renamed(&text.replace("to$0ol", "tool").replace("name =", "na$0me ="), "title"), @r#"
    //- b.hlb
    import l from "./lib.hlb"

    fs b() {
    	l.tool(title = "x")
    }
    //- lib.hlb
    export fs tool(string title) {
    	scratch
    	mkfile title 0o644 "ä𝄞"
    }
    "#);
    insta::assert_snapshot!(renamed(&text.replace("to$0ol", "tool").replace("import lib", "import l$0ib"), "other"), @r#"
    //- a.hlb
    import other from "./lib.hlb"

    fs a() {
    	other.tool "ä𝄞"
    }
    "#);
    assert_eq!(renamed(&text, "tool"), "", "the same name");
}

#[test]
fn names_inside_of_functions_are_renamed_there() {
    insta::assert_snapshot!(renamed("fs a() {\n\tlet n = \"𝄞ä\"\n\tscratch\n\tmkfile \"ä𝄞${n}\" 0o644 $0n\n}\n\nfs b() {\n\tlet n = \"x\"\n\tmkfile n 0o644 n\n}\n", "text"), @r#"
    //- build.hlb
    fs a() {
    	let text = "𝄞ä"
    	scratch
    	mkfile "ä𝄞${text}" 0o644 text
    }

    fs b() {
    	let n = "x"
    	mkfile n 0o644 n
    }
    "#);
    insta::assert_snapshot!(renamed("fs a() binds (fs out) {\n\tscratch\n\trun \"x\" with option {\n\t\tmount scratch \"/o\" as ou$0t\n\t}\n}\n\nfs b() {\n\ta.out\n}\n", "made"), @r#"
    //- build.hlb
    fs a() binds (fs made) {
    	scratch
    	run "x" with option {
    		mount scratch "/o" as made
    	}
    }

    fs b() {
    	a.made
    }
    "#);
    insta::assert_snapshot!(renamed("enum Mode { fa$0st slow }\n\nstring a(Mode m) {\n\tmatch m {\n\t\tfast => \"f\"\n\t\tslow => \"s\"\n\t}\n}\n\nstring b() { a Mode.fast; }\n", "quick"), @r#"
    //- build.hlb
    enum Mode { quick slow }

    string a(Mode m) {
    	match m {
    		quick => "f"
    		slow => "s"
    	}
    }

    string b() { a Mode.quick; }
    "#);
    insta::assert_snapshot!(renamed("type Point { int x$0 }\n\nint a(Point p) { p.x; }\n\nint b() { a Point(x = 1); }\n", "left"), @r"
    //- build.hlb
    type Point { int left }

    int a(Point p) { p.left; }

    int b() { a Point(left = 1); }
    ");
}

#[test]
fn what_is_not_ones_own_keeps_its_name() {
    assert_eq!(prepared("fs a() {\n\tscr$0atch\n}\n"), "refused: `scratch` belongs to the language and keeps its name");
    assert_eq!(
        prepared("import go from \"std/go\"\n\nfs a() {\n\tgo.bu$0ild scratch\n}\n"),
        "refused: `build` belongs to the language and keeps its name"
    );
    assert_eq!(prepared("fs a() {\n\tscratch $0\n}\n"), "nothing");
    assert_eq!(prepared("f$0s a() {\n\tscratch\n}\n"), "nothing");
    assert_eq!(prepared("fs a$0() {\n\tscratch\n}\n"), "a at a");
    assert_eq!(prepared("fs a() {\n\tscratch\n\tunk$0nown\n}\n"), "nothing");
}

#[test]
fn names_that_would_change_the_program_are_refused() {
    let text = "fs a$0() {\n\tscratch\n}\n\nfs b() {\n\ta\n}\n";
    let no = |new: &str| renamed(text, new);
    assert_eq!(no("two words"), "refused: `two words` is not a name: use the letters a to z, digits and `_`");
    for new in ["", "ä𝄞", "a-b", "a.b", "\"a\""] {
        assert!(no(new).ends_with("digits and `_`"), "{new}: {}", no(new));
    }
    assert!(
        no("b").starts_with("refused: with the name `b`, /work/build.hlb would have a mistake: `b` is"),
        "{}",
        no("b")
    );
    assert!(no("scratch").starts_with("refused: with the name `scratch`"), "{}", no("scratch"));
    // A parameter that would hide what is meant.
    let hidden = "fs a$0() {\n\tscratch\n}\n\nfs b(fs c) {\n\tcopy a \"/\" \"/\"\n\tcopy c \"/\" \"/\"\n}\n";
    insta::assert_snapshot!(renamed(hidden, "c"), @"refused: there is another `c` already, which would be confused with this one");
}

#[test]
fn mistakes_elsewhere_do_not_keep_names_from_being_changed() {
    insta::assert_snapshot!(renamed("fs a$0() {\n\tscratch\n}\n\nfs b() {\n\ta\n\tnope \"\n}\n", "c"), @r#"
    //- build.hlb
    fs c() {
    	scratch
    }

    fs b() {
    	c
    	nope "
    }
    "#);
    insta::assert_snapshot!(renamed("fs a$0() {\n\tscratch\n}\n\nfs b( {\n\ta\n}\n", "c"), @r"
    //- build.hlb
    fs c() {
    	scratch
    }

    fs b( {
    	c
    }
    ");
}
