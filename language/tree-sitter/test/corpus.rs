//! `test/corpus/*.txt`, in the form of tree-sitter's own tests: a name between two lines of `=`, a text, a line of `-`, and the
//! tree. `UPDATE_CORPUS=1` writes the trees; read them.

use std::fs;
use std::path::Path;

struct Case {
    name: String,
    text: String,
    tree: String,
}

fn cases(file: &str) -> Vec<Case> {
    let is_rule = |line: &str, sign| line.len() >= 3 && line.chars().all(|it| it == sign);
    let mut cases: Vec<Case> = Vec::new();
    let mut lines = file.lines().peekable();
    let mut in_tree = false;
    while let Some(line) = lines.next() {
        if is_rule(line, '=') && cases.last().is_none_or(|_| in_tree) {
            let name = lines.next().unwrap().to_owned();
            assert!(is_rule(lines.next().unwrap(), '='), "no line of = behind `{name}`");
            cases.push(Case { name, text: String::new(), tree: String::new() });
            in_tree = false;
        } else if is_rule(line, '-') {
            in_tree = true;
        } else {
            let case = cases.last_mut().expect("a file begins with a name");
            let part = if in_tree { &mut case.tree } else { &mut case.text };
            part.push_str(line);
            part.push('\n');
        }
    }
    cases
}

/// A tree on lines of its own, which are easier to compare than one.
fn laid_out(tree: &str) -> String {
    let mut out = String::new();
    let mut depth = 0_usize;
    for word in tree.split_whitespace() {
        if word.starts_with('(') && !out.is_empty() && !out.ends_with(": ") || word.ends_with(':') {
            out = out.trim_end().to_owned();
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
        }
        out.push_str(word);
        out.push(' ');
        depth += word.matches('(').count();
        depth -= word.matches(')').count();
    }
    out.trim_end().to_owned()
}

#[test]
fn the_trees_are_those_of_the_corpus() {
    let mut seen = 0;
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("test/corpus");
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let cases = cases(&fs::read_to_string(&path).unwrap());
        let mut written = String::new();
        let mut wrong = Vec::new();
        for Case { name, text, tree } in &cases {
            let found = hlb_tree_sitter::parse(text.trim_end()).unwrap().unwrap().root_node().to_sexp();
            let rule = "=".repeat(40);
            let found = laid_out(&found);
            if found != laid_out(tree) {
                wrong.push(format!("{}: {name}\n{text}\n{found}", path.display()));
            }
            written.push_str(&format!("{rule}\n{name}\n{rule}\n\n{}\n\n---\n\n{found}\n\n", text.trim()));
            seen += 1;
        }
        if std::env::var_os("UPDATE_CORPUS").is_some() {
            fs::write(&path, written.trim_end().to_owned() + "\n").unwrap();
        } else {
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        }
    }
    assert!(seen >= 20, "only {seen} cases");
}
