//! What is said about broken texts: each snapshot has the text, what is wrong with it, and what is left of it.

use hlb_language::ast::{Decl, Stmt};
use hlb_language::codes;
use hlb_language::diagnostic::Diagnostic;
use hlb_language::source::SourceId;
use hlb_language::{Parsed, parse};

use crate::show::{apply, diagnostic, parsed};
use crate::walk;

/// Each text with its diagnostics. Each fix must mend its error without making others worse.
pub(crate) fn cases(texts: &[&str]) -> String {
    let mut out = String::new();
    for text in texts {
        let parsed = parsed(text);
        assert!(!parsed.diagnostics.is_empty(), "{text}");
        out += &format!("{text}\n────\n");
        for error in &parsed.diagnostics {
            out += &diagnostic(text, error);
            if !error.fixes.is_empty() {
                let mended = parse(SourceId(0), &apply(text, error));
                assert!(mended.diagnostics.len() <= parsed.diagnostics.len(), "{text}: {error:?}: {mended:?}");
                let is_same = |other: &Diagnostic| other.code == error.code && other.primary == error.primary;
                assert!(!mended.diagnostics.iter().any(is_same), "{text}: {error:?}: {mended:?}");
            }
        }
        out += &format!("kept: {}\n════\n", kept(&parsed));
    }
    out
}

/// The declarations and statements that the tree still has; error nodes in brackets.
fn kept(parsed: &Parsed) -> String {
    let decls = parsed.module.decls.iter().map(|decl| match decl {
        Decl::Import(import) => format!("import {}", import.name.text),
        Decl::Export(export) => format!("export {}", export.name.text),
        Decl::Func(func) => {
            let body = func.body.as_ref().map(|body| stmts(&body.stmts));
            let ty = func.result.name().map_or("…", |name| &name.text);
            format!("{ty} {}/{}{}", func.name.text, func.params.len(), body.unwrap_or_default())
        }
        Decl::Let(constant) => format!("let {}", constant.name.text),
        Decl::Record(record) => format!("type {}/{}", record.name.text, record.fields.len()),
        Decl::Enum(decl) => format!("enum {}/{}", decl.name.text, decl.variants.len()),
        Decl::Test(test) => format!("test{}", stmts(&test.body.stmts)),
        Decl::Error(_) => "[declaration]".to_owned(),
    });
    decls.collect::<Vec<_>>().join(" ")
}

fn stmts(list: &[Stmt]) -> String {
    let list = list.iter().map(|stmt| match stmt {
        Stmt::Call(call) => {
            let with = if call.with.is_some() { "+" } else { "" };
            format!("{}/{}{with}", call.callee.head.text, call.args.len())
        }
        Stmt::Expr(stmt) => format!("value{}", blocks(walk::expr(&stmt.expr))),
        Stmt::Let(binding) => format!("let {}{}", binding.name.text, blocks(walk::expr(&binding.value))),
        Stmt::For(each) => format!("for{}", stmts(&each.body.stmts)),
        Stmt::Assert(_) => "assert".to_owned(),
        Stmt::Error(error) => {
            let callee = error.callee.as_ref().map_or("", |callee| callee.head.text.as_str());
            let blocks: String = error.blocks.iter().map(|block| stmts(&block.stmts)).collect();
            format!("[{callee}{blocks}]")
        }
    });
    format!(" {{{}}}", list.collect::<Vec<_>>().join("; "))
}

fn blocks(parts: walk::Parts<'_>) -> String {
    parts.blocks.iter().map(|block| stmts(&block.stmts)).collect()
}

