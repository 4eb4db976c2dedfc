//! New declarations of parts of a text.

use hlb_ide::ActionKind;

use crate::fixture::acted;

fn value(text: &str) -> String {
    acted(text, ActionKind::Extract, "extract into a `let`")
}

fn constant(text: &str) -> String {
    acted(text, ActionKind::Extract, "extract into a constant")
}

fn function(text: &str) -> String {
    acted(text, ActionKind::Extract, "extract into a function")
}

#[test]
fn an_expression_gets_a_name_above_its_statement() {
    insta::assert_snapshot!(value("fs default() {\n\timage $1\"alpine:3.20\"$1\n\trun \"make\"\n}\n"), @r#"
    fs default() {
    	let «value» = "alpine:3.20"
    	image value
    	run "make"
    }
    "#);
    insta::assert_snapshot!(value("string f(string a) {\n\t# Why.\n\tformat(\"%s\", $1a + \"ä𝄞\"$1)\n}\n"), @r#"
    string f(string a) {
    	let «value» = a + "ä𝄞"
    	# Why.
    	format("%s", value)
    }
    "#);
}

#[test]
fn places_deep_in_a_statement_are_named_above_all_of_it() {
    insta::assert_snapshot!(value("fs f(string a) {\n\trun \"x ${$1a + \"b\"$1} 𝄞\"\n}\n"), @r#"
    fs f(string a) {
    	let «value» = a + "b"
    	run "x ${value} 𝄞"
    }
    "#);
    insta::assert_snapshot!(value("fs f() {\n\timage \"a\"\n\tcopy $1local(\".\")$1 \"/\" \"/\" with option {\n\t\tcreateDestPath\n\t}\n}\n"), @r#"
    fs f() {
    	image "a"
    	let «value» = local(".")
    	copy value "/" "/" with option {
    		createDestPath
    	}
    }
    "#);
    insta::assert_snapshot!(value("fs f() {\n\timage \"a\"\n\trun \"x\" with option {\n\t\tdir $1\"/src\"$1\n\t}\n}\n"), @r#"
    fs f() {
    	image "a"
    	run "x" with option {
    		let «value» = "/src"
    		dir value
    	}
    }
    "#);
}

#[test]
fn arms_of_a_match_have_no_place_for_names() {
    insta::assert_snapshot!(value("string f(int a) {\n\tmatch a {\n\t\t0 => $1\"no\" + \"ne\"$1\n\t\t_ => \"some\"\n\t}\n}\n"), @r#"
    string f(int a) {
    	let «value» = "no" + "ne"
    	match a {
    		0 => value
    		_ => "some"
    	}
    }
    "#);
    let text = "string f(int a) {\n\tmatch a {\n\t\t0 => \"\"\n\t\tn => $1\"${n} of\"$1\n\t}\n}\n";
    assert_eq!(value(text), "nothing", "what the arm names is not known above");
}

#[test]
fn an_expression_of_a_constant_becomes_one() {
    insta::assert_snapshot!(constant("# What it is.\nlet a = [$1\"x\" + \"y\"$1]\n"), @r#"
    let «value» = "x" + "y"

    # What it is.
    let a = [value]
    "#);
}

#[test]
fn names_that_are_taken_are_not_taken_again() {
    insta::assert_snapshot!(value("string f(string value) {\n\tlet value2 = $1value + \"a\"$1\n\tvalue2\n}\n"), @r#"
    string f(string value) {
    	let «value3» = value + "a"
    	let value2 = value3
    	value2
    }
    "#);
}

#[test]
fn what_would_mean_something_else_is_not_extracted() {
    for text in [
        "fs f() {\n\timage \"a\"\n\t$1if true {\n\t\trun \"x\"\n\t}$1\n}\n",
        "[string] f([string] xs) {\n\t[for x in xs : $1x + \"a\"$1]\n}\n",
        "string f(string? x) {\n\tif x != none && $1x.len() > 1$1 {\n\t\t\"b\"\n\t}\n}\n",
        "enum P { a b }\n\nP f() {\n\t$1a$1\n}\n",
        "bool f(string? a) {\n\ta == $1none$1\n}\n",
        "string f() {\n\tformat($1\"a\", \"b\"$1)\n}\n",
        "import $1a$1 from \"./a.hlb\"\n",
        "import a from $1\"./a.hlb\"$1\n",
        "fs f(string a = $1\"x\"$1) {\n\timage a\n}\n",
        "string f(string a) {\n\tformat \"x\" $1\"y\"$1 (a)\n}\n",
    ] {
        assert_eq!((value(text).as_str(), constant(text).as_str()), ("nothing", "nothing"), "{text}");
    }
}

#[test]
fn values_are_extracted_while_other_places_are_broken() {
    insta::assert_snapshot!(value("fs a() {\n\timage $1\"x\"$1\n}\n\nfs b( {\n\trun \"${\n}\n"), @r#"
    fs a() {
    	let «value» = "x"
    	image value
    }

    fs b( {
    	run "${
    }
    "#);
    insta::assert_snapshot!(value("fs a() {\n\timage $1\"x\"$1\n\trum \"y\"\n"), @r#"
    fs a() {
    	let «value» = "x"
    	image value
    	rum "y"
    "#);
    assert_eq!(value("fs a() {\n\timage $1\"x$1\n}\n"), "nothing");
    let text = "string f(string? a) {\n\tif $1a != none && true$1 {\n\t\tzz9 ) a.upper()\n\t}\n}\n";
    assert_eq!(value(text), "nothing", "the condition tells that there is a text");
    assert_eq!(value("$1$1"), "nothing");
}

#[test]
fn statements_become_a_function_that_takes_what_they_use() {
    insta::assert_snapshot!(function("fs default(string tag, bool quick) {\n\timage \"alpine:${tag}\"\n\t# All of it.\n\tlet place = \"/src\"\n\t$1run \"make ${tag}\" with option {\n\t\tdir place\n\t}\n\trun \"make check\" # slow$1\n\tenv \"A\" \"B\"\n}\n\nfs other() {\n\tscratch\n}\n"), @r#"
    fs default(string tag, bool quick) {
    	image "alpine:${tag}"
    	# All of it.
    	let place = "/src"
    	«extracted» tag place
    	env "A" "B"
    }

    fs extracted(string tag, string place) {
    	run "make ${tag}" with option {
    		dir place
    	}
    	run "make check" # slow
    }

    fs other() {
    	scratch
    }
    "#);
}

#[test]
fn comments_and_indentation_go_with_statements() {
    insta::assert_snapshot!(function("fs f([string] xs) {\n\timage \"a\"\n\tfor x in xs {\n\t\t$1# Each 𝄞.\n\t\trun x\n\t\trun <<-EOM\n\t\t\techo ${x}\n\t\tEOM$1\n\t}\n}\n"), @r#"
    fs f([string] xs) {
    	image "a"
    	for x in xs {
    		«extracted» x
    	}
    }

    fs extracted(string x) {
    	# Each 𝄞.
    	run x
    	run <<-EOM
    			echo ${x}
    	EOM
    }
    "#);
}

#[test]
fn blocks_of_lists_and_options_can_be_taken_apart_as_well() {
    insta::assert_snapshot!(function("[string] f(bool race) {\n\t\"build\"\n\t$1if race {\n\t\t\"-race\"\n\t}$1\n}\n"), @r#"
    [string] f(bool race) {
    	"build"
    	«extracted» race
    }

    [string] extracted(bool race) {
    	if race {
    		"-race"
    	}
    }
    "#);
    insta::assert_snapshot!(function("fs f() {\n\timage \"a\"\n\trun \"x\" with option::run {\n\t\t$1dir \"/a\"$1\n\t\tuser \"u\"\n\t}\n}\n"), @r#"
    fs f() {
    	image "a"
    	run "x" with option::run {
    		«extracted»
    		user "u"
    	}
    }

    option::run extracted() {
    	dir "/a"
    }
    "#);
}

#[test]
fn options_have_the_type_of_what_takes_them() {
    insta::assert_snapshot!(function("fs f(string d) {\n\timage \"a\"\n\trun \"x\" with option {\n\t\t$1dir d\n\t\tuser \"u\"$1\n\t\tnetwork \"none\"\n\t}\n}\n"), @r#"
    fs f(string d) {
    	image "a"
    	run "x" with option {
    		«extracted» d
    		network "none"
    	}
    }

    option::run extracted(string d) {
    	dir d
    	user "u"
    }
    "#);
    insta::assert_snapshot!(function("fs g() with ([string] tags = []) {\n\timage \"a\"\n\trun ...tags\n}\n\nfs f([string] ts) {\n\tg with option {\n\t\t$1for t in ts {\n\t\t\ttags t\n\t\t}$1\n\t}\n}\n"), @r#"
    fs g() with ([string] tags = []) {
    	image "a"
    	run ...tags
    }

    fs f([string] ts) {
    	g with option {
    		«extracted» ts
    	}
    }

    option::g extracted([string] ts) {
    	for t in ts {
    		tags t
    	}
    }
    "#);
}

#[test]
fn what_is_behind_characters_of_several_bytes_is_found() {
    insta::assert_snapshot!(function("fs f() {\n\timage \"ä𝄞\"\n\t# ä𝄞\n\t$1run \"ä𝄞\"$1\n}\n"), @r#"
    fs f() {
    	image "ä𝄞"
    	# ä𝄞
    	«extracted»
    }

    fs extracted() {
    	run "ä𝄞"
    }
    "#);
    insta::assert_snapshot!(value("fs f() {\n\timage \"ä𝄞\"\n\trun \"ä𝄞 ${$1\"ä\" + \"𝄞\"$1} 𝄞\"\n}\n"), @r#"
    fs f() {
    	image "ä𝄞"
    	let «value» = "ä" + "𝄞"
    	run "ä𝄞 ${value} 𝄞"
    }
    "#);
}

#[test]
fn a_name_that_sets_a_result_is_used_as_any_other() {
    insta::assert_snapshot!(function("fs f() binds (string v) {\n\tlet v = \"1\"\n\timage \"a:${v}\"\n\t$1run \"x ${v}\"$1\n}\n\nstring g() { f().v }\n"), @r#"
    fs f() binds (string v) {
    	let v = "1"
    	image "a:${v}"
    	«extracted» v
    }

    fs extracted(string v) {
    	run "x ${v}"
    }

    string g() { f().v }
    "#);
    insta::assert_snapshot!(value("fs f() binds (string v) {\n\tlet v = $1\"1\" + \"2\"$1\n\timage \"a:${v}\"\n}\n\nstring g() { f().v }\n"), @r#"
    fs f() binds (string v) {
    	let «value» = "1" + "2"
    	let v = value
    	image "a:${v}"
    }

    string g() { f().v }
    "#);
    insta::assert_snapshot!(value("fs f() binds (string v) {\n\tlet v = \"1\"\n\timage $1\"a:${v}\"$1\n}\n\nstring g() { f().v }\n"), @r#"
    fs f() binds (string v) {
    	let v = "1"
    	let «value» = "a:${v}"
    	image value
    }

    string g() { f().v }
    "#);
}

#[test]
fn what_runs_commands_runs_them_as_often_as_before() {
    insta::assert_snapshot!(value("string f() {\n\t\"${$1localRun(\"date\")$1}\"\n}\n"), @r#"
    string f() {
    	let «value» = localRun("date")
    	"${value}"
    }
    "#);
    for text in [
        "[string] f([string] xs) {\n\t[for x in xs : x + $1localRun(\"date\")$1]\n}\n",
        "[string] f([string] xs) {\n\txs.map(fn(string x) string { x + $1localRun(\"date\")$1 })\n}\n",
    ] {
        assert!(!value(text).starts_with("[string] f([string] xs) {\n\tlet"), "{text}");
    }
    assert_eq!(function("[string] f([string] xs) {\n\tfor x in xs {\n\t\t$1localRun \"date\"$1\n\t}\n}\n"), "nothing");
}

#[test]
fn comments_are_not_lost() {
    assert_eq!(value("int f(int a) {\n\t2 * $1(# why\n\t\ta + 1)$1\n}\n"), "nothing");
    insta::assert_snapshot!(value("[string] f(int a) {\n\t[\"a\"] + $1[\n\t\t\"b\", # why\n\t]$1\n}\n"), @r#"
    [string] f(int a) {
    	let «value» = [
    		"b", # why
    	]
    	["a"] + value
    }
    "#);
}

#[test]
fn heredocs_keep_their_margins() {
    insta::assert_snapshot!(value("fs f(string a) {\n\timage \"a\"\n\trun $1<<-EOM\n\t\tone ${a}\n\t\t\ttwo\n\tEOM$1 with dir(\"/\")\n}\n"), @r#"
    fs f(string a) {
    	image "a"
    	let «value» = <<-EOM
    		one ${a}
    			two
    	EOM
    	run value with dir("/")
    }
    "#);
    insta::assert_snapshot!(value("fs f(string a) {\n\timage \"a\"\n\trun <<~EOM\n\t\tone ${$1a + \"b\"$1}\n\tEOM\n}\n"), @r#"
    fs f(string a) {
    	image "a"
    	let «value» = a + "b"
    	run <<~EOM
    		one ${value}
    	EOM
    }
    "#);
}

#[test]
fn what_a_condition_tells_of_a_name_goes_with_it() {
    insta::assert_snapshot!(function("fs f(string? tag) {\n\tscratch\n\tif tag != none {\n\t\t$1image \"a:${tag}\"$1\n\t}\n}\n"), @r#"
    fs f(string? tag) {
    	scratch
    	if tag != none {
    		«extracted» tag
    	}
    }

    fs extracted(string tag) {
    	image "a:${tag}"
    }
    "#);
}

#[test]
fn statements_on_one_line_keep_their_neighbours() {
    insta::assert_snapshot!(function("fs f() { image \"a\"; $1run \"x\"$1; run \"y\" }\n"), @r#"
    fs f() { image "a"; «extracted»; run "y" }

    fs extracted() {
    	run "x"
    }
    "#);
}

#[test]
fn statements_that_others_need_stay() {
    for text in [
        // A name that is used behind them.
        "fs f() {\n\t$1let a = \"x\"\n\timage a$1\n\trun a\n}\n",
        // A name that `as` binds and that is used elsewhere.
        "fs f() {\n\timage \"a\"\n\t$1run \"x\" with option {\n\t\tmount scratch \"/o\" as out\n\t}$1\n}\n\nfs g() {\n\tcopy out \"/\" \"/\"\n}\n",
        "fs f() {\n\timage \"a\"\n\t$1run \"x\" with option {\n\t\tmount scratch \"/o\" as out\n\t}$1\n}\n\nexport out\n",
        // A name that `as` binds: it is a target, which would start from nothing.
        "fs f() {\n\timage \"a\"\n\t$1run \"x\" with option {\n\t\tmount scratch \"/o\" as out\n\t}$1\n}\n",
        // What has a mistake.
        "fs f(string a) {\n\timage \"x\"\n\t$1nope a$1\n}\n",
        // A result.
        "fs f() binds (string v) {\n\t$1let v = \"1\"\n\timage \"a\"$1\n}\n",
        // A value that is not added to another.
        "string f(bool b) {\n\t\"a\"\n\t$1if b {\n\t\t\"b\"\n\t}$1\n}\n",
        // Parts of statements.
        "fs f() {\n\timage $1\"a\"\n\trun$1 \"x\"\n}\n",
        "fs f() {\n\timage \"a\"\n\trun \"x\" with $1option {\n\t\tdir \"/\"\n\t}$1\n}\n",
        // What does not parse.
        "fs f() {\n\t$1image \"a\" )$1\n}\n",
        "test \"a\" {\n\t$1assert true$1\n}\n",
    ] {
        assert_eq!(function(text), "nothing", "{text}");
    }
}

#[test]
fn a_name_that_a_mistake_may_define_keeps_statements() {
    for slip in ["zz9 ) ", "zz9(\"${ ", "let = \"ä𝄞\" "] {
        let text = |before: &str, behind: &str| {
            format!(
                "let place = \"x\"\n\noption::run caches(string name) {{\n\t{before}user \"u\"{behind}\n\t{slip}let place = name\n\t"
            )
        };
        let rest = "dir place";
        assert_eq!(function(&format!("{}$1{rest}$1\n}}\n", text("", ""))), "nothing", "{slip}");
        assert_ne!(function(&format!("{}{rest}\n}}\n", text("$1", "$1"))), "nothing", "{slip}");
    }
}
