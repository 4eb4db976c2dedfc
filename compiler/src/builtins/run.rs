//! Commands.
//!
//! Owns `run`: what becomes of the filesystem, and what its bound mounts stand for. What its options add up to is in
//! `command`.

use std::rc::Rc;

use hlb_language::diagnostic::Diagnostic;
use hlb_llb::ops::MountKind;

use super::argument::Arguments;
use super::command::{Binding, Settings};
use super::{Invocation, mount, shell};
use crate::codes;
use crate::eval::graph::{Node, Out, Port};
use crate::eval::value::{Fs, Value};
use crate::eval::{Evaluator, Fail, traced};

pub(super) fn run(evaluator: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    let shlex = call.options.iter().any(|option| option.name == "shlex");
    let args = shell::command(call.texts(0), shlex, fs.shell.as_deref()).map_err(|error| {
        call.site.fail_arg(0, codes::SHELL_WORDS, format!("the command cannot be split into words: {error}"))
    })?;
    if args.is_empty() {
        return Err(call.site.fail(codes::NO_ARGUMENTS, "`run` needs a command"));
    }
    let mut settings = Settings::new(&fs);
    for option in call.options.iter() {
        settings.apply(evaluator, option)?;
    }
    let Settings { mut exec, mut mounts, order, binds, needs } = settings;
    mount::shim_readonly(evaluator, &call.site.frame, &order, &mut mounts, &exec.secrets);
    for mounted in &mounts {
        fs.inherit(&mounted.input.exports);
    }
    evaluator.commit(&mut fs, format!("RUN {}", args.join(" ")), false);
    let inputs: Vec<Rc<Fs>> = mounts.iter().map(|mounted| Rc::clone(&mounted.input)).collect();
    if exec.name.is_empty() {
        exec.name = shell::join(&args).replace('\n', "\\n");
    }
    exec.args = args;
    exec.mounts = mounts.into_iter().map(|mounted| mounted.mount).collect();
    let (root, readonly_root) = (exec.root, exec.readonly_root);
    let results: Vec<MountResult> = exec.mounts.iter().map(MountResult::of).collect();
    let out = evaluator.graph.add_with(Node::Exec(Box::new(exec)), needs, &call.site.frame);
    // A root that can only be read is what it was before.
    fs.out = if readonly_root { root } else { Some(out) };
    for Binding { index, option, slots } in binds {
        let Some((result, input)) = results.get(index).zip(inputs.get(index)) else { continue };
        let value = match result {
            MountResult::Refused(why) => {
                let error = Diagnostic::error(
                    codes::BIND_MOUNT,
                    option.site.at,
                    format!("{why}, so no name can be bound to it"),
                );
                Err(Box::new(traced(error, &option.site.frame)))
            }
            MountResult::Kept => {
                Ok(bound(evaluator, &fs, input, Some(Out { node: out.node, port: Port::Mount(index) })))
            }
            MountResult::Unchanged(source) => Ok(bound(evaluator, &fs, input, *source)),
        };
        for slot in slots {
            evaluator.set_bound(slot, value.clone());
        }
    }
    Ok(fs)
}

/// What a command leaves in a mount: files alone, with the config of what was mounted.
fn bound(evaluator: &mut Evaluator<'_>, after: &Fs, input: &Fs, out: Option<Out>) -> Value {
    let mut fs = evaluator.scratch();
    fs.out = out;
    fs.platform = after.platform.clone();
    fs.config = Rc::clone(&input.config);
    fs.history = input.history;
    fs.exports = Rc::clone(&after.exports);
    Value::Fs(Rc::new(fs))
}

enum MountResult {
    Kept,
    Unchanged(Option<Out>),
    Refused(&'static str),
}

impl MountResult {
    fn of(mount: &crate::eval::graph::Mount) -> Self {
        match mount.kind {
            MountKind::Cache { .. } => Self::Refused("the content of a cache belongs to no build"),
            MountKind::Tmpfs { .. } => Self::Refused("what is in memory is gone after the command"),
            MountKind::Bind if mount.readonly => Self::Unchanged(mount.source),
            MountKind::Bind => Self::Kept,
        }
    }
}
