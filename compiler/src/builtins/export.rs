//! Builtins that write to this machine's disk.
//!
//! Owns which exports there are; they are done later, by whoever runs the request, in the order of evaluation.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::Invocation;
use super::argument::Arguments;
use crate::codes;
use crate::eval::value::{ExportId, ExportPlan, Fs};
use crate::eval::{Evaluator, Fail};
use crate::request::ExportTo;

/// More than this is a slip, and each filesystem remembers its own.
const MAX_EXPORTS: usize = 1_000;

pub(super) fn download(evaluator: &mut Evaluator<'_>, call: &Invocation, fs: Fs) -> Result<Fs, Fail> {
    let path = call.local_path(evaluator, 0)?;
    export(evaluator, call, fs, ExportTo::Directory(path))
}

pub(super) fn download_tarball(evaluator: &mut Evaluator<'_>, call: &Invocation, fs: Fs) -> Result<Fs, Fail> {
    let path = call.local_path(evaluator, 0)?;
    export(evaluator, call, fs, ExportTo::Tar(path))
}

fn export(evaluator: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs, to: ExportTo) -> Result<Fs, Fail> {
    if call.text(0).is_empty() {
        return Err(call.site.fail_arg(0, codes::LOCAL_PATH, "an empty path is no place to write to"));
    }
    if evaluator.exports.len() >= MAX_EXPORTS {
        let message = format!("the program writes to more than {MAX_EXPORTS} places on this machine");
        return Err(call.site.fail(codes::DEPTH, message));
    }
    let id = ExportId(evaluator.exports.len());
    evaluator.exports.push(ExportPlan { fs: Rc::new(fs.clone()), to, at: call.site.at });
    fs.inherit(&Rc::new(BTreeSet::from([id])));
    Ok(fs)
}
