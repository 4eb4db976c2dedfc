//! What could be written at a place.

use hlb_ide::{Completion, Completions, Host, Settings};

use crate::fixture::{Fixture, apply};

fn complete(text: &str) -> Vec<Completion> {
    let fixture = Fixture::new(text);
    let Completions { items, .. } = fixture.snapshot().complete(&fixture.path, fixture.offset, true);
    items
}

/// What is offered first, and what is not offered at all.
fn check(text: &str, first: &[&str], absent: &[&str]) {
    let items = complete(text);
    let labels: Vec<&str> = items.iter().map(|item| item.label.as_str()).collect();
    let start = labels.get(..first.len().min(labels.len())).unwrap_or_default();
    assert_eq!(start, first, "{text}\nall: {labels:?}");
    for label in absent {
        assert!(!labels.contains(label), "{text}\noffers {label}");
    }
    if first.is_empty() && absent.is_empty() {
        assert!(labels.is_empty(), "{text}\noffers {labels:?}");
    }
}

/// Whether all of these are offered, in any order.
fn offers(text: &str, wanted: &[&str]) {
    let items = complete(text);
    let labels: Vec<&str> = items.iter().map(|item| item.label.as_str()).collect();
    for label in wanted {
        assert!(labels.contains(label), "{text}\ndoes not offer {label}: {labels:?}");
    }
}

#[test]
fn statements_of_filesystems_begin_with_what_makes_or_changes_one() {
    check("fs default() {\n\t$0\n}\n", &["default", "copy"], &["readonlyRootfs", "tmpfs", "true", "assert"]);
    offers("fs default() {\n\t$0\n}\n", &["image", "run", "mkfile", "let", "if", "for", "match", "str"]);
    offers("fs default() {\n\timage \"a\"\n\tr$0\n}\n", &["run", "rm"]);
    offers("fs default() {\n\timage \"a\"; $0\n}\n", &["run"]);
    offers("fs default() { $0 }\n", &["image"]);
    offers("fs default() {\n\tif true {\n\t\t$0\n\t}\n}\n", &["image"]);
    offers("fs default() {\n\tfor x in [1] {\n\t\t$0\n\t}\n\tscratch\n}\n", &["run"]);
    offers("fs a() {\n\tscratch\n}\n\nfs default() {\n\t$0", &["a", "image"]);
    // A filesystem that is a parameter may be the value.
    check("fs f(fs input, string s) {\n\t$0\n}\n", &["input"], &["s"]);
}

#[test]
fn option_blocks_offer_their_options_only() {
    let all = ["dir", "env", "mount"];
    check(
        "fs default() {\n\trun \"x\" with option {\n\t\t$0\n\t}\n}\n",
        &all,
        &["image", "run", "copy", "tmpfs", "str"],
    );
    offers(
        "fs default() {\n\trun \"x\" with option {\n\t\t$0\n\t}\n}\n",
        &["mount", "secret", "dir", "env", "if", "for"],
    );
    offers("fs default() {\n\trun \"x\" with option {\n\t\tm$0\n\t}\n}\n", &["mount"]);
    offers(
        "fs default() {\n\trun \"x\" with option {\n\t\tmount scratch \"/o\" with option {\n\t\t\t$0\n\t\t}\n\t}\n}\n",
        &["readonly", "cache", "tmpfs"],
    );
    check("option::run opts() {\n\t$0\n}\n", &["dir"], &["image"]);
    offers("fs default() {\n\trun \"x\" with option { $0 }\n}\n", &["mount"]);
    // Not closed yet.
    offers("fs default() {\n\trun \"x\" with option {\n\t\t$0\n\nfs other() {\n\tscratch\n}\n", &["mount"]);
    offers("fs default() {\n\trun \"x ä𝄞\" with option {\n\t\tdir \"/\"\n\t\t$0\n}\n", &["mount"]);
}

#[test]
fn options_of_a_function_are_those_that_it_declares() {
    let text = "fs build(string p) with (bool race = false, [string] tags = []) {\n\tscratch\n\tenv p p\n\tenv \"r\" tags[0]\n\tif race { run \"x\"; }\n}\n\nfs default() {\n\tbuild \"x\" with option {\n\t\t$0\n\t}\n}\n";
    check(text, &["race", "tags"], &["mount", "image"]);
}

#[test]
fn what_stands_behind_with_is_options() {
    check("fs default() {\n\trun \"x\" with $0\n}\n", &["option { … }"], &["mkfile"]);
    offers("option::run o() {\n\tshlex\n}\n\nfs default() {\n\trun \"x\" with $0\n}\n", &["o", "option { … }"]);
}

