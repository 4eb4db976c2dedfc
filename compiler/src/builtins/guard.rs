//! What calls in modules of others may do on the machine that compiles.
//!
//! Owns the refusal of calls that nobody has allowed. This is the last line: whatever else
//! was looked at before, a call that reaches outside passes here.

use camino::Utf8PathBuf;
use hlb_llb::Digest;

use super::Invocation;
use super::argument::Arguments;
use super::client::Wanted;
use crate::codes;
use crate::consent::refusal;
use crate::effects::Effects;
use crate::eval::value::Site;
use crate::eval::{Evaluator, Fail, traced};
use crate::hir::Builtin;
use crate::path;
use crate::remote::RemoteModule;

/// Refuses a call in a module of others with an effect that nobody has allowed.
pub(super) fn permit(evaluator: &Evaluator<'_>, builtin: &Builtin, site: &Site) -> Result<(), Fail> {
    let Some(module) = site.place.origin.remote() else { return Ok(()) };
    let missing = evaluator.consent.missing(&module.source, of_others(builtin));
    if missing.is_empty() {
        return Ok(());
    }
    Err(Box::new(traced(refusal(&module.source, missing, site.at), &site.frame)))
}

/// What a builtin does outside of the build where a module of others uses it: there, `local` is about the module's own files.
pub(crate) fn of_others(builtin: &Builtin) -> Effects {
    let own = builtin.namespace.is_empty() && builtin.name.text == "local";
    if own { Effects::NONE } else { builtin.effects }
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
    let Inside { path, name } = inside(call, index, module)?;
    let name = format!("{}:{}/{name}", module.kind.name(), module.id);
    let fingerprint = Digest::of(format!("{name}\0{wanted:?}")).to_string();
    Ok(Own { path, name, fingerprint })
}

/// A file of a module of others: where it is on this machine, and in the module.
pub(super) struct Inside {
    pub(super) path: Utf8PathBuf,
    name: String,
}

/// Where a path in a module of others leads, which must not be out of it.
pub(super) fn inside(call: &impl Arguments, index: usize, module: &RemoteModule) -> Result<Inside, Fail> {
    let (text, site) = (call.text(index), call.site());
    let name = path::join(site.place.dir.as_str(), text);
    if text.starts_with(['/', '~']) || name == ".." || name.starts_with("../") {
        let message = format!("`{text}` leads out of the module `{}`", module.source);
        let help = "a module from elsewhere sees its own files and nothing of this machine";
        return Err(Box::new(site.fail_arg(index, codes::MODULE_ESCAPE, message).help(help)));
    }
    let path = module.files.locate(name.as_str().into()).map_err(|error| {
        let message = format!("cannot use `{text}` of the module `{}`: {error}", module.source);
        site.fail_arg(index, codes::LOCAL_PATH, message)
    })?;
    Ok(Inside { path, name })
}
