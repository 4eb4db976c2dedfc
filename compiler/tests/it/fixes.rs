//! Fixes that are applied without anybody who looks at them: which, and that nothing gets worse.

use camino::Utf8Path;
use hlb_compiler::fix;
use hlb_compiler::testing::MemoryWorld;

/// The text of `main.hlb` after its fixes, and what was done.
fn fixed(world: &MemoryWorld) -> (String, Vec<String>) {
    let main = Utf8Path::new("main.hlb");
    let fixed = fix(world, main);
    let text = fixed.files.iter().find(|file| file.path == main).map_or("(the same)", |file| &file.after);
    let told = |it: &hlb_compiler::Applied| format!("{}:{}:{} {}", it.file, it.at.line, it.at.column, it.title);
    (text.to_owned(), fixed.applied.iter().map(told).collect())
}

#[track_caller]
fn check(program: &str, after: &str) {
    assert_eq!(fixed(&MemoryWorld::new().file("main.hlb", program)).0, after, "{program}");
}

#[test]
fn old_spellings_are_replaced() {
    let world = MemoryWorld::new()
        .file("main.hlb", "import lib \"./lib.hlb\"\ngroup default() { parallel lib.tools lib.tools }\n")
        .file("lib.hlb", "export tools\nfs tools() { image 'alpine'; }\ngroup all() { parallel tools }\n");
    let (text, done) = fixed(&world);
    assert_eq!(text, "import lib from \"./lib.hlb\"\npipeline default() { stage lib.tools lib.tools }\n");
    assert_eq!(
        done,
        [
            "main.hlb:1:12 insert `from`",
            "main.hlb:2:1 replace `group` by `pipeline`",
            "main.hlb:2:19 replace `parallel` by `stage`",
            "lib.hlb:2:20 use double quotes",
            "lib.hlb:3:1 replace `group` by `pipeline`",
            "lib.hlb:3:15 replace `parallel` by `stage`",
        ]
    );
    let files = fix(&world, Utf8Path::new("main.hlb")).files;
    assert_eq!(files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["lib.hlb", "main.hlb"]);
}

#[test]
fn slips_that_can_mean_one_thing_are_mended() {
    check("fs default() { scratch; mkdir '/a' 0755; }", "fs default() { scratch; mkdir \"/a\" 0o755; }");
    check("fs default() { run \"a\", \"b\"; // c\n}", "fs default() { run \"a\" \"b\"; # c\n}");
    check(
        "fs default() { run \"a\" option { dir \"/\"; }; }",
        "fs default() { run \"a\" with option { dir \"/\"; }; }",
    );
    check("fs default()\n{\n\tscratch;;\n}", "fs default() {\n\tscratch;\n}");
}

#[test]
fn spellings_of_other_languages_are_replaced() {
    check("const v = \"1\"\nfs default() { image v; }", "let v = \"1\"\nfs default() { image v; }");
    check("fs default() { v := \"1\"; image v; }", "fs default() { let v = \"1\"; image v; }");
    check("func f(string v) string { v }", "string f(string v) { v }");
    check("string f(v: string) { v }", "string f(string v) { v }");
    check("def f() -> fs { scratch }", "fs f() { scratch }");
    check("fs f { scratch }", "fs f() { scratch }");
    check("string[] f([string] a) { a }", "[string] f([string] a) { a }");
    check("fs f(list[string] a) { run a; }", "fs f([string] a) { run a; }");
    check("bool f(bool a, bool b) { a & b }", "bool f(bool a, bool b) { a && b }");
    check("fs f(int a) { if a = 1 { scratch; }; }", "fs f(int a) { if a == 1 { scratch; }; }");
    check(
        "int f(bool a, bool b) { if a { 1 } elif b { 2 } else { 3 } }",
        "int f(bool a, bool b) { if a { 1 } else if b { 2 } else { 3 } }",
    );
    check(
        "string f(string a) { match a { \"1\" -> \"2\"; else => \"3\" } }",
        "string f(string a) { match a { \"1\" => \"2\"; _ => \"3\" } }",
    );
    check("let m = {\"a\": 1, \"b\"=> 2}", "let m = {\"a\" = 1, \"b\" = 2}");
    check("let m = {\"a\" = 1,, \"b\" = 2}", "let m = {\"a\" = 1, \"b\" = 2}");
    check("let a = [x + \"1\" for x in [\"2\"] if x != \"3\"]", "let a = [for x in [\"2\"] : x + \"1\" if x != \"3\"]");
    check("fs f() { for x:[\"a\"] { run x; }; }", "fs f() { for x in [\"a\"] { run x; }; }");
    check("fs f() { copy (scratch, \"/a\", \"/b\"); }", "fs f() { copy(scratch, \"/a\", \"/b\"); }");
    check("fs f(bool a)\n{ if a\n{ scratch; }; }", "fs f(bool a) { if a { scratch; }; }");
}

#[test]
fn what_comes_to_light_is_mended_too() {
    let program = "group default() { parallel fs { mkdir '/a' 0755; }; }";
    check(program, "pipeline default() { stage fs { mkdir \"/a\" 0o755; }; }");
}

#[test]
fn guesses_are_not_applied() {
    for program in [
        "fs default() { imagee \"a\"; }",
        "fs default() { image \"a }",
        "fs default() { image \"a\"; mkfile \"/a\" 644 \"\"; }",
        "fs default() { image \"a\\q\"; }",
        "fs default() { run \"x\" with network(\"hots\"); }",
        "default() { scratch; }",
        "fs default() { run 'echo ${HOME}'; }",
        "fs default() { git https://example.com/x.git \"main\"; }",
        "fs default() { scratch } }",
        "func f() { scratch; }",
        "fs f() { let v = \"a\" image v; }",
        "fs f() -> string { scratch; }",
        "let a = [for x in [1] \"a\"]",
        "let m = {\"a\" 1}",
        "fs f() { copy(scratch, \"/a\") \"/b\"; }",
        "dict[string] f() { \"a\" }",
        "let a = [x for x # of them\n in [1]]",
    ] {
        check(program, "(the same)");
    }
}

#[test]
fn a_fix_that_shows_other_errors_is_left_alone() {
    // Behind the missing word is a block whose options do not exist.
    check(
        "fs default() { run \"a\" option { dri \"/\"; dir 5; }; mkdir \"/\" 0755; }",
        "fs default() { run \"a\" option { dri \"/\"; dir 5; }; mkdir \"/\" 0o755; }",
    );
}

#[test]
fn what_is_right_stays() {
    check("fs default() { scratch; }", "(the same)");
    assert!(fix(&MemoryWorld::new(), Utf8Path::new("main.hlb")).files.is_empty());
}
