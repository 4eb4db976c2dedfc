//! A comparison for people and for programs.
//!
//! Owns both forms. Texts of graphs come out as texts, whatever stands in them.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Change, Comparison};
use crate::draw::{headline, printable};
use crate::plan::{Plan, Step};

/// Longest text that stands in a line with its counterpart.
const IN_LINE: usize = 60;
/// How many lines of a long text are shown of either side.
const MOST_LINES: usize = 12;

/// A comparison to read.
pub fn text(comparison: &Comparison, a: &Plan<'_>, b: &Plan<'_>) -> String {
    let mut out = String::new();
    for change in &comparison.changed {
        let was = if change.before == change.after { String::new() } else { format!(", was #{}", change.before + 1) };
        paragraph(&mut out, "changed", b, change.after, &was);
        change.fields.iter().for_each(|field| line(&mut out, field));
        out.push('\n');
    }
    for position in &comparison.added {
        paragraph(&mut out, "added", b, *position, "");
    }
    for position in &comparison.removed {
        paragraph(&mut out, "removed", a, *position, "");
    }
    if !comparison.added.is_empty() || !comparison.removed.is_empty() {
        out.push('\n');
    }
    for result in &comparison.results {
        line(&mut out, result);
    }
    match comparison.follow.len() {
        0 => {}
        1 => out.push_str("1 more step follows from these\n"),
        more => {
            let _ = writeln!(out, "{more} more steps follow from these");
        }
    }
    let same = comparison.same;
    let plural = if same == 1 { "" } else { "s" };
    let _ = match comparison.is_same() {
        true => writeln!(out, "no difference in {same} step{plural}"),
        false => writeln!(out, "{same} step{plural} unchanged"),
    };
    out
}

/// A comparison as one JSON object.
pub fn json(comparison: &Comparison, a: &Plan<'_>, b: &Plan<'_>) -> String {
    let change = |it: &Change| json!({ "field": it.field, "before": it.before, "after": it.after });
    let changed = comparison.changed.iter().map(|it| {
        json!({
            "before": step(a, it.before),
            "after": step(b, it.after),
            "fields": it.fields.iter().map(change).collect::<Vec<_>>(),
        })
    });
    let follow = comparison.follow.iter().map(|(old, new)| json!({ "before": step(a, *old), "after": step(b, *new) }));
    let all = json!({
        "same": comparison.is_same(),
        "changed": changed.collect::<Vec<_>>(),
        "added": comparison.added.iter().map(|at| step(b, *at)).collect::<Vec<_>>(),
        "removed": comparison.removed.iter().map(|at| step(a, *at)).collect::<Vec<_>>(),
        "follow": follow.collect::<Vec<_>>(),
        "results": comparison.results.iter().map(change).collect::<Vec<_>>(),
        "unchanged": comparison.same,
    });
    format!("{all}\n")
}

fn step(plan: &Plan<'_>, position: usize) -> Value {
    let Some(step) = plan.steps.get(position) else { return Value::Null };
    let places: Vec<String> = step.places.iter().map(ToString::to_string).collect();
    json!({
        "number": position + 1,
        "digest": step.vertex.digest.as_str(),
        "step": headline(plan, step),
        "name": step.vertex.name,
        "places": places,
    })
}

fn paragraph(out: &mut String, what: &str, plan: &Plan<'_>, position: usize, was: &str) {
    let Some(step) = plan.steps.get(position) else { return };
    let _ = writeln!(out, "{what} #{} {}{}{was}", position + 1, headline(plan, step), place(step));
}

fn place(step: &Step<'_>) -> String {
    step.places.first().map(|place| format!(" (at {place})")).unwrap_or_default()
}

/// A change: in one line if it is short, else the lines that differ below each other.
fn line(out: &mut String, change: &Change) {
    let field = &change.field;
    let short = |text: &Option<String>| {
        text.as_deref().is_none_or(|text| text.chars().nth(IN_LINE).is_none() && !text.contains('\n'))
    };
    if short(&change.before) && short(&change.after) {
        let text =
            |text: &Option<String>| text.as_deref().map_or("none".to_owned(), |it| format!("`{}`", printable(it)));
        let _ = writeln!(out, "  {field}: {} → {}", text(&change.before), text(&change.after));
        return;
    }
    let _ = writeln!(out, "  {field}:");
    let lines = |text: &Option<String>| -> Vec<String> {
        text.as_deref().map(|text| text.lines().map(printable).collect()).unwrap_or_default()
    };
    let (old, new) = (lines(&change.before), lines(&change.after));
    let head = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(old, new)| old == new).count();
    for (mark, all) in [('-', &old), ('+', &new)] {
        let differing = all.get(head..all.len() - tail).unwrap_or_default();
        for line in differing.iter().take(MOST_LINES) {
            let _ = writeln!(out, "    {mark} {line}");
        }
        if let Some(more) = differing.len().checked_sub(MOST_LINES).filter(|more| *more > 0) {
            let _ = writeln!(out, "    {mark} … {more} more line{}", if more == 1 { "" } else { "s" });
        }
    }
}
