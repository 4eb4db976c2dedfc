//! Diagnostics as data.
//!
//! Owns what an error in a source text *is*: code, message, places, help, suggested edits. How one looks on a terminal
//! or in an editor is the business of those that show it (`hlbc::report`, `hlb-lsp`).

use crate::source::SourceId;
use crate::span::Span;

/// A stable error code such as `E0103`, documented in `docs/diagnostics`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Code(pub &'static str);

/// How serious a diagnostic is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// The program cannot be used.
    Error,
    /// The program can be used, but probably says something other than was meant.
    Warning,
}

/// A place in a source text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Location {
    /// The text.
    pub source: SourceId,
    /// The range in it.
    pub span: Span,
}

/// A place that a diagnostic talks about, with words to stand beside it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// Where.
    pub at: Location,
    /// What is to be said of the place; may be empty for the primary place.
    pub message: String,
}

/// An edit that would mend the program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fix {
    /// What the edit does, as a verb phrase: "replace `imagee` by `image`".
    pub title: String,
    /// Replacements, which do not overlap.
    pub edits: Vec<Edit>,
    /// Whether it may be applied unseen.
    pub applicability: Applicability,
}

/// Whether a fix may be applied by a machine, without anybody who looks at it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Applicability {
    /// The text can have meant nothing else, or the edit does not change what it means.
    Safe,
    /// Likely, but somebody has to look: a name that is near, a place for what is missing.
    Guess,
}

impl Applicability {
    /// Safe if this is so, else a guess.
    pub fn safe_if(is_sure: bool) -> Self {
        if is_sure { Self::Safe } else { Self::Guess }
    }
}

/// The replacement of one range by a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    /// The range that goes.
    pub at: Location,
    /// The text that comes in its place.
    pub text: String,
}

/// Something to tell the author of a source text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// How serious it is.
    pub severity: Severity,
    /// Its stable code.
    pub code: Code,
    /// One sentence without a full stop.
    pub message: String,
    /// The place that is wrong.
    pub primary: Label,
    /// Other places that explain it.
    pub secondary: Vec<Label>,
    /// What to do next; starts with a verb.
    pub help: Option<String>,
    /// Edits that would mend it.
    pub fixes: Vec<Fix>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: Code, at: Location, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            primary: Label { at, message: String::new() },
            secondary: Vec::new(),
            help: None,
            fixes: Vec::new(),
        }
    }

    /// A warning at a place.
    pub fn warning(code: Code, at: Location, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, at, message) }
    }

    /// Puts words beside the primary place.
    #[must_use]
    pub fn label(mut self, message: impl Into<String>) -> Self {
        self.primary.message = message.into();
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn also(mut self, at: Location, message: impl Into<String>) -> Self {
        self.secondary.push(Label { at, message: message.into() });
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Suggests the replacement of one range, as a guess.
    #[must_use]
    pub fn fix(self, title: impl Into<String>, at: Location, text: impl Into<String>) -> Self {
        self.replace(title, at, text, Applicability::Guess)
    }

    /// Offers the replacement of one range that cannot be wrong.
    #[must_use]
    pub fn safe_fix(self, title: impl Into<String>, at: Location, text: impl Into<String>) -> Self {
        self.replace(title, at, text, Applicability::Safe)
    }

    /// Offers the replacement of one range, sure or not.
    #[must_use]
    pub fn replace(
        mut self,
        title: impl Into<String>,
        at: Location,
        text: impl Into<String>,
        applicability: Applicability,
    ) -> Self {
        self.fixes.push(Fix { title: title.into(), edits: vec![Edit { at, text: text.into() }], applicability });
        self
    }

    /// Whether this is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
