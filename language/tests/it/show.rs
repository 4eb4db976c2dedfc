//! Plain renderings for the tests: diagnostics under their source, and a tree without its spans.

use hlb_language::diagnostic::Diagnostic;
use hlb_language::source::{Source, SourceId};
use hlb_language::{Parsed, parse};

/// Parses a text that is the only one.
pub(crate) fn parsed(text: &str) -> Parsed {
    parse(SourceId(0), text)
}

/// One diagnostic in a few lines: code, message, place, labels, help, and the text with each fix applied.
pub(crate) fn diagnostic(text: &str, diagnostic: &Diagnostic) -> String {
    let source = Source::new("test.hlb", text);
    let place = |span: hlb_language::span::Span| {
        let start = source.position(span.start as usize);
        format!("{}:{} `{}`", start.line, start.column, source.slice(span).escape_debug())
    };
    let mut out = format!("{} {} at {}\n", diagnostic.code.0, diagnostic.message, place(diagnostic.primary.at.span));
    for label in &diagnostic.secondary {
        out += &format!("      {} at {}\n", label.message, place(label.at.span));
    }
    if let Some(help) = &diagnostic.help {
        out += &format!("      help: {help}\n");
    }
    for fix in &diagnostic.fixes {
        out += &format!("      fix: {}: {}\n", fix.title, apply(text, diagnostic).trim_end().escape_debug());
    }
    out
}

/// The text after the first fix of a diagnostic.
pub(crate) fn apply(text: &str, diagnostic: &Diagnostic) -> String {
    let mut text = text.to_owned();
    let mut edits = diagnostic.fixes[0].edits.clone();
    edits.sort_by_key(|edit| edit.at.span);
    for edit in edits.iter().rev() {
        text.replace_range(edit.at.span.range(), &edit.text);
    }
    text
}

/// A tree as text without its spans, but with the texts of strings: two texts that differ in layout only have the same.
/// What a heredoc drops at its end, newlines and tabs, is left out.
pub(crate) fn shape(text: &str, parsed: &Parsed) -> String {
    let mut shape = String::new();
    let mut before = "";
    for line in format!("{:#?}", parsed.module).lines() {
        let line = line.trim();
        match line.trim_end_matches(',').rsplit(' ').next().and_then(|last| last.split_once("..")) {
            Some((start, end)) if start.parse::<usize>().is_ok() && matches!(before, "Text(" | "Escape(") => {
                let part = &text[start.parse().unwrap()..end.parse().unwrap()];
                shape += &format!("{:?}\n", part.trim_end_matches(['\n', '\t']));
            }
            Some((start, _)) if start.parse::<usize>().is_ok() => {}
            _ => shape += &format!("{line}\n"),
        }
        before = if line.ends_with('(') { line.rsplit(' ').next().unwrap() } else { "" };
    }
    shape
}