#[test]
fn members_stand_behind_their_dots() {
    let lib = "//- /work/lib.hlb\nexport fs tool(string a) {\n\tscratch\n\tenv a a\n}\n\nfs hidden() {\n\tscratch\n}\n\nexport let version = \"1\"\n";
    check(
        &format!("import lib from \"./lib.hlb\"\n\nfs default() {{\n\tlib.$0\n}}\n{lib}"),
        &["tool"],
        &["hidden", "image"],
    );
    check(&format!("import lib from \"./lib.hlb\"\n\nfs default() {{\n\tlib.to$0\n}}\n{lib}"), &["tool"], &[]);
    check("import go from \"std/go\"\n\nfs default() {\n\tgo.$0\n}\n", &["build"], &["image"]);
    check("let s = str.$0\n", &["contains"], &["image", "s"]);
    offers("let s = str.$0\n", &["upper", "trim", "split"]);
    offers("fs f(string s) {\n\tscratch\n\tenv \"a\" s.$0\n}\n", &["upper", "trim"]);
    offers("fs f(string s) {\n\tscratch\n\tenv \"a\" s.tr$0\n}\n", &["trim"]);
    offers("fs f([string] xs) {\n\tscratch\n\tenv \"a\" xs.$0\n}\n", &["join"]);
    offers("let x = {\"a\" = 1}.$0\n", &["keys"]);
    check("enum Mode { debug release }\n\nlet m = Mode.$0\n", &["debug", "release"], &["image"]);
    let record = "type Point {\n\tint left\n\tint right\n}\n\nfs f(Point p) {\n\tscratch\n\tmkdir \"/\" p.$0\n}\n";
    check(record, &["left", "right"], &["image"]);
    check("fs f(int n) {\n\tscratch\n\tmkdir \"/\" n.$0\n}\n", &[], &[]);
    check("fs f() {\n\tnothing.$0\n}\n", &[], &[]);
}

#[test]
fn values_that_fit_come_first() {
    let text = "fs f(string name, int count, bool wide) {\n\tscratch\n\tenv \"K\" $0\n}\n";
    check(text, &["name"], &["run", "mkfile"]);
    offers(text, &["value =", "str", "count"]);
    check("fs f(string name, int count) {\n\tscratch\n\tmkdir name $0\n}\n", &["count"], &["mkdir"]);
    offers("fs f(fs input) {\n\tscratch\n\tcopy $0\n}\n", &["input", "image", "scratch", "fs { … }", "src ="]);
    offers("fs f(fs input) {\n\tscratch\n\tcopy(input, $0)\n}\n", &["src =", "dst ="]);
    offers("bool b(bool x) {\n\t!$0\n}\n", &["true", "false", "x"]);
    offers("let string version = \"1\"\n\nfs f() {\n\timage $0\n}\n", &["version"]);
    offers("string s(string? x) {\n\tx ?? $0\n}\n", &["x"]);
    offers("let [string] a = [$0]\n\nlet b = \"x\"\n", &["b"]);
}

#[test]
fn arguments_have_names_until_they_are_given() {
    let f =
        "fs f(string one, string two = \"\", int three = 0) {\n\tscratch\n\tenv one two\n\tmkdir \"/\" three\n}\n\n";
    let labels = |call: &str| -> Vec<String> {
        let items = complete(&format!("{f}fs default() {{\n\t{call}\n}}\n"));
        items.iter().filter(|it| it.label.ends_with(" =")).map(|it| it.label.clone()).collect()
    };
    assert_eq!(labels("f($0)"), ["one =", "three =", "two ="]);
    assert_eq!(labels("f \"a\" $0"), ["three =", "two ="]);
    assert_eq!(labels("f(\"a\", two = \"b\", $0)"), ["three ="]);
    assert_eq!(labels("f(one = $0)"), [""; 0]);
    assert_eq!(labels("f(\"a\", t$0)"), ["three =", "two ="]);
}

#[test]
fn variants_are_offered_where_their_enum_is_wanted() {
    let e = "enum Profile { debug release }\n\nfs build(Profile p) {\n\tscratch\n\tif p == Profile.debug { run \"x\"; }\n}\n\n";
    check(&format!("{e}fs default() {{\n\tbuild $0\n}}\n"), &["debug", "release"], &[]);
    offers("fs default() {\n\trun \"x\" with option {\n\t\tnetwork $0\n\t}\n}\n", &["host", "none"]);
    offers("fs default() {\n\trun \"x\" with option {\n\t\tnetwork \"$0\"\n\t}\n}\n", &["host", "none"]);
    offers(
        "fs default() {\n\trun \"x\" with option {\n\t\tmount scratch \"/c\" with option {\n\t\t\tcache \"id\" \"sh$0\"\n\t\t}\n\t}\n}\n",
        &["shared"],
    );
}

