//! What calls in modules of others may do on the machine that compiles.
//!
//! Owns which builtin has which effect, and the refusal of calls that nobody has allowed. This is the last line: whatever else
//! was looked at before, a call that reaches outside passes here.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use hlb_llb::Digest;

use super::Invocation;
use super::argument::Arguments;
use super::client::Wanted;
use crate::codes;
use crate::consent::{Effect, refusal};
use crate::eval::value::Site;
use crate::eval::{Evaluator, Fail, traced};
use crate::path;
use crate::remote::RemoteModule;

/// The effect of a builtin by its name, if it has one.
pub(crate) fn effect(builtin: &str) -> Option<Effect> {
    Some(match builtin {
        "local" | "ociLayout" => Effect::Local,
        "localRun" => Effect::Run,
        "localEnv" | "localCwd" | "localArch" | "localOs" => Effect::Env,
        "secret" | "secretEnv" | "authHeaderSecret" | "authTokenSecret" => Effect::Secret,
        "ssh" => Effect::Ssh,
        "forward" => Effect::Forward,
        "download" | "downloadTarball" | "downloadOCITarball" | "downloadDockerTarball" => Effect::Download,
        "dockerPush" => Effect::Push,
        "dockerLoad" => Effect::Load,
        _ => return None,
    })
}

/// Refuses a call in a module of others whose effect nobody has allowed.
pub(super) fn permit(evaluator: &Evaluator<'_>, builtin: &str, site: &Site) -> Result<(), Fail> {
    let Some(module) = site.origin.remote() else { return Ok(()) };
    let Some(effect) = effect(builtin) else { return Ok(()) };
    // `local` in a module of others is about the module's own files.
    if builtin == "local" || evaluator.consent.allows(&module.source, effect) {
        return Ok(());
    }
    let error = refusal(&module.source, &BTreeSet::from([effect]), site.at);
    Err(Box::new(traced(error, &site.frame)))
}

/// A file or directory of a module of others: where it is on this machine, and a name for it that is the same on all.
pub(super) struct Own {
    pub(super) path: Utf8PathBuf,
    pub(super) name: String,
    /// What stands for its content. The files of a module never change.
    pub(super) fingerprint: String,
}

/// What a path in a module of others means, where it is about the module's own files.
pub(super) fn own(call: &Invocation, index: usize, module: &RemoteModule, wanted: &Wanted) -> Result<Own, Fail> {
    let text = call.text(index);
    let inside = path::join(call.site.dir.as_str(), text);
    if text.starts_with(['/', '~']) || inside == ".." || inside.starts_with("../") {
        let message = format!("`{text}` leads out of the module `{}`", module.source);
        let help = "a module from elsewhere sees its own files and nothing of this machine";
        return Err(Box::new(call.site.fail_arg(index, codes::MODULE_ESCAPE, message).help(help)));
    }
    let path = module.files.locate(inside.as_str().into()).map_err(|error| {
        let message = format!("cannot use `{text}` of the module `{}`: {error}", module.source);
        call.site.fail_arg(index, codes::LOCAL_PATH, message)
    })?;
    let name = format!("{}:{}/{inside}", module.kind.name(), module.id);
    let fingerprint = Digest::of(format!("{name}\0{wanted:?}")).to_string();
    Ok(Own { path, name, fingerprint })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_builtin_with_an_effect_is_one() {
        let declared: Vec<&str> = hlb_stdlib::BUILTIN
            .lines()
            .filter_map(|line| line.split_once('(')?.0.rsplit_once(' '))
            .map(|(_, name)| name)
            .collect();
        let known = declared.iter().filter(|name| effect(name).is_some()).collect::<BTreeSet<_>>();
        assert_eq!(known.len(), 19);
        // Whatever has `local` in its name looks at the machine, but for the paths of an agent's keys.
        let other = declared.iter().filter(|name| name.starts_with("local") && effect(name).is_none());
        assert_eq!(other.collect::<BTreeSet<_>>(), BTreeSet::from([&"localPaths"]));
    }
}
