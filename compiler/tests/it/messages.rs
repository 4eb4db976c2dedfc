//! What is said of programs that are wrong or doubtful: each snapshot shows programs with their messages.

use crate::support::{build_text, checked, render};

/// The programs, each followed by everything that checking says of it; evaluation speaks where checking finds no error.
fn literate(programs: &[&str]) -> String {
    let mut out = String::new();
    for program in programs {
        let checked = checked(program);
        let mut said = render(&checked.sources, &checked.diagnostics);
        if !checked.has_errors()
            && let Err(message) = build_text(program, "default")
        {
            said.push_str(&message);
        }
        if said.is_empty() {
            said.push_str("(nothing)\n");
        }
        out.push_str(&format!("{}\n\n{said}\n-----\n", program.trim_end()));
    }
    out
}

/// Compares what is said of the programs with the snapshot of this name.
#[track_caller]
fn said(programs: &[&str], name: &str) {
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(name, literate(programs)) });
}

#[test]
fn names() {
    said(
        &[
            "fs default() { imagee \"a\" }",
            "fs default() { image nam }\nstring name() { \"a\" }",
            "fs default() { image naem }\nfs name() { scratch }",
            "fs default() { nothingLikeIt }",
            "fs default() { image x }\nfs other(string x) { image x }",
            "fs a() {}\nfs a() {}\nfs a() {}\nfs default() {}",
            "fs image() {}\nfs default() {}",
            "fs default(string x, string x) {}",
            "import run from \"./x.hlb\"",
            "export nope\nexport default\nfs default() {}",
            "export defualt\nfs default() {}",
            "foo default() {}\nsting s() {}\noption o() {}\noption::rum p() {}",
            "fs default() { copy sf { scratch } \"/\" \"/\" }",
            "fs default() { x.y }",
            "fs default() { name.y }\nfs name() {}",
            "fs default() { as x }",
        ],
        "names",
    );
}

#[test]
fn kinds() {
    said(
        &[
            "fs default() { image 1 }",
            "fs default() { mkdir \"/d\" \"0755\" }",
            "fs default() { \"alpine\" }",
            "fs default() { image \"${scratch}\" }",
            "fs default() { image tag }\nint tag() { 5 }",
            "fs default() { stage image(\"a\") }",
            "pipeline default() { a }\nfs a() { image \"a\" }",
            "fs default() { readonly }",
            "fs default() { mode 5 }",
            "fs default() { run \"x\" with keepGitDir }",
            "fs default() { run \"x\" with option { readonly } }",
            "fs default() { run \"x\" with option { image \"a\" } }",
            "fs default() { run \"x\" with option::image {} }",
            "fs default() { scratch with option { dir \"/\" } }",
            "fs a(option::run o) { run \"p\" with o }\nfs default() { a option { env \"A\" \"1\" } }",
            "fs f() { scratch }\noption::f oo() {}\nfs default() { f with oo }",
            "fs default() { run \"x\" with readonlyRootfs }",
            "fs default() { run \"x\" with option { readonlyRootfs; mount scratch \"/o\" as out } }",
        ],
        "kinds",
    );
}

#[test]
fn arguments() {
    said(
        &[
            "fs default() { image }",
            "fs default() { image \"a\" \"b\" }",
            "fs default() { copy scratch \"/\" }",
            "fs default() { copy scratch (\"/\") \"/\" }",
            "fs default() { image format \"a\" }",
            "fs a(string x, string y) {}\nfs default() { a \"x\" }",
            "string default() { format }",
            "fs default() { run \"make\" option { dir \"/src\" } }",
            "fs default() { run \"make\" \"all\" option::run { dir \"/src\" } }",
            "fs default() { image \"a\" option { resolve } }",
            "fs default() { mkdir \"/d\" 0755 }",
            "int default() { 1_000 }",
            "fs default() { image \"a\\q\" }",
            "fs default() { image \"a\\x41\" }",
            "fs a(variadic string xs) { image xs }\nfs default() { a }",
            "fs a(variadic string xs, string y) { image y }\nfs default() { scratch }",
            "fs default() { run \"x\" with network(\"hots\") }",
            "fs default() { run \"x\" with security(\"open\") }",
            "fs default() { run \"x\" with option { mount scratch \"/c\" with cache(\"id\", \"sharde\") } }",
            "fs default() { run \"x\" with option { mount scratch \"/c\" with cache(\"id\", m) } }\nstring m() { \"sharde\" }",
        ],
        "arguments",
    );
}

