//! What is offered at places that are easily taken for others, and what is written there.

use camino::{Utf8Path, Utf8PathBuf};
use hlb_ide::{Completion, Completions, Host, Settings};

use crate::fixture::{Fixture, apply};

fn complete(text: &str) -> Vec<Completion> {
    let fixture = Fixture::new(text);
    fixture.snapshot().complete(&fixture.path, fixture.offset, true).items
}

fn labels(text: &str) -> Vec<String> {
    complete(text).into_iter().map(|it| it.label).collect()
}

/// The text after an item was chosen; with its patterns, if the client has any.
fn chosen(text: &str, label: &str, snippets: bool) -> String {
    let fixture = Fixture::new(text);
    let items = fixture.snapshot().complete(&fixture.path, fixture.offset, true).items;
    let shown: Vec<&str> = items.iter().map(|it| it.label.as_str()).collect();
    let item = items.iter().find(|it| it.label == label).unwrap_or_else(|| panic!("{label} is not among {shown:?}"));
    applied(&fixture.text, item, snippets)
}

fn applied(text: &str, item: &Completion, snippets: bool) -> String {
    let mut edits = item.also.clone();
    edits.push((item.replace, if snippets { item.insert.clone() } else { item.plain.clone() }));
    edits.sort_by_key(|(span, _)| *span);
    apply(text, &edits)
}

/// A directory with files, and `build.hlb` in it that is open.
struct Folder {
    _dir: tempfile::TempDir,
    root: Utf8PathBuf,
}

impl Folder {
    fn new<'p>(files: impl IntoIterator<Item = &'p str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap().to_owned();
        for path in files {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            let text = if path.ends_with(".hlb") { "export fs tool() {\n\tscratch\n}\n" } else { "" };
            std::fs::write(root.join(path), text).unwrap();
        }
        Self { _dir: dir, root }
    }

    fn complete(&self, file: &str, marked: &str) -> (Completions, String) {
        let mut host = Host::new(Settings::default(), vec![self.root.clone()]);
        let (path, text) = (self.root.join(file), marked.replace("$0", ""));
        host.edit(path.clone(), text.clone());
        (host.snapshot().complete(&path, marked.find("$0").unwrap(), true), text)
    }

    fn labels(&self, marked: &str) -> Vec<String> {
        self.complete("build.hlb", marked).0.items.into_iter().map(|it| it.label).collect()
    }

    fn chosen(&self, marked: &str, label: &str) -> String {
        let (found, text) = self.complete("build.hlb", marked);
        applied(&text, found.items.iter().find(|it| it.label == label).unwrap(), true)
    }
}

/// The documentation of an item.
fn doc(text: &str, label: &str) -> Option<String> {
    let fixture = Fixture::new(text);
    let snapshot = fixture.snapshot();
    let items = snapshot.complete(&fixture.path, fixture.offset, true).items;
    let item = items.into_iter().find(|it| it.label == label).expect("it is offered");
    snapshot.completion_doc(&fixture.path, &item.doc?)
}

#[test]
fn documentation_is_that_of_the_item_though_other_functions_use_more_files() {
    let libs = "//- /work/a.hlb\n# Doc of FIRST.\nexport fs first() {\n\tscratch\n}\n//- /work/b.hlb\n# Doc of SECOND.\nexport fs second() {\n\tscratch\n}\n\n# Doc of a KIND.\nexport enum Kind { good bad }\n\n# Doc of a PAIR.\nexport type Pair {\n\t# Doc of LEFT.\n\tint left\n}\n";
    let main = "import a from \"./a.hlb\"\nimport b from \"./b.hlb\"\n\nfs one() {\n\ta.first\n}\n\n";
    let second = |rest: &str| format!("{main}{rest}\n{libs}");
    assert_eq!(doc(&second("fs two() {\n\tb.$0\n}\n"), "second").as_deref(), Some("Doc of SECOND."));
    assert_eq!(doc(&second("fs two() {\n\tb.se$0\n}\n"), "second").as_deref(), Some("Doc of SECOND."));
    assert_eq!(
        doc(&second("fs two(b.Pair p) {\n\tscratch\n\tmkdir \"/\" p.$0\n}\n"), "left").as_deref(),
        Some("Doc of LEFT.")
    );
    // Two functions of one name in different files.
    let same = "//- /work/a.hlb\n# A's.\nexport fs tool() {\n\tscratch\n}\n//- /work/b.hlb\n# B's.\nexport fs tool() {\n\tscratch\n}\n";
    let main = "import a from \"./a.hlb\"\nimport b from \"./b.hlb\"\n\nfs one() {\n\ta.tool\n}\n\n# Own.\nfs tool() {\n\tb.$0\n}\n";
    assert_eq!(doc(&format!("{main}{same}"), "tool").as_deref(), Some("B's."));
    assert_eq!(doc("# Own.\nfs tool() {\n\tscratch\n}\n\nfs a() {\n\t$0\n}\n", "tool").as_deref(), Some("Own."));
}

