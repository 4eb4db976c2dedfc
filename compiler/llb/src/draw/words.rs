//! A step in words.
//!
//! Owns its headline and the lines below it that do not depend on its kind, and the form of texts from outside.

use std::fmt::Write;

use super::kind::Kind;
use super::{exec, file, source};
use crate::graph::CUSTOM_NAME;
use crate::pb;
use crate::plan::{Plan, Step};

/// Places of a step that are shown; who calls through more functions knows the way.
const MOST_PLACES: usize = 3;

/// What is said about a step below its headline: what, and how it is.
pub(super) type Detail = (String, String);

/// A step in one line, without its number: its kind and what it works on.
pub fn headline(plan: &Plan<'_>, step: &Step<'_>) -> String {
    let kind = Kind::of(&step.vertex.op);
    match &step.vertex.op.op {
        Some(pb::OpKind::Exec(exec)) => format!("{} {}", kind.word(), exec::command(exec)),
        Some(pb::OpKind::Source(op)) => format!("{} {}", kind.word(), source::what(op, kind)),
        Some(pb::OpKind::File(op)) => file::headline(plan, step, op),
        Some(pb::OpKind::Merge(op)) => format!("{} {}", kind.word(), count(op.inputs.len(), "layer")),
        Some(pb::OpKind::Passthrough(op)) => format!("{} {}", kind.word(), printable(&op.id)),
        Some(pb::OpKind::Diff(_) | pb::OpKind::Build(_)) | None => kind.word().to_owned(),
    }
}

/// A step in a few words.
pub(crate) fn brief(plan: &Plan<'_>, step: &Step<'_>) -> String {
    match &step.vertex.op.op {
        Some(pb::OpKind::Exec(exec)) => format!("{} {}", Kind::Run.word(), exec::brief(exec)),
        Some(pb::OpKind::File(op)) => file::brief(op),
        _ => headline(plan, step),
    }
}

/// Everything worth knowing about a step, in reading order. `usual` is the platform that need not be said.
pub(super) fn details(plan: &Plan<'_>, step: &Step<'_>, usual: Option<&pb::Platform>) -> Vec<Detail> {
    let op = &step.vertex.op;
    let mut details = match &op.op {
        Some(pb::OpKind::Exec(op)) => exec::details(plan, step, op),
        Some(pb::OpKind::Source(op)) => source::details(op),
        Some(pb::OpKind::File(op)) => file::details(plan, step, op),
        Some(pb::OpKind::Build(build)) => {
            let inputs = build.inputs.iter().map(|(name, it)| (printable(name), input(plan, step, it.input)));
            let attrs = build.attrs.iter().map(|(name, value)| (printable(name), printable(value)));
            inputs.chain(attrs).collect()
        }
        Some(pb::OpKind::Merge(merge)) => {
            let layers = merge.inputs.iter().enumerate();
            let said = |(position, it): (usize, &pb::MergeInput)| {
                (format!("layer {}", position + 1), input(plan, step, it.input))
            };
            layers.map(said).collect()
        }
        Some(pb::OpKind::Diff(diff)) => {
            let of = |at: Option<i64>| input(plan, step, at.unwrap_or(-1));
            vec![
                ("from".to_owned(), of(diff.lower.map(|it| it.input))),
                ("to".to_owned(), of(diff.upper.map(|it| it.input))),
            ]
        }
        Some(pb::OpKind::Passthrough(pass)) => {
            let outputs = pass.outputs.iter().enumerate();
            outputs.map(|(output, at)| (format!("output {output}"), input(plan, step, *at))).collect()
        }
        None => Vec::new(),
    };
    details.extend(waits(plan, step));
    details.extend(op.platform.as_ref().filter(|it| Some(*it) != usual).map(|it| pair("platform", platform(it))));
    details.extend(op.constraints.iter().flat_map(|it| &it.filter).map(|it| pair("workers", printable(it))));
    details.extend(metadata(step));
    details.extend(places(step));
    details
}

/// An input of a step in words.
pub(super) fn input(plan: &Plan<'_>, step: &Step<'_>, position: i64) -> String {
    let input = usize::try_from(position).ok().and_then(|position| step.inputs.get(position));
    input.map_or_else(|| "scratch".to_owned(), |(from, output)| plan.output(*from, *output))
}

/// Text in which nothing does anything to a terminal or to a line: what does is written as an escape.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Marks that reorder what is beside them, and ends of lines by another name.
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' | '\u{feff}' => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c if c.is_control() => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// An argument as a shell would want it, in one line.
pub fn quote(argument: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_@%+=:,./-".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    format!("'{}'", printable(argument).replace('\'', "'\\''"))
}

/// The beginning of a text; what does not fit ends in `…`.
pub(crate) fn cut(text: &str, most: usize) -> String {
    let mut out: String = text.chars().take(most).collect();
    if text.chars().nth(most).is_some() {
        out.push('…');
    }
    out
}

