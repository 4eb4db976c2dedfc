//! The setups of editors that are never started here: their files are read, and Zed's queries compile.

use std::fs;
use std::path::{Path, PathBuf};

use tree_sitter::Query;

fn setups() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/editors")
}

fn read(file: &str) -> String {
    fs::read_to_string(setups().join(file)).unwrap()
}

fn table(file: &str) -> toml::Table {
    read(file).parse().unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn helix_finds_a_server_and_a_grammar() {
    let all = table("languages.toml");
    let language = &all["language"][0];
    assert_eq!(language["file-types"][0].as_str(), Some("hlb"));
    let server = language["language-servers"][0].as_str().unwrap();
    assert_eq!(all["language-server"][server]["command"].as_str(), Some("hlb-lsp"));
    assert_eq!(all["grammar"][0]["name"], language["name"]);
    let grammar = all["grammar"][0]["source"]["path"].as_str().unwrap();
    assert!(grammar.ends_with("language/tree-sitter"), "{grammar}");
}

#[test]
fn zed_finds_a_server_and_a_grammar() {
    let extension = table("zed/extension.toml");
    let config = table("zed/languages/hlb/config.toml");
    assert!(extension["grammars"].get(config["grammar"].as_str().unwrap()).is_some());
    assert_eq!(extension["language_servers"]["hlb"]["languages"][0], config["name"]);
    assert_eq!(config["path_suffixes"][0].as_str(), Some("hlb"));
    assert_eq!(table("zed/Cargo.toml")["lib"]["crate-type"][0].as_str(), Some("cdylib"));
}

#[test]
fn the_queries_of_zed_compile() {
    for entry in fs::read_dir(setups().join("zed/languages/hlb")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "scm") {
            let query = Query::new(&hlb_tree_sitter::language(), &fs::read_to_string(&path).unwrap());
            assert!(query.is_ok(), "{}: {query:?}", path.display());
        }
    }
}