#[test]
fn variants_have_the_documentation_of_their_enum() {
    let text = "# How fast.\nenum Mode { slow fast }\n\nlet m = Mode.$0\n";
    assert_eq!(doc(text, "fast").as_deref(), Some("How fast."));
    let text = "enum Mode { slow fast }\n\nlet m = Mode.$0\n";
    assert_eq!(doc(text, "fast"), None);
}

#[test]
fn digits_in_strings_are_no_numbers() {
    let other = "\n\nfs b() {\n\timage \"alpine:3.20\"\n}\n";
    for typed in ["alpine:3$0", "alpine:3.2$0", "$0", "ä𝄞3$0", "3$0"] {
        assert_eq!(labels(&format!("fs a() {{\n\timage \"{typed}\"\n}}{other}")), ["alpine:3.20"], "{typed}");
    }
    // A number in an interpolation is one again.
    for text in ["fs a() {\n\timage \"x${3$0}\"\n}\n", "fs a() {\n\tmkdir \"/\" 3$0\n}\n", "let x = 3$0"] {
        assert_eq!(labels(text), [""; 0], "{text}");
    }
    let folder = Folder::new(["1st/x", "lib.hlb", "2.hlb"]);
    assert_eq!(folder.labels("fs a() {\n\tlocal \"./1$0\"\n}\n"), ["1st/"]);
    assert_eq!(folder.labels("import a from \"./2$0\"\n"), ["2.hlb"]);
}

