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
                writeln!(program, "let found{} = {call}", examples.len()).unwrap();
                // `none` alone has no type.
                if value != "none" {
                    writeln!(program, "let shown{} = {value}", examples.len()).unwrap();
                }
                examples.push((call, value));
            }
        }
    }
    let world = MemoryWorld::new();
    let checked = check_text(&world, Utf8Path::new("examples.hlb"), program);
    assert_eq!(render(&checked.sources, &checked.diagnostics), "");
    for (number, (call, shown)) in examples.iter().enumerate() {
        let value = |name: &str| {
            let value = evaluate(&world, &checked, &format!("{name}{number}").into(), &options());
            value.unwrap_or_else(|errors| panic!("{call}: {}", render(&checked.sources, &errors.0)))
        };
        let expected = if shown == "none" { shown.clone() } else { value("shown") };
        assert_eq!(value("found"), expected, "{call}");
    }
}

/// The value of `it` in a program, or what is wrong with it.
fn value(world: &MemoryWorld, program: &str) -> String {
    let checked = check_text(world, Utf8Path::new("main.hlb"), program.to_owned());
    if checked.has_errors() {
        return render(&checked.sources, &checked.diagnostics);
    }
    evaluate(world, &checked, &"it".into(), &options()).unwrap_or_else(|errors| render(&checked.sources, &errors.0))
}

