//! Every text of the repository, valid or not.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hlb_language::source::SourceId;

/// How long the parser may take for one text, in a build without optimisation on a machine with other things to do.
const LIMIT: Duration = Duration::from_secs(5);

struct Text {
    name: String,
    text: String,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The programs of the repository and of its pages, and those that the reference compiler was asked about.
fn texts() -> Vec<Text> {
    let mut found = Vec::new();
    for dir in [
        "examples",
        "stdlib/modules",
        "language/tests/corpus",
        "runtime/tests/conformance/cases",
        "compiler/tests/suite",
        "docs",
    ] {
        files(&repository().join(dir), &mut found);
    }
    found.sort();
    let mut texts = Vec::new();
    for path in found {
        let name = path.strip_prefix(repository()).unwrap().display().to_string();
        let ending = path.extension().and_then(|it| it.to_str());
        if !matches!(ending, Some("hlb" | "md" | "jsonl")) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let mut add = |at: &dyn std::fmt::Display, text: &str| {
            texts.push(Text { name: format!("{name}:{at}"), text: text.to_owned() })
        };
        match ending {
            Some("hlb") => add(&1, &text),
            Some("md") => {
                for (at, part) in text.split("```hlb").skip(1).enumerate() {
                    let body = part.split_once('\n').unwrap().1;
                    add(&(at + 1), body.split("\n```").next().unwrap());
                }
            }
            _ => {
                for line in text.lines() {
                    let row: serde_json::Value = serde_json::from_str(line).unwrap();
                    add(&row["name"], row["source"].as_str().unwrap());
                }
            }
        }
    }
    assert!(texts.len() > 500, "only {} texts", texts.len());
    texts
}

fn is_valid(text: &str) -> bool {
    hlb_language::parser::parse(SourceId(0), text).diagnostics.is_empty()
}

fn tree(text: &str) -> tree_sitter::Tree {
    hlb_tree_sitter::parse(text).unwrap().expect("the parser gives up")
}

/// The page whose texts declare names that are words elsewhere: this grammar does not know what a file declares.
const OWN_WORDS: &str = "compiler/tests/suite/contextual.md:";

#[test]
fn what_is_valid_has_no_error() {
    let valid: Vec<Text> = texts().into_iter().filter(|it| is_valid(&it.text)).collect();
    assert!(valid.len() > 1_000, "only {} valid texts", valid.len());
    let wrong: Vec<&Text> = valid.iter().filter(|it| tree(&it.text).root_node().has_error()).collect();
    let (known, wrong): (Vec<&Text>, Vec<&Text>) = wrong.into_iter().partition(|it| it.name.starts_with(OWN_WORDS));
    let told: Vec<String> = wrong.iter().map(|it| format!("{}\n{}\n{}", it.name, it.text, sexp(&it.text))).collect();
    assert!(told.is_empty(), "{}\n{} of {}", told.join("\n"), told.len(), valid.len());
    assert!(known.len() <= 8, "{} texts of {OWN_WORDS}", known.len());
}

fn sexp(text: &str) -> String {
    tree(text).root_node().to_sexp()
}

#[test]
fn what_is_cut_off_anywhere_does_not_hang() {
    for Text { name, text } in &texts() {
        let step = text.len() / 6 + 1;
        for end in (0..=text.len()).step_by(step).filter(|end| text.is_char_boundary(*end)) {
            for part in [&text[..end], &text[end..]] {
                let start = Instant::now();
                tree(part);
                assert!(start.elapsed() < LIMIT, "{name}, cut at {end}: {:?}", start.elapsed());
            }
        }
    }
}

#[test]
fn what_is_nested_or_repeated_does_not_hang() {
    let pieces = [
        "(",
        "{",
        "[",
        "}",
        ")",
        "\"${",
        "<<A\n${",
        "<<A\n",
        "if a {",
        "if a { b; }\n# c\nelse ",
        "a + ",
        "!",
        "- ",
        "fn(",
        "{ a = ",
        "match a { b => ",
        "for a in ",
        "f(",
        "a.",
        "a[",
        "fs a() { ",
        "fs a() {}\n",
        "\n# c",
        "type a {",
        "with ",
        "as ",
        "`",
        "$",
        "\\",
    ];
    for piece in pieces {
        for start in ["", "fs a() { b ", "fs a() { if b { c; }"] {
            let text = start.to_owned() + &piece.repeat(3_000);
            let start = Instant::now();
            tree(&text);
            assert!(start.elapsed() < LIMIT, "{piece:?} behind {start:?}: {:?}", start.elapsed());
        }
    }
}
