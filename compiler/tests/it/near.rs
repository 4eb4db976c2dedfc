//! What is said of one file does not depend on whether all files are checked or only that one.
//!
//! Owns the comparison of both depths over the examples, the standard modules, the corpus and all pages of the suite. What may
//! differ is listed here.

use std::sync::Arc;

use camino::Utf8Path;
use hlb_compiler::testing::MemoryWorld;
use hlb_compiler::{Checked, Depth, Text, check_texts};
use hlb_language::diagnostic::Diagnostic;

use crate::support::render;

/// What only a look at all bodies can know: whether somebody reads a result that is never set, and what functions of other files
/// do outside of the build.
const FAR_ONLY: [&str; 2] = ["E0142", "E0153"];
/// Files that import one another are told so at one of them, and calls round the circle with them: at the file that was asked about
/// if it is one, at the first of all else. This is left out of programs with such a circle only.
const ROUND: [&str; 2] = ["E0107", "E0112"];

/// What is said of a file, but for what may differ.
fn told(checked: &Checked, name: &str, round: bool) -> String {
    let of_file = |it: &&Diagnostic| {
        let source = checked.sources.get(it.primary.at.source);
        let may_differ = FAR_ONLY.contains(&it.code.0) || round && ROUND.contains(&it.code.0);
        source.is_some_and(|source| source.name() == name) && !may_differ
    };
    let own: Vec<Diagnostic> = checked.diagnostics.iter().filter(of_file).cloned().collect();
    render(&checked.sources, &own)
}

/// Where both depths differ on the programs of a world, which are told by `what` they are; how many files were compared.
pub(crate) fn differences(what: &str, world: &MemoryWorld) -> (usize, Vec<String>) {
    let programs = world.files.iter().filter(|(path, _)| path.extension() == Some("hlb"));
    let texts: Vec<Arc<Text>> =
        programs.map(|(path, text)| Arc::new(Text::new(path.as_str(), text.as_str()))).collect();
    let far = check_texts(world, &texts, Depth::All);
    let round = far.diagnostics.iter().any(|it| it.code.0 == "E0107");
    let mut found = Vec::new();
    for text in &texts {
        let name = text.source().name();
        let near = check_texts(world, std::slice::from_ref(text), Depth::Entries);
        let (near, far) = (told(&near, name, round), told(&far, name, round));
        if near != far {
            found.push(format!("{what}, {name}\n--- near\n{near}--- far\n{far}"));
        }
    }
    (texts.len(), found)
}

#[test]
fn the_standard_modules_and_the_corpus_are_told_the_same() {
    let corpus = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../language/tests/corpus");
    let mut texts: Vec<(String, String)> =
        hlb_stdlib::MODULES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    for name in ["sample.hlb", "whole.hlb"] {
        texts.push((name.to_owned(), std::fs::read_to_string(corpus.join(name)).unwrap()));
    }
    for (name, text) in texts {
        let (compared, found) = differences(&name, &MemoryWorld::new().file("main.hlb", &text));
        assert_eq!((compared, found.join("\n").as_str()), (1, ""));
    }
}

#[test]
fn what_other_files_do_is_known_from_afar_only() {
    let world = MemoryWorld::new()
        .file("lib.hlb", "export fs made() binds (fs extra) {\n\tscratch\n}\n")
        .file("main.hlb", "import lib from \"./lib.hlb\"\n\nfs default() {\n\tlib.made as (extra rest)\n\trest\n}\n");
    let lib = || Arc::new(Text::new("lib.hlb", world.files[Utf8Path::new("lib.hlb")].as_str()));
    let main = Arc::new(Text::new("main.hlb", world.files[Utf8Path::new("main.hlb")].as_str()));
    let unset = |checked: &Checked| {
        let found = checked.diagnostics.iter().find(|it| it.code.0 == "E0142");
        found.map(Diagnostic::is_error)
    };
    assert_eq!(unset(&check_texts(&world, &[lib()], Depth::Entries)), Some(false));
    assert_eq!(unset(&check_texts(&world, &[lib(), main], Depth::All)), Some(true));
}