/// Bytes, in the units that people read.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let Some((unit, one)) = UNITS.into_iter().find(|(_, one)| bytes >= *one) else { return count_of(bytes, "byte") };
    let tenths = u128::from(bytes) * 10 / u128::from(one);
    match tenths % 10 {
        0 => format!("{} {unit}", tenths / 10),
        part => format!("{}.{part} {unit}", tenths / 10),
    }
}

pub(super) fn count(number: usize, what: &str) -> String {
    count_of(number as u64, what)
}

fn count_of(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

pub(super) fn pair(what: &str, how: impl Into<String>) -> Detail {
    (what.to_owned(), how.into())
}

pub(super) fn platform(platform: &pb::Platform) -> String {
    let parts = [&platform.os, &platform.architecture, &platform.variant];
    let parts: Vec<&str> = parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    let mut text = parts.join("/");
    if !platform.os_version.is_empty() {
        let _ = write!(text, " version {}", platform.os_version);
    }
    for feature in &platform.os_features {
        let _ = write!(text, " with {feature}");
    }
    printable(&text)
}

pub(crate) fn sharing(sharing: pb::CacheSharingOpt) -> &'static str {
    match sharing {
        pb::CacheSharingOpt::Shared => "shared",
        pb::CacheSharingOpt::Private => "private",
        pb::CacheSharingOpt::Locked => "locked",
    }
}

fn waits(plan: &Plan<'_>, step: &Step<'_>) -> Option<Detail> {
    let roles = crate::plan::uses(&step.vertex.op);
    let only = roles.iter().filter(|(_, role)| *role == crate::plan::Role::Awaited);
    let names: Vec<String> =
        only.filter_map(|(at, _)| step.inputs.get(*at)).map(|(from, output)| plan.output(*from, *output)).collect();
    (!names.is_empty()).then(|| pair("waits for", names.join(", ")))
}

fn metadata(step: &Step<'_>) -> Vec<Detail> {
    let metadata = &step.vertex.metadata;
    let mut details = Vec::new();
    for (key, text) in &metadata.description {
        let known = key == CUSTOM_NAME && is_the_command(&step.vertex.op, text);
        if !known {
            let key = if key == CUSTOM_NAME { "name" } else { key };
            details.push((printable(key), printable(text)));
        }
    }
    if let Some(group) = &metadata.progress_group {
        details.push(pair("group", printable(&group.name)));
    }
    if metadata.ignore_cache {
        details.push(pair("cache", "not used: done every time"));
    }
    if let Some(export) = &metadata.export_cache {
        let word = if export.value { "goes into exported caches" } else { "stays out of exported caches" };
        details.push(pair("cache", word));
    }
    if let Some(limits) = &metadata.linux_resources {
        let bytes = |bytes: i64| size(u64::try_from(bytes).unwrap_or(0));
        let number = |number: u64| number.to_string();
        let texts = [
            ("memory", limits.memory != 0, bytes(limits.memory)),
            ("memory and swap", limits.memory_swap != 0, bytes(limits.memory_swap)),
            ("CPU shares", limits.cpu_shares != 0, number(limits.cpu_shares)),
            ("CPU period", limits.cpu_period != 0, number(limits.cpu_period)),
            ("CPU quota", limits.cpu_quota != 0, limits.cpu_quota.to_string()),
            ("CPUs", !limits.cpuset_cpus.is_empty(), printable(&limits.cpuset_cpus)),
            ("memory nodes", !limits.cpuset_mems.is_empty(), printable(&limits.cpuset_mems)),
        ];
        let said = texts.into_iter().filter(|(_, set, _)| *set).map(|(what, _, how)| format!("{what} {how}"));
        details.push(pair("limits", said.collect::<Vec<_>>().join(", ")));
    }
    details
}

/// Whether a name only says again which command is run.
pub(crate) fn is_the_command(op: &pb::Op, name: &str) -> bool {
    let Some(pb::OpKind::Exec(exec)) = &op.op else { return false };
    let Some(meta) = &exec.meta else { return false };
    name == meta.args.join(" ") || name == meta.args.iter().map(|it| quote_raw(it)).collect::<Vec<_>>().join(" ")
}

fn quote_raw(argument: &str) -> String {
    if quote(argument) == argument { argument.to_owned() } else { format!("'{}'", argument.replace('\'', "'\\''")) }
}

fn places(step: &Step<'_>) -> Option<Detail> {
    let (first, callers) = step.places.split_first()?;
    let mut text = first.to_string();
    for (position, caller) in callers.iter().take(MOST_PLACES - 1).enumerate() {
        let _ = write!(text, "{}{caller}", if position == 0 { ", called at " } else { ", " });
    }
    if let Some(more) = callers.len().checked_sub(MOST_PLACES - 1).filter(|more| *more > 0) {
        let _ = write!(text, " and {more} more");
    }
    Some(pair("at", text))
}
