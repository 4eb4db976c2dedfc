//! How mistakes in a program look on a terminal.
//!
//! Owns the drawing of diagnostics, the only place that knows codespan, and the decision for or against colour. What a
//! mistake *is* comes from `hlb-language` as data.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};

use codespan_reporting::diagnostic as draw;
use codespan_reporting::files::SimpleFiles;
use codespan_reporting::term;
use codespan_reporting::term::termcolor::{ColorChoice, StandardStream};
use hlb_language::diagnostic::{Diagnostic, Fix, Label, Severity};
use hlb_language::source::{SourceId, SourceMap};

/// Standard error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    colour: bool,
}

/// A text with ranges to point at, for what is not a diagnostic of the compiler.
pub(crate) struct Scene {
    files: SimpleFiles<String, String>,
    shown: draw::Diagnostic<usize>,
}

impl Screen {
    /// Colour on terminals, unless `NO_COLOR` is set to anything.
    pub(crate) fn stderr() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { colour: std::io::stderr().is_terminal() && !refused && !dumb }
    }

    /// Whether colour may be used.
    pub(crate) fn colour(self) -> bool {
        self.colour
    }

    /// Writes to standard error. That nobody reads it is no reason to fail.
    pub(crate) fn write(self, bytes: &[u8]) {
        let mut err = std::io::stderr().lock();
        let _ = err.write_all(bytes).and_then(|()| err.flush());
    }

    /// Draws diagnostics in the order of the texts, each once.
    pub(crate) fn diagnostics(self, sources: &SourceMap, diagnostics: &[Diagnostic]) {
        let mut files = SimpleFiles::new();
        for (_, source) in sources.iter() {
            files.add(source.name().to_owned(), source.text());
        }
        let mut ordered: Vec<&Diagnostic> = diagnostics.iter().collect();
        ordered.sort_by_key(|it| (it.primary.at.source, it.primary.at.span.start, it.severity));
        let mut seen = BTreeSet::new();
        for diagnostic in ordered {
            let at = diagnostic.primary.at;
            if seen.insert((diagnostic.code, at.source, at.span.start, at.span.end, &diagnostic.message)) {
                self.draw(&files, &drawn(diagnostic, sources));
            }
        }
    }

    /// Draws a scene.
    pub(crate) fn scene(self, scene: &Scene) {
        self.draw(&scene.files, &scene.shown);
    }

    fn draw<'files, F>(self, files: &'files F, diagnostic: &draw::Diagnostic<usize>)
    where
        F: codespan_reporting::files::Files<'files, FileId = usize>,
    {
        let config = term::Config::default();
        let choice = if self.colour { ColorChoice::Always } else { ColorChoice::Never };
        let mut err = StandardStream::stderr(choice);
        if term::emit_to_write_style(&mut err, &config, files, diagnostic).is_err() {
            // A label outside its text: the message alone is better than nothing.
            self.write(format!("error: {}\n\n", diagnostic.message).as_bytes());
        }
    }
}

impl Scene {
    /// An error without places yet.
    pub(crate) fn error(message: impl std::fmt::Display) -> Self {
        Self { files: SimpleFiles::new(), shown: draw::Diagnostic::error().with_message(message) }
    }

    /// Adds a text and names it.
    pub(crate) fn file(&mut self, name: &str, text: String) -> usize {
        self.files.add(name.to_owned(), text)
    }

    /// Points at a range of bytes. The first place is the one that matters, the others lead to it.
    pub(crate) fn point(&mut self, file: usize, range: std::ops::Range<usize>, message: &str) {
        let style = if self.shown.labels.is_empty() { draw::LabelStyle::Primary } else { draw::LabelStyle::Secondary };
        self.shown.labels.push(draw::Label::new(style, file, range).with_message(message));
    }

    /// Adds a paragraph below.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.shown.notes.push(note.into());
    }
}

fn drawn(diagnostic: &Diagnostic, sources: &SourceMap) -> draw::Diagnostic<usize> {
    let severity = match diagnostic.severity {
        Severity::Error => draw::Severity::Error,
        Severity::Warning => draw::Severity::Warning,
    };
    let mut labels = vec![label(draw::LabelStyle::Primary, &diagnostic.primary)];
    labels.extend(diagnostic.secondary.iter().map(|other| label(draw::LabelStyle::Secondary, other)));
    let mut notes = Vec::new();
    if let Some(help) = &diagnostic.help {
        notes.push(format!("help: {help}"));
    }
    notes.extend(diagnostic.fixes.iter().filter_map(|fix| suggestion(fix, diagnostic, sources)));
    draw::Diagnostic::new(severity)
        .with_code(diagnostic.code.0)
        .with_message(&diagnostic.message)
        .with_labels(labels)
        .with_notes(notes)
}

fn label(style: draw::LabelStyle, label: &Label) -> draw::Label<usize> {
    draw::Label::new(style, index(label.at.source), label.at.span.range()).with_message(&label.message)
}

/// An edit in words: its title, and the text it puts in where the title does not say it.
fn suggestion(fix: &Fix, diagnostic: &Diagnostic, sources: &SourceMap) -> Option<String> {
    let new: Vec<&str> = fix.edits.iter().map(|edit| edit.text.trim()).filter(|text| !text.is_empty()).collect();
    let help = diagnostic.help.as_deref().unwrap_or_default();
    if help.starts_with(&fix.title) || !new.is_empty() && new.iter().all(|text| help.contains(&format!("`{text}`"))) {
        return None;
    }
    let said = new.iter().all(|text| fix.title.contains(text));
    let short = new.iter().all(|text| !text.contains('\n'));
    let elsewhere = fix.edits.first().filter(|edit| edit.at.source != diagnostic.primary.at.source);
    let place = elsewhere.and_then(|edit| sources.get(edit.at.source)).map(|source| format!(" in {}", source.name()));
    let place = place.unwrap_or_default();
    Some(if said || !short {
        format!("help: {}{place}", fix.title)
    } else {
        format!("help: {}{place}: `{}`", fix.title, new.join("` … `"))
    })
}

fn index(source: SourceId) -> usize {
    source.0 as usize
}
