//! `local` and secrets where the program builds for the client of a frontend.
//!
//! Owns what paths mean there: parts of the one directory that the client offers, and ids of secrets. The client's machine cannot
//! be seen but through that directory.

use camino::Utf8Path;
use hlb_llb::ops;

use super::Invocation;
use super::argument::Arguments;
use super::client::Wanted;
use crate::codes;
use crate::eval::graph::{Node, Step};
use crate::eval::value::{Fs, Opt, Site};
use crate::eval::{Evaluator, Fail};
use crate::world::{FileKind, LocalOrigin, WorldError};

/// The name of the directory that the client offers; none if the compiler sees the client's machine itself.
pub(super) fn name(evaluator: &Evaluator<'_>) -> Option<String> {
    match evaluator.world.local_origin() {
        LocalOrigin::Client => None,
        LocalOrigin::Context(name) => Some(name),
    }
}

/// A part of the directory: what its transfer is limited to, laid out as if it were all there is.
pub(super) fn local(
    evaluator: &mut Evaluator<'_>,
    call: &Invocation,
    context: &str,
    path: &Utf8Path,
) -> Result<Fs, Fail> {
    within(&call.site, path)?;
    let unusable =
        |error: WorldError| call.site.fail_path(0, format!("cannot use `{path}` of the build context: {error}"));
    let Wanted { mut include, mut exclude, mut follow, differ } = Wanted::of(evaluator, call)?;
    let is_file = match evaluator.world.stat(path).map_err(unusable)? {
        FileKind::File => true,
        FileKind::Directory => false,
        FileKind::Other => {
            let message = format!("`{path}` of the build context is neither a file nor a directory");
            return Err(call.site.fail_arg(0, codes::LOCAL_PATH, message));
        }
    };
    if is_file {
        (include, exclude, follow) = (Vec::new(), Vec::new(), Vec::new());
    }
    let unique = evaluator.world.local_fingerprint(path, &include, &exclude).map_err(unusable)?;
    let mut local = ops::Local::new(context, ops::LocalOwner::Unique(unique));
    // Transfers of the same part are recognised from one build to the next.
    local.shared_key_hint = format!("{context}:{path}");
    local.differ = differ;
    let whole = path == ".";
    if whole {
        (local.include, local.exclude, local.follow) = (include.clone(), exclude.clone(), follow.clone());
    } else {
        let below = |patterns: &[String]| patterns.iter().map(|pattern| below(path, pattern)).collect();
        (local.include, local.exclude, local.follow) = (below(&include), below(&exclude), below(&follow));
        if include.is_empty() && follow.is_empty() {
            // With what links on the way lead to.
            local.follow = vec![path.to_string()];
        }
    }
    let mut fs = evaluator.scratch();
    let out = evaluator.graph.add(Node::Local(Box::new(local)), &call.site.frame);
    fs.out = Some(out);
    if !whole {
        // What paths lead to is only known where they are sent, and nothing else is.
        let selected = !include.is_empty() || !follow.is_empty();
        let include = if follow.is_empty() { include } else { Vec::new() };
        let from = if selected { literal(path) } else { path.to_string() };
        let mut copy = ops::Copy::new(None, format!("/{from}"), "/");
        copy.follow_symlinks = true;
        copy.contents_only = !is_file;
        copy.include = include;
        // Patterns that match nothing leave nothing, not even the directory.
        (copy.allow_wildcard, copy.allow_empty_wildcard) = (selected, selected);
        copy.exclude = exclude;
        let step = Step::Copy { source: Some(out), copy };
        fs.out = Some(evaluator.graph.add(Node::File { base: None, step: Box::new(step) }, &call.site.frame));
    }
    Ok(fs)
}

/// Refuses a path, the first argument of a call, that is not in the build context.
pub(super) fn within(site: &Site, path: &Utf8Path) -> Result<(), Fail> {
    if !leads_out(path) {
        return Ok(());
    }
    let message = format!("`{path}` is outside of the build context, which is all that a frontend sees");
    Err(Box::new(site.fail_arg(0, codes::LOCAL_PATH, message).help("name a path below the directory that is built")))
}

/// The id under which the client gives the secret that a path names: the path as it is written, tidied up. What it is a path of
/// is the client's matter, and it is one file.
pub(super) fn secret(option: &Opt, path: &Utf8Path) -> Result<String, Fail> {
    let selects = |name: &str| matches!(name, "includePatterns" | "excludePatterns");
    if let Some(setting) = option.options.iter().find(|it| selects(&it.name)) {
        let message =
            format!("`{}` selects files of a directory, and a frontend gets each secret by its id", setting.name);
        return Err(Box::new(setting.site.fail(codes::ARGUMENT, message).help("name each secret by itself")));
    }
    Ok(path.to_string())
}

/// The id under which the client lends an SSH agent: the path that is named, or `default`.
pub(super) fn agent(evaluator: &Evaluator<'_>, option: &Opt) -> Result<String, Fail> {
    let mut named = option.options.iter().filter(|setting| setting.name == "localPaths");
    let Some(setting) = named.next() else { return Ok("default".to_owned()) };
    if setting.args.len() > 1 || named.next().is_some() {
        let message = "a frontend gets each SSH agent by one id";
        let error = setting.site.fail(codes::ARGUMENT, message);
        return Err(Box::new(error.help("name one path: the client says by this id which keys it stands for")));
    }
    Ok(setting.local_path(evaluator, 0)?.to_string())
}

/// That there is no connection but to SSH agents.
pub(super) fn no_forward(option: &Opt) -> Fail {
    option
        .site
        .fail(codes::ARGUMENT, "a frontend cannot forward connections of the client, which lends SSH agents only")
}

/// A pattern for what is below a path, for the directory that the path is in.
fn below(path: &Utf8Path, pattern: &str) -> String {
    let (not, pattern) = match pattern.strip_prefix('!') {
        Some(rest) => ("!", rest),
        None => ("", pattern),
    };
    format!("{not}{}/{}", literal(path), pattern.trim_start_matches('/'))
}

/// A path as a pattern that matches just it.
fn literal(path: &Utf8Path) -> String {
    let escaped = |c: char| "*?[]\\".contains(c).then_some('\\').into_iter().chain([c]);
    path.as_str().chars().flat_map(escaped).collect()
}

fn leads_out(path: &Utf8Path) -> bool {
    path.is_absolute() || path.components().any(|part| matches!(part, camino::Utf8Component::ParentDir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_move_below_a_path() {
        let check = |pattern: &str, expected: &str| assert_eq!(below(Utf8Path::new("a[1]/b"), pattern), expected);
        check("*.go", r"a\[1\]/b/*.go");
        check("!x", r"!a\[1\]/b/x");
        check("/x/**", r"a\[1\]/b/x/**");
    }

    #[test]
    fn only_paths_below_are_in_the_context() {
        for (path, out) in [(".", false), ("a/b", false), ("..", true), ("../a", true), ("/a", true), ("...", false)] {
            assert_eq!(leads_out(Utf8Path::new(path)), out, "{path}");
        }
    }
}
