//! Definitions in place of their uses.

use hlb_ide::ActionKind;

use crate::fixture::acted;

fn check(text: &str) -> String {
    acted(text, ActionKind::Inline, "inline")
}

#[test]
fn a_value_takes_the_place_of_its_name() {
    insta::assert_snapshot!(check("fs default() {\n\tlet $0base = \"alpine\"\n\timage base\n\trun base \"x\"\n}\n"), @r#"
    fs default() {
    	image "alpine"
    	run "alpine" "x"
    }
    "#);
    insta::assert_snapshot!(check("let tag = \"v1\"\n\nfs default() {\n\timage ta$0g\n}\n"), @r#"
    fs default() {
    	image "v1"
    }
    "#);
}

#[test]
fn texts_go_into_texts() {
    insta::assert_snapshot!(check("fs f(string a) {\n\tlet $0tag = \"v${a}\\n𝄞\"\n\timage \"alpine:${tag}-x\"\n}\n"), @r#"
    fs f(string a) {
    	image "alpine:v${a}\n𝄞-x"
    }
    "#);
    insta::assert_snapshot!(check("string f() {\n\tlet $0a = \"x\"\n\t<<-EOM\n\t\techo ${a}\n\tEOM\n}\n"), @r#"
    string f() {
    	<<-EOM
    		echo ${"x"}
    	EOM
    }
    "#);
    insta::assert_snapshot!(check("string f() {\n\tlet $0a = \"$\"\n\t\"${a}{b}\"\n}\n"), @r#"
    string f() {
    	"${"$"}{b}"
    }
    "#);
}

#[test]
fn operators_keep_their_operands() {
    insta::assert_snapshot!(check("int f(int a) {\n\tlet $0b = a + 1\n\tb * 2\n}\n"), @r#"
    int f(int a) {
    	(a + 1) * 2
    }
    "#);
    insta::assert_snapshot!(check("fs f(string a) {\n\timage \"x\"\n\tlet $0b = a + \"1\"\n\trun b \"2\"\n\tenv(\"A\", b)\n}\n"), @r#"
    fs f(string a) {
    	image "x"
    	run (a + "1") "2"
    	env("A", a + "1")
    }
    "#);
}

#[test]
fn comments_stay_where_they_are() {
    insta::assert_snapshot!(check("fs f() {\n\t# Why.\n\tlet $0a = \"x\" # what\n\timage a\n}\n"), @r#"
    fs f() {
    	# Why.
    	# what
    	image "x"
    }
    "#);
}

#[test]
fn a_value_that_takes_work_is_inlined_once() {
    insta::assert_snapshot!(check("fs f() {\n\tlet $0src = local(\".\")\n\timage \"a\"\n\tcopy src \"/\" \"/\"\n}\n"), @r#"
    fs f() {
    	image "a"
    	copy local(".") "/" "/"
    }
    "#);
    for text in [
        "fs f() {\n\tlet $0src = local(\".\")\n\timage \"a\"\n\tcopy src \"/\" \"/\"\n\tcopy src \"/\" \"/b\"\n}\n",
        "fs f([string] xs) {\n\tlet $0src = local(\".\")\n\timage \"a\"\n\tfor x in xs {\n\t\tcopy src x x\n\t}\n}\n",
    ] {
        assert_eq!(check(text), "nothing", "{text}");
    }
}

#[test]
fn what_would_mean_something_else_stays() {
    for text in [
        // Nothing uses it, or it is known elsewhere.
        "fs f() {\n\tlet $0a = \"x\"\n\timage \"y\"\n}\n",
        "export let $0a = \"x\"\n\nfs f() {\n\timage a\n}\n",
        "let $0a = \"x\"\n\nexport a\n\nfs f() {\n\timage a\n}\n",
        // A name in it means another thing where it would come.
        "string f(string a) {\n\tlet $0b = a\n\tlist.map([\"x\"], fn(string a) string { a + b }).join(\"\")\n}\n",
        // It is a parameter, a result, a name of a loop.
        "fs f(string $0a) {\n\timage a\n}\n",
        "fs f() binds (string v) {\n\tlet $0v = \"1\"\n\timage v\n}\n",
        "fs f() {\n\tfor $0a in [\"x\"] {\n\t\timage a\n\t}\n}\n",
        // A call as a statement goes on from what is there.
        "fs g() {\n\trun \"x\"\n}\n\nfs f() {\n\tlet $0a = g()\n\timage \"a\"\n\ta\n}\n",
        // The next word would be taken for its arguments.
        "string g(string x = \"\") {\n\tx\n}\n\nfs f(string a) {\n\tlet $0b = a + \"x\"\n\timage \"a\"\n\trun g b\n}\n",
    ] {
        assert_eq!(check(text), "nothing", "{text}");
    }
}

#[test]
fn values_are_inlined_while_other_places_are_broken() {
    insta::assert_snapshot!(check("fs a() {\n\tlet $0b = \"x\"\n\timage b\n}\n\nfs c( {\n\trun \"${\n}\n"), @r#"
    fs a() {
    	image "x"
    }

    fs c( {
    	run "${
    }
    "#);
    insta::assert_snapshot!(check("fs a() {\n\tlet $0b = \"ä𝄞\"\n\trun b\n\trun \"${b}\"\n"), @r#"
    fs a() {
    	run "ä𝄞"
    	run "ä𝄞"
    "#);
    assert_eq!(check("fs a() {\n\tlet $0b = \"x\n\timage b\n}\n"), "nothing");
}

#[test]
fn a_call_becomes_the_statement_of_its_function() {
    insta::assert_snapshot!(check("fs install(string name, string how = \"add\") {\n\trun \"apk ${how} ${name}\"\n}\n\nfs default() {\n\timage \"alpine\"\n\tin$0stall \"make\"\n\tinstall \"gcc\"\n}\n"), @r#"
    fs install(string name, string how = "add") {
    	run "apk ${how} ${name}"
    }

    fs default() {
    	image "alpine"
    	run "apk add make"
    	install "gcc"
    }
    "#);
    insta::assert_snapshot!(check("fs at(string place, [string] args) {\n\trun ...args with option {\n\t\tdir place # there\n\t}\n}\n\nfs default(string d) {\n\timage \"a\"\n\ta$0t(args = [\"x\", d], place = d + \"ä𝄞\")\n}\n"), @r#"
    fs at(string place, [string] args) {
    	run ...args with option {
    		dir place # there
    	}
    }

    fs default(string d) {
    	image "a"
    	run ...["x", d] with option {
    		dir (d + "ä𝄞") # there
    	}
    }
    "#);
}

#[test]
fn calls_that_do_more_stay() {
    for text in [
        // Two statements, none, another file's, a builtin, a condition that may leave the value as it is.
        "fs g() {\n\timage \"a\"\n\trun \"x\"\n}\n\nfs f() {\n\tg$0\n}\n",
        "fs g() {}\n\nfs f() {\n\tg$0\n}\n",
        "fs f() {\n\tima$0ge \"a\"\n}\n",
        "string g(bool b) {\n\tif b {\n\t\t\"x\"\n\t}\n}\n\nstring f() {\n\t\"y\"\n\tg$0 false\n}\n",
        // Options and results.
        "fs g() with (bool b = false) {\n\timage if b { \"a\" } else { \"b\" }\n}\n\nfs f() {\n\tg$0\n}\n",
        "fs g() {\n\trun \"x\" with option {\n\t\tmount scratch \"/o\" as out\n\t}\n}\n\nfs f() {\n\timage \"a\"\n\tg$0\n}\n",
        // An argument that takes work and is used twice.
        "fs g(fs a) {\n\tmerge a a\n}\n\nfs f() {\n\tg$0 local(\".\")\n}\n",
        "fs g(variadic string a) {\n\trun ...a\n}\n\nfs f() {\n\timage \"a\"\n\tg$0 \"x\"\n}\n",
        // A name of the function means another thing where the call stands.
        "let a = \"x\"\n\nfs g() {\n\timage a\n}\n\nfs f() {\n\tlet a = \"y\"\n\tg$0\n\trun a\n}\n",
        // Too few arguments, and too many.
        "fs g(string a) {\n\timage a\n}\n\nfs f() {\n\tg$0\n}\n",
        "fs g(string a) {\n\timage a\n}\n\nfs f() {\n\tg$0 \"a\" \"b\"\n}\n",
    ] {
        assert_eq!(check(text), "nothing", "{text}");
    }
}

#[test]
fn a_call_in_an_expression_becomes_the_value_of_its_function() {
    let tag = "string tag(string name, string v = \"1\") { name + \":\" + v; }\n\n";
    for (call, expected) in [
        ("image ta$0g(\"a\")", "image (\"a\" + \":\" + \"1\")"),
        ("image(ta$0g(\"a\", \"ä𝄞\"))", "image(\"a\" + \":\" + \"ä𝄞\")"),
        ("image \"${ta$0g(v = \"2\", name = \"b\")}\"", "image \"${\"b\" + \":\" + \"2\"}\""),
        ("image ta$0g(\"a\").upper()", "image (\"a\" + \":\" + \"1\").upper()"),
        ("image (\"x\" + ta$0g(\"a\"))", "image (\"x\" + (\"a\" + \":\" + \"1\"))"),
    ] {
        let text = |call: &str| format!("{tag}fs f() {{\n\t{call}\n}}\n");
        assert_eq!(check(&text(call)), text(expected));
    }
    insta::assert_snapshot!(check("fs base(string tag) { image \"a:${tag}\"; }\n\nfs f() {\n\timage \"x\"\n\tcopy ba$0se(\"1\") \"/\" \"/\"\n\trun base\n}\n"), @r#"
    fs base(string tag) { image "a:${tag}"; }

    fs f() {
    	image "x"
    	copy image("a:1") "/" "/"
    	run base
    }
    "#);
    insta::assert_snapshot!(check("[string] flags() {\n\t[\n\t\t\"-a\", # all\n\t]\n}\n\nfs f() {\n\timage \"x\"\n\trun ...fla$0gs\n}\n"), @r#"
    [string] flags() {
    	[
    		"-a", # all
    	]
    }

    fs f() {
    	image "x"
    	run ...[
    		"-a", # all
    	]
    }
    "#);
}

#[test]
fn names_that_are_defined_on_the_way_come_along() {
    insta::assert_snapshot!(check("[string] loud([string] words, string mark) {\n\t[for word in words : mark + word + mark]\n}\n\n[string] f() {\n\tlo$0ud [\"a\"] \"!\"\n}\n"), @r#"
    [string] loud([string] words, string mark) {
    	[for word in words : mark + word + mark]
    }

    [string] f() {
    	[for word in ["a"] : "!" + word + "!"]
    }
    "#);
    // The argument's name would be the loop's.
    let text = "[string] loud([string] words, string mark) {\n\t[for word in words : mark + word]\n}\n\n[string] f(string word) {\n\tlo$0ud [\"a\"] word\n}\n";
    assert_eq!(check(text), "nothing");
}

#[test]
fn what_runs_commands_runs_them_as_often_as_before() {
    insta::assert_snapshot!(check("string f() {\n\tlet $0now = localRun(\"date\")\n\t\"at ${now}\"\n}\n"), @r#"
    string f() {
    	"at ${localRun("date")}"
    }
    "#);
    for text in [
        // A constant is evaluated once, the function for each of its arguments.
        "let $0now = localRun(\"date\")\n\nstring f(string x) { x + now; }\n",
        // The same call is evaluated once.
        "string now() { localRun \"date\"; }\n\nstring f() { no$0w() + now; }\n",
        "string f() {\n\tlet $0now = localRun(\"date\")\n\tnow + now\n}\n",
    ] {
        assert_eq!(check(text), "nothing", "{text}");
    }
}

#[test]
fn what_is_looped_over_is_evaluated_once() {
    insta::assert_snapshot!(check("[int] f() {\n\tlet $0all = list.range(0, 3)\n\tfor x in all {\n\t\tx\n\t}\n}\n"), @"
    [int] f() {
    	for x in list.range(0, 3) {
    		x
    	}
    }
    ");
}

#[test]
fn comments_of_what_goes_are_not_lost() {
    for text in [
        "fs f() {\n\tlet $0a = # why\n\t\t\"x\"\n\timage a\n}\n",
        "string g(string a) { a + \"b\"; }\n\nfs f() {\n\timage $0g(\n\t\t# why\n\t\t\"x\",\n\t)\n}\n",
    ] {
        assert_eq!(check(text), "nothing", "{text}");
    }
}

#[test]
fn a_name_that_a_mistake_may_hide_stays() {
    for line in ["nope a", "copy a \"/\", )", "x.nope(a)"] {
        let text = format!("fs f() {{\n\tlet $0a = \"x\"\n\timage a\n\t{line}\n}}\n");
        assert_eq!(check(&text), "nothing", "{text}");
    }
}

#[test]
fn a_result_is_not_inlined_wherever_it_is_named() {
    for text in [
        "fs f() binds (string v) {\n\tlet v = \"1\"\n\timage $0v\n}\n\nstring g() { f().v; }\n",
        "fs f() binds (string v) {\n\tlet $0v = \"1\"\n\tscratch\n}\n\nstring g() { f().v; }\n",
        "fs f() binds (string v) {\n\tlet v = \"1\"\n\tscratch\n}\n\nstring g() { f().$0v; }\n",
        "fs f() binds (fs o) {\n\trun \"x\" with option { mount scratch \"/o\" as o; }\n}\n\nfs g() {\n\tf as (o mine)\n\tcopy $0mine \"/\" \"/\"\n}\n",
    ] {
        assert_eq!(check(text), "nothing", "{text}");
    }
}
