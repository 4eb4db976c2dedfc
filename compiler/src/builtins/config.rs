//! Builtins that change what commands and the image see, and no file.
//!
//! Owns environment, directory, user and the fields of the image config.

use std::rc::Rc;

use super::Invocation;
use super::argument::Arguments;
use crate::codes;
use crate::eval::value::Fs;
use crate::eval::{Evaluator, Fail};
use crate::image::Healthcheck;
use crate::path;

pub(super) fn env(_: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    let (key, value) = (call.text(0), call.text(1));
    fs.set_env(key, value);
    let config = Rc::make_mut(&mut fs.config);
    // A later value takes the place of an earlier one; keeping both would say the same at greater length.
    config.env.retain(|variable| variable.split_once('=').map_or(variable.as_str(), |(known, _)| known) != key);
    config.env.push(format!("{key}={value}"));
    Ok(fs)
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

/// What the filesystem is built for, where nothing that it is made from says so.
pub(super) fn platform(_: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    let platform = call.platform(0, 1);
    let config = Rc::make_mut(&mut fs.config);
    config.os = platform.os.to_string();
    config.architecture = platform.architecture.to_string();
    config.variant = platform.variant.to_string();
    fs.own_platform = Some(platform.clone());
    fs.platform = platform;
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

/// Without words, commands run as they do by default.
pub(super) fn shell(_: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    let words = call.texts(0);
    Rc::make_mut(&mut fs.config).shell.clone_from(&words);
    fs.shell = if words.is_empty() { None } else { Some(words.into()) };
    Ok(fs)
}

pub(super) fn healthcheck(_: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    let mut words = call.texts(0);
    let form = match words.len() {
        0 => return Err(call.site.fail(codes::NO_ARGUMENTS, "`healthcheck` needs a command")),
        1 => "CMD-SHELL",
        _ => "CMD",
    };
    words.insert(0, form.to_owned());
    let mut check = Healthcheck { test: words, ..Healthcheck::default() };
    for option in call.options.iter() {
        match option.name.as_str() {
            "interval" => check.interval = option.duration(0),
            "timeout" => check.timeout = option.duration(0),
            "startPeriod" => check.start_period = option.duration(0),
            "startInterval" => check.start_interval = option.duration(0),
            "retries" => check.retries = option.id(0),
            _ => {}
        }
    }
    Rc::make_mut(&mut fs.config).healthcheck = Some(check);
    Ok(fs)
}

pub(super) fn no_healthcheck(_: &mut Evaluator<'_>, _: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    let none = Healthcheck { test: vec!["NONE".to_owned()], ..Healthcheck::default() };
    Rc::make_mut(&mut fs.config).healthcheck = Some(none);
    Ok(fs)
}

pub(super) fn on_build(_: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    Rc::make_mut(&mut fs.config).on_build = call.texts(0);
    Ok(fs)
}

pub(super) fn author(_: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    Rc::make_mut(&mut fs.config).author = call.text(0).to_owned();
    Ok(fs)
}
