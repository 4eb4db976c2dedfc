//! Slips in what the language has and its predecessor had not, and slips of those who come from other languages.

use crate::errors::cases;

#[test]
fn conditions() {
    let texts = [
        "fs a() { if x = 1 { b } }",
        "fs a() { if a == b == c { d } }",
        "fs a() { if a & b | c { d } }",
        "fs a() {\n\tif a { b } elif c == d { e } else { f }\n}",
        "fs a() {\n\telse { b }\n\tc\n}",
        "fs a() {\n\tb\n\telse if c { d }\n}",
        "fs a() {\n\tif a { b }\n\telif c == 1 { d }\n\te\n}",
        "fs a() { if { b } }",
        "fs a() { if a == { b } c }",
        "fs a() {\n\tif a\n\t{\n\t\tb\n\t}\n\tc\n}",
        "fs a() {\n\tif a\n\t\tb\n\t}\n\tc\n}",
        "fs a() { let x = a === b; assert a !== b }",
        "fs a() { x a ++ b }",
        "fs a() { x \"${a = b}\" \"${a + }\" }",
    ];
    insta::assert_snapshot!(cases(&texts));
}

#[test]
fn values() {
    let texts = [
        "fs a() { let x; b }",
        "fs a() { let x \"y\"; b }",
        "fs a() { let x = ; b }",
        "fs a() { let x: string = \"y\"; b }",
        "fs a() { let = 1; b }",
        "fs a() { let if = 1; b }",
        "fs a() { x := 1; b }",
        "fs a() { x += 1; b }",
        "fs a() { const x = 1; var y = 2; b }",
        "fs a() { let x = 1 y }",
        "fs a() { let x = f(1, =2, 3); b }",
        "fs a() { b with option { race = true; shlex; } }",
        "let x",
        "let x: string = \"y\"",
        "const x = 1\nvar y = 2",
        "let x = fs { a; ; b }\nfs c() {}",
        "fs a() { let x = {\"a\": 1, \"b\" 2, \"c\" = 3} }",
        "fs a() { let x = [1, 2; b }\nfs c() {}",
        "fs a() { let x = 1, 2]; b }",
        "fs a() { let x = [1, , 2] }",
    ];
    insta::assert_snapshot!(cases(&texts));
}

#[test]
fn loops() {
    let texts = [
        "fs a() { for x xs { b } }",
        "fs a() { for x of xs { b } }",
        "fs a() { for x in { b } }",
        "fs a() { for in xs { b } }",
        "fs a() { let x = [y for y in ys] }",
        "fs a() { let x = [f(y) for y in ys if y > 1] }",
        "fs a() { let x = {k = v for k, v in m} }",
        "fs a() { let x = [for y in ys y] }",
        "fs a() { let x = [for y in ys:y] }",
        "fs a() { let x = [for y ys : y]; b }",
        "fs a() { let x = [for y in ys : ]; b }",
    ];
    insta::assert_snapshot!(cases(&texts));
}

#[test]
fn matches() {
    let texts = [
        "fs a() {\n\tmatch x {\n\t\ta: b\n\t\tc -> d\n\t\te { f }\n\t\telse => g\n\t}\n\th\n}",
        "fs a() { match x { a => b; c d } e }",
        "fs a() { match { a => b } }",
        "fs a() {\n\tmatch x {\n\t\ta => let y = 1\n\t\tb => { c }\n\t}\n}",
        "fs a() {\n\tmatch x {\n\t\t[1] => b\n\t\tc => { d; ; e }\n\t}\n}",
    ];
    insta::assert_snapshot!(cases(&texts));
}

#[test]
fn types_and_heads() {
    let texts = [
        "fs a(x: string, y: [int] = 1) { b }",
        "fs a(string[] x, list[int] y) { b }",
        "func a() fs { b }",
        "def a(string x) -> fs { b }",
        "fn a() { b }",
        "fs a() -> string { b }",
        "fs a(): string { b }",
        "fs a(string x = ) { b }",
        "fs a(string x @ y, int z) { b }",
        "[string] a(string) { b }",
        "type { string a }",
        "type A {\n\tstring\n\tb: int\n\tint c = \n}\nfs d() {}",
        "enum A { b, = c }\nfs d() {}",
        "test { a }\nfs d() {}",
        "test \"x\" a\nfs d() {}",
        "export fs a( { b }",
        "fs a<T(T x) { b }",
        "fs a() binds fs b { c }",
    ];
    insta::assert_snapshot!(cases(&texts));
}

#[test]
fn words_that_a_file_declares() {
    let texts = [
        "fs match(fs x) {}\nfs a() { let y = match b { c => d } }",
        "fs if(fs x) {}\nfs a() { if b == 1 { c } }",
        "import let from \"x\"\nfs a() {\n\tlet y = 1\n\tb\n}",
    ];
    insta::assert_snapshot!(cases(&texts));
}
