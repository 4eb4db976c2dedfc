//! Builtins that look into what a build makes.
//!
//! Owns `read`, `glob`, `exists` and `stdout`: what is built so that the question can be answered. The world builds and looks.

use hlb_llb::{ops, pb};

use super::Invocation;
use super::argument::Arguments;
use crate::codes;
use crate::emit::Emitter;
use crate::eval::graph::{Mount, Node, Out, Port, Step};
use crate::eval::value::{Fs, Value};
use crate::eval::{Evaluator, Fail};
use crate::world::{ReadAnswer, ReadRequest, Reading, WorldError};

/// Where a step whose output is wanted writes it.
const CAPTURED: &str = "/.hlb";

pub(super) fn read(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<Value, Fail> {
    let fs = call.fs(evaluator, 0);
    answer(evaluator, call, &fs, Reading::Read { path: call.text(1).to_owned() })
}

pub(super) fn glob(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<Value, Fail> {
    let fs = call.fs(evaluator, 0);
    answer(evaluator, call, &fs, Reading::Glob { pattern: call.text(1).to_owned() })
}

pub(super) fn exists(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<Value, Fail> {
    let fs = call.fs(evaluator, 0);
    answer(evaluator, call, &fs, Reading::Exists { path: call.text(1).to_owned() })
}

/// What the last command wrote: the command again, with its output going to a file. Where nothing else needs the command, it runs
/// only so.
pub(super) fn stdout(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<Value, Fail> {
    let fs = call.fs(evaluator, 0);
    let out = fs.out.filter(|out| out.port == Port::Main);
    let entry = out.and_then(|out| evaluator.graph.get(out.node));
    let Some((Node::Exec(exec), needs)) =
        entry.map(|entry| (&entry.node, entry.needs.as_deref().cloned().unwrap_or_default()))
    else {
        let message = "`stdout` needs a filesystem whose last step is a `run`";
        return Err(Box::new(call.site.fail_arg(0, codes::READ_RESULT, message).help("put the `run` last")));
    };
    let mut exec = exec.clone();
    let words = std::mem::take(&mut exec.args);
    let script = format!("exec \"$0\" \"$@\" >{CAPTURED}/stdout");
    exec.args = ["/bin/sh", "-c", &script].map(str::to_owned).into_iter().chain(words).collect();
    let index = exec.mounts.len();
    for mount in &mut exec.mounts {
        mount.used = false;
    }
    exec.mounts.push(Mount {
        dest: CAPTURED.to_owned(),
        source: None,
        selector: String::new(),
        readonly: false,
        kind: ops::MountKind::Bind,
        content_cache: pb::MountContentCache::Default,
        used: true,
    });
    let file = ops::FileStep::MkFile {
        path: "/stdout".to_owned(),
        mode: 0o666,
        data: Vec::new(),
        owner: None,
        created: Some(0),
    };
    // Whoever the command runs as may write to it.
    let empty = Node::File { base: None, step: Box::new(Step::Plain(file)) };
    let source = evaluator.graph.add(empty, &call.site.frame);
    if let Some(mount) = exec.mounts.last_mut() {
        mount.source = Some(source);
    }
    let node = evaluator.graph.add_with(Node::Exec(exec), needs, &call.site.frame).node;
    let captured = Fs { out: Some(Out { node, port: Port::Mount(index) }), ..(*fs).clone() };
    let text = answer(evaluator, call, &captured, Reading::Read { path: "/stdout".to_owned() })?;
    Ok(Value::Text(text.text().trim_end_matches('\n').into()))
}

fn answer(evaluator: &mut Evaluator<'_>, call: &Invocation, fs: &Fs, what: Reading) -> Result<Value, Fail> {
    let solve = Emitter::new(evaluator).content(fs);
    let request = ReadRequest { solve, what };
    let answer = evaluator.world.read_result(&request).map_err(|error| refused(call, &request.what, error))?;
    Ok(match answer {
        ReadAnswer::Text(text) => Value::Text(text.into()),
        ReadAnswer::Paths(paths) => Value::list(paths.into_iter().map(|path| Value::Text(path.into())).collect()),
        ReadAnswer::Exists(exists) => Value::Bool(exists),
    })
}

fn refused(call: &Invocation, what: &Reading, error: WorldError) -> Fail {
    let fail = |message: String| call.site.fail(codes::READ_RESULT, message);
    match error {
        WorldError::Refused { .. } => {
            let message =
                format!("what `{}` finds is known only when it is built, and nothing is built here", what.call());
            Box::new(fail(message).help("use `hlbc run` or `hlbc test`"))
        }
        WorldError::Unavailable { reason, advice } => Box::new(fail(reason).help(advice)),
        error => fail(error.to_string()),
    }
}
