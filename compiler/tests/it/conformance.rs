//! Programs that the reference compiler was run on, and what it made of them.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use hlb_compiler::testing::MemoryWorld;
use hlb_compiler::{CommandOutput, Request, check, compile};
use hlb_llb::definition::Graph;
use hlb_llb::pb;
use serde_json::Value;

use crate::support::{digests, options, render, solves};

/// How many portable rows the reference accepts; all have the same digests here.
const FLOOR: usize = 92;

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
pub(crate) fn world() -> MemoryWorld {
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

/// What a reader of the reference's row would see of a request: its form, and of each graph the digests and the head.
type Shape = (&'static str, Vec<(String, Vec<String>)>);

fn shape(request: &Request) -> Shape {
    let form = match request {
        Request::Nil => "nil",
        Request::Solve(_) => "single",
        Request::Parallel(_) => "parallel",
        Request::Sequential(_) => "sequential",
    };
    let head = |definition: &pb::Definition| {
        let graph = Graph::load(definition).unwrap();
        graph.target.map_or_else(String::new, |(vertex, _)| graph.vertices[vertex].digest.to_string())
    };
    // The reference lists what is solved at the end; exports are done on the way.
    let solved = solves(request).into_iter().map(|solve| &solve.definition);
    (form, solved.map(|definition| (head(definition), digests(definition))).collect())
}

/// The same, as the row has it.
fn expected(row: &Row) -> Shape {
    let form = ["nil", "single", "parallel", "sequential"].into_iter().find(|form| *form == row.str("request"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let graph = |value: &Value| {
        let digests = value["op_digests"].as_array().into_iter().flatten().map(text).collect();
        (text(&value["head"]), digests)
    };
    (form.unwrap(), row.json["definitions"].as_array().into_iter().flatten().map(graph).collect())
}

/// Whether this compiler does with a row what the reference does, or why not.
fn compare(world: &MemoryWorld, row: &Row) -> Result<(), String> {
    match (outcome(world, row), row.str("reference")) {
        (Ok(request), "ok") => {
            let (got, expected) = (shape(&request), expected(row));
            if got == expected { Ok(()) } else { Err(format!("{got:#?}\nexpected {expected:#?}")) }
        }
        (Err(message), "ok") => Err(message),
        (Ok(_), "error") => Err("it is accepted".to_owned()),
        // Whatever is done about a crash or an endless loop is another thing than that.
        _ => Ok(()),
    }
}

#[test]
fn portable_programs_have_the_same_digests() {
    let world = world();
    let portable: Vec<Row> =
        rows().into_iter().filter(|row| row.str("reference") == "ok" && row.json["portable"] == true).collect();
    assert_eq!(portable.len(), FLOOR);
    let documented = documented();
    for row in portable {
        if let Err(difference) = compare(&world, &row) {
            let why = format!("{}: {difference}\n{}", row.name, row.str("source"));
            assert!(documented.contains(&row.name), "not in docs/compatibility.md: {why}");
        }
    }
}

#[test]
fn what_the_reference_refuses_is_refused() {
    let world = world();
    let documented = documented();
    let mut refused = 0;
    let mut surprising = Vec::new();
    for row in rows().into_iter().filter(|row| row.str("reference") == "error") {
        match compare(&world, &row) {
            Ok(()) => refused += 1,
            Err(_) if documented.contains(&row.name) => {}
            Err(why) => surprising.push(format!("{} ({}): {why}: {}", row.name, row.str("stage"), row.str("source"))),
        }
    }
    assert_eq!(surprising, Vec::<String>::new(), "not in docs/compatibility.md");
    assert!(refused >= 85, "{refused} rows are refused");
}

/// The rows that `docs/compatibility.md` names as different, by what stands behind the words row and rows.
fn documented() -> BTreeSet<String> {
    let document = include_str!("../../../docs/compatibility.md");
    let mut named = BTreeSet::new();
    for section in document.split("\n## ").filter(|section| !section.starts_with("Kept")) {
        for (at, word) in section.match_indices("row").chain(section.match_indices("rows")) {
            let list = section[at + word.len()..].trim_start();
            let list: String = list.chars().take_while(|ch| !matches!(ch, ')' | '|' | '.' | '\n')).collect();
            if list.starts_with('`') {
                named.extend(list.split('`').skip(1).step_by(2).map(str::to_owned));
            }
        }
    }
    named
}

#[test]
fn the_document_names_the_rows_that_differ_and_no_others() {
    let world = world();
    let documented = documented();
    assert!(documented.len() >= 4, "{documented:?}");
    let rows = rows();
    for name in &documented {
        let row = rows.iter().find(|row| row.name == *name);
        let row = row.unwrap_or_else(|| panic!("docs/compatibility.md names `{name}`, and there is no such row"));
        if matches!(row.str("reference"), "ok" | "error") {
            assert!(compare(&world, row).is_err(), "docs/compatibility.md names `{name}`, which is the same now");
        }
    }
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
