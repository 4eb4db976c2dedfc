//! Builtins that change what commands and the image see, and no file.
//!
//! Owns environment, directory, user and the fields of the image config.

use std::rc::Rc;

use super::Invocation;
use super::argument::Arguments;
use crate::codes;
use crate::eval::value::Fs;
use crate::eval::{Evaluator, Fail};
use crate::path;

pub(super) fn env(_: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    let (key, value) = (call.text(0), call.text(1));
    check_key(call, 0)?;
    fs.set_env(key, value);
    let config = Rc::make_mut(&mut fs.config);
    // A later value takes the place of an earlier one; keeping both would say the same at greater length.
    config.env.retain(|variable| variable.split_once('=').map_or(variable.as_str(), |(known, _)| known) != key);
    config.env.push(format!("{key}={value}"));
    Ok(fs)
}

/// Refuses names of variables that would be read as something else.
pub(super) fn check_key(call: &impl Arguments, index: usize) -> Result<(), Fail> {
    let key = call.text(index);
    if key.is_empty() || key.contains(['=', '\0']) {
        return Err(call.site().fail_arg(
            index,
            codes::ARGUMENT,
            format!("`{key}` is no name of an environment variable"),
        ));
    }
    Ok(())
}

pub(super) fn dir(evaluator: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    let given = call.text(0);
    let config = Rc::make_mut(&mut fs.config);
    let dir =
        if given.starts_with('/') { given.to_owned() } else { path::join(&format!("/{}", config.working_dir), given) };
    config.working_dir.clone_from(&dir);
    evaluator.commit(&mut fs, format!("WORKDIR {dir}"), true);
    fs.cwd = Some(dir.into());
    Ok(fs)
}

pub(super) fn user(evaluator: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    let name = call.text(0);
    let config = Rc::make_mut(&mut fs.config);
    config.user = name.to_owned();
    evaluator.commit(&mut fs, format!("USER {name}"), true);
    Ok(fs)
}

pub(super) fn entrypoint(evaluator: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    let config = Rc::make_mut(&mut fs.config);
    config.entrypoint = call.texts(0);
    let quoted: Vec<String> = config.entrypoint.iter().map(|word| super::printf::quote(word)).collect();
    evaluator.commit(&mut fs, format!("ENTRYPOINT [{}]", quoted.join(" ")), true);
    Ok(fs)
}

pub(super) fn cmd(_: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    Rc::make_mut(&mut fs.config).cmd = call.texts(0);
    Ok(fs)
}

pub(super) fn label(evaluator: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    let (key, value) = (call.text(0), call.text(1));
    Rc::make_mut(&mut fs.config).labels.insert(key.to_owned(), value.to_owned());
    evaluator.commit(&mut fs, format!("LABEL {key}={value}"), true);
    Ok(fs)
}

pub(super) fn expose(_: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    Rc::make_mut(&mut fs.config).exposed_ports.extend(call.texts(0));
    Ok(fs)
}

pub(super) fn volumes(_: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    Rc::make_mut(&mut fs.config).volumes.extend(call.texts(0));
    Ok(fs)
}

pub(super) fn stop_signal(_: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    Rc::make_mut(&mut fs.config).stop_signal = call.text(0).to_owned();
    Ok(fs)
}
