//! Connections that the client lends to commands: SSH agents, sockets and ports.
//!
//! Owns the options `ssh` and `forward`, and the ids by which a solver asks for what they name.

use camino::Utf8PathBuf;
use hlb_llb::{Digest, ops};

use super::argument::Arguments;
use super::{context, rule};
use crate::eval::graph::Needs;
use crate::eval::value::Opt;
use crate::eval::{Evaluator, Fail};
use crate::path;
use crate::request::Socket;
use crate::world::FileKind;

/// The agent that an option `ssh` asks for.
pub(super) fn agent(evaluator: &Evaluator<'_>, option: &Opt, needs: &mut Needs) -> Result<ops::Ssh, Fail> {
    let id = lend_agent(evaluator, option, needs)?;
    Ok(mounted(id, None, option))
}

/// Lends the agent that an option `ssh` names; gives its id.
pub(super) fn lend_agent(evaluator: &Evaluator<'_>, option: &Opt, needs: &mut Needs) -> Result<String, Fail> {
    if context::name(evaluator).is_some() {
        return context::agent(evaluator, option);
    }
    let mut paths: Vec<Utf8PathBuf> = Vec::new();
    for setting in option.options.iter().filter(|setting| setting.name == "localPaths") {
        for index in 0..setting.args.len() {
            let path = setting.local_path(evaluator, index)?;
            let unusable =
                |why: String| setting.site.fail_path(index, format!("cannot use the key or socket `{path}`: {why}"));
            if evaluator.world.stat(&path).map_err(|error| unusable(error.to_string()))? == FileKind::Directory {
                return Err(unusable("it is a directory".to_owned()));
            }
            paths.push(path);
        }
    }
    paths.sort();
    let joined: String = paths.iter().map(|path| path.as_str()).collect();
    let id = Digest::of(joined).to_string();
    needs.sockets.insert(id.clone(), Socket::Agent(paths));
    Ok(id)
}

/// The socket that an option `forward` asks for.
pub(super) fn forward(evaluator: &Evaluator<'_>, option: &Opt, needs: &mut Needs) -> Result<ops::Ssh, Fail> {
    if context::name(evaluator).is_some() {
        return Err(context::no_forward(option));
    }
    let source = option.text(0);
    let (id, socket) = match rule::forward(source) {
        Some(rule::Forward::Unix(path)) => {
            let path = option.resolve_path(evaluator, 0, path)?;
            // The socket may be made while the build runs; where it will be cannot.
            let around = Utf8PathBuf::from(path::dir(path.as_str()));
            let unusable = |why: &str| option.site.fail_path(0, format!("cannot forward the socket `{path}`: {why}"));
            if evaluator.world.stat(&around).map_err(|error| unusable(&error.to_string()))? != FileKind::Directory {
                return Err(unusable(&format!("`{around}` is no directory")));
            }
            (Digest::of(path.as_str()), Socket::Unix(path))
        }
        // The rule of the argument lets nothing else through.
        Some(rule::Forward::Tcp(address)) => (Digest::of(source), Socket::Tcp(address.to_owned())),
        None => (Digest::of(source), Socket::Tcp(String::new())),
    };
    let id = id.to_string();
    needs.sockets.insert(id.clone(), socket);
    Ok(mounted(id, Some(option.text(1).to_owned()), option))
}

fn mounted(id: String, target: Option<String>, option: &Opt) -> ops::Ssh {
    let mut ssh = ops::Ssh { id, target, uid: 0, gid: 0, mode: 0o600, optional: false };
    for setting in option.options.iter() {
        match setting.name.as_str() {
            "target" => ssh.target = Some(setting.text(0).to_owned()).filter(|target| !target.is_empty()),
            "uid" => ssh.uid = setting.id(0),
            "gid" => ssh.gid = setting.id(0),
            "mode" => ssh.mode = setting.mode(0),
            "optional" => ssh.optional = true,
            _ => {}
        }
    }
    ssh
}
