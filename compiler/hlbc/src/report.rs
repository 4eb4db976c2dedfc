//! How mistakes in a program look on a terminal.
//!
//! Owns the drawing of diagnostics, the only place that knows codespan, and the decisions for or against colour and JSON. What a
//! mistake *is* comes from `hlb-language` as data.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};

use codespan_reporting::diagnostic as draw;
use codespan_reporting::files::SimpleFiles;
use codespan_reporting::term;
use codespan_reporting::term::termcolor::{Ansi, ColorChoice, NoColor, StandardStream, WriteColor};
use hlb_compiler::Applied;
use hlb_language::diagnostic::{Diagnostic, Fix, Label, Location, Severity};
use hlb_language::source::{Source, SourceId, SourceMap};
use hlb_language::span::Span;

use crate::cli::MessageFormat;
use crate::message;

/// How many diagnostics are drawn. Who has more mends these first.
const DRAWN: usize = 50;
/// Longest line that is drawn, in bytes. A longer one is a generated file, and drawing it says nothing.
const WIDEST: usize = 2000;

/// Standard error, and what is told in another way than in words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    colour: bool,
    json: Option<Channel>,
}

/// Where JSON goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Channel {
    /// Standard output, which the command does not need for anything else.
    Output,
    /// Standard error, because standard output is for the result.
    Error,
}

/// Texts with ranges to point at, for what is not a diagnostic of the compiler.
pub(crate) struct Scene {
    severity: draw::Severity,
    message: String,
    sources: SourceMap,
    labels: Vec<Label>,
    notes: Vec<String>,
}

impl Screen {
    pub(crate) fn stderr() -> Self {
        Self { colour: colour(&std::io::stderr()), json: None }
    }

    /// The same, which tells diagnostics in a form, in JSON to a channel.
    pub(crate) fn speaking(self, format: MessageFormat, channel: Channel) -> Self {
        Self { json: (format == MessageFormat::Json).then_some(channel), ..self }
    }

    /// Whether diagnostics are for a program.
    pub(crate) fn is_json(self) -> bool {
        self.json.is_some()
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

    /// Tells diagnostics in the order of the texts, each once, and not more than anybody reads.
    pub(crate) fn diagnostics(self, sources: &SourceMap, diagnostics: &[Diagnostic]) {
        let Some(channel) = self.json else { return draw_all(&mut self.pen(), sources, diagnostics) };
        for diagnostic in ordered(diagnostics) {
            let rendered = plain(sources, std::slice::from_ref(diagnostic));
            self.line(channel, &message::diagnostic(sources, diagnostic, &rendered));
        }
    }

    /// Says where there is more about diagnostics that end a command.
    pub(crate) fn more(self, diagnostics: &[Diagnostic]) {
        if self.is_json() {
            return;
        }
        let codes: BTreeSet<&str> = diagnostics.iter().map(|diagnostic| diagnostic.code.0).collect();
        let codes: Vec<&str> = codes.into_iter().collect();
        let about = match codes.as_slice() {
            [] => return,
            [code] => code,
            _ => "these",
        };
        self.write(format!("for more about {about}, run `hlbc explain {}`\n", codes.join(" ")).as_bytes());
    }

    /// Tells of fixes that were applied.
    pub(crate) fn fixed(self, applied: &[&Applied]) {
        for it in applied {
            match self.json {
                Some(channel) => self.line(channel, &message::fixed(it)),
                None => {
                    let Applied { code, title, file, at } = it;
                    let line = format!("fixed {}: {file}:{}:{}: {title}\n", code.0, at.line, at.column);
                    self.write(line.as_bytes());
                }
            }
        }
    }

    /// Tells a program what has happened.
    pub(crate) fn event(self, event: &serde_json::Value) {
        if let Some(channel) = self.json {
            self.line(channel, event);
        }
    }

    /// Tells of a scene.
    pub(crate) fn scene(self, scene: &Scene) {
        let Some(channel) = self.json else { return scene.draw(&mut self.pen()) };
        let mut pen = NoColor::new(Vec::new());
        scene.draw(&mut pen);
        let rendered = text(pen);
        let Scene { message, sources, labels, notes, .. } = scene;
        self.line(channel, &message::failure(sources, message, labels, notes, &rendered));
    }

    /// Writes one line of JSON. That nobody reads it is no reason to fail.
    fn line(self, channel: Channel, value: &serde_json::Value) {
        let line = format!("{value}\n");
        match channel {
            Channel::Error => self.write(line.as_bytes()),
            Channel::Output => {
                let mut out = std::io::stdout().lock();
                let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
            }
        }
    }

    fn pen(self) -> StandardStream {
        StandardStream::stderr(if self.colour { ColorChoice::Always } else { ColorChoice::Never })
    }
}

/// Colour on terminals, unless `NO_COLOR` holds anything.
pub(crate) fn colour(stream: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    stream.is_terminal() && !refused && !dumb
}

/// Diagnostics as they look without colour.
pub(crate) fn plain(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let mut pen = NoColor::new(Vec::new());
    draw_all(&mut pen, sources, diagnostics);
    text(pen)
}

fn text(pen: NoColor<Vec<u8>>) -> String {
    String::from_utf8_lossy(&pen.into_inner()).trim_end().to_owned()
}

/// Diagnostics in the order of the texts, each once.
fn ordered(diagnostics: &[Diagnostic]) -> Vec<&Diagnostic> {
    let mut ordered: Vec<&Diagnostic> = diagnostics.iter().collect();
    ordered.sort_by_key(|it| (it.primary.at.source, it.primary.at.span.start, it.severity));
    let mut seen = BTreeSet::new();
    ordered.retain(|it| {
        let at = it.primary.at;
        seen.insert((it.code, at.source, at.span.start, at.span.end, &it.message))
    });
    ordered
}

fn files(sources: &SourceMap) -> SimpleFiles<&str, &str> {
    let mut files = SimpleFiles::new();
    for (_, source) in sources.iter() {
        files.add(source.name(), source.text());
    }
    files
}

fn draw_all(pen: &mut impl WriteColor, sources: &SourceMap, diagnostics: &[Diagnostic]) {
    let (files, ordered) = (files(sources), ordered(diagnostics));
    for diagnostic in ordered.iter().take(DRAWN) {
        match too_wide(sources, diagnostic) {
            Some(line) => write(pen, &line),
            None => draw(pen, &files, &drawn(diagnostic, sources)),
        }
    }
    if let Some(more) = ordered.len().checked_sub(DRAWN).filter(|more| *more > 0) {
        write(pen, &format!("and {more} more: mend these first\n"));
    }
}

/// A diagnostic in one line if the text it points into has a line too long to draw.
fn too_wide(sources: &SourceMap, diagnostic: &Diagnostic) -> Option<String> {
    let at = diagnostic.primary.at;
    let source = sources.get(at.source)?;
    let line = source.line_span(source.line_index(at.span.start as usize));
    if line.is_none_or(|line| line.len() <= WIDEST) {
        return None;
    }
    let place = source.position(at.span.start as usize);
    let severity = if diagnostic.is_error() { "error" } else { "warning" };
    let (code, message) = (diagnostic.code.0, &diagnostic.message);
    let (name, line, column) = (source.name(), place.line, place.column);
    let help = diagnostic.help.as_ref().map(|help| format!("  = help: {help}\n")).unwrap_or_default();
    Some(format!("{severity}[{code}]: {message}\n  ┌─ {name}:{line}:{column}\n{help}\n"))
}

fn draw<'files, F>(pen: &mut impl WriteColor, files: &'files F, diagnostic: &draw::Diagnostic<usize>)
where
    F: codespan_reporting::files::Files<'files, FileId = usize>,
{
    if term::emit_to_write_style(pen, &term::Config::default(), files, diagnostic).is_err() {
        // A label outside its text: the message alone is better than nothing.
        write(pen, &format!("error: {}\n\n", diagnostic.message));
    }
}

