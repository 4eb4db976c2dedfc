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
use crate::eval::value::{ExportId, ExportPlan, Exported, Fs, Plan, Value};
use crate::eval::{Evaluator, Fail};
use crate::request::ExportTo;
use crate::world::Platform;

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

/// Pushes filesystems for several platforms as one image.
pub(super) fn push_index(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<Value, Fail> {
    let to = ExportTo::Registry { reference: call.image(1), stargz: false };
    let (plan, id) = index(evaluator, call, to)?;
    for slot in &call.binds {
        evaluator.set_pushed(*slot, id);
    }
    Ok(plan)
}

/// Writes filesystems for several platforms as one OCI image into a tar file.
pub(super) fn index_archive(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<Value, Fail> {
    if call.text(1).is_empty() {
        return Err(call.site.fail_arg(1, codes::LOCAL_PATH, "an empty path is no place to write to"));
    }
    let path = call.local_path(evaluator, 1)?;
    Ok(index(evaluator, call, ExportTo::OciTar(path))?.0)
}

fn index(evaluator: &mut Evaluator<'_>, call: &Invocation, to: ExportTo) -> Result<(Value, ExportId), Fail> {
    let variants: Vec<Rc<Fs>> = match call.args.first() {
        Some(list) => list
            .items()
            .iter()
            .map(|item| match item {
                Value::Fs(fs) => Rc::clone(fs),
                _ => Rc::new(evaluator.scratch()),
            })
            .collect(),
        None => Vec::new(),
    };
    let name = |platform: &Platform| match platform.variant.as_str() {
        "" => format!("{}/{}", platform.os, platform.architecture),
        variant => format!("{}/{}/{variant}", platform.os, platform.architecture),
    };
    for (at, fs) in variants.iter().enumerate() {
        if variants.iter().take(at).any(|before| before.platform == fs.platform) {
            let message = format!("two of these filesystems are for {}", name(&fs.platform));
            let fail = call.site.fail_arg(0, codes::ARGUMENT, message);
            return Err(Box::new(
                fail.help("say what each is for: `platform \"linux\" \"arm64\"`, of `image` or as a step"),
            ));
        }
    }
    if variants.is_empty() {
        let fail = call.site.fail_arg(0, codes::ARGUMENT, "an image for no platform is none");
        return Err(Box::new(fail.help("give at least one filesystem")));
    }
    let mut all = evaluator.scratch();
    for variant in &variants {
        all.inherit(&variant.exports);
    }
    let (all, id) = planned(evaluator, call, all, Exported::Index(variants), to)?;
    Ok((Value::Plan(Rc::new(Plan::Fs(Rc::new(all)))), id))
}

fn export(evaluator: &mut Evaluator<'_>, call: &Invocation, fs: Fs, to: ExportTo) -> Result<(Fs, ExportId), Fail> {
    let content = Exported::One(Rc::new(fs.clone()));
    planned(evaluator, call, fs, content, to)
}

fn planned(
    evaluator: &mut Evaluator<'_>,
    call: &Invocation,
    mut fs: Fs,
    content: Exported,
    to: ExportTo,
) -> Result<(Fs, ExportId), Fail> {
    if evaluator.exports.len() >= MAX_EXPORTS {
        let message = format!("the program writes filesystems to more than {MAX_EXPORTS} places");
        return Err(call.site.fail(codes::DEPTH, message));
    }
    let id = ExportId(evaluator.exports.len());
    evaluator.exports.push(ExportPlan { content, to, site: call.site.clone() });
    fs.inherit(&Rc::new(BTreeSet::from([id])));
    Ok((fs, id))
}