#[test]
fn imports_are_written_between_declarations() {
    insta::assert_snapshot!(chosen("import go from \"std/go\"; fs a() {\n\tapt.$0\n}\n", "install", true), @r#"
    import apt from "std/apt"
    import go from "std/go"; fs a() {
    	apt.install
    }
    "#);
    insta::assert_snapshot!(chosen("import go from \"std/go\" # ä𝄞 why\nfs a() {\n\tapt.$0\n}\n", "install", true), @r#"
    import go from "std/go" # ä𝄞 why
    import apt from "std/apt"
    fs a() {
    	apt.install
    }
    "#);
    insta::assert_snapshot!(chosen("fs a() {\n\tapt.$0\n}\nimport go from \"std/go\"", "install", true), @r#"
    fs a() {
    	apt.install
    }
    import apt from "std/apt"
    import go from "std/go"
    "#);
    let crlf = |text: &str, label: &str| chosen(&text.replace('\n', "\r\n"), label, true).replace('\r', "⏎");
    insta::assert_snapshot!(crlf("# Head.\n\n# Doc.\nfs a() {\n\tapt.$0\n}\n", "install"), @r#"
    # Head.⏎
    ⏎
    import apt from "std/apt"⏎
    ⏎
    # Doc.⏎
    fs a() {⏎
    	apt.install⏎
    }⏎
    "#);
    insta::assert_snapshot!(crlf("import go from \"std/go\"\n\nfs a() {\n\tapt.$0\n}\n", "install"), @r#"
    import go from "std/go"⏎
    import apt from "std/apt"⏎
    ⏎
    fs a() {⏎
    	apt.install⏎
    }⏎
    "#);
    // A comment that belongs to the first declaration.
    insta::assert_snapshot!(chosen("# Doc.\nfs a() {\n\tapt.$0\n}\n", "install", true), @r#"
    import apt from "std/apt"

    # Doc.
    fs a() {
    	apt.install
    }
    "#);
}

#[test]
fn what_stands_behind_a_value_is_called_once() {
    let behind = |typed: &str, label: &str, snippets: bool| {
        let text = chosen(&format!("fs f(string s) {{\n\tscratch\n\tenv \"a\" {typed}\n}}\n"), label, snippets);
        text.lines().nth(2).unwrap().trim().to_owned()
    };
    assert_eq!(behind("s.spl$0(\",\")", "split", true), "env \"a\" s.split(\",\")");
    assert_eq!(behind("s.spl$0", "split", true), "env \"a\" s.split($1)");
    assert_eq!(behind("s.spl$0", "split", false), "env \"a\" s.split()");
    assert_eq!(behind("s.tr$0", "trim", true), "env \"a\" s.trim()");
    assert_eq!(behind("s.tr$0", "trim", false), "env \"a\" s.trim()");
    assert_eq!(behind("s.tr$0.upper()", "trim", true), "env \"a\" s.trim().upper()");
}

#[test]
fn paths_from_the_root_are_looked_up_there() {
    let folder = Folder::new(["key", "deep/er/file"]);
    let found = folder.labels("fs a() {\n\tlocal \"/$0\"\n}\n");
    assert!(found.contains(&"tmp/".to_owned()) && !found.contains(&"key".to_owned()), "{found:?}");
    assert_eq!(folder.chosen("fs a() {\n\tlocal \"/$0\"\n}\n", "tmp/"), "fs a() {\n\tlocal \"/tmp/\"\n}\n");
    let inner = folder.root.join("deep/");
    assert_eq!(folder.labels(&format!("fs a() {{\n\tlocal \"{inner}$0\"\n}}\n")), ["er/"]);
}

#[test]
fn behind_an_import_and_in_texts_nothing_is_imported() {
    let folder = Folder::new(["a.hlb"]);
    assert_eq!(folder.labels("import a from \"./a.hlb\" $0\n"), [""; 0]);
    assert_eq!(folder.labels("import a from \"./a.hlb\" w$0\n"), [""; 0]);
    assert_eq!(folder.labels("import a from `./a$0`\n"), ["a.hlb"]);
    assert_eq!(folder.labels("import a from local(\"$0\")\n"), ["a.hlb"]);
    for line in ["import os $0", "import os from \"$0", "export $0", "fs$0"] {
        assert_eq!(labels(&format!("fs a() {{\n\trun <<EOM\n{line}\nEOM\n}}\n")), [""; 0], "{line}");
    }
    // The braces above are not closed yet.
    assert_eq!(labels("fs a() {\n\timage \"x\"\n\nimport go $0\n"), ["from"]);
}

#[test]
fn all_of_a_text_is_replaced_or_one_part_of_a_path() {
    let image = |typed: &str| {
        let text = format!("fs a() {{\n\t{typed}\n}}\n\nfs b() {{\n\timage \"alpine:3.20\"\n}}\n");
        chosen(&text, "alpine:3.20", true).lines().nth(1).unwrap().trim().to_owned()
    };
    assert_eq!(image("image \"alp$0ine:3.19\""), "image \"alpine:3.20\"");
    assert_eq!(image("image \"$0ä𝄞\""), "image \"alpine:3.20\"");
    assert_eq!(image("image `alp$0ine:3`"), "image `alpine:3.20`");
    assert_eq!(image("image \"alp$0ine${x}\""), "image \"alpine:3.20${x}\"");
    assert_eq!(image("image(\"alp$0ine:3.19\") with option { }"), "image(\"alpine:3.20\") with option { }");
    // Not closed yet.
    assert_eq!(image("image \"alp$0ine"), "image \"alpine:3.20");
    assert_eq!(image("image(\"alp$0 )"), "image(\"alpine:3.20 )");
    let folder = Folder::new(["source/main.c", "key", "lib.hlb"]);
    let local = |typed: &str, label: &str| {
        let text = folder.chosen(&format!("fs a() {{\n\tlocal \"{typed}\"\n}}\n"), label);
        text.lines().nth(1).unwrap().trim().to_owned()
    };
    assert_eq!(local("so$0me/main.c", "source/"), "local \"source/main.c\"");
    assert_eq!(local("k$0/main.c", "key"), "local \"key\"");
    assert_eq!(local("source/m$0.x", "main.c"), "local \"source/main.c\"");
    assert_eq!(folder.chosen("import a from \"./li$0x.hlb\"\n", "lib.hlb"), "import a from \"./lib.hlb\"\n");
    assert_eq!(folder.chosen("import a from \"s$0/go\"\n", "std/go"), "import a from \"std/go\"\n");
}

#[test]
fn types_of_options_are_one_word() {
    let all = labels("option::$0\n\nfs a() {\n\tscratch\n}\n");
    for label in ["option::run", "option::mount", "option::image"] {
        assert!(all.contains(&label.to_owned()), "{all:?}");
    }
    assert!(!all.contains(&"fs".to_owned()), "{all:?}");
    assert_eq!(labels("option::mou$0\n"), ["option::mount"]);
    assert_eq!(chosen("option::m$0ount\n", "option::mount", false), "option::mount\n");
    assert_eq!(chosen("opt$0ion::mount\n", "option::run", false), "option::run\n");
    assert_eq!(labels("export option::mou$0\n"), ["option::mount"]);
    let own = "fs build(string p) with (bool fast = false) {\n\tscratch\n\tenv p p\n}\n\n";
    assert_eq!(labels(&format!("{own}option::bui$0\n")), ["option::build"]);
    assert_eq!(labels(&format!("{own}fs a(option::bui$0) {{\n\tscratch\n}}\n")), ["option::build"]);
    assert_eq!(labels("fs a(string s, option::moun$0) {\n\tscratch\n}\n"), ["option::mount"]);
    assert!(labels("fs a(option::$0) {\n\tscratch\n}\n").contains(&"option::copy".to_owned()));
    let with = "fs a() {\n\trun \"ä𝄞\" with option::$0\n}\n";
    assert_eq!(labels(with).first().map(String::as_str), Some("option::run { … }"));
    insta::assert_snapshot!(chosen(with, "option::run { … }", true), @r#"
    fs a() {
    	run "ä𝄞" with option::run {
    	$0
    }
    }
    "#);
    let with = format!("{own}fs a() {{\n\tbuild \"x\" with option::b$0\n}}\n");
    assert_eq!(labels(&with).first().map(String::as_str), Some("option::build { … }"));
}

#[test]
fn files_beside_come_before_the_many_elsewhere() {
    let many: Vec<String> = (0..320).map(|at| format!("aaa/f{at}.hlb")).collect();
    let folder = Folder::new(many.iter().map(String::as_str).chain(["zz/near.hlb"]));
    let (found, _) = folder.complete("zz/m.hlb", "fs a() {\n\ttoo$0\n}\n");
    let shown: Vec<&str> = found.items.iter().map(|it| it.label.as_str()).collect();
    assert!(shown.contains(&"near.tool"), "{shown:?}");
}

#[test]
fn files_of_one_name_are_both_offered() {
    let folder = Folder::new(["x1/util.hlb", "x2/util.hlb"]);
    let of = |marked: &str, label: &str| -> Vec<String> {
        let items = folder.complete("build.hlb", marked).0.items.into_iter().filter(|it| it.label == label);
        items.map(|it| it.detail.unwrap()).collect()
    };
    assert_eq!(
        of("fs a() {\n\ttoo$0\n}\n", "util.tool"),
        ["import util from \"./x1/util.hlb\"", "import util from \"./x2/util.hlb\""]
    );
    assert_eq!(
        of("fs a() {\n\tutil.$0\n}\n", "tool"),
        ["fs tool from \"./x1/util.hlb\"", "fs tool from \"./x2/util.hlb\""]
    );
}

#[test]
fn modules_that_are_not_imported_are_offered_by_their_name() {
    let text = "fs a() {\n\tgo$0\n}\n";
    assert_eq!(chosen(text, "go.build", true), "import go from \"std/go\"\n\nfs a() {\n\tgo.build\n}\n");
    let item = complete(text).into_iter().find(|it| it.label == "go.build").unwrap();
    assert_eq!(item.filter, None);
    let item = complete("fs a() {\n\tbui$0\n}\n").into_iter().find(|it| it.label == "go.build").unwrap();
    assert_eq!(item.filter.as_deref(), Some("build"));
}

#[test]
fn of_many_files_those_that_fit_are_offered() {
    let many: Vec<String> = (0..600).map(|at| format!("f{at}")).collect();
    let folder = Folder::new(many.iter().map(String::as_str).chain(["wanted"]));
    let (found, _) = folder.complete("build.hlb", "fs a() {\n\tlocal \"wan$0\"\n}\n");
    let shown: Vec<&str> = found.items.iter().map(|it| it.label.as_str()).collect();
    assert_eq!((shown, found.incomplete), (vec!["wanted"], false));
    let (found, _) = folder.complete("build.hlb", "fs a() {\n\tlocal \"$0\"\n}\n");
    assert_eq!((found.items.len(), found.incomplete), (500, true));
}
