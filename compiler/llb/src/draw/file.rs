//! Changes of files in words.
//!
//! Owns how an action is told.

use super::words::{Detail, count, input, pair, printable, size};
use crate::pb;
use crate::plan::{self, Plan, Step};

/// The one action, or how many there are.
pub(super) fn headline(plan: &Plan<'_>, step: &Step<'_>, file: &pb::FileOp) -> String {
    match file.actions.as_slice() {
        [one] => told(plan, step, one),
        all => format!("files, {}", count(all.len(), "change")),
    }
}

pub(super) fn details(plan: &Plan<'_>, step: &Step<'_>, file: &pb::FileOp) -> Vec<Detail> {
    let inputs = step.vertex.op.inputs.len();
    let mut details = Vec::new();
    // What the action before has made goes without saying.
    let mut expected = None;
    for (position, it) in file.actions.iter().enumerate() {
        let of_action = usize::try_from(it.input).ok().and_then(|at| at.checked_sub(inputs));
        let on = match of_action {
            Some(action) => format!("what {} made", action + 1),
            None => input(plan, step, it.input),
        };
        if of_action.is_none() || of_action != expected {
            details.push(pair("on", on));
        }
        if file.actions.len() > 1 {
            details.push((format!("{}.", position + 1), told(plan, step, it)));
        }
        expected = Some(position);
    }
    details
}

/// All actions in a few words each.
pub(super) fn brief(file: &pb::FileOp) -> String {
    let brief = |it: &pb::FileAction| match it.action.as_ref()? {
        pb::FileActionKind::Copy(copy) => Some(format!("copy {} to {}", printable(&copy.src), printable(&copy.dest))),
        kind => action(kind, "").split(", ").next().map(str::to_owned),
    };
    file.actions.iter().filter_map(brief).collect::<Vec<_>>().join("; ")
}

/// An action, with what it copies from.
fn told(plan: &Plan<'_>, step: &Step<'_>, it: &pb::FileAction) -> String {
    let inputs = step.vertex.op.inputs.len();
    let from = match usize::try_from(it.secondary_input).ok().and_then(|at| at.checked_sub(inputs)) {
        Some(action) => format!("what {} made", action + 1),
        None => input(plan, step, it.secondary_input),
    };
    it.action.as_ref().map_or_else(String::new, |kind| action(kind, &from))
}

/// An action in words.
pub(crate) fn action(kind: &pb::FileActionKind, from: &str) -> String {
    let mut words = match kind {
        pb::FileActionKind::Mkdir(dir) => {
            let parents = if dir.make_parents { " with parents" } else { "" };
            vec![format!("mkdir {}{parents}", printable(&dir.path)), format!("mode {:04o}", dir.mode)]
        }
        pb::FileActionKind::Mkfile(file) => vec![
            format!("mkfile {}", printable(&file.path)),
            format!("mode {:04o}", file.mode),
            size(file.data.len() as u64),
        ],
        pb::FileActionKind::Symlink(link) => {
            vec![format!("symlink {} to {}", printable(&link.newpath), printable(&link.oldpath))]
        }
        pb::FileActionKind::Rm(rm) => {
            let mut words = vec![format!("rm {}", printable(&rm.path))];
            words.extend(rm.allow_wildcard.then(|| "a pattern".to_owned()));
            words.extend(rm.allow_not_found.then(|| "if it is there".to_owned()));
            words
        }
        pb::FileActionKind::Copy(it) => copy(it, from),
    };
    if let Some(owner) = plan::owner(kind) {
        words.push(format!("owner {}", self::owner(owner)));
    }
    words.join(", ")
}

fn copy(copy: &pb::FileActionCopy, from: &str) -> Vec<String> {
    let mut words = vec![format!("copy {} from {from} to {}", printable(&copy.src), printable(&copy.dest))];
    let list = |items: &[String]| items.iter().map(|item| printable(item)).collect::<Vec<_>>().join(" ");
    let mut say = |is: bool, text: String| words.extend(is.then_some(text));
    say(!copy.include_patterns.is_empty(), format!("only {}", list(&copy.include_patterns)));
    say(!copy.exclude_patterns.is_empty(), format!("not {}", list(&copy.exclude_patterns)));
    say(!copy.required_paths.is_empty(), format!("must have {}", list(&copy.required_paths)));
    say(copy.mode >= 0, format!("mode {:04o}", copy.mode));
    say(!copy.mode_str.is_empty(), format!("mode {}", printable(&copy.mode_str)));
    say(copy.allow_wildcard, "a pattern".to_owned());
    say(copy.allow_empty_wildcard, "may match nothing".to_owned());
    say(copy.dir_copy_contents, "contents only".to_owned());
    say(copy.follow_symlink, "follows links".to_owned());
    say(copy.attempt_unpack_docker_compatibility, "unpacked".to_owned());
    say(copy.create_dest_path, "makes parents".to_owned());
    say(copy.always_replace_existing_dest_paths, "replaces what is there".to_owned());
    words
}

/// An owner in words.
pub(crate) fn owner(owner: &pb::ChownOpt) -> String {
    let name = |user: &Option<pb::UserOpt>| match user.as_ref().and_then(|user| user.user.as_ref()) {
        Some(pb::User::ByName(named)) => printable(&named.name),
        Some(pb::User::ById(id)) => id.to_string(),
        None => String::new(),
    };
    match (name(&owner.user), name(&owner.group)) {
        (user, group) if group.is_empty() => user,
        (user, group) => format!("{user}:{group}"),
    }
}
