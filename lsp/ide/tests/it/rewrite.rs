//! Calls, written otherwise.

use hlb_ide::{ActionKind, Host, Settings};
use hlb_language::span::Span;
use hlb_modules::{Lock, Name, NameKind};

use crate::fixture::{acted, apply};

fn converted(text: &str) -> String {
    acted(text, ActionKind::Rewrite, "write the arguments")
}

fn filled(text: &str) -> String {
    acted(text, ActionKind::QuickFix, "add the missing argument")
}

#[test]
fn arguments_go_into_parentheses_and_out_of_them() {
    for (beside, inside) in [
        ("mkdir \"/ä𝄞\" 0o755", "mkdir(\"/ä𝄞\", 0o755)"),
        ("run \"a\" \"b\" with dir(\"/\")", "run(\"a\", \"b\") with dir(\"/\")"),
        ("copy local(\".\") \"/\" \"/\"", "copy(local(\".\"), \"/\", \"/\")"),
        ("label key = \"a\" value = \"b\"", "label(key = \"a\", value = \"b\")"),
        ("run ...[\"a\", \"b\"]", "run(...[\"a\", \"b\"])"),
    ] {
        let text = |call: &str| format!("fs f() {{\n\timage \"a\"\n\t{call}\n}}\n");
        let cursor = |call: &str| format!("fs f() {{\n\timage \"a\"\n\t$0{call}\n}}\n");
        assert_eq!(converted(&cursor(beside)), text(inside));
        assert_eq!(converted(&cursor(inside)), text(beside));
    }
}

#[test]
fn arguments_mean_the_same_in_both_forms() {
    insta::assert_snapshot!(converted("int g(int a, int b) {\n\ta\n}\n\nint f() {\n\t$0g(1, -1)\n}\n"), @"
    int g(int a, int b) {
    	a
    }

    int f() {
    	g 1 (-1)
    }
    ");
    for text in [
        // They would be arguments of the name in front of them.
        "int g(int a, int b) {\n\ta\n}\n\nint f(int a) {\n\t$0g(a, -1)\n}\n",
        "int h(int a = 1) {\n\ta\n}\n\nint g(int a, int b) {\n\ta\n}\n\nint f() {\n\t$0g(h, (1 + 2))\n}\n",
        "fs f() {\n\timage \"a\"\n\t$0run(\n\t\t\"a\", # why\n\t\t\"b\",\n\t)\n}\n",
        "fs f() {\n\t$0scratch\n}\n",
        "fs f() {\n\timage $0\"a\"\n}\n",
        "fs f() {\n\t$0image(\"a\"\n}\n",
    ] {
        assert_eq!(converted(text), "nothing", "{text}");
    }
    insta::assert_snapshot!(converted("fs f() {\n\timage \"a\"\n\t$0run(\n\t\t\"a\",\n\t\t\"b\",\n\t)\n\trun \"${\n"), @r#"
    fs f() {
    	image "a"
    	run "a" "b"
    	run "${
    "#);
}

#[test]
fn missing_arguments_are_the_smallest_of_their_types() {
    insta::assert_snapshot!(filled("enum P { slow quick }\n\ntype R {\n\tint a\n\tstring b = \"\"\n}\n\nfs g(string s, int i, bool b, fs f, [string] l, map[int] m, P p, R r, string? o, string d = \"\") {\n\tscratch\n}\n\nfs f() {\n\tg$0 \"ä𝄞\"\n}\n"), @r#"
    enum P { slow quick }

    type R {
    	int a
    	string b = ""
    }

    fs g(string s, int i, bool b, fs f, [string] l, map[int] m, P p, R r, string? o, string d = "") {
    	scratch
    }

    fs f() {
    	g "ä𝄞" 0 false scratch [] {} slow R(a = 0) none
    }
    "#);
}

#[test]
fn missing_arguments_stand_where_the_others_do() {
    for (call, expected) in [
        ("copy$0 scratch \"/app\"", "copy scratch \"/app\" \"\""),
        ("copy$0(scratch, \"/app\")", "copy(scratch, \"/app\", \"\")"),
        ("mkdir$0", "mkdir \"\" 0"),
        ("mkdir$0()", "mkdir(\"\", 0)"),
        ("mkdir$0 filemode = 0o755", "mkdir filemode = 0o755 path = \"\""),
        ("copy loc$0al \"/\" \"/𝄞\"", "copy local(\"\") \"/\" \"/𝄞\""),
    ] {
        let text = |call: &str| format!("fs f() {{\n\timage \"a\"\n\t{call}\n}}\n");
        assert_eq!(filled(&text(call)), text(expected));
    }
    insta::assert_snapshot!(filled("fs g() with (string tag = \"\") {\n\timage \"a\"\n\trun tag\n}\n\nfs f() {\n\tg with option {\n\t\t$0tag\n\t}\n}\n"), @r#"
    fs g() with (string tag = "") {
    	image "a"
    	run tag
    }

    fs f() {
    	g with option {
    		tag ""
    	}
    }
    "#);
    for text in [
        "fs f() {\n\timage$0 \"a\" \"b\"\n}\n",
        "string f() {\n\t\"ä𝄞\".replace$0(\"a\")\n}\n",
        "fs g(fn(int) int f) {\n\tscratch\n}\n\nfs f() {\n\tg$0\n}\n",
        "fs f() {\n\tnothing$0\n}\n",
    ] {
        assert_eq!(filled(text), "nothing", "{text}");
    }
}

#[test]
fn an_image_is_pinned_to_what_the_lock_file_says() {
    let dir = tempfile::tempdir().unwrap();
    let root = camino::Utf8Path::from_path(dir.path()).unwrap();
    let digest = format!("sha256:{}", "0a".repeat(32));
    let mut lock = Lock::default();
    let name = "docker.io/library/alpine:3.20";
    lock.set(Name { kind: NameKind::Image, text: name.to_owned() }, digest.clone());
    std::fs::write(root.join(Lock::NAME), lock.text()).unwrap();
    let mut host = Host::new(Settings { max_files: 0, ..Settings::default() }, vec![root.to_owned()]);
    let path = root.join("build.hlb");
    for (call, pinned) in [
        ("image \"alpine:3.20\"", true),
        ("image(\"alpine:3.20\")", true),
        ("image \"alpine:3.19\"", false),
        ("image \"ä𝄞\"", false),
        ("run \"alpine:3.20\"", false),
    ] {
        let text = format!("fs f() {{\n\t{call}\n}}\n");
        host.edit(path.clone(), text.clone());
        let range = Span::at(text.find('"').unwrap() + 2);
        let found = host.snapshot().actions(&path, range, &[ActionKind::Rewrite]);
        let action = found.iter().find(|it| it.title.starts_with("pin"));
        let new = action.map(|action| apply(&text, &action.edits[0].edits));
        let expected = text.replace("alpine:3.20", &format!("alpine:3.20@{digest}"));
        assert_eq!(new, pinned.then_some(expected), "{text}");
    }
}