#[test]
fn binds() {
    said(
        &[
            "fs default() { scratch as }",
            "fs default() { scratch as x }",
            "fs default() { run \"x\" as () }",
            "fs foo() binds (string x) { scratch }\nfs default() { foo as y }",
            "fs default() { run \"x\" with option { mount scratch \"/o\" as (targte y) } }",
            "fs default() { copy fs { run \"x\" } \"/\" \"/\" }\noption::run o() { mount scratch \"/a\" as b }",
            "fs default() { run \"x\" with option { mount fs { run \"y\" with option { mount scratch \"/\" as z } } \"/a\" } }",
            "fs default() { copy out \"/\" \"/\"\n run \"x\" with option { mount scratch \"/o\" as out } }",
            "fs default() { c }\nfs b() { run \"x\" with option { mount scratch \"/c\" with cache(\"i\", \"shared\") as c } }",
            "fs default() { c }\nfs b() { run \"x\" with option { mount scratch \"/c\" with tmpfs as c } }",
            "fs default() { d }\nfs b() { e fs { run \"x\" with option { mount scratch \"/c\" as c } } }\nfs e(fs x) { scratch }\nfs d() { copy c \"/\" \"/\" }",
            "fs default() { dup }\nfs a() { run \"p\" with option { mount scratch \"/o\" as dup } }\nfs dup() { scratch }",
        ],
        "binds",
    );
}

#[test]
fn recursion() {
    said(
        &[
            "fs default() { default }",
            "fs default() { a }\nfs a() { b }\nfs b() { scratch\n\ta }",
            "string default() { \"x${default}\" }",
            "fs default() { copy fs { default } \"/\" \"/\" }",
            "fs f(string s) { run \"x\" with option { mount scratch \"/o\" as out }\n copy out(\"other\") \"/\" \"/\" }\nfs default() { f \"x\" }",
        ],
        "recursion",
    );
}

#[test]
fn not_yet_and_old() {
    said(
        &[
            "group default() { parallel fs { scratch } fs { scratch } }",
            "import x from fs { scratch }\nfs default() { x.y }",
            "import x from \"git://github.com/a/b\"\nfs default() { x.y }",
            "import x from \"https://a/b\"\nfs default() { x.y }",
            "import x from image\nfs default() { scratch }",
        ],
        "not_yet_and_old",
    );
}

#[test]
fn evaluation() {
    said(
        &[
            "fs default() { image \"Bad Ref\" }",
            "fs default() { image \"Bad Ref\"\n scratch }",
            "fs default() { f \"x y\" }\nfs f(string s) { g s }\nfs g(string s) { image s }",
            "fs default() { local \"nope\" }",
            "fs default() { merge }",
            "fs default() { run }",
            "fs default() { run \"echo 'x\" with shlex }",
            "fs default() { http \"ftp://x\" }",
            "fs default() { http \"http://x\" with checksum(\"nope\") }",
            "fs default() { mkdir \"/d\" 0o755 with createdTime(\"yesterday\") }",
            "fs default() { mkdir \"/d\" 0o70000 }",
            "fs default() { run \"x\" with host(\"h\", \"here\") }",
            "fs default() { run \"x\" with env(\"A=B\", \"c\") }",
            "fs default() { mkfile \"/f\" 0o644 template(\"{{.a\") }",
            "fs default() { mkfile \"/f\" 0o644 localRun(\"nope\") }",
            "fs default() { run \"x\" with option { mount image(\"a\") \"/t\" with tmpfs } }",
            "fs defualt() { scratch }",
            "",
            "fs default(string x) { image x }",
            "string default() { manifest \"alpine\" }",
            "fs default() { download \"\" }",
            "fs default() { local \"~bob/x\" }",
        ],
        "evaluation",
    );
}
