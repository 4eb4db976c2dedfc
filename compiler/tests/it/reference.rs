//! The page `docs/builtins.md`, made from the declarations and their comments.

use std::fmt::Write;

use hlb_language::ast::{Decl, FuncDecl, Param};
use hlb_language::source::SourceId;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/builtins.md");

const HEAD: &str = "# Builtins

Everything that a program can call without declaring it, but for the functions on texts, lists and other data, which are in
[namespaces](namespaces.md). This page is made from `stdlib/modules/builtin.hlb`; change it there.

A call of kind `fs` changes the filesystem of the block that it stands in, or makes one where a value is needed. Options stand
behind `with`: `run \"make\" with option { dir \"/src\"; network \"none\" }`, or a single one by itself:
`run \"make\" with dir(\"/src\")`.

Modes are enums, at the end of this page. Where one is wanted, a variant stands by its bare name, `network(none)`, and a text
is taken too.
";

/// A declaration and what its comment says.
struct Builtin {
    kind: String,
    name: String,
    signature: String,
    text: String,
    params: Vec<(String, String)>,
    returns: String,
    at: usize,
}

#[test]
fn the_page_of_builtins_is_up_to_date() {
    let made = page();
    if std::env::var_os("HLB_UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &made).unwrap();
    }
    let found = std::fs::read_to_string(PAGE).unwrap_or_default();
    let same = found == made;
    assert!(
        same,
        "docs/builtins.md is stale: run `HLB_UPDATE_DOCS=1 cargo nextest run -p hlb-compiler the_page_of_builtins` and look at what changed"
    );
}

fn page() -> String {
    let parsed = hlb_language::parse(SourceId(0), hlb_stdlib::BUILTIN);
    let funcs = parsed.module.decls.iter().filter_map(|decl| match decl {
        Decl::Func(func) => Some(builtin(func)),
        Decl::Enum(_) => None,
        other => panic!("only functions and enums are declared: {other:?}"),
    });
    let all: Vec<Builtin> = funcs.collect();
    let mut out = HEAD.to_owned();
    let sections: Vec<(usize, &str)> = hlb_stdlib::BUILTIN
        .match_indices("# ---- ")
        .map(|(at, mark)| {
            let title = &hlb_stdlib::BUILTIN[at + mark.len()..];
            (at, title.split(" ----").next().unwrap())
        })
        .collect();
    for (number, (from, title)) in sections.iter().enumerate() {
        let to = sections.get(number + 1).map_or(usize::MAX, |(at, _)| *at);
        writeln!(out, "\n## {title}").unwrap();
        for builtin in &all {
            if (*from..to).contains(&builtin.at) && !builtin.kind.starts_with("option::") {
                entry(&all, builtin, &mut out);
            }
        }
        for decl in &parsed.module.decls {
            let Decl::Enum(decl) = decl else { continue };
            if (*from..to).contains(&(decl.span.start as usize)) {
                let text = &hlb_stdlib::BUILTIN[decl.span.range()];
                let doc = decl.doc.as_deref().unwrap_or_default();
                writeln!(out, "\n### `{}`\n\n```hlb\n{text}\n```\n\n{doc}", decl.name.text).unwrap();
            }
        }
    }
    out
}

fn entry(all: &[Builtin], builtin: &Builtin, out: &mut String) {
    writeln!(
        out,
        "\n### `{}`\n\n```hlb\n{} {}\n```\n\n{}",
        builtin.name, builtin.kind, builtin.signature, builtin.text
    )
    .unwrap();
    if !builtin.params.is_empty() || !builtin.returns.is_empty() {
        out.push('\n');
    }
    for (name, text) in &builtin.params {
        writeln!(out, "- `{name}`: {text}").unwrap();
    }
    if !builtin.returns.is_empty() {
        writeln!(out, "- Gives {}", builtin.returns).unwrap();
    }
    options(all, &builtin.name, "Options", out);
}

/// The table of the options of something, and those of the options themselves.
fn options(all: &[Builtin], of: &str, title: &str, out: &mut String) {
    let kind = format!("option::{of}");
    let own: Vec<&Builtin> = all.iter().filter(|builtin| builtin.kind == kind).collect();
    if own.is_empty() {
        return;
    }
    writeln!(out, "\n{title}:\n\n| `{kind}` | |\n| --- | --- |").unwrap();
    for option in &own {
        let params: Vec<String> = option.params.iter().map(|(name, text)| format!("`{name}`: {text}")).collect();
        let text = [vec![option.text.clone()], params].concat().join("<br>").replace('|', "\\|");
        writeln!(out, "| `{}` | {text} |", option.signature).unwrap();
    }
    for option in own {
        // What two calls take is told where the second one is.
        let last = all.iter().rfind(|other| other.name == option.name && other.kind.starts_with("option::"));
        if last.is_some_and(|last| last.kind == option.kind) {
            options(all, &option.name, &format!("Options of `{}`", option.name), out);
        }
    }
}

fn builtin(func: &FuncDecl) -> Builtin {
    let list = |params: &[Param]| {
        let param = |param: &Param| {
            let variadic = if param.variadic.is_some() { "variadic " } else { "" };
            format!("{variadic}{} {}", written(&param.ty), param.name.text)
        };
        params.iter().map(param).collect::<Vec<_>>().join(", ")
    };
    let name = func.name.text.to_string();
    let mut signature = format!("{name}({})", list(&func.params));
    if let Some(binds) = &func.binds {
        write!(signature, " binds ({})", list(&binds.effects)).unwrap();
    }
    let mut builtin = Builtin {
        kind: written(&func.result),
        name,
        signature,
        text: String::new(),
        params: Vec::new(),
        returns: String::new(),
        at: func.span.start as usize,
    };
    // A line that begins with a tag begins a new part; others go on.
    let mut parts: Vec<String> = vec![String::new()];
    for line in func.doc.as_deref().unwrap().lines() {
        if line.starts_with('@') {
            parts.push(line.to_owned());
        } else if let Some(part) = parts.last_mut() {
            part.push(' ');
            part.push_str(line);
        }
    }
    for part in parts {
        let part = part.trim();
        if let Some(rest) = part.strip_prefix("@param ") {
            let (name, text) = rest.split_once(' ').unwrap();
            builtin.params.push((name.to_owned(), text.trim().to_owned()));
        } else if let Some(rest) = part.strip_prefix("@return ") {
            builtin.returns = rest.to_owned();
        } else {
            builtin.text = part.to_owned();
        }
    }
    builtin
}

/// A type as it is written.
fn written(ty: &hlb_language::ast::TypeExpr) -> String {
    use hlb_language::ast::TypeExpr;
    match ty {
        TypeExpr::Name(name) => name.text.to_string(),
        TypeExpr::Member(path) => {
            format!("{}.{}", path.head.text, path.member.as_ref().map_or("", |member| member.text.as_str()))
        }
        TypeExpr::List(_, item) => format!("[{}]", written(item)),
        TypeExpr::Map(_, item) => format!("map[{}]", written(item)),
        TypeExpr::Optional(_, item) => format!("{}?", written(item)),
        TypeExpr::Func(_, params, result) => {
            let params: Vec<String> = params.iter().map(written).collect();
            format!("fn({}) {}", params.join(", "), written(result))
        }
    }
}
