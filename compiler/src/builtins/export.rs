//! Builtins that write a filesystem out: to this machine's disk, to a Docker engine, to a registry.
//!
//! Owns which exports there are; they are done later, by whoever runs the request, in the order of evaluation. Only a push
//! whose digest is used is done during evaluation.

use std::collections::BTreeSet;
use std::rc::Rc;

use camino::Utf8PathBuf;

use super::Invocation;
use super::argument::Arguments;
use crate::codes;
use crate::eval::value::{ExportId, ExportPlan, Fs};
use crate::eval::{Evaluator, Fail};
use crate::request::ExportTo;

/// More than this is a slip, and each filesystem remembers its own.
const MAX_EXPORTS: usize = 1_000;

pub(super) fn download(evaluator: &mut Evaluator<'_>, call: &Invocation, fs: Fs) -> Result<Fs, Fail> {
    let path = place(evaluator, call)?;
    Ok(export(evaluator, call, fs, ExportTo::Directory(path))?.0)
}

pub(super) fn download_tarball(evaluator: &mut Evaluator<'_>, call: &Invocation, fs: Fs) -> Result<Fs, Fail> {
    let path = place(evaluator, call)?;
    Ok(export(evaluator, call, fs, ExportTo::Tar(path))?.0)
}

pub(super) fn download_oci_tarball(evaluator: &mut Evaluator<'_>, call: &Invocation, fs: Fs) -> Result<Fs, Fail> {
    let path = place(evaluator, call)?;
    Ok(export(evaluator, call, fs, ExportTo::OciTar(path))?.0)
}

pub(super) fn download_docker_tarball(evaluator: &mut Evaluator<'_>, call: &Invocation, fs: Fs) -> Result<Fs, Fail> {
    let path = place(evaluator, call)?;
    Ok(export(evaluator, call, fs, ExportTo::DockerTar { path, reference: call.image(1) })?.0)
}

pub(super) fn docker_load(evaluator: &mut Evaluator<'_>, call: &Invocation, fs: Fs) -> Result<Fs, Fail> {
    Ok(export(evaluator, call, fs, ExportTo::DockerEngine(call.image(0)))?.0)
}

pub(super) fn docker_push(evaluator: &mut Evaluator<'_>, call: &Invocation, fs: Fs) -> Result<Fs, Fail> {
    let stargz = call.options.iter().any(|option| option.name == "stargz");
    let to = ExportTo::Registry { reference: call.image(0), stargz };
    let (fs, id) = export(evaluator, call, fs, to)?;
    for slot in &call.binds {
        evaluator.set_pushed(*slot, id);
    }
    Ok(fs)
}

fn place(evaluator: &Evaluator<'_>, call: &Invocation) -> Result<Utf8PathBuf, Fail> {
    if call.text(0).is_empty() {
        return Err(call.site.fail_arg(0, codes::LOCAL_PATH, "an empty path is no place to write to"));
    }
    call.local_path(evaluator, 0)
}

fn export(evaluator: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs, to: ExportTo) -> Result<(Fs, ExportId), Fail> {
    if evaluator.exports.len() >= MAX_EXPORTS {
        let message = format!("the program writes filesystems to more than {MAX_EXPORTS} places");
        return Err(call.site.fail(codes::DEPTH, message));
    }
    let id = ExportId(evaluator.exports.len());
    evaluator.exports.push(ExportPlan { fs: Rc::new(fs.clone()), to, site: call.site.clone() });
    fs.inherit(&Rc::new(BTreeSet::from([id])));
    Ok((fs, id))
}
