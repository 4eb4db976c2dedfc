//! What is wrong or doubtful, as an editor shows it.
//!
//! Owns the choice of those of one file, and what is said of each beside its message. The mistakes are the compiler's.

use camino::Utf8Path;
use hlb_compiler::Checked;
use hlb_language::diagnostic::{Applicability, Diagnostic, Severity};
use hlb_language::source::SourceId;
use hlb_language::span::Span;

use crate::analysis::Analysis;
use crate::place::{self, Place};
use crate::project::Project;

/// How much attention something wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// The program cannot be used.
    Error,
    /// It probably says something other than was meant.
    Warning,
    /// Something to know, such as a module that is not at hand.
    Hint,
}

/// What an editor may show in its own way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tag {
    /// Nothing uses it.
    Unused,
    /// There is a newer way.
    Deprecated,
}

/// An edit of the same file that would mend it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mend {
    /// What it does, as a verb phrase.
    pub title: String,
    /// What goes, and what comes in its place.
    pub edits: Vec<(Span, String)>,
    /// Whether it cannot be wrong.
    pub safe: bool,
}

/// Something to tell the author of a file.
#[derive(Clone, Debug)]
pub struct Told {
    /// How serious it is.
    pub level: Level,
    /// Its stable code.
    pub code: &'static str,
    /// What is wrong, with the words beside the place below it.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What to do next.
    pub help: Option<String>,
    /// Other places that explain it.
    pub related: Vec<(Place, String)>,
    /// How it may be shown.
    pub tag: Option<Tag>,
    /// What would mend it.
    pub mends: Vec<Mend>,
}

/// Codes of names that nothing uses.
const UNUSED: [&str; 3] = ["E0122", "E0303", "E0304"];
/// Codes of old spellings.
const DEPRECATED: [&str; 1] = ["E0121"];
/// The code of modules that are not at hand.
const ABSENT: &str = "E0151";

impl Analysis {
    /// What is wrong with this text, in its order. Mistakes in imported files are theirs.
    pub fn diagnostics(&self) -> Vec<Told> {
        let Some(source) = self.entry().filter(|_| !self.is_standard()) else { return Vec::new() };
        let strict = if self.strict() { self.checked.strict() } else { Vec::new() };
        told(&self.checked, self.stdlib(), source, &strict)
    }
}

impl Project {
    /// What is wrong with a file, given all others. `None` if it is not of the project.
    pub fn diagnostics(&self, path: &Utf8Path) -> Option<Vec<Told>> {
        let module = self.checked.program.modules.iter().find(|module| module.path == path)?;
        Some(told(&self.checked, self.stdlib(), module.source, self.strict()))
    }
}

fn told(checked: &Checked, stdlib: Option<&Utf8Path>, source: SourceId, strict: &[Diagnostic]) -> Vec<Told> {
    let own = |it: &&Diagnostic| it.primary.at.source == source;
    let mut own: Vec<&Diagnostic> = checked.diagnostics.iter().chain(strict).filter(own).collect();
    own.sort_by_key(|it| it.primary.at.span);
    own.into_iter().map(|it| one(checked, stdlib, it)).collect()
}

fn one(checked: &Checked, stdlib: Option<&Utf8Path>, it: &Diagnostic) -> Told {
    let related = it.secondary.iter().filter_map(|label| {
        let place = place::of(checked, stdlib, label.at)?;
        Some((place, label.message.clone()))
    });
    let mends = it.fixes.iter().map(|fix| Mend {
        title: fix.title.clone(),
        edits: fix.edits.iter().map(|edit| (edit.at.span, edit.text.clone())).collect(),
        safe: fix.applicability == Applicability::Safe,
    });
    let message = match it.primary.message.as_str() {
        "" => it.message.clone(),
        beside => format!("{}\n{beside}", it.message),
    };
    Told {
        level: match it.severity {
            // What is not at hand may well be right.
            _ if it.code.0 == ABSENT => Level::Hint,
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
        },
        code: it.code.0,
        message,
        span: it.primary.at.span,
        help: it.help.clone(),
        related: related.collect(),
        tag: match it.code.0 {
            code if UNUSED.contains(&code) => Some(Tag::Unused),
            code if DEPRECATED.contains(&code) => Some(Tag::Deprecated),
            _ => None,
        },
        mends: mends.collect(),
    }
}
