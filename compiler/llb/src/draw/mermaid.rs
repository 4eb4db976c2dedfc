//! A plan as a picture for Mermaid, which GitHub and GitLab draw in Markdown.
//!
//! Owns the syntax of flowcharts and its escapes.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::dot::{edge_label, folded};
use super::kind::Kind;
use super::words::{brief, cut, printable};
use crate::plan::{Plan, uses};

/// A `flowchart`. Arrows lead from inputs to users; their labels say what for.
pub fn mermaid(plan: &Plan<'_>) -> String {
    let mut out = String::from("flowchart TB\n");
    let mut kinds: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
    for (position, step) in plan.steps.iter().enumerate() {
        let kind = Kind::of(&step.vertex.op);
        let number = position + 1;
        let lines = folded(&format!("#{number} {}", brief(plan, step)));
        let label: Vec<String> = lines.iter().map(|line| escape(line)).collect();
        let (open, close) = shape(kind);
        let _ = writeln!(out, "  s{number}{open}\"{}\"{close}", label.join("<br>"));
        kinds.entry(kind).or_default().push(format!("s{number}"));
    }
    for (position, step) in plan.steps.iter().enumerate() {
        for (input, role) in uses(&step.vertex.op) {
            let Some((from, output)) = step.inputs.get(input) else { continue };
            let label = edge_label(plan, *from, *output, &role.to_string());
            let _ = writeln!(out, "  s{} -->{} s{}", from + 1, arrow_text(&label), position + 1);
        }
    }
    for (number, result) in plan.results.iter().enumerate() {
        let _ = writeln!(out, "  r{number}[[\"{}\"]]", escape(&cut(&printable(&result.label), 40)));
        if let Some((step, output)) = result.from {
            let label = edge_label(plan, step, output, "");
            let _ = writeln!(out, "  s{} ==>{} r{number}", step + 1, arrow_text(&label));
        }
    }
    for kind in Kind::ALL {
        let Some(steps) = kinds.get(&kind) else { continue };
        let (fill, line) = kind.colours();
        let _ = writeln!(out, "  classDef {0}Step fill:{fill},stroke:{line},color:#111827", kind.word());
        let _ = writeln!(out, "  class {} {}Step", steps.join(","), kind.word());
    }
    out
}

fn arrow_text(label: &str) -> String {
    if label.is_empty() { String::new() } else { format!("|\"{}\"|", escape(label)) }
}

fn shape(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Image => ("[(", ")]"),
        Kind::Local => ("[/", "/]"),
        Kind::Git | Kind::Http | Kind::Source => ("([", "])"),
        Kind::Run | Kind::Unknown => ("[", "]"),
        Kind::File => ("(", ")"),
        Kind::Merge => ("[\\", "/]"),
        Kind::Diff => ("{{", "}}"),
        Kind::Build => ("[[", "]]"),
        Kind::Passthrough => (">", "]"),
    }
}

/// Text between the quotes of a label. All but letters, digits and a few marks that mean nothing anywhere become
/// character references: quotes end the text, `#` begins a reference, a backtick begins Markdown, `%` a directive, `<` a tag.
fn escape(text: &str) -> String {
    // Mermaid mends lines that look like styles, up to the last `;`, if there is a colon in them.
    let like_style = text.contains("style") || text.contains("classDef");
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ':' if !like_style => out.push(c),
            '_' | ' ' | '.' | ',' | '/' | '-' | '=' | '+' | '@' | '(' | ')' | '\'' | '…' => out.push(c),
            c if c.is_alphanumeric() => out.push(c),
            c => {
                let _ = write!(out, "#{};", u32::from(c));
            }
        }
    }
    out
}