#[test]
fn slips_in_statements() {
    let texts = [
        "fs a() { image(\"x\") \"y\"; run \"y\" }",
        "fs a() {\n\tcopy(src,\n\t\"/\") \"/\" with x\n}",
        "fs a() { copy (src, \"/\") with x }",
        "fs a() { run \"a\", \"b\", f(x, y) }",
        "fs a() {\n\trun \"a\",\n\trun \"b\"\n}",
        "fs a() { run \"x\" with { shlex; } }",
        "fs a() { run \"x\" with }",
        "fs a() { run \"x\" with as y }",
        "fs a() { ; }",
        "fs a() { scratch;; image \"x\" }",
        "fs a() { { scratch } }",
        "fs a() { run \"x\" { shlex } }",
        "fs a() { run \"x\" as with }",
        "fs a() { with \"x\" }",
        "fs a() { a.b.c.d \"y\" }",
        "fs a() { version = \"1\" }",
        "fs a() { run \"a\" \\\n \"b\" }",
        "fs a() { 1 + x \"y\" }",
        "fs a() { fs { scratch } with x }",
        "fs a() { x f(a b = , c) }",
        "fs a() { x f(a, b => c, d) \"y\" }",
        "fs a() { x => \"y\" }",
        "fs a() { x 1.5 }",
        "fs a() { x \"y\" // c\n z }",
        "fs a() { é \"y\" }",
        "fs a() { x f(\"a\"; y }",
        "fs a() { x f(\"a\" with y }",
        "fs a() { x f(\"a\")) with y }",
        "fs a() { x f(\"a\"\n, \"b\") }",
        "fs a() { x f(,) }",
        "fs a() { x \"y\" as (a) }",
    ];
    insta::assert_snapshot!(cases(&texts));
}

#[test]
fn slips_in_declarations() {
    let texts = [
        "import \"./go.hlb\"",
        "import \"./dir/my-lib.hlb\"\nfs a() {}",
        "import \"./123\"",
        "import x from image \"ref\"",
        "import x",
        "import",
        "export",
        "export \"x\"",
        "default() { scratch }",
        "fs () { scratch }",
        "fs as() { scratch }",
        "fs a(string with) { scratch }",
        "fs a(version) { scratch }",
        "fs a(string) { scratch }",
        "fs a(string x, y, int z) { scratch }",
        "fs a( { scratch }",
        "fs a) { scratch }",
        "fs a { scratch }",
        "fs a()\n{\n\tscratch\n}",
        "fs a() = image \"x\"",
        "fs a(string x\n, string y) { scratch }",
        "run \"x\"",
        "fs a() {\n\tscratch\n}\n\trun \"x\"\n\trun \"y\"\n}",
        "fs bui\n\nfs a() {}",
        "x = 1\nfs a() {}",
        "fs é() { scratch }",
    ];
    insta::assert_snapshot!(cases(&texts));
}

#[test]
fn missing_closers() {
    let texts = [
        "fs a() {\n\timage \"x\"\n",
        "fs a() {\n\timage \"x\"\n\nfs b() {\n\tscratch\n}\n",
        "fs a() {\n\trun \"x\" with option {\n\t\tshlex\n\timage \"y\"\n}\n",
        "fs a() {\n\trun \"x\" with option\n\t\tshlex\n\t}\n\timage \"y\"\n}\n",
        "fs a()\n\timage \"y\"\n}\n",
        "fs a() { image \"x }\nfs b() { image \"y\" }",
        "fs a() {\n\trun \"x\n\trun \"y\"\n}",
        "fs a() { run `x }\nfs b() { scratch }",
        "fs a() {\n\trun <<EOM\n\t\tx\n\timage \"y\"\n}\nfs b() {}",
        "fs a() {\n\trun <<EOM\nx\n}\nfs b() {}",
        "fs a() { run \"a ${b\" }\nfs b() {}",
        "fs a() { run \"a ${f(b} c\"; x }",
        "fs a() { run <<EOM\n${b\nEOM\n x }",
        "fs a() { } }",
    ];
    insta::assert_snapshot!(cases(&texts));
}

#[test]
fn slips_in_literals() {
    let texts = [
        "fs a() { run 'x' }",
        "fs a() { run 'say \"x\"' }",
        "fs a() { run `` }",
        "fs a() { mkdir \"x\" 0o9 }",
        "fs a() { mkdir \"x\" 0b2 }",
        "fs a() { x 99999999999999999999 0xFFFFFFFFFFFFFFFF }",
        "fs a() { run \"${}\" }",
        "fs a() { run \"${\n\tx\n}\" }",
        "fs a() { run \"${x y}\" }",
        "fs a() { run \"a\\\nb\" }",
        "fs a() { run \"${f('x')}\" }",
    ];
    insta::assert_snapshot!(cases(&texts));
}

#[test]
fn codes_are_unique_and_in_order() {
    let codes: Vec<&str> = codes::ALL.iter().map(|(code, _)| code.0).collect();
    assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
    assert!(codes.iter().all(|code| code.starts_with("E00") && code.len() == 5), "{codes:?}");
    assert!(codes::ALL.iter().all(|(_, title)| !title.ends_with('.')));
}