#[test]
fn values_of_all_types_are_written_as_text_and_as_json() {
    let program = |call: &str| {
        format!(
            "enum Profile {{ debug release }}\n\
             type Tool {{ string name\n Profile profile = release\n [int] sizes = []\n int? limit = none }}\n\
             let tool = Tool(name = \"a b\", sizes = [1, 2])\n\
             let it = {call}\n"
        )
    };
    let world = MemoryWorld::new();
    for (call, expected) in [
        ("json.encode(tool)", r#""{\"name\":\"a b\",\"profile\":\"release\",\"sizes\":[1,2],\"limit\":null}""#),
        ("json.encode({\"k\" = [true]}, 1)", r#""{\n \"k\": [\n  true\n ]\n}""#),
        ("str.of(tool.profile)", r#""release""#),
        ("str.of(tool.limit)", r#""none""#),
        ("str.of([tool])", r#""[Tool(name = \"a b\", profile = release, sizes = [1, 2], limit = none)]""#),
        ("list.contains([tool], tool)", "true"),
        ("list.unique([Profile.debug, Profile.release, Profile.debug]).len()", "2"),
        ("list.sort([Profile.release, Profile.debug])", "[Profile.debug, Profile.release]"),
        ("[\"b\", \"a\"].map(str.upper).sort().join(\"-\")", r#""A-B""#),
        ("map.set({\"a\" = 1}, \"b\", 2).keys()", r#"["a", "b"]"#),
    ] {
        assert_eq!(value(&world, &program(call)), expected, "{call}");
    }
}

#[test]
fn functions_without_statements_have_the_empty_value_of_their_type() {
    for (function, text, json) in [
        ("int f() {}", r#""0""#, r#""0""#),
        ("bool f() {}", r#""false""#, r#""false""#),
        ("string f() {}", r#""""#, r#""\"\"""#),
        ("[int] f() {}", r#""[]""#, r#""[]""#),
        ("map[int] f() {}", r#""{}""#, r#""{}""#),
    ] {
        let world = MemoryWorld::new();
        assert_eq!(value(&world, &format!("{function}\nlet it = str.of(f())\n")), text, "{function}");
        assert_eq!(value(&world, &format!("{function}\nlet it = json.encode(f())\n")), json, "{function}");
    }
}

#[test]
fn the_environment_is_read_through_the_world() {
    let mut world = MemoryWorld::new();
    for (name, value) in [("SET", "x"), ("EMPTY", ""), ("SOURCE_DATE_EPOCH", "86400")] {
        world.env.insert(name.to_owned(), value.to_owned());
    }
    for (call, expected) in [
        ("env.get(\"SET\")", r#""x""#),
        ("env.get(\"EMPTY\")", r#""""#),
        ("env.get(\"UNSET\")", "none"),
        ("env.or(\"EMPTY\", \"y\")", r#""y""#),
        ("env.has(\"EMPTY\")", "true"),
        ("time.epoch()", r#""1970-01-02T00:00:00Z""#),
    ] {
        assert_eq!(value(&world, &format!("let it = {call}\n")), expected, "{call}");
    }
    world.env.insert("SOURCE_DATE_EPOCH".to_owned(), "soon".to_owned());
    let refused = value(&world, "let it = time.epoch()\n");
    assert!(refused.contains("`SOURCE_DATE_EPOCH` is `soon`, which is no number of seconds"), "{refused}");
}

#[test]
fn arguments_that_cannot_be_used_are_refused_where_they_stand() {
    // What is written out is found by the check, what is computed by evaluation: the words are the same.
    for (call, message, place) in [
        ("regex.find(\"a\", \"(\")", "`(` is no regular expression: unclosed group", "\"(\""),
        ("regex.find(\"a\", str.lower(\"(\"))", "`(` is no regular expression: unclosed group", "str.lower(\"(\")"),
        ("semver.bump(\"1.2.3\", \"nano\")", "`nano` is no part of a version", "\"nano\""),
        ("semver.major(\"latest\")", "`latest` is no version", "\"latest\""),
        ("time.add(\"2024-01-31\", \"1d\")", "`1d` is no time span", "\"1d\""),
        ("time.unix(\"2024-01-31\")", "`2024-01-31` is no time in RFC 3339", "\"2024-01-31\""),
        ("path.matches(\"a\", \"b\", \"[\")", "the pattern `[` has a `[` without its `]`", "\"[\""),
        ("json.get(\"{\", \"a\")", "the text is no JSON", "\"{\""),
        ("json.getInt(\"[1.5]\", \"0\")", "what is at `0` is a number with a fraction and not a whole number", "\"0\""),
        ("str.replace(\"ab\", \"\", \"x\")", "an empty text cannot be replaced", "\"\""),
        ("[1, 2].chunk(0)", "a list of this length holds nothing", "0"),
        ("[[1]].sort()", "only texts, numbers, truth values and enums have an order", "[[1]]"),
        ("list.contains([scratch], scratch)", "filesystems cannot be compared", "scratch"),
        ("env.get(\"A=B\")", "`A=B` is no name of an environment variable", "\"A=B\""),
    ] {
        let said = value(&MemoryWorld::new(), &format!("let it = {call}\n"));
        assert!(said.contains(message), "{call}: {said}");
        let marks = said.lines().find(|line| line.contains('^')).unwrap_or_default();
        assert_eq!(marks.matches('^').count(), place.chars().count(), "{call}: {said}");
    }
}

#[test]
fn values_do_not_grow_beyond_all_use() {
    let mut doubled = String::from("let x0 = [1, 1]\n");
    for level in 1..60 {
        writeln!(doubled, "let x{level} = [x{0}, x{0}]", level - 1).unwrap();
    }
    for (program, message) in [
        ("let it = str.repeat(\"ab\", 9000000000)\n".to_owned(), "longer than 16 MiB"),
        ("let it = str.padStart(\"a\", 9000000000)\n".to_owned(), "longer than 16 MiB"),
        ("let it = list.range(0, 9000000000)\n".to_owned(), "more than 1000000 values"),
        (format!("{doubled}let it = str.of(x59).len()\n"), "at once"),
        (format!("{doubled}let it = json.encode(x59).len()\n"), "at once"),
        (format!("{doubled}let it = list.contains([x59], x59)\n"), "at once"),
    ] {
        let said = value(&MemoryWorld::new(), &program);
        assert!(said.contains(message), "{said}");
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
    head.lines().map(|line| line.strip_prefix('#').unwrap().trim()).collect::<Vec<_>>().join("\n")
}

fn link(function: &Function) -> String {
    let Function { namespace, name, .. } = function;
    format!("[`{name}`](#{}{})", namespace, name.to_lowercase())
}

fn entry(function: &Function, out: &mut String) {
    let Function { namespace, name, signature, text, params, returns, examples, .. } = function;
    writeln!(out, "\n#### `{namespace}.{name}`\n\n```hlb\n{signature}").unwrap();
    if !examples.is_empty() {
        out.push('\n');
    }
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