#[test]
fn strings_offer_what_their_argument_may_be() {
    let dir = tempfile::tempdir().unwrap();
    let root = camino::Utf8Path::from_path(dir.path()).unwrap();
    for path in ["src/main.c", "key", ".hidden", "lib.hlb", "deep/other.hlb"] {
        std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        std::fs::write(root.join(path), "").unwrap();
    }
    let lock =
        format!("version = 1\n\n[image.\"docker.io/library/alpine:3.20\"]\ndigest = \"sha256:{}\"\n", "a".repeat(64));
    std::fs::write(root.join("hlb.lock"), lock).unwrap();
    let labels = |marked: &str| -> Vec<String> {
        let mut host = Host::new(Settings::default(), Vec::new());
        let path = root.join("build.hlb");
        host.edit(path.clone(), marked.replace("$0", ""));
        let offset = marked.find("$0").unwrap();
        let found = host.snapshot().complete(&path, offset, true);
        found.items.into_iter().map(|it| it.label).collect()
    };
    assert_eq!(labels("fs a() {\n\tlocal \"$0\"\n}\n"), ["deep/", "hlb.lock", "key", "lib.hlb", "src/"]);
    assert_eq!(labels("fs a() {\n\tlocal \"src/$0\"\n}\n"), ["main.c"]);
    assert_eq!(labels("fs a() {\n\tlocal \"none/$0\"\n}\n"), [""; 0]);
    assert_eq!(labels("fs a() {\n\trun \"x\" with option {\n\t\tsecret \"k$0\" \"/k\"\n\t}\n}\n"), ["hlb.lock", "key"]);
    assert_eq!(
        labels("fs a() {\n\timage \"al$0\"\n}\n\nfs b() {\n\timage \"debian:12\"\n}\n"),
        ["alpine:3.20", "debian:12"]
    );
    assert_eq!(labels("import l from \"$0\"\n"), ["std/apt", "std/go", "./deep/", "./lib.hlb", "./src/"]);
    assert_eq!(labels("import l from \"./$0\"\n"), ["deep/", "lib.hlb", "src/"]);
    assert_eq!(labels("import l from \"./deep/o$0\"\n"), ["other.hlb"]);
    assert_eq!(labels("fs a() {\n\trun \"$0\"\n}\n"), [""; 0]);
    assert_eq!(labels("fs a() {\n\timage \"${x}$0\"\n}\n"), [""; 0]);
}

#[test]
fn interpolations_offer_values() {
    offers("fs f(string name) {\n\trun \"echo ${$0}\"\n}\n", &["name"]);
    offers("fs f(string name) {\n\trun \"ä𝄞 ${na$0}\"\n}\n", &["name"]);
    offers("fs f(string name) {\n\trun <<EOM\necho ${$0}\nEOM\n}\n", &["name"]);
    check("fs f(string name) {\n\trun <<EOM\necho $0\nEOM\n}\n", &[], &[]);
}

#[test]
fn heads_and_top_levels_have_words_of_their_own() {
    check("$0", &["enum", "export"], &["image", "run"]);
    offers("$0", &["fs", "import", "let", "test", "type", "string", "pipeline"]);
    offers("fs a() {\n\tscratch\n}\n\nf$0\n\nfs b() {\n\tscratch\n}\n", &["fs"]);
    check("import go $0", &["from"], &["image"]);
    check("import $0", &[], &[]);
    check("export $0\n\nfs a() {\n\tscratch\n}\n", &["a"], &["image"]);
    check("fs $0() {\n\tscratch\n}\n", &[], &[]);
    offers("type Point {\n\tint x\n}\n\nfs a($0) {\n\tscratch\n}\n", &["string", "fs", "Point", "variadic"]);
    offers("fs a(string s, $0) {\n\tscratch\n}\n", &["string"]);
    check("fs a(string $0) {\n\tscratch\n}\n", &[], &[]);
    offers("fs a(string s = $0) {\n\tscratch\n}\n\nlet v = \"x\"\n", &["v"]);
    offers("type Point {\n\t$0\n}\n", &["int", "string"]);
    check("enum Mode { $0 }\n", &[], &[]);
    check("# a comment $0\nfs a() {\n\tscratch\n}\n", &[], &[]);
    check("fs a() {\n\tscratch # ä $0\n}\n", &[], &[]);
    check("fs a() {\n\tmkdir \"/\" 0o7$0\n}\n", &[], &[]);
    offers("test \"it\" {\n\t$0\n}\n", &["assert", "image"]);
}

