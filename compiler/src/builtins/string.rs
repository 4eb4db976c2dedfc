//! Builtins that make texts.
//!
//! Owns `format`, `template`, the facts of the machine that compiles, `localRun` and `manifest`.

use ecow::EcoString;

use super::argument::Arguments;
use super::{Invocation, pin, printf, shell, template};
use crate::codes;
use crate::eval::value::Value;
use crate::eval::{Evaluator, Fail};
use crate::path;
use crate::remote::Origin;
use crate::world::{Command, Platform, WorldError};

pub(super) fn format(_: &mut Evaluator<'_>, call: &Invocation) -> Result<EcoString, Fail> {
    Ok(printf::sprintf(call.text(0), &call.texts(1)).into())
}

pub(super) fn template(_: &mut Evaluator<'_>, call: &Invocation) -> Result<EcoString, Fail> {
    let fields = call.options.iter().filter(|option| option.name == "stringField");
    let fields = fields.map(|option| (option.text(0).to_owned(), option.text(1).to_owned())).collect();
    template::render(call.text(0), fields)
        .map(EcoString::from)
        .map_err(|error| call.site.fail_arg(0, codes::TEMPLATE, format!("the template cannot be filled in: {error}")))
}

pub(super) fn local_arch(evaluator: &mut Evaluator<'_>, _: &Invocation) -> Result<EcoString, Fail> {
    Ok(evaluator.world.host().architecture)
}

pub(super) fn local_os(evaluator: &mut Evaluator<'_>, _: &Invocation) -> Result<EcoString, Fail> {
    Ok(evaluator.world.host().os)
}

pub(super) fn local_cwd(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<EcoString, Fail> {
    match evaluator.world.cwd() {
        Ok(cwd) => Ok(cwd.as_str().into()),
        Err(error) => Err(call.site.fail(codes::WORLD, format!("the working directory cannot be told: {error}"))),
    }
}

pub(super) fn local_env(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<EcoString, Fail> {
    Ok(evaluator.world.env(call.text(0)).unwrap_or_default().into())
}

pub(super) fn local_run(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<EcoString, Fail> {
    let set = |name: &str| call.options.iter().any(|option| option.name == name);
    let args = shell::command(call.texts(0), set("shlex"), None).map_err(|error| {
        call.site.fail_arg(0, codes::SHELL_WORDS, format!("the command cannot be split into words: {error}"))
    })?;
    if args.is_empty() {
        return Err(call.site.fail_arg(0, codes::NO_ARGUMENTS, "`localRun` needs a command"));
    }
    let shown = shell::join(&args);
    let dir = match &call.site.place.origin {
        Origin::Client | Origin::Standard => call.site.place.dir.clone(),
        Origin::Remote(module) => path::join(module.files.root().as_str(), call.site.place.dir.as_str()).into(),
    };
    let command = Command { args, dir };
    let output = evaluator.world.run(&command).map_err(|error| {
        call.site.fail(codes::LOCAL_COMMAND, format!("cannot run `{shown}` on this machine: {error}"))
    })?;
    if output.exit_code != 0 && !set("ignoreError") {
        let mut message = format!("`{shown}` failed on this machine with exit code {}", output.exit_code);
        let last = output.stderr.trim_end().lines().last().unwrap_or("");
        if !last.is_empty() {
            message.push_str(": ");
            message.push_str(last);
        }
        return Err(call.site.fail(codes::LOCAL_COMMAND, message));
    }
    let text = match (set("onlyStderr"), set("includeStderr")) {
        (true, _) => output.stderr,
        (false, true) => output.combined,
        (false, false) => output.stdout,
    };
    Ok(text.trim_end_matches('\n').into())
}

pub(super) fn manifest(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<EcoString, Fail> {
    let mut platform = None;
    for option in call.options.iter().filter(|option| option.name == "platform") {
        platform = Some(option.platform(0, 1));
    }
    let usual = Platform::new("linux", "amd64");
    let reference = pin::image(evaluator, call, 0, call.image(0), platform.as_ref().unwrap_or(&usual))?;
    let found = evaluator
        .world
        .image_manifest(&reference, platform.as_ref())
        .and_then(|found| found.ok_or_else(|| WorldError::Refused { action: "looking up a manifest".to_owned() }))
        .map_err(|error| call.site.fail_lookup(0, &reference, &error))?;
    for slot in &call.binds {
        let value = match slot.effect {
            0 => Ok(Value::Text(found.digest.as_str().into())),
            1 => Ok(Value::Text(found.config.as_str().into())),
            _ => match &found.index {
                Some(index) => Ok(Value::Text(index.as_str().into())),
                None => {
                    let message = format!("the image `{reference}` has no index: it is for one platform only");
                    Err(call.site.fail_arg(0, codes::IMAGE_LOOKUP, message))
                }
            },
        };
        evaluator.set_bound(*slot, value);
    }
    Ok(found.manifest.into())
}
