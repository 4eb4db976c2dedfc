//! The outline.

use hlb_ide::Symbol;

use crate::fixture::Fixture;

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
