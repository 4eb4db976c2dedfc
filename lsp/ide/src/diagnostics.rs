//! What is wrong or doubtful, as an editor shows it.
//!
//! Owns the choice of those of one file, and what is said of each beside its message. The mistakes are the compiler's.

use camino::Utf8Path;
use hlb_compiler::Checked;
use hlb_language::diagnostic::{Diagnostic, Severity};
use hlb_language::source::SourceId;
use hlb_language::span::Span;

use crate::analysis::Analysis;
use crate::place::Place;
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

/// The code of a module from elsewhere that is not at hand.
const MODULE_ABSENT: &str = "E0151";

impl Analysis {
    /// What is wrong with this text, in its order. Mistakes in imported files are theirs.
    pub fn diagnostics(&self) -> Vec<Told> {
        self.entry().map(|source| told(&self.checked, source)).unwrap_or_default()
    }
}

impl Project {
    /// What is wrong with a file, given all others. `None` if it is not of the project.
    pub fn diagnostics(&self, path: &Utf8Path) -> Option<Vec<Told>> {
        let module = self.checked.program.modules.iter().find(|module| module.path == path)?;
        Some(told(&self.checked, module.source))
    }
}

fn told(checked: &Checked, source: SourceId) -> Vec<Told> {
    let own = |it: &&Diagnostic| it.primary.at.source == source;
    checked.diagnostics.iter().filter(own).map(|it| one(checked, it)).collect()
}

fn one(checked: &Checked, it: &Diagnostic) -> Told {
    let related = it.secondary.iter().filter_map(|label| {
        let source = checked.sources.get(label.at.source)?;
        let place = Place {
            path: source.name().into(),
            source: std::sync::Arc::clone(source),
            span: label.at.span,
            writable: true,
        };
        Some((place, label.message.clone()))
    });
    let mends = it.fixes.iter().map(|fix| Mend {
        title: fix.title.clone(),
        edits: fix.edits.iter().map(|edit| (edit.at.span, edit.text.clone())).collect(),
        safe: fix.applicability == hlb_language::diagnostic::Applicability::Safe,
    });
    Told {
        level: match it.severity {
            // Nobody has made a mistake: the module only has to be fetched.
            _ if it.code.0 == MODULE_ABSENT => Level::Hint,
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
        },
        code: it.code.0,
        message: if it.primary.message.is_empty() {
            it.message.clone()
        } else {
            format!("{}\n{}", it.message, it.primary.message)
        },
        span: it.primary.at.span,
        help: it.help.clone(),
        related: related.collect(),
        tag: match it.code.0 {
            "E0122" | "E0303" | "E0304" => Some(Tag::Unused),
            "E0121" => Some(Tag::Deprecated),
            _ => None,
        },
        mends: mends.collect(),
    }
}
