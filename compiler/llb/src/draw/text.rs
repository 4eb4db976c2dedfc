//! A plan as a list to read.
//!
//! Owns the layout: a paragraph a step, in build order, and at the end what is asked for.

use std::collections::HashMap;
use std::fmt::Write;

use super::words::{count, details, headline, platform};
use crate::pb;
use crate::plan::{Plan, Step};

/// Longest label that still makes room for itself beside others.
const WIDEST_LABEL: usize = 20;

/// What a build will do, step by step.
pub fn text(plan: &Plan<'_>) -> String {
    let mut out = String::new();
    for step in steps(plan) {
        out.push_str(&step);
        out.push('\n');
    }
    let all = usual_platform(plan).map(|it| format!(" for {}", platform(it))).unwrap_or_default();
    let _ = writeln!(out, "{}{all}", count(plan.steps.len(), "step"));
    for result in &plan.results {
        let from =
            result.from.map_or_else(|| "the empty file system".to_owned(), |(step, output)| plan.output(step, output));
        let _ = writeln!(out, "{}: {from}", super::printable(&result.label));
    }
    out
}

/// Each step as a paragraph, whose lines all end.
pub fn steps(plan: &Plan<'_>) -> Vec<String> {
    let usual = usual_platform(plan);
    let paragraph = |(position, step): (usize, &Step<'_>)| {
        let mut out = format!("#{} {}\n", position + 1, headline(plan, step));
        let details = details(plan, step, usual);
        let widths = details.iter().map(|(what, _)| what.chars().count()).filter(|width| *width <= WIDEST_LABEL);
        let width = widths.max().unwrap_or(0);
        for (what, how) in &details {
            let line = if what == "|" { format!("   | {how}") } else { format!("   {what:width$}  {how}") };
            let _ = writeln!(out, "{}", line.trim_end());
        }
        out
    };
    plan.steps.iter().enumerate().map(paragraph).collect()
}

/// The platform that most steps with one have; the first of equals.
fn usual_platform<'a>(plan: &Plan<'a>) -> Option<&'a pb::Platform> {
    let mut counts: HashMap<&pb::Platform, usize> = HashMap::new();
    let mut usual: Option<(&pb::Platform, usize)> = None;
    for platform in plan.steps.iter().filter_map(|step| step.vertex.op.platform.as_ref()) {
        *counts.entry(platform).or_default() += 1;
    }
    for platform in plan.steps.iter().filter_map(|step| step.vertex.op.platform.as_ref()) {
        let count = counts.get(platform).copied().unwrap_or(0);
        if usual.is_none_or(|(_, most)| count > most) {
            usual = Some((platform, count));
        }
    }
    usual.map(|(platform, _)| platform)
}
