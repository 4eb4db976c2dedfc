//! A plan as a picture for Graphviz.
//!
//! Owns the syntax of dot and its escapes. In labels a backslash means something and so does `&`, even inside quotes.

use std::fmt::Write;

use super::kind::Kind;
use super::words::{brief, cut, printable};
use crate::plan::{Plan, Step, uses};

/// How many characters a line of a label has, and how many lines.
const LINE: usize = 40;
const LINES: usize = 3;

/// A `digraph`. Arrows lead from inputs to users; their labels say what for.
pub fn dot(plan: &Plan<'_>) -> String {
    let mut out = String::from("digraph llb {\n");
    out.push_str("  rankdir=TB\n");
    out.push_str("  node [style=filled, fontname=\"sans-serif\", fontsize=11, fontcolor=\"#111827\"]\n");
    out.push_str("  edge [fontname=\"sans-serif\", fontsize=9, color=\"#6b7280\", fontcolor=\"#374151\"]\n");
    for (position, step) in plan.steps.iter().enumerate() {
        let kind = Kind::of(&step.vertex.op);
        let (fill, line) = kind.colours();
        let number = position + 1;
        let label: Vec<String> =
            folded(&format!("#{number} {}", brief(plan, step))).iter().map(|it| escape(it)).collect();
        let _ = writeln!(
            out,
            "  s{number} [label=\"{}\", tooltip=\"{}\", shape={}, fillcolor=\"{fill}\", color=\"{line}\"]",
            label.join("\\n"),
            escape(&tooltip(step)),
            shape(kind),
        );
    }
    for (position, step) in plan.steps.iter().enumerate() {
        for (input, role) in uses(&step.vertex.op) {
            let Some((from, output)) = step.inputs.get(input) else { continue };
            let label = edge_label(plan, *from, *output, &role.to_string());
            let _ = writeln!(out, "  s{} -> s{} [label=\"{}\"]", from + 1, position + 1, escape(&label));
        }
    }
    for (number, result) in plan.results.iter().enumerate() {
        let label = escape(&cut(&printable(&result.label), LINE));
        let _ = writeln!(out, "  r{number} [label=\"{label}\", shape=doubleoctagon, style=solid]");
        if let Some((step, output)) = result.from {
            let label = escape(&edge_label(plan, step, output, ""));
            let _ = writeln!(out, "  s{} -> r{number} [label=\"{label}\", style=bold]", step + 1);
        }
    }
    out.push_str("}\n");
    out
}

/// What an arrow is labelled with: the output it comes from if that has a name, and what it is used for.
pub(super) fn edge_label(plan: &Plan<'_>, from: usize, output: usize, role: &str) -> String {
    let name = plan.steps.get(from).and_then(|step| crate::plan::output_name(&step.vertex.op, output));
    let label = match name {
        Some(name) if role.is_empty() || name == role => name,
        Some(name) => format!("{name} as {role}"),
        None => role.to_owned(),
    };
    cut(&printable(&label), LINE)
}

/// A headline in a few lines of bounded length; what does not fit ends in `…`.
pub(super) fn folded(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut width = 0;
    for c in text.chars() {
        let soft = c == ' ' && width >= LINE - 10;
        if soft || width >= LINE {
            if lines.len() == LINES {
                lines.last_mut().into_iter().for_each(|line| line.push('…'));
                break;
            }
            lines.push(String::new());
            width = 0;
            if soft {
                continue;
            }
        }
        lines.last_mut().into_iter().for_each(|line| line.push(c));
        width += 1;
    }
    lines
}

fn tooltip(step: &Step<'_>) -> String {
    let place = step.places.first().map(|place| format!("{place} ")).unwrap_or_default();
    format!("{place}{}", step.vertex.digest)
}

fn shape(kind: Kind) -> &'static str {
    match kind {
        Kind::Image => "cylinder",
        Kind::Local => "folder",
        Kind::Git | Kind::Http | Kind::Source => "ellipse",
        Kind::Run => "box",
        Kind::File => "note",
        Kind::Merge => "invtrapezium",
        Kind::Diff => "diamond",
        Kind::Build => "box3d",
        Kind::Passthrough => "cds",
        Kind::Unknown => "plaintext",
    }
}

/// Text between the quotes of a label, in one line.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '&' => out.push_str("&amp;"),
            c => out.push(c),
        }
    }
    out
}
