//! What expressions and blocks of the language give, each written as it would be in a program.

use camino::Utf8Path;
use hlb_compiler::testing::MemoryWorld;
use hlb_compiler::{check, evaluate};

use crate::support::{options, render};

/// Declarations that the tables use.
const GIVEN: &str = r#"
enum Profile { debug release }
type Toolchain {
	string version = "1.82"
	[string] components = []
	string? target
}
let answer = 40 + two
let two = 2
let names = ["a", "b"]
let sizes = {"x" = 1, "y" = 2}
string join(string a, string b = "z", bool c = false) { "${a}-${b}-${c}" }
string by(Profile p = release) { match p { debug => "D"; release => "R" } }
string? maybe(bool b) { if b { "some" } else { none } }
string twice(fn(string) string f) { f(f("x")) }
string angled(string v) { "<${v}>" }
[U] each<T, U>([T] xs, fn(T) U f) { for x in xs { f(x) } }
[string] all(variadic string xs) { xs }
int count(variadic string xs) with (bool more = false, [string] tags = []) { if more { 1 } else { 0 } }
string tagged(string s) with (bool fast = false, [string] tags = ["-"], string mode = "m") { "${s} ${fast} ${mode} ${tags[0]}" }
string made(string s) binds (string up, int size) { let up = "${s}!"; let size = 3; "value" }
"#;

/// Evaluates a target of a program.
fn value(source: &str, target: &str) -> String {
    let world = MemoryWorld::new().file("main.hlb", source);
    let checked = check(&world, Utf8Path::new("main.hlb"));
    let errors: Vec<_> = checked.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).cloned().collect();
    if !errors.is_empty() {
        return render(&checked.sources, &errors);
    }
    match evaluate(&world, &checked, &target.into(), &options()) {
        Ok(value) => value,
        Err(errors) => render(&checked.sources, &errors.0),
    }
}

fn check_all(rows: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (written, expected) in rows {
        let (ty, body) = written.split_once(": ").expect("TYPE: BODY");
        let got = value(&format!("{GIVEN}{ty} it() {{ {body} }}\n"), "it");
        if got != *expected {
            wrong.push(format!("{written}\n  gives {got}\n  and not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn operators_give_what_they_say() {
    check_all(&[
        ("int: 1 + 2 * 3 - 4 / 2 % 3", "5"),
        ("int: (1 + 2) * -3", "-9"),
        ("bool: 1 < 2 && 2 <= 2 && 3 > 2 && !(2 >= 3)", "true"),
        ("bool: \"a\" < \"b\" || false", "true"),
        ("bool: [1, 2] == [1, 2] && {\"a\" = 1} != {\"a\" = 2}", "true"),
        ("string: \"a\" + \"b\" + \"c\"", "\"abc\""),
        ("[string]: names + [\"c\"]", "[\"a\", \"b\", \"c\"]"),
        ("string: maybe(false) ?? maybe(true) ?? \"x\"", "\"some\""),
        ("int: answer", "42"),
        ("bool: debug == Profile.debug", "true"),
        ("bool: maybe(true) == none", "false"),
    ]);
}

#[test]
fn collections_hold_what_is_written() {
    check_all(&[
        ("[int]: [1, ...[2, 3], 4]", "[1, 2, 3, 4]"),
        ("map[int]: {\"z\" = 0, ...sizes}", "{\"z\" = 0, \"x\" = 1, \"y\" = 2}"),
        ("[string]: [for x in names : \"${x}${x}\" if x != \"a\"]", "[\"bb\"]"),
        ("[string]: [for i, x in names : \"${i}${x}\"]", "[\"0a\", \"1b\"]"),
        ("map[int]: {for k, v in sizes : \"${k}k\" = v * 2}", "{\"xk\" = 2, \"yk\" = 4}"),
        ("string: names[1]", "\"b\""),
        ("int: sizes[\"y\"]", "2"),
        ("[string]: \"a\"; for x in names { \"${x}!\" }; names", "[\"a\", \"a!\", \"b!\", \"a\", \"b\"]"),
        (
            "Toolchain: Toolchain(version = \"2\", components = [\"x\"])",
            "Toolchain(version = \"2\", components = [\"x\"], target = none)",
        ),
        ("string: Toolchain(\"3\").version", "\"3\""),
        ("[string]: all(\"a\", ...names)", "[\"a\", \"a\", \"b\"]"),
        ("[string]: all(names)", "[\"a\", \"b\"]"),
    ]);
}

#[test]
fn branches_choose() {
    check_all(&[
        ("string: if answer == 42 { \"yes\" } else { \"no\" }", "\"yes\""),
        ("string: let x = if false { \"1\" } else if true { \"2\" } else { \"3\" }; x", "\"2\""),
        ("string: by() + by(debug) + by(\"debug\") + by(Profile.release)", "\"RDDR\""),
        ("string: let x = maybe(true); if x != none { x + \"!\" } else { \"-\" }", "\"some!\""),
        ("string: match maybe(true) { none => \"n\"; v => v + \"?\" }", "\"some?\""),
        ("string: match answer { 1, 2 => \"few\"; 42 => \"all\"; _ => \"?\" }", "\"all\""),
        ("[int]: if true { 1 }; if false { 2 } else { 3 }", "[1, 3]"),
    ]);
}

#[test]
fn functions_take_and_give() {
    check_all(&[
        ("string: join(\"q\", c = true)", "\"q-z-true\""),
        ("string: join \"q\" c = true", "\"q-z-true\""),
        ("string: join(b = \"2\", a = \"1\")", "\"1-2-false\""),
        ("string: twice(angled)", "\"<<x>>\""),
        ("string: twice(fn(string v) string { v + \"L\" })", "\"xLL\""),
        ("[int]: each([1, 2, 3], fn(int v) int { v * v })", "[1, 4, 9]"),
        ("string: tagged \"s\" with option { fast; tags \"a\" \"b\"; tags \"c\"; mode \"x\" }", "\"s true x a\""),
        ("string: tagged \"s\"", "\"s false m -\""),
        ("string: made(\"a\").up", "\"a!\""),
        ("int: made(\"a\").size", "3"),
    ]);
}

#[test]
fn what_cannot_be_computed_is_an_error() {
    let message = |body: &str| {
        let shown = value(&format!("{GIVEN}int it() {{ {body} }}\n"), "it");
        shown.lines().next().unwrap_or_default().to_owned()
    };
    insta::assert_snapshot!(message("1 / (answer - 42)"), @"error[E0219]: a number cannot be divided by zero");
    insta::assert_snapshot!(message("9223372036854775807 + answer"), @"error[E0219]: the result does not fit into a number of 64 bits");
    insta::assert_snapshot!(message("[1, 2][answer]"), @"error[E0220]: the list has 2 elements, from 0 to 1, and not number 42");
    insta::assert_snapshot!(message("sizes[\"z\"]"), @"error[E0220]: the map has no key `z`");
}
