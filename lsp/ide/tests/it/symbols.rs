//! The outline.

use hlb_ide::Symbol;

use crate::fixture::{Fixture, place};

#[test]
fn the_outline_is_there_while_a_text_has_mistakes() {
    fn show(symbols: &[Symbol], depth: usize, out: &mut String) {
        for it in symbols {
            out.push_str(&format!("{}{:?} {}: {}\n", "  ".repeat(depth), it.kind, it.name, it.detail));
            show(&it.children, depth + 1, out);
        }
    }
    let text = "\
$0import lib from \"./lib.hlb\"

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
    show(&Fixture::new(text).analysis().symbols(), 0, &mut out);
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
fn symbols_of_all_files_are_found_by_a_few_letters() {
    let files = "$0import lib from \"./lib.hlb\"\n\nfs buildAll(string x, int n) {\n\tlib.build\n\trun \"ä𝄞\" with option { mount scratch \"/\" as built; }\n}\n\ntest \"it builds ä𝄞\" { assert true; }\n\nfs broken( {\n\
        //- /work/lib.hlb\nexport build\n\nfs build() {\n\tscratch\n}\n\nenum Built { yes no }\n\ntype Rebuild { string x; }\n\nlet tag = 5\n";
    let found = |query: &str, limit| {
        let found = Fixture::new(files).project().workspace_symbols(query, limit);
        let one = |(symbol, at): &(Symbol, hlb_ide::Place)| {
            format!("{:?} {} {} {}\n", symbol.kind, symbol.name, symbol.detail, place(at))
        };
        found.iter().map(one).collect::<String>()
    };
    insta::assert_snapshot!(found("build", 10), @r#"
    Function build fs () lib.hlb:3:4 [build]
    Function buildAll fs (string x, int n) build.hlb:3:4 [buildAll]
    Record Rebuild type lib.hlb:9:6 [Rebuild]
    Test it builds ä𝄞 test build.hlb:8:6 ["it builds ä𝄞"]
    "#);
    insta::assert_snapshot!(found("BUILD", 2), @r"
    Function build fs () lib.hlb:3:4 [build]
    Function buildAll fs (string x, int n) build.hlb:3:4 [buildAll]
    ");
    insta::assert_snapshot!(found("ba", 10), @"Function buildAll fs (string x, int n) build.hlb:3:4 [buildAll]");
    insta::assert_snapshot!(found("tg", 10), @"Constant tag int lib.hlb:11:5 [tag]");
    insta::assert_snapshot!(found("it ä", 10), @r#"Test it builds ä𝄞 test build.hlb:8:6 ["it builds ä𝄞"]"#);
    insta::assert_snapshot!(found("bro", 10), @"Function broken fs () build.hlb:10:4 [broken]");
    insta::assert_snapshot!(found("", 3), @r"
    Constant tag int lib.hlb:11:5 [tag]
    Enum Built enum lib.hlb:7:6 [Built]
    Function build fs () lib.hlb:3:4 [build]
    ");
    insta::assert_snapshot!(found("qq", 3), @"");
    insta::assert_snapshot!(found("lib", 3), @"");
    insta::assert_snapshot!(found("build", 0), @"");
}

#[test]
fn what_has_no_name_yet_is_left_out() {
    for text in ["fs (string x) {\n\tscratch\n}\n", "type {\n\tstring a\n}\n", "enum {\n\ta\n}\n"] {
        let fixture = Fixture::new(&format!("$0{text}"));
        assert_eq!(fixture.analysis().symbols(), [], "{text}");
        assert!(fixture.project().workspace_symbols("", 10).is_empty(), "{text}");
    }
    let fields = Fixture::new("$0type P {\n\tint\n\tint a\n}\n").analysis().symbols();
    assert!(fields.iter().flat_map(|it| &it.children).all(|it| !it.name.is_empty()), "{fields:?}");
}
