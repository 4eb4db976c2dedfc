//! The functions in namespaces: the page `docs/namespaces.md`, made from the declarations and their comments, and their
//! examples, each of which is evaluated.

use std::fmt::Write;

use camino::Utf8Path;
use hlb_compiler::testing::MemoryWorld;
use hlb_compiler::{check_text, evaluate};

use crate::support::{options, render};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/namespaces.md");

const HEAD: &str = "# Namespaces

Functions that every program has, by the name of their namespace: `str.upper(\"abc\")`. A name that the program itself gives to
an import, a function, a parameter or a `let` comes before the namespace of that name. On a text, a list or a map the functions
of `str`, `list` and `map` are methods too: `xs.map(f).join(\",\")`. No value is changed, a new one is made. This page is made from
`stdlib/modules`; change it there.
";

/// A function, and what its comment says.
struct Function {
    namespace: &'static str,
    section: &'static str,
    /// `string upper(string s)`
    signature: &'static str,
    name: &'static str,
    text: String,
    params: Vec<(String, String)>,
    returns: String,
    /// What is written, and its value.
    examples: Vec<(String, String)>,
}

#[test]
fn the_page_of_namespaces_is_up_to_date() {
    let made = page();
    if std::env::var_os("HLB_UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &made).unwrap();
    }
    let found = std::fs::read_to_string(PAGE).unwrap_or_default();
    let same = found == made;
    assert!(
        same,
        "docs/namespaces.md is stale: run `HLB_UPDATE_DOCS=1 cargo nextest run -p hlb-compiler the_page_of_namespaces` and look at what changed"
    );
}

#[test]
fn every_example_has_the_value_that_it_shows() {
    let mut program = String::new();
    let mut examples = Vec::new();
    for (namespace, text) in hlb_stdlib::NAMESPACES {
        for function in functions(namespace, text) {
            for (call, value) in function.examples {
                writeln!(program, "let found{0} = {call}\nlet shown{0} = {value}", examples.len()).unwrap();
                examples.push(call);
            }
        }
    }
    let world = MemoryWorld::new();
    let checked = check_text(&world, Utf8Path::new("examples.hlb"), program);
    assert_eq!(render(&checked.sources, &checked.diagnostics), "");
    for (number, call) in examples.iter().enumerate() {
        let value = |name: &str| {
            let target = format!("{name}{number}").into();
            let value = evaluate(&world, &checked, &target, &options());
            value.unwrap_or_else(|errors| panic!("{call}: {}", render(&checked.sources, &errors.0)))
        };
        assert_eq!(value("found"), value("shown"), "{call}");
    }
}

fn page() -> String {
    let mut out = HEAD.to_owned();
    let names: Vec<String> = hlb_stdlib::NAMESPACES.iter().map(|(name, _)| format!("[`{name}`](#{name})")).collect();
    writeln!(out, "\n{}", names.join(" · ")).unwrap();
    for (namespace, text) in hlb_stdlib::NAMESPACES {
        let functions = functions(namespace, text);
        writeln!(out, "\n## `{namespace}`\n\n{}\n", about(text)).unwrap();
        let links: Vec<String> = functions.iter().map(link).collect();
        writeln!(out, "{}", links.join(" · ")).unwrap();
        let mut section = "";
        for function in &functions {
            if function.section != section {
                section = function.section;
                writeln!(out, "\n### {section}").unwrap();
            }
            entry(function, &mut out);
        }
    }
    out.trim_end().to_owned() + "\n"
}

/// The first paragraph of a namespace's text.
fn about(text: &str) -> String {
    let head = text.split("\n\n").next().unwrap();
    head.lines().map(|line| line.trim_start_matches("# ")).collect::<Vec<_>>().join("\n")
}

fn link(function: &Function) -> String {
    let Function { namespace, name, .. } = function;
    format!("[`{name}`](#{}{})", namespace, name.to_lowercase())
}

fn entry(function: &Function, out: &mut String) {
    let Function { namespace, name, signature, text, params, returns, examples, .. } = function;
    writeln!(out, "\n#### `{namespace}.{name}`\n\n```hlb\n{signature}\n").unwrap();
    let width = examples.iter().map(|(call, _)| call.chars().count()).max().unwrap_or(0);
    for (call, value) in examples {
        writeln!(out, "{call:width$} # {value}").unwrap();
    }
    writeln!(out, "```\n\n{text}\n").unwrap();
    for (name, text) in params {
        writeln!(out, "- `{name}`: {text}").unwrap();
    }
    if !returns.is_empty() {
        writeln!(out, "- Gives {returns}").unwrap();
    }
}

/// The functions of a namespace. Their texts are read by lines, so that the page does not depend on the parser.
fn functions(namespace: &'static str, text: &'static str) -> Vec<Function> {
    let mut section = "";
    let mut all = Vec::new();
    for block in text.split("\n\n").skip(1) {
        if let Some(title) = block.strip_prefix("# ---- ") {
            section = title.trim_end().trim_end_matches(" ----");
            continue;
        }
        let (comment, signature) = block.trim_end().rsplit_once('\n').unwrap();
        let head = signature.split('(').find(|part| !part.is_empty() && !part.ends_with("fn")).unwrap();
        let head = head.split('<').next().unwrap();
        let mut function = Function {
            namespace,
            section,
            signature,
            name: head.rsplit(' ').next().unwrap(),
            text: String::new(),
            params: Vec::new(),
            returns: String::new(),
            examples: Vec::new(),
        };
        // A line that begins with a tag begins a new part; others go on.
        let mut parts: Vec<String> = vec![String::new()];
        for line in comment.lines() {
            let line = line.strip_prefix('#').unwrap().trim();
            match parts.last_mut() {
                Some(part) if !line.starts_with('@') => {
                    part.push(' ');
                    part.push_str(line);
                }
                _ => parts.push(line.to_owned()),
            }
        }
        for part in parts {
            let part = part.trim();
            if let Some(rest) = part.strip_prefix("@param ") {
                let (name, text) = rest.split_once(' ').unwrap();
                function.params.push((name.to_owned(), text.trim().to_owned()));
            } else if let Some(rest) = part.strip_prefix("@return ") {
                rest.clone_into(&mut function.returns);
            } else if let Some(rest) = part.strip_prefix("@example ") {
                let (call, value) = rest.rsplit_once(" => ").unwrap();
                function.examples.push((call.to_owned(), value.to_owned()));
            } else {
                part.clone_into(&mut function.text);
            }
        }
        all.push(function);
    }
    all
}
