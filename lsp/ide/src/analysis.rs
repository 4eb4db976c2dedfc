//! What is known of one text.
//!
//! Owns `Analysis`, a checked text with the answers to questions about it. Immutable: a changed text is a new analysis.

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::Checked;
use hlb_compiler::hir::Target;
use hlb_language::diagnostic::Diagnostic;
use hlb_language::source::{Source, SourceId};
use hlb_language::span::Span;

use crate::symbols::{self, Symbol};
use crate::world::EditorWorld;

/// A text, checked with all that it imports.
pub struct Analysis {
    checked: Checked,
}

/// What is to be said of a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hover {
    /// The name's place in the text.
    pub span: Span,
    /// How it is declared: `fs copy(fs input, string src, string dst)`.
    pub signature: String,
    /// The comment above its declaration, as Markdown.
    pub doc: Option<String>,
}

/// A place in a file, which need not be the one that was asked about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The file, absolute if the analysis was made with an absolute path.
    pub path: Utf8PathBuf,
    /// Its text, for counting lines.
    pub text: String,
    /// The place.
    pub span: Span,
}

impl Analysis {
    /// Checks a text that stands in, or would stand in, the file at `path`, which should be absolute.
    pub fn new(world: &EditorWorld, path: &Utf8Path, text: &str) -> Self {
        Self { checked: hlb_compiler::check_text(world, path, text.to_owned()) }
    }

    /// What is wrong or doubtful in this text, in its order. Mistakes in imported files are theirs.
    pub fn diagnostics(&self) -> Vec<&Diagnostic> {
        let own = |diagnostic: &&Diagnostic| Some(diagnostic.primary.at.source) == self.entry();
        self.checked.diagnostics.iter().filter(own).collect()
    }

    /// One of the texts that places point into.
    pub fn source(&self, id: SourceId) -> Option<&Source> {
        self.checked.sources.get(id).map(AsRef::as_ref)
    }

    /// What the name at a byte offset stands for.
    pub fn hover(&self, offset: usize) -> Option<Hover> {
        let (span, target) = self.name_at(offset)?;
        let description = self.checked.program.describe(target)?;
        Some(Hover { span, signature: description.signature, doc: description.doc.as_deref().map(markdown) })
    }

    /// Where the name at a byte offset is defined. Nowhere, if it is a builtin.
    pub fn definition(&self, offset: usize) -> Option<Place> {
        let (_, target) = self.name_at(offset)?;
        if matches!(target, Target::Builtin(_)) {
            return None;
        }
        let at = self.checked.program.describe(target)?.at;
        let source = self.checked.sources.get(at.source)?;
        Some(Place { path: source.name().into(), text: source.text().to_owned(), span: at.span })
    }

    /// The declarations of the text and the names that they bind.
    pub fn symbols(&self) -> Vec<Symbol> {
        let Some(id) = self.entry() else { return Vec::new() };
        let Some(source) = self.checked.sources.get(id) else { return Vec::new() };
        symbols::of(source.text(), &hlb_language::parse(id, source.text()).module)
    }

    /// The use or the definition of a name.
    fn name_at(&self, offset: usize) -> Option<(Span, Target)> {
        let entry = self.entry()?;
        if let Some(reference) = self.checked.program.reference_at(entry, offset) {
            return Some((reference.at.span, reference.target));
        }
        let scope = &self.checked.program.entry()?.scope;
        let defined = scope.values().find(|symbol| symbol.at.source == entry && symbol.at.span.touches(offset))?;
        Some((defined.at.span, defined.target))
    }

    fn entry(&self) -> Option<SourceId> {
        self.checked.program.entry().map(|module| module.source)
    }
}

/// A comment as Markdown: `@param` and `@return` become a list below the prose, and `@example` code below that.
fn markdown(doc: &str) -> String {
    let (mut text, mut listed) = (String::new(), false);
    let mut examples = String::new();
    for line in doc.lines() {
        if let Some(example) = line.strip_prefix("@example ") {
            let (call, value) = example.rsplit_once(" => ").unwrap_or((example, ""));
            examples.push_str(call);
            if !value.is_empty() {
                examples.push_str(" # ");
                examples.push_str(value);
            }
            examples.push('\n');
            continue;
        }
        let item = line.strip_prefix("@param ").map(|rest| match rest.split_once(' ') {
            Some((name, words)) => format!("- `{name}`: {words}"),
            None => format!("- `{rest}`"),
        });
        let item = item.or_else(|| line.strip_prefix("@return ").map(|rest| format!("- returns {rest}")));
        match item {
            Some(item) => {
                if !listed && !text.is_empty() && !text.ends_with("\n\n") {
                    text.push('\n');
                }
                listed = true;
                text.push_str(&item);
            }
            None => text.push_str(line),
        }
        text.push('\n');
    }
    let text = text.trim_end();
    if examples.is_empty() { text.to_owned() } else { format!("{text}\n\n```hlb\n{examples}```") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_prose_lists_and_code() {
        for (doc, expected) in [
            ("Just prose.", "Just prose."),
            ("Prose.\n\n@param s the text.\n@return a text.", "Prose.\n\n- `s`: the text.\n- returns a text."),
            (
                "Prose.\n\n@param s the text.\n@example str.of(1) => \"1\"\n@example str.of(2) => \"2\"",
                "Prose.\n\n- `s`: the text.\n\n```hlb\nstr.of(1) # \"1\"\nstr.of(2) # \"2\"\n```",
            ),
            ("Prose.\n@example f()", "Prose.\n\n```hlb\nf()\n```"),
        ] {
            assert_eq!(markdown(doc), expected);
        }
    }
}