/// That nobody reads it is no reason to fail.
fn write(pen: &mut impl WriteColor, text: &str) {
    let _ = pen.write_all(text.as_bytes()).and_then(|()| pen.flush());
}

impl Scene {
    /// An error without places yet.
    pub(crate) fn error(message: String) -> Self {
        Self {
            severity: draw::Severity::Error,
            message,
            sources: SourceMap::new(),
            labels: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Something worth knowing, without places yet.
    pub(crate) fn note_of(message: String) -> Self {
        Self { severity: draw::Severity::Note, ..Self::error(message) }
    }

    /// How it looks, with colour or without.
    pub(crate) fn render(&self, colour: bool) -> String {
        if !colour {
            let mut pen = NoColor::new(Vec::new());
            self.draw(&mut pen);
            return text(pen);
        }
        let mut pen = Ansi::new(Vec::new());
        self.draw(&mut pen);
        String::from_utf8_lossy(&pen.into_inner()).trim_end().to_owned()
    }

    /// Adds a text and names it.
    pub(crate) fn file(&mut self, name: &str, text: String) -> SourceId {
        self.sources.add(Source::new(name, text))
    }

    /// Points at a range of bytes. The first place is the one that matters, the others lead to it.
    pub(crate) fn point(&mut self, source: SourceId, range: std::ops::Range<usize>, message: &str) {
        let at = Location { source, span: Span::new(range.start, range.end) };
        self.labels.push(Label { at, message: message.to_owned() });
    }

    /// Adds a paragraph below.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    fn draw(&self, pen: &mut impl WriteColor) {
        let style = |at| if at == 0 { draw::LabelStyle::Primary } else { draw::LabelStyle::Secondary };
        let labels = self.labels.iter().enumerate().map(|(at, it)| label(style(at), it)).collect();
        let shown = draw::Diagnostic::new(self.severity).with_message(&self.message);
        draw(pen, &files(&self.sources), &shown.with_labels(labels).with_notes(self.notes.clone()));
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
