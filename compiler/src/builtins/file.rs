//! Builtins that change files without running anything.
//!
//! Owns `mkdir`, `mkfile`, `symlink`, `rm`, `copy`, `merge`, `diff` and their options.

use std::rc::Rc;

use hlb_llb::ops::{self, FileStep, Mode, Owner};

use super::Invocation;
use super::argument::Arguments;
use crate::codes;
use crate::eval::graph::{Node, Step};
use crate::eval::value::{Fs, Opt};
use crate::eval::{Evaluator, Fail};
use crate::path;

pub(super) fn mkdir(evaluator: &mut Evaluator<'_>, call: &Invocation, fs: Fs) -> Result<Fs, Fail> {
    let made = Made::of(&call.options);
    let step = FileStep::MkDir {
        path: path::absolute(fs.dir(), call.text(0), false),
        mode: permissions(call, 1),
        parents: call.options.iter().any(|option| option.name == "createParents"),
        owner: made.owner,
        created: made.created,
    };
    Ok(add(evaluator, call, fs, Step::Plain(step)))
}

pub(super) fn mkfile(evaluator: &mut Evaluator<'_>, call: &Invocation, fs: Fs) -> Result<Fs, Fail> {
    let made = Made::of(&call.options);
    let step = FileStep::MkFile {
        path: path::absolute(fs.dir(), call.text(0), false),
        mode: permissions(call, 1),
        data: call.text(2).as_bytes().to_vec(),
        owner: made.owner,
        created: made.created,
    };
    Ok(add(evaluator, call, fs, Step::Plain(step)))
}

pub(super) fn symlink(evaluator: &mut Evaluator<'_>, call: &Invocation, fs: Fs) -> Result<Fs, Fail> {
    let made = Made::of(&call.options);
    let step = FileStep::Symlink {
        oldpath: call.text(0).to_owned(),
        newpath: path::absolute(fs.dir(), call.text(1), false),
        owner: made.owner,
        created: made.created,
    };
    Ok(add(evaluator, call, fs, Step::Plain(step)))
}

pub(super) fn rm(evaluator: &mut Evaluator<'_>, call: &Invocation, fs: Fs) -> Result<Fs, Fail> {
    let set = |name: &str| call.options.iter().any(|option| option.name == name);
    let step = FileStep::Rm {
        path: path::absolute(fs.dir(), call.text(0), false),
        allow_not_found: set("allowNotFound"),
        allow_wildcard: set("allowWildcard"),
    };
    Ok(add(evaluator, call, fs, Step::Plain(step)))
}

pub(super) fn copy(evaluator: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    let input = call.fs(evaluator, 0);
    let (src, dst) = (call.text(1), call.text(2));
    let mut copy = ops::Copy::new(None, path::absolute(input.dir(), src, false), path::absolute(fs.dir(), dst, true));
    for option in call.options.iter() {
        match option.name.as_str() {
            "followSymlinks" => copy.follow_symlinks = true,
            "contentsOnly" => copy.contents_only = true,
            "unpack" => copy.unpack = true,
            "createDestPath" => copy.create_dest_path = true,
            "allowWildcard" => copy.allow_wildcard = true,
            "allowEmptyWildcard" => copy.allow_empty_wildcard = true,
            "chown" => copy.owner = Some(option.owner(0)),
            "chmod" => copy.mode = Mode::Bits(bits(option.mode(0))),
            "chmodSymbolic" => copy.mode = Mode::Symbolic(option.text(0).to_owned()),
            "requiredPaths" => {
                // The root of the source is what they are compared from.
                copy.required.extend(option.texts(0).iter().map(|text| path::join("/", text)));
            }
            "alwaysReplace" => copy.always_replace = true,
            "createdTime" => copy.created = Some(option.time(0)),
            "includePatterns" => copy.include.extend(option.texts(0)),
            "excludePatterns" => copy.exclude.extend(option.texts(0)),
            _ => {}
        }
    }
    fs.inherit(&input.exports);
    evaluator.commit(&mut fs, format!("COPY {src} {dst}"), false);
    Ok(add(evaluator, call, fs, Step::Copy { source: input.out, copy }))
}

pub(super) fn merge(evaluator: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    if call.args.is_empty() {
        return Err(call
            .site
            .fail(codes::NO_ARGUMENTS, "`merge` needs at least one filesystem to lay over the current one"));
    }
    let inputs: Vec<Rc<Fs>> = (0..call.args.len()).map(|index| call.fs(evaluator, index)).collect();
    for input in &inputs {
        fs.inherit(&input.exports);
    }
    evaluator.commit(&mut fs, "MERGE / /".to_owned(), false);
    // Empty filesystems add nothing, and the first that is not empty says in which environment commands run.
    let outs: Vec<_> = fs.out.into_iter().chain(inputs.iter().filter_map(|input| input.out)).collect();
    if fs.out.is_none()
        && let Some(first) = inputs.iter().find(|input| input.out.is_some())
    {
        fs.env.clone_from(&first.env);
        fs.cwd.clone_from(&first.cwd);
        fs.shell.clone_from(&first.shell);
        fs.own_platform.clone_from(&first.own_platform);
    }
    fs.out = match outs.as_slice() {
        [] => None,
        [only] => Some(*only),
        _ => Some(evaluator.graph.add(Node::Merge(outs), &call.site.frame)),
    };
    Ok(fs)
}

pub(super) fn diff(evaluator: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    let base = call.fs(evaluator, 0);
    fs.inherit(&base.exports);
    evaluator.commit(&mut fs, "DIFF / /".to_owned(), false);
    if let Some(lower) = base.out {
        fs.out = Some(evaluator.graph.add(Node::Diff { lower, upper: fs.out }, &call.site.frame));
        fs.env.clear();
        fs.cwd = None;
        fs.shell = None;
        fs.own_platform = None;
    }
    Ok(fs)
}

/// What options say of something that is made.
struct Made {
    owner: Option<Owner>,
    created: Option<i64>,
}

impl Made {
    fn of(options: &[Opt]) -> Self {
        let mut made = Self { owner: None, created: None };
        for option in options {
            match option.name.as_str() {
                "chown" => made.owner = Some(option.owner(0)),
                "createdTime" => made.created = Some(option.time(0)),
                _ => {}
            }
        }
        made
    }
}

fn add(evaluator: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs, step: Step) -> Fs {
    let node = Node::File { base: fs.out, step: Box::new(step) };
    fs.out = Some(evaluator.graph.add(node, &call.site.frame));
    fs
}

/// The bits that a new file or directory can have; others are dropped, as BuildKit's client does.
fn permissions(call: &impl Arguments, index: usize) -> i32 {
    bits(call.mode(index) & 0o777)
}

fn bits(mode: u32) -> i32 {
    i32::try_from(mode).unwrap_or(0)
}
