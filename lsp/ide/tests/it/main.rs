//! Editor features over texts with a cursor in them.
//!
//! Owns the one test binary. The cursor is written `$0`.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use camino::Utf8Path;
use hlb_ide::{Analysis, Buffers, EditorWorld, Symbol};
use hlb_language::source::Source;

/// The text without its cursor, and where the cursor was.
fn cursor(text: &str) -> (String, usize) {
    let at = text.find("$0").expect("a cursor");
    (text.replace("$0", ""), at)
}

fn analysis(text: &str) -> Analysis {
    Analysis::new(&EditorWorld::default(), Utf8Path::new("/work/build.hlb"), text)
}

fn hover(text: &str) -> String {
    let (text, at) = cursor(text);
    match analysis(&text).hover(at) {
        None => "nothing".to_owned(),
        Some(hover) => {
            format!("[{}] {}\n{}", &text[hover.span.range()], hover.signature, hover.doc.unwrap_or_default())
        }
    }
}

/// The place of a definition: its file, its line and the text there.
fn definition(analysis: &Analysis, at: usize) -> String {
    let Some(place) = analysis.definition(at) else { return "nowhere".to_owned() };
    let line = Source::new("", place.text.as_str()).position(place.span.start as usize).line;
    format!("{}:{line} [{}]", place.path, &place.text[place.span.range()])
}

