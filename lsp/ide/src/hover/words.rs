//! What is shown of words of the language.
//!
//! Owns a sentence for each, and what namespaces of builtins are about.

use hlb_language::source::Source;
use hlb_language::token::{Token, TokenKind};

use super::{Hover, markdown};
use crate::analysis::Analysis;

/// Words, how they are used, and what they do.
const WORDS: &[(&str, &str, &str)] = &[
    ("import", "import NAME from PATH", "Gives a name to another file, a standard module or a module from elsewhere."),
    ("from", "import NAME from PATH", "Says where an import is: a path, an address, or a filesystem."),
    ("export", "export NAME", "Lets other files use a name of this one."),
    ("with", "call with OPTIONS", "Gives options to a call; in a declaration, says which a function takes."),
    ("as", "call as NAME", "Binds what a call makes besides its value, such as what it wrote into a mount."),
    ("binds", "fs f() binds (fs NAME) { … }", "Says what a function gives besides its value."),
    ("variadic", "variadic string NAME", "Takes any number of arguments as a list."),
    ("let", "let NAME = VALUE", "Names a value."),
    ("if", "if CONDITION { … } else { … }", "Does what stands in the block where the condition is true."),
    ("else", "if CONDITION { … } else { … }", "Does what stands in the block where no condition before it is true."),
    ("for", "for NAME in LIST { … }", "Does what stands in the block for each element of a list or a map."),
    ("in", "for NAME in LIST { … }", "Stands in front of what a loop goes through."),
    ("match", "match VALUE { PATTERN => … }", "Does what stands behind the first pattern that fits."),
    ("type", "type NAME { … }", "Declares a record: a value of named fields."),
    ("enum", "enum NAME { … }", "Declares a type with a few named values."),
    ("test", "test \"what is true\" { … }", "Declares a test, which `hlbc test` runs."),
    ("assert", "assert CONDITION, MESSAGE", "Ends a test as failed where the condition is not true."),
    ("none", "none", "No value, where one is optional."),
    ("fn", "fn(string x) string { … }", "A function as a value, or its type."),
    ("true", "true", "A truth value."),
    ("false", "false", "A truth value."),
    ("fs", "fs", "A filesystem: a tree of files, with what an image of it would be configured with."),
    ("string", "string", "A text."),
    ("int", "int", "A whole number of 64 bits."),
    ("bool", "bool", "`true` or `false`."),
    ("pipeline", "pipeline", "Things to build, beside or after one another."),
    ("map", "map[TYPE]", "Values of one type by name."),
    ("option", "option::CALLEE", "Options of a call; behind `with`, of the call in front of it."),
];

impl Analysis {
    /// What a word of the language, a type without a declaration, or a namespace of builtins is.
    pub(super) fn hover_word(&self, offset: usize) -> Option<Hover> {
        let source = self.text().source();
        let lexed = self.lexed();
        let is_word = |token: &&Token| {
            token.span.touches(offset)
                && (token.kind.is_keyword() || matches!(token.kind, TokenKind::Ident | TokenKind::Bool))
        };
        let index = lexed.tokens.iter().position(|token| is_word(&token))?;
        let span = lexed.tokens.get(index)?.span;
        let word = source.slice(span);
        let dotted = lexed.tokens.get(index + 1).is_some_and(|next| next.kind == TokenKind::Dot);
        if dotted {
            let (name, doc) = self.namespace(word)?;
            return Some(Hover { span, signature: name, doc: Some(markdown(&doc)), step: None });
        }
        let known = word.split_once("::").map_or(word, |(kind, _)| kind);
        let (_, form, says) = WORDS.iter().find(|(it, _, _)| *it == known)?;
        Some(Hover { span, signature: (*form).to_owned(), doc: Some((*says).to_owned()), step: None })
    }

    /// What a namespace is about.
    fn namespace(&self, name: &str) -> Option<(String, String)> {
        self.checked.program.builtins.iter().find(|builtin| !name.is_empty() && builtin.namespace == name)?;
        let shown = format!("<{name}>");
        let (source, _) =
            self.checked.sources.iter().find(|(_, source): &(_, &std::sync::Arc<Source>)| source.name() == shown)?;
        Some((name.to_owned(), self.head(source)?))
    }
}
