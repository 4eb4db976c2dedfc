//! External frontends.
//!
//! Owns `frontend`: its inputs become LLB while the program is evaluated, and what it returns becomes a part of the graph.

use std::collections::BTreeMap;
use std::rc::Rc;

use hlb_llb::graph::import;

use super::argument::Arguments;
use super::{Invocation, pin};
use crate::codes;
use crate::emit::Emitter;
use crate::eval::graph::{Needs, Node};
use crate::eval::value::Fs;
use crate::eval::{Evaluator, Fail};
use crate::world::{FrontendCall, WorldError};

pub(super) fn frontend(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<Fs, Fail> {
    let mut opts = BTreeMap::new();
    let mut given: BTreeMap<String, Rc<Fs>> = BTreeMap::new();
    for option in call.options.iter() {
        let key = option.text(0).to_owned();
        match option.name.as_str() {
            "opt" => drop(opts.insert(key, option.text(1).to_owned())),
            "input" => drop(given.insert(key, option.fs(evaluator, 1))),
            _ => {}
        }
    }
    let mut needs = Needs::default();
    let mut emitter = Emitter::new(evaluator);
    let inputs = given.iter().map(|(key, fs)| (key.clone(), emitter.definition(fs, &mut needs))).collect();
    let source = pin::image(evaluator, call, 0, call.image(0), &evaluator.platform)?;
    let request = FrontendCall {
        source,
        opts,
        inputs,
        locals: needs.locals.clone(),
        secrets: needs.secrets.clone(),
        sockets: needs.sockets.clone(),
        layouts: needs.layouts.clone(),
        platform: evaluator.platform.clone(),
    };
    let result = evaluator.world.frontend(&request).map_err(|error| refuse(call, &request.source, error))?;
    let imported = import(&result.definition, &mut Vec::new(), &[]).map_err(|error| {
        let message = format!("the frontend `{}` returned a graph that cannot be built: {error}", request.source);
        call.site.fail(codes::FRONTEND, message)
    })?;
    let mut fs = evaluator.scratch();
    for input in given.values() {
        fs.inherit(&input.exports);
    }
    if imported.is_some() {
        // What it returns may read what its inputs read.
        let node = Node::Foreign(Rc::new(result.definition));
        fs.out = Some(evaluator.graph.add_with(node, needs, &call.site.frame));
    }
    if let Some(config) = result.config {
        let platform = evaluator.platform.clone();
        fs.begin_with(Rc::new(config), platform);
    }
    Ok(fs)
}

fn refuse(call: &Invocation, source: &str, error: WorldError) -> Fail {
    let fail = |message: String| call.site.fail(codes::FRONTEND, message);
    match error {
        WorldError::Refused { .. } => {
            let message =
                format!("what the frontend `{source}` makes is known only when it has run, and nothing is run here");
            Box::new(fail(message).help("build it with `hlbc run`"))
        }
        WorldError::Unavailable { reason, advice } => {
            Box::new(fail(format!("cannot run the frontend `{source}`: {reason}")).help(advice))
        }
        error => fail(format!("cannot run the frontend `{source}`: {error}")),
    }
}