#[test]
fn hover_tells_how_a_builtin_is_declared() {
    insta::assert_snapshot!(hover("fs default() {\n\tmk$0file \"/a\" 0o644 \"x\"\n}\n"), @r"
    [mkfile] fs mkfile(string path, int filemode, string content)
    Makes a file.

    - `path`: where; relative to the working directory.
    - `filemode`: its permission bits, such as `0o644`; bits above 0o777 are dropped.
    - `content`: what is in it.
    ");
}

#[test]
fn hover_tells_of_functions_parameters_and_bound_names() {
    let program = "\
# Compiles a package.
#
# @param pkg which.
fs build(string pkg) {
	image \"go\"
	run \"go build ${pkg}\" with option {
		mount scratch \"/out\" as bin
	}
}

fs default() {
	scratch
	copy bin(\"x\") \"/\" \"/\"
	build \"y\"
}
";
    let at = |place: &str| hover(&program.replace(place, &format!("{}$0{}", &place[..1], &place[1..])));
    insta::assert_snapshot!(at("build \"y\""), @r"
    [build] fs build(string pkg)
    Compiles a package.

    - `pkg`: which.
    ");
    insta::assert_snapshot!(at("pkg}"), @r"
    [pkg] string pkg
    Parameter of `build`.
    ");
    insta::assert_snapshot!(at("bin(\"x\")"), @r"
    [bin] fs bin(string pkg)
    Bound in `build`.
    ");
    insta::assert_snapshot!(at("default()"), @"[default] fs default()");
    insta::assert_snapshot!(at("\"go build"), @"nothing");
}

#[test]
fn definitions_are_found_in_the_text() {
    let check = |text: &str| {
        let (text, at) = cursor(text);
        definition(&analysis(&text), at)
    };
    insta::assert_snapshot!(check("fs a() {\n\tscratch\n}\n\nfs b() {\n\t$0a\n}\n"), @"/work/build.hlb:1 [a]");
    insta::assert_snapshot!(check("fs a(string x) {\n\tscratch\n\tmkfile \"/x\" 0o644 x$0\n}\n"), @"/work/build.hlb:1 [x]");
    insta::assert_snapshot!(check("fs a() {\n\tscr$0atch\n}\n"), @"nowhere");
    insta::assert_snapshot!(check("fs a() {\n\tnope$0\n}\n"), @"nowhere");
}

#[test]
fn definitions_are_found_in_other_files_and_unsaved_buffers() {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    std::fs::write(root.join("lib.hlb"), "export tool\n\nfs tool() {\n\tscratch\n}\n").unwrap();
    let (text, at) = cursor("import lib from \"./lib.hlb\"\n\nfs default() {\n\tlib.to$0ol\n}\n");
    let found = |buffers: Buffers| {
        let analysis = Analysis::new(&EditorWorld::new(buffers), &root.join("build.hlb"), &text);
        definition(&analysis, at).replace(root.as_str(), "[DIR]")
    };
    insta::assert_snapshot!(found(Buffers::new()), @"[DIR]/lib.hlb:3 [tool]");
    let unsaved = Source::new(root.join("lib.hlb"), "export tool\n\n\n\n\nfs tool() {\n\tscratch\n}\n");
    insta::assert_snapshot!(found([(root.join("lib.hlb"), unsaved.into())].into()), @"[DIR]/lib.hlb:6 [tool]");
}

#[test]
fn diagnostics_are_those_of_the_text_alone() {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    std::fs::write(root.join("lib.hlb"), "export tool\n\nfs tool() {\n\tscrtach\n}\n").unwrap();
    let text = "import lib from \"./lib.hlb\"\n\nfs default() {\n\tlib.tool\n\trunn \"x\"\n}\n";
    let analysis = Analysis::new(&EditorWorld::default(), &root.join("build.hlb"), text);
    let told: Vec<&str> = analysis.diagnostics().iter().map(|it| it.message.as_str()).collect();
    assert_eq!(told, ["`runn` is not defined"]);
}

#[test]
fn nothing_is_executed_for_an_open_file() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("made");
    let text = format!("string s() {{\n\tlocalRun \"touch {}\"\n}}\n\nimport lib from \"${{s}}\"\n", made.display());
    let _ = analysis(&text).diagnostics().len();
    assert!(!made.exists());
}

#[test]
fn the_outline_is_there_while_a_text_has_mistakes() {
    fn show(symbols: &[Symbol], depth: usize, out: &mut String) {
        for it in symbols {
            out.push_str(&format!("{}{:?} {}: {}\n", "  ".repeat(depth), it.kind, it.name, it.detail));
            show(&it.children, depth + 1, out);
        }
    }
    let text = "\
import lib from \"./lib.hlb\"

fs build(string pkg, fs src) {
	run \"x\" with option {
		mount src \"/src\" as (target out)
		mount fs { run \"y\" with option { mount scratch \"/in\" as inner; }; } \"/z\"
	}
}

fs broken( {
	scratch
}

option::run opts() {
	shlex
}

export [string] shells(map[int] limits, fn(string) bool wanted) binds (fs made) {
	for shell in [\"sh\"] {
		if wanted(shell) { run shell as other }
	}
}

let string version = \"1.0\"

let tag = 5

type Check {
	string shell
	Profile? profile = none
}

enum Profile { debug release }

test \"it says ${version}\" { assert true; }
";
    let mut out = String::new();
    show(&analysis(text).symbols(), 0, &mut out);
    insta::assert_snapshot!(out, @"
    Module lib: import
    Function build: fs (string pkg, fs src)
      Bound out: bound by mount
      Bound inner: bound by mount
    Function broken: fs ()
    Function opts: option::run ()
    Function shells: [string] (map[int] limits, fn(string) bool wanted)
      Bound made: fs
      Bound other: bound by run
    Constant version: string
    Constant tag: let
    Record Check: type
      Field shell: string
      Field profile: Profile?
    Enum Profile: enum
      Variant debug: Profile
      Variant release: Profile
    Test it says ${version}: test
    ");
}

#[test]
fn no_place_of_a_broken_text_panics() {
    let text = "fs ä(string x) {\n\trun \"${x}ü${\" with option {\n\t\tmount <<~EOM\n";
    for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
        let analysis = analysis(&text[..end]);
        for at in 0..=end + 2 {
            let _ = (analysis.hover(at), analysis.definition(at));
        }
        let _ = (analysis.symbols(), hlb_ide::format(&text[..end]));
    }
}
