//! Programs that the reference compiler was run on, and what it made of them.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use hlb_compiler::testing::MemoryWorld;
use hlb_compiler::{CommandOutput, Request, check, compile};
use serde_json::Value;

use crate::support::{definitions, digests, options, render};

/// How many portable rows had the same digests when this was last looked at. It only rises.
const FLOOR: usize = 90;

/// Rows where this compiler differs on purpose; each is a row of `docs/compatibility.md`.
const DIFFERENT: &[(&str, &str)] = &[
    ("c4", "variadic parameters of functions work"),
    ("x/fn_variadic", "variadic parameters of functions work"),
    ("h16", "truth values are values"),
    ("x18", "truth values are values"),
];

struct Row {
    name: String,
    json: Value,
}

impl Row {
    fn str(&self, key: &str) -> &str {
        self.json[key].as_str().unwrap_or("")
    }
}

fn rows() -> Vec<Row> {
    let text = include_str!("../data/reference-programs.jsonl");
    let row = |line: &str| {
        let json: Value = serde_json::from_str(line).unwrap();
        Row { name: json["name"].as_str().unwrap().to_owned(), json }
    };
    text.lines().map(row).collect()
}

/// The machine that the reference ran on, as far as the programs look at it.
fn world() -> MemoryWorld {
    let mut world = MemoryWorld::new();
    // What `ignoreCache` made unique in the one row that shows it.
    world.unique = "n7pe6j775614zu1x9ms88v21x".to_owned();
    let failed = CommandOutput { exit_code: 3, stdout: String::new(), stderr: String::new(), combined: String::new() };
    world.commands.insert("/bin/sh -c exit 3".to_owned(), failed);
    let mut world = world
        .file("codegen_test.go", "package codegen\n")
        .file("other.hlb", "export runOpts\noption::run runOpts() {\n\tdir \"/etc\"\n\tshlex\n}\n");
    for row in rows() {
        world.files.insert(path(&row.name), row.str("source").to_owned());
    }
    world
}

fn path(name: &str) -> Utf8PathBuf {
    format!("{}.hlb", name.replace('/', "-")).into()
}

/// What this compiler makes of a row: a request, or messages.
fn outcome(world: &MemoryWorld, row: &Row) -> Result<Request, String> {
    // Each row has a world of its own, whose first unique text is the known one.
    let world = &world.clone();
    let checked = check(world, &path(&row.name));
    compile(world, &checked, &[], &options()).map_err(|errors| render(&checked.sources, &errors.0))
}

fn unsupported(message: &str) -> bool {
    message.contains("not supported yet")
}

#[test]
fn portable_programs_have_the_same_digests() {
    let world = world();
    let different: BTreeMap<&str, &str> = DIFFERENT.iter().copied().collect();
    let (mut same, mut counted, mut missing) = (0, 0, Vec::new());
    let mut wrong = Vec::new();
    for row in rows() {
        if row.str("reference") != "ok" || row.json["portable"] != Value::Bool(true) {
            continue;
        }
        let request = match outcome(&world, &row) {
            Ok(request) => request,
            Err(message) if unsupported(&message) => {
                missing.push(row.name);
                continue;
            }
            Err(message) => {
                counted += 1;
                wrong.push(format!("{}: an error\n{}\n{message}", row.name, row.str("source")));
                continue;
            }
        };
        counted += 1;
        let got: Vec<Vec<String>> = definitions(&request).into_iter().map(digests).collect();
        let list = |value: &Value| -> Vec<String> {
            value
                .as_array()
                .map_or_else(Vec::new, |list| list.iter().map(|digest| digest.as_str().unwrap().to_owned()).collect())
        };
        let expected: Vec<Vec<String>> = match row.json["definitions"].as_array() {
            Some(all) => all.iter().map(|definition| list(&definition["op_digests"])).collect(),
            None => Vec::new(),
        };
        let kind = match request {
            Request::Nil => "nil",
            Request::Solve(_) => "single",
            Request::Parallel(_) => "parallel",
            Request::Sequential(_) => "sequential",
        };
        if got == expected && kind == row.str("request") {
            same += 1;
        } else {
            wrong.push(format!("{}: {kind}\n{}\n{got:#?}\nexpected {}", row.name, row.str("source"), row.json));
        }
    }
    println!(
        "{same} of {counted} portable rows have the same digests; builtins are missing for {}",
        missing.join(", ")
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n----\n"));
    assert!(same >= FLOOR, "{same} rows are the same, there were {FLOOR}");
    assert!(different.len() >= 4);
}

#[test]
fn what_the_reference_refuses_is_refused() {
    let world = world();
    let different: BTreeMap<&str, &str> = DIFFERENT.iter().copied().collect();
    let mut wrong = Vec::new();
    let mut refused = 0;
    for row in rows() {
        let stage = row.str("stage");
        if row.str("reference") != "error" {
            continue;
        }
        let outcome = outcome(&world, &row);
        match (&outcome, different.get(row.name.as_str())) {
            (Err(_), None) => refused += 1,
            (Ok(_), Some(_)) => {}
            (Ok(_), None) => wrong.push(format!("{} ({stage}) is accepted: {}", row.name, row.str("source"))),
            (Err(message), Some(why)) => wrong.push(format!("{}: {why}, but\n{message}", row.name)),
        }
    }
    println!("{refused} rows are refused as the reference refuses them");
    assert!(wrong.is_empty(), "{}", wrong.join("\n----\n"));
}

#[test]
fn broken_programs_are_refused_with_a_message() {
    let world = world();
    for mut row in rows() {
        // The reference crashed or hung on some of these, whole or not.
        let source = row.str("source").to_owned();
        for part in [1, 2, 3] {
            let cut = source.char_indices().map(|(at, _)| at).nth(source.chars().count() * part / 4).unwrap_or(0);
            for text in [source[..cut].to_owned(), source[cut..].to_owned()] {
                let mut world = world.clone();
                world.files.insert(path(&row.name), text.clone());
                row.json["source"] = Value::String(text);
                if let Err(message) = outcome(&world, &row) {
                    assert!(message.starts_with("error[E0"), "{}: {message}", row.name);
                }
            }
        }
    }
}

#[test]
fn differences_are_documented() {
    let document = include_str!("../../../docs/compatibility.md");
    for (row, _) in DIFFERENT {
        assert!(document.contains(&format!("`{row}`")), "`{row}` is not in docs/compatibility.md");
    }
}