#[test]
fn half_typed_statements_still_know_their_calls() {
    for text in [
        "fs f(string name) {\n\tenv \"K\" (na$0\n}\n",
        "fs f(string name) {\n\tenv(\"K\", na$0\n}\n",
        "fs f(string name) {\n\tenv \"K\" na$0 with\n}\n",
        "fs f(string name) {\n\tif na$0\n}\n",
        "fs f([string] name) {\n\tfor x in na$0\n}\n",
        "fs f(string name) {\n\tlet x = na$0\n}\n",
        "fs f(string name) {\n\tlet x = \"a\" + na$0\n\tscratch\n}\n",
        "fs f(string name) {\n\tenv \"K\" na$0 as\n}\n",
        "fs f(string name) {\n\tassert na$0\n}\n",
        "fs f(string name) {\n\tmatch na$0\n}\n",
    ] {
        offers(text, &["name"]);
    }
}

#[test]
fn what_follows_a_call_can_be_options_or_a_name() {
    offers("fs default() {\n\trun \"x\" $0\n}\n", &["with"]);
    offers("fs default() {\n\trun \"x\" with option {\n\t\tmount scratch \"/o\" $0\n\t}\n}\n", &["as", "with"]);
}

#[test]
fn calls_are_patterns_with_what_must_be_given() {
    let insert = |text: &str, label: &str| {
        let items = complete(text);
        let item = items.into_iter().find(|it| it.label == label).expect("it is offered");
        format!("{} | {}", item.insert, item.plain)
    };
    insta::assert_snapshot!(insert("fs a() {\n\t$0\n}\n", "mkfile"), @r#"mkfile "${1:path}" ${2:0o644} "${3:content}" | mkfile"#);
    insta::assert_snapshot!(insert("fs a() {\n\t$0\n}\n", "run"), @r#"run "${1:arg}" | run"#);
    insta::assert_snapshot!(insert("fs a() {\n\t$0\n}\n", "scratch"), @"scratch | scratch");
    insta::assert_snapshot!(insert("fs a() {\n\tcopy $0\n}\n", "image"), @r#"image("${1:ref}") | image"#);
    insta::assert_snapshot!(insert("fs a() {\n\tm$0 \"/x\" 0o644 \"y\"\n}\n", "mkfile"), @"mkfile | mkfile");
    insta::assert_snapshot!(insert("fs f(string s) {\n\tenv \"a\" s.$0\n}\n", "trim"), @"trim() | trim()");
    insta::assert_snapshot!(insert("fs a() {\n\trun \"x\" $0\n}\n", "with"), @"
    with option {
    	$0
    } | with option {
    ");
}

#[test]
fn what_is_not_imported_is_imported_on_the_way() {
    let imported = |text: &str, label: &str| {
        let fixture = Fixture::new(text);
        let found = fixture.snapshot().complete(&fixture.path, fixture.offset, false);
        let item = found.items.into_iter().find(|it| it.label == label).expect("it is offered");
        let mut edits = item.also.clone();
        edits.push((item.replace, item.insert));
        edits.sort_by_key(|(span, _)| *span);
        apply(&fixture.text, &edits)
    };
    insta::assert_snapshot!(imported("fs a() {\n\tbui$0\n}\n", "go.build"), @r#"
    import go from "std/go"

    fs a() {
    	go.build
    }
    "#);
    insta::assert_snapshot!(imported("# About this file.\n\nfs a() {\n\tgo.$0\n}\n", "build"), @r#"
    # About this file.

    import go from "std/go"

    fs a() {
    	go.build
    }
    "#);
    let lib = "//- /work/lib.hlb\nexport fs tool() {\n\tscratch\n}\n\nexport string text() {\n\t\"x\"\n}\n";
    let text = format!("import go from \"std/go\"\n\nfs a() {{\n\tgo.build scratch\n\tto$0\n}}\n{lib}");
    insta::assert_snapshot!(imported(&text, "lib.tool"), @r#"
    import go from "std/go"
    import lib from "./lib.hlb"

    fs a() {
    	go.build scratch
    	lib.tool
    }
    "#);
    check(
        &format!("import lib from \"./lib.hlb\"\n\nfs a() {{\n\tlib.tool\n\tto$0\n}}\n{lib}"),
        &["author"],
        &["lib.tool", "lib.text"],
    );
}

#[test]
fn documentation_comes_when_it_is_asked_for() {
    let fixture = Fixture::new("fs a() {\n\tmkf$0\n}\n");
    let snapshot = fixture.snapshot();
    let items = snapshot.complete(&fixture.path, fixture.offset, false).items;
    let item = items.iter().find(|it| it.label == "mkfile").unwrap();
    assert_eq!(item.detail.as_deref(), Some("fs mkfile(string path, int filemode, string content)"));
    let doc = snapshot.completion_doc(&fixture.path, item.doc.as_ref().unwrap()).unwrap();
    assert!(doc.starts_with("Makes a file."), "{doc}");
    assert_eq!(snapshot.completion_doc(&fixture.path, &hlb_ide::DocOf("func 99".to_owned())), None);
    assert_eq!(snapshot.completion_doc(&fixture.path, &hlb_ide::DocOf("nonsense".to_owned())), None);
}
