//! The tree-sitter grammar of HLB as a library. Editors use its C; this is for our tests, and for who writes a tool in Rust.
//!
//! Owns the one call into the generated C. The grammar is `grammar.js`; what is valid is said by `hlb-language`, not here.

use tree_sitter::{Language, LanguageError, Parser, Tree};

unsafe extern "C" {
    fn tree_sitter_hlb() -> *const ();
}

/// The language.
pub fn language() -> Language {
    // SAFETY: the generated function has this type, and gives a table that lives as long as the program.
    Language::new(unsafe { tree_sitter_language::LanguageFn::from_raw(tree_sitter_hlb) })
}

/// The tree of a text, whatever it is; `None` if it was too much for the parser.
///
/// # Errors
/// When the library does not read the version of the generated tables.
pub fn parse(text: &str) -> Result<Option<Tree>, LanguageError> {
    let mut parser = Parser::new();
    parser.set_language(&language())?;
    Ok(parser.parse(text, None))
}
