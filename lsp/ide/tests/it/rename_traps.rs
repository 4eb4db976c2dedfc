//! Other names where texts lay traps: names that hide each other, that are said in strings, that end a heredoc, or that many files
//! have for different things.

use crate::fixture::{Fixture, edited};

/// The files after the name at the cursor has become another one, or why it stays.
fn renamed(text: &str, new: &str) -> String {
    let fixture = Fixture::new(text);
    match fixture.snapshot().rename(&fixture.path, fixture.offset, new) {
        Ok(edits) => edited(&edits),
        Err(refused) => format!("refused: {}", refused.0),
    }
}

/// A rename that must be refused for any cursor of several, each in its own text.
fn refused(text: &str, new: &str) {
    let found = renamed(text, new);
    assert!(found.starts_with("refused: "), "`{new}` in {text}: {found}");
}

#[test]
fn a_name_that_hides_another_goes_alone() {
    insta::assert_snapshot!(renamed("string n() { \"f\"; }\n\nstring a(string $0n) { \"${n}\"; }\n\nstring b() { n; }\n", "m"), @r#"
    //- build.hlb
    string n() { "f"; }

    string a(string m) { "${m}"; }

    string b() { n; }
    "#);
    insta::assert_snapshot!(renamed("string $0n() { \"f\"; }\n\nstring a(string n) { \"${n}\"; }\n\nstring b() { n; }\n", "m"), @r#"
    //- build.hlb
    string m() { "f"; }

    string a(string n) { "${n}"; }

    string b() { m; }
    "#);
    insta::assert_snapshot!(renamed("[string] a([string] x) { [for x in x : \"${$0x}\"]; }\n", "y"), @r#"
    //- build.hlb
    [string] a([string] x) { [for y in x : "${y}"]; }
    "#);
    insta::assert_snapshot!(renamed("[string] a([string] $0x) { [for x in x : \"${x}\"]; }\n", "y"), @r#"
    //- build.hlb
    [string] a([string] y) { [for x in y : "${x}"]; }
    "#);
    insta::assert_snapshot!(renamed("let f = 1\n\nint a() {\n\tlet g = fn(int f) int { f + 1; }\n\tg(f) + $0f\n}\n", "one"), @r"
    //- build.hlb
    let one = 1

    int a() {
    	let g = fn(int f) int { f + 1; }
    	g(one) + one
    }
    ");
}

#[test]
fn a_name_that_would_hide_what_is_used_is_refused() {
    // The function would be hidden where it is used.
    refused("string a() { \"f\"; }\n\nstring b(string $0c) { \"${a()}${c}\"; }\n", "a");
    // The builtin.
    refused("fs b(fs $0c) {\n\tscratch\n\tcopy c \"/\" \"/\"\n}\n", "copy");
    // The namespace.
    refused("string b(string $0c) { str.upper(c); }\n", "str");
    // The import, from within and from above.
    let lib = "//- /work/lib.hlb\nexport string x() { \"x\"; }\n";
    refused(&format!("import lib from \"./lib.hlb\"\n\nstring b(string $0c) {{ lib.x() + c; }}\n{lib}"), "lib");
    refused(&format!("import $0lib from \"./lib.hlb\"\n\nstring b(string c) {{ lib.x() + c; }}\n{lib}"), "c");
    // Another local of an outer block.
    refused("[string] a([string] y) { [for $0x in y : \"${x}${y.len()}\"]; }\n", "y");
    // Two of the same.
    refused("string a(string $0x, string y) { \"${x}${y}\"; }\n", "y");
    refused("type Point { int $0x; int y }\n\nint a(Point p) { p.x + p.y; }\n", "y");
    refused("enum Mode { f$0ast slow }\n\nbool a(Mode m) { m == slow; }\n", "slow");
    // A word that is no name here.
    for new in ["true", "import", "export", "with", "as", "<<EOM", "a b", "a;", "a #"] {
        refused("string $0a() { \"x\"; }\n\nstring b() { a; }\n", new);
    }
}

#[test]
fn names_in_strings_and_heredocs_go_with_the_others() {
    let text = "string a(string n) {\n\t<<-EOM\n\t\tn ${n} ${\"ä𝄞${$0n}\"} \\${n}\n\tEOM\n}\n";
    insta::assert_snapshot!(renamed(text, "text"), @r#"
    //- build.hlb
    string a(string text) {
    	<<-EOM
    		n ${text} ${"ä𝄞${text}"} \${n}
    	EOM
    }
    "#);
    insta::assert_snapshot!(renamed("string a(string $0n) {\n\t<<~`EOM`\n\t\t${n}\n\tEOM\n\t`${n}` + n # ${n} n\n}\n", "text"), @r"
    //- build.hlb
    string a(string text) {
    	<<~`EOM`
    		${n}
    	EOM
    	`${n}` + text # ${n} n
    }
    ");
    // In `${}` the word ends no heredoc.
    insta::assert_snapshot!(renamed(text, "EOM"), @r#"
    //- build.hlb
    string a(string EOM) {
    	<<-EOM
    		n ${EOM} ${"ä𝄞${EOM}"} \${n}
    	EOM
    }
    "#);
}

#[test]
fn the_same_name_in_other_files_is_another() {
    let text = "//- /work/a.hlb\nimport l from \"./lib.hlb\"\nimport m from \"./lib.hlb\"\n\nstring x() { l.x() + m.x(); }\n\
                //- /work/b.hlb\nstring x() { \"ä𝄞\"; }\n\nstring y() { x; }\n\
                //- /work/lib.hlb\nstring $0x() { \"x\"; }\n\nexport x\n\nstring l() { x; }\n";
    insta::assert_snapshot!(renamed(text, "z"), @r#"
    //- a.hlb
    import l from "./lib.hlb"
    import m from "./lib.hlb"

    string x() { l.z() + m.z(); }
    //- lib.hlb
    string z() { "x"; }

    export z

    string l() { z; }
    "#);
    let import = text.replace("$0", "").replace("import l", "import $0l");
    insta::assert_snapshot!(renamed(&import, "z"), @r#"
    //- a.hlb
    import z from "./lib.hlb"
    import m from "./lib.hlb"

    string x() { z.x() + m.x(); }
    "#);
    refused(&import, "m");
    refused(&import, "x");
}

#[test]
fn settings_and_results_are_renamed_where_they_are_said() {
    let text = "//- /work/a.hlb\nimport l from \"./lib.hlb\"\n\nfs a() {\n\tl.make \"ä\" with option {\n\t\trace\n\t}\n\
                \tl.make \"b\" as (bin files, version number)\n\tcopy files \"/\" \"/${number}\"\n\
                \tcopy l.make(\"c\").bin \"/\" \"/\"\n}\n\
                //- /work/lib.hlb\nexport fs make(string name) with (bool $0race = false) binds (fs bin, string version) {\n\
                \tlet version = \"1\"\n\tscratch\n\trun name if race { \"𝄞\"; } else { \"\"; } with option {\n\
                \t\tmount scratch \"/o\" as bin\n\t}\n}\n";
    insta::assert_snapshot!(renamed(text, "fast"), @r#"
    //- a.hlb
    import l from "./lib.hlb"

    fs a() {
    	l.make "ä" with option {
    		fast
    	}
    	l.make "b" as (bin files, version number)
    	copy files "/" "/${number}"
    	copy l.make("c").bin "/" "/"
    }
    //- lib.hlb
    export fs make(string name) with (bool fast = false) binds (fs bin, string version) {
    	let version = "1"
    	scratch
    	run name if fast { "𝄞"; } else { ""; } with option {
    		mount scratch "/o" as bin
    	}
    }
    "#);
    let at = |from: &str, to: &str| text.replace("$0race", "race").replace(from, to);
    insta::assert_snapshot!(renamed(&at("(fs bin", "(fs $0bin"), "made"), @r#"
    //- a.hlb
    import l from "./lib.hlb"

    fs a() {
    	l.make "ä" with option {
    		race
    	}
    	l.make "b" as (made files, version number)
    	copy files "/" "/${number}"
    	copy l.make("c").made "/" "/"
    }
    //- lib.hlb
    export fs make(string name) with (bool race = false) binds (fs made, string version) {
    	let version = "1"
    	scratch
    	run name if race { "𝄞"; } else { ""; } with option {
    		mount scratch "/o" as made
    	}
    }
    "#);
    assert_eq!(renamed(&at("(bin files", "($0bin files"), "made"), renamed(&at("(fs bin", "(fs $0bin"), "made"));
    insta::assert_snapshot!(renamed(&at("string version", "string $0version"), "number"), @r#"
    //- a.hlb
    import l from "./lib.hlb"

    fs a() {
    	l.make "ä" with option {
    		race
    	}
    	l.make "b" as (bin files, number number)
    	copy files "/" "/${number}"
    	copy l.make("c").bin "/" "/"
    }
    //- lib.hlb
    export fs make(string name) with (bool race = false) binds (fs bin, string number) {
    	let number = "1"
    	scratch
    	run name if race { "𝄞"; } else { ""; } with option {
    		mount scratch "/o" as bin
    	}
    }
    "#);
    insta::assert_snapshot!(renamed(&at("bin files", "bin $0files"), "bin"), @r#"
    //- a.hlb
    import l from "./lib.hlb"

    fs a() {
    	l.make "ä" with option {
    		race
    	}
    	l.make "b" as (bin bin, version number)
    	copy bin "/" "/${number}"
    	copy l.make("c").bin "/" "/"
    }
    "#);
}

#[test]
fn a_let_that_sets_a_result_goes_with_it() {
    let text = "fs make() binds (string version) {\n\tlet version = \"ä𝄞\"\n\timage \"a:${version}\"\n}\n\n\
                string b() { make().version; }\n";
    let expected = renamed(&text.replace("(string version", "(string $0version"), "tag");
    insta::assert_snapshot!(expected, @r#"
    //- build.hlb
    fs make() binds (string tag) {
    	let tag = "ä𝄞"
    	image "a:${tag}"
    }

    string b() { make().tag; }
    "#);
    for (cursor, at) in [("let version", "let $0version"), ("${version}", "${$0version}"), (".version", ".$0version")] {
        assert_eq!(renamed(&text.replacen(cursor, at, 1), "tag"), expected, "{at}");
    }
    // Nobody reads it, so nobody would complain.
    insta::assert_snapshot!(renamed("fs make() binds (string $0v) {\n\tlet v = \"x\"\n\tscratch\n}\n", "w"), @r#"
    //- build.hlb
    fs make() binds (string w) {
    	let w = "x"
    	scratch
    }
    "#);
}

#[test]
fn words_of_the_grammar_are_names_where_they_may_be() {
    insta::assert_snapshot!(renamed("string $0a() { \"x\"; }\n\nstring b() { a; }\n", "2nd::a"), @r#"
    //- build.hlb
    string 2nd::a() { "x"; }

    string b() { 2nd::a; }
    "#);
    // It becomes the name of the whole file, in which nothing needs the other meaning.
    insta::assert_snapshot!(renamed("string $0a() { \"x\"; }\n\nstring b() { a; }\n", "for"), @r#"
    //- build.hlb
    string for() { "x"; }

    string b() { for; }
    "#);
    refused("string $0a() { \"x\"; }\n\n[string] b() { [for x in [\"b\"] : \"${x}${a()}\"]; }\n", "for");
    refused("string $0a() { \"x\"; }\n\nstring b() {\n\tlet x = a()\n\tx\n}\n", "let");
}

#[test]
fn type_parameters_and_types_are_renamed() {
    // Nobody else can name a type parameter; it is not known as a name.
    let text = "type Pt { int x }\n\n[T] twice<$0T>(T x) { [x, x]; }\n\n[Pt] a(Pt? p) { twice(p ?? Pt(x = 1)); }\n\nlet [Pt] all = []\n";
    assert_eq!(renamed(text, "U"), "");
    insta::assert_snapshot!(renamed(&text.replace("<$0T>", "<T>").replace("type Pt", "type $0Pt"), "Point"), @r#"
    //- build.hlb
    type Point { int x }

    [T] twice<T>(T x) { [x, x]; }

    [Point] a(Point? p) { twice(p ?? Point(x = 1)); }

    let [Point] all = []
    "#);
    refused(&text.replace("<$0T>", "<T>").replace("type Pt", "type $0Pt"), "string");
    refused(&text.replace("<$0T>", "<T>").replace("type Pt", "type $0Pt"), "twice");
}

#[test]
fn a_function_whose_options_have_a_type_keeps_its_name() {
    let text = "fs make() with (bool race = false) {\n\tscratch\n}\n\noption::make x() {\n\trace\n}\n\n\
                fs b() {\n\t$0make with option::make {\n\t\tx\n\t}\n}\n";
    refused(text, "built");
}

#[test]
fn a_use_that_mistakes_hide_keeps_the_name() {
    // A use in a statement that does not parse cannot be seen; then the name stays, or all of it is changed.
    let mut refusals = Vec::new();
    for line in [
        "copy a \"/\", ) \"ä𝄞",
        "mount a \"/\" as as",
        "let x = [a",
        "mkfile \"/\" 0o644 \"${a(}\"",
        "a as as",
        "copy a a a a a",
        "nope a",
        "x.nope(a)",
        "str.nope(a)",
        "run (zzz = a)",
        "run \"x\" with option { mount (a \"/\"; nope a; }",
        "for x in { copy a \"/\" \"/\"; }",
        "if a == { a; }",
        "copy <<EOM\n ${a}\n",
    ] {
        let found =
            renamed(&format!("fs $0a() {{\n\tscratch\n}}\n\nfs c() {{\n\ta\n}}\n\nfs b() {{\n\t{line}\n}}\n"), "other");
        let left = found.split(|ch: char| !ch.is_alphanumeric()).filter(|word| *word == "a").count();
        match found.strip_prefix("refused: ") {
            Some(why) => {
                let (at, why) = why.split_once(' ').unwrap_or_default();
                assert_eq!(why, "may be a use of `a`, which mistakes there keep from being seen; mend them first");
                refusals.push(format!("{at} {}", line.replace('\n', "|")));
            }
            None => assert_eq!(left, 0, "{line}: {found}"),
        }
    }
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    /work/build.hlb:10:8 mount a "/" as as
    /work/build.hlb:10:7 copy a a a a a
    /work/build.hlb:10:7 nope a
    /work/build.hlb:10:9 x.nope(a)
    /work/build.hlb:10:11 str.nope(a)
    /work/build.hlb:10:13 run (zzz = a)
    /work/build.hlb:10:43 run "x" with option { mount (a "/"; nope a; }
    /work/build.hlb:11:4 copy <<EOM| ${a}|
    "#);
}

#[test]
fn a_mistake_elsewhere_keeps_no_local_name() {
    insta::assert_snapshot!(renamed("string a(string n) {\n\tlet $0x = n\n\tx\n}\n\nfs b() {\n\tmount x \"/\" as as\n}\n", "y"), @r#"
    //- build.hlb
    string a(string n) {
    	let y = n
    	y
    }

    fs b() {
    	mount x "/" as as
    }
    "#);
    refused("string a(string n) {\n\tlet $0x = n\n\tx\n\tmount x \"/\" as as\n}\n", "y");
    let files = "//- /work/b.hlb\nimport l from \"./lib.hlb\"\n\nfs b() {\n\tmount l.x \"/\" as as\n}\n\
                 //- /work/lib.hlb\nexport fs $0x() {\n\tscratch\n}\n";
    insta::assert_snapshot!(renamed(files, "y"), @r#"
    refused: /work/b.hlb:4:10 may be a use of `x`, which mistakes there keep from being seen; mend them first
    "#);
}
