//! The queries compile, and what they name gets the names that people expect.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tree_sitter::{Query, QueryCursor, StreamingIterator};

fn query(name: &str) -> Query {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries").join(name);
    Query::new(&hlb_tree_sitter::language(), &fs::read_to_string(file).unwrap())
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The last name that the highlights give each text, as editors do it.
fn highlights(text: &str) -> BTreeMap<String, String> {
    let tree = hlb_tree_sitter::parse(text).unwrap().unwrap();
    let query = query("highlights.scm");
    let mut cursor = QueryCursor::new();
    let mut captures = cursor.captures(&query, tree.root_node(), text.as_bytes());
    let mut last: BTreeMap<(usize, usize), (usize, String)> = BTreeMap::new();
    while let Some((found, at)) = captures.next() {
        let capture = found.captures()[*at];
        let name = query.capture_names()[capture.index as usize].to_owned();
        let slot = last.entry((capture.node.start_byte(), capture.node.end_byte())).or_default();
        if slot.0 <= found.pattern_index {
            *slot = (found.pattern_index, name);
        }
    }
    last.into_iter().map(|((start, end), (_, name))| (text[start..end].to_owned(), name)).collect()
}

#[test]
fn all_of_them_compile() {
    for name in ["highlights.scm", "injections.scm", "folds.scm", "indents.scm", "locals.scm"] {
        assert!(query(name).pattern_count() > 0, "{name}");
    }
}

#[test]
fn names_are_coloured_by_what_they_are() {
    let text = concat!(
        "import pack from \"./pack.hlb\"\n",
        "export fs tool([Check] checks, string version = \"1\") {\n",
        "\tlet flags = filled(version)\n",
        "\trun \"make\" flags with option { dir \"/src\"; }\n",
        "\tpack.each checks\n",
        "}\n",
    );
    let found = highlights(text);
    let expected = [
        ("pack", "variable"),
        ("fs", "type"),
        ("tool", "function"),
        ("Check", "type"),
        ("string", "type"),
        ("version", "variable"),
        ("let", "keyword"),
        ("filled", "function.call"),
        ("run", "function.call"),
        ("dir", "function.call"),
        ("option", "type.builtin"),
        ("each", "function.call"),
        ("with", "keyword"),
        ("\"make\"", "string"),
        ("export", "keyword.import"),
    ];
    for (text, name) in expected {
        assert_eq!(found.get(text).map(String::as_str), Some(name), "{text}");
    }
}

#[test]
fn a_single_text_behind_run_is_a_script() {
    let query = query("injections.scm");
    let scripts = |text: &str| {
        let tree = hlb_tree_sitter::parse(text).unwrap().unwrap();
        let mut cursor = QueryCursor::new();
        let mut matches = cursor.matches(&query, tree.root_node(), text.as_bytes());
        let content = query.capture_index_for_name("injection.content").unwrap();
        let mut found = Vec::new();
        while let Some(it) = matches.next() {
            found.extend(it.nodes_for_capture_index(content).map(|node| text[node.byte_range()].trim().to_owned()));
        }
        found
    };
    assert_eq!(scripts("fs a() { run \"make all\"; run `b`\n run <<SH\n\tc\nSH\n }"), ["make all", "b", "c"]);
    assert_eq!(scripts("fs a() { run \"make\" with option { dir \"/\"; } }"), ["make"]);
    assert_eq!(scripts("fs a() { run \"make\" \"all\"; env \"a\" \"b\"; }"), [""; 0]);
}
