//! What each kind of op must look like.
//!
//! Owns checks of one op by itself; how ops hang together is the loader's.

use std::fmt::Display;

use super::{Fault, Field, InvalidDefinition};
use crate::digest::Digest;
use crate::ops::{DEFINITION_INPUT, clean_path};
use crate::pb;

type Checked = Result<(), InvalidDefinition>;

/// Checks an op, except for the digests and outputs that its inputs name.
pub(super) fn op(digest: &Digest, op: &pb::Op) -> Checked {
    let check = Check { digest, inputs: op.inputs.len() };
    match &op.op {
        None => Err(check.field("op").fault(Fault::Missing)),
        Some(pb::OpKind::Exec(exec)) => check.exec(exec),
        Some(pb::OpKind::Source(source)) => check.source(source),
        Some(pb::OpKind::File(file)) => check.file(file),
        Some(pb::OpKind::Build(build)) => check.build(build),
        Some(pb::OpKind::Merge(merge)) => check.merge(merge),
        Some(pb::OpKind::Diff(diff)) => check.diff(diff),
        Some(pb::OpKind::Passthrough(pass)) => check.passthrough(pass),
    }
}

/// How many outputs a valid op has.
pub(super) fn output_count(op: &pb::Op) -> usize {
    match &op.op {
        None => 0,
        Some(pb::OpKind::Exec(exec)) => exec.mounts.iter().filter(|mount| has_output(mount)).count(),
        Some(pb::OpKind::File(file)) => file.actions.iter().filter(|action| action.output >= 0).count(),
        Some(pb::OpKind::Passthrough(pass)) => pass.outputs.len(),
        Some(_) => 1,
    }
}

/// Secrets, agents and mounts in memory have neither input nor output; what stands in these fields means nothing.
fn uses_input(mount: &pb::Mount) -> bool {
    matches!(mount.mount_type(), pb::MountType::Bind | pb::MountType::Cache)
}

fn has_output(mount: &pb::Mount) -> bool {
    uses_input(mount) && mount.output >= 0
}

#[derive(Clone, Copy)]
struct FileActionPath(usize);

impl Display for FileActionPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "file.actions[{}]", self.0)
    }
}

struct Check<'a> {
    digest: &'a Digest,
    inputs: usize,
}

impl Check<'_> {
    fn field(&self, path: impl Display) -> Field<'_> {
        Field { digest: self.digest, path: path.to_string() }
    }

    /// A number that is at least `from` and less than `to`.
    fn range(&self, path: impl Display, value: i64, from: i64, to: usize) -> Checked {
        let below = usize::try_from(value).map_or(true, |value| value < to);
        if value >= from && below {
            return Ok(());
        }
        Err(self.field(path).fault(Fault::out_of_range(value, from, to)))
    }

    fn present<'v, T>(&self, path: impl Display, value: Option<&'v T>) -> Result<&'v T, InvalidDefinition> {
        value.ok_or_else(|| self.field(path).fault(Fault::Missing))
    }

    fn not_empty(&self, path: impl Display, empty: bool) -> Checked {
        if empty { Err(self.field(path).fault(Fault::Missing)) } else { Ok(()) }
    }

    /// A member of an enumeration with members 0 to `last`.
    fn member(&self, path: impl Display, value: i32, last: impl Into<i32>) -> Checked {
        self.range(path, i64::from(value), 0, usize::try_from(last.into()).unwrap_or(0) + 1)
    }

    fn source(&self, source: &pb::SourceOp) -> Checked {
        self.not_empty("source.identifier", source.identifier.is_empty())?;
        if source.identifier.contains("://") {
            return Ok(());
        }
        Err(self.field("source.identifier").fault(Fault::NoScheme { text: source.identifier.clone() }))
    }

    fn exec(&self, exec: &pb::ExecOp) -> Checked {
        let meta = self.present("exec.meta", exec.meta.as_ref())?;
        self.not_empty("exec.meta.args", meta.args.is_empty())?;
        self.not_empty("exec.meta.cwd", meta.cwd.is_empty())?;
        self.not_empty("exec.mounts", exec.mounts.is_empty())?;
        self.member("exec.network", exec.network, pb::NetMode::None)?;
        self.member("exec.security", exec.security, pb::SecurityMode::Insecure)?;
        let mut outputs = 0;
        for (position, mount) in exec.mounts.iter().enumerate() {
            self.mount(format_args!("exec.mounts[{position}]"), mount, &mut outputs)?;
        }
        for (position, secret) in exec.secretenv.iter().enumerate() {
            self.not_empty(format_args!("exec.secretenv[{position}].ID"), secret.id.is_empty())?;
        }
        for (position, device) in exec.cdi_devices.iter().enumerate() {
            self.not_empty(format_args!("exec.cdiDevices[{position}].name"), device.name.is_empty())?;
        }
        let bind = i32::from(pb::MountType::Bind);
        if !exec.mounts.iter().any(|mount| mount.dest == "/" && mount.mount_type == bind) {
            return Err(self.field("exec.mounts").fault(Fault::NoRoot));
        }
        Ok(())
    }

    /// `outputs` counts those of the mounts before.
    fn mount(&self, path: impl Display + Copy, mount: &pb::Mount, outputs: &mut i64) -> Checked {
        self.not_empty(format_args!("{path}.dest"), mount.dest.is_empty())?;
        self.member(format_args!("{path}.mountType"), mount.mount_type, pb::MountType::Tmpfs)?;
        self.member(format_args!("{path}.contentCache"), mount.content_cache, pb::MountContentCache::Off)?;
        match mount.mount_type() {
            pb::MountType::Bind | pb::MountType::Tmpfs => {}
            pb::MountType::Cache => {
                let cache = self.present(format_args!("{path}.cacheOpt"), mount.cache_opt.as_ref())?;
                self.member(format_args!("{path}.cacheOpt.sharing"), cache.sharing, pb::CacheSharingOpt::Locked)?;
            }
            pb::MountType::Secret => {
                let secret = self.present(format_args!("{path}.secretOpt"), mount.secret_opt.as_ref())?;
                self.not_empty(format_args!("{path}.secretOpt.ID"), secret.id.is_empty())?;
            }
            pb::MountType::Ssh => {
                self.present(format_args!("{path}.SSHOpt"), mount.ssh_opt.as_ref())?;
            }
        }
        if uses_input(mount) {
            self.range(format_args!("{path}.input"), mount.input, -1, self.inputs)?;
            self.range(format_args!("{path}.output"), mount.output, -1, usize::MAX)?;
        }
        let part = has_output(mount) && !mount.readonly && clean_path(&format!("/{}", mount.selector)) != "/";
        if part && mount.input >= 0 && mount.content_cache() == pb::MountContentCache::On {
            return Err(self.field(format_args!("{path}.contentCache")).fault(Fault::UnsafeContent));
        }
        if has_output(mount) {
            if mount.output != *outputs {
                let fault = Fault::OutputOrder { value: mount.output, expected: *outputs };
                return Err(self.field(format_args!("{path}.output")).fault(fault));
            }
            *outputs += 1;
        }
        Ok(())
    }

    fn file(&self, file: &pb::FileOp) -> Checked {
        self.not_empty("file.actions", file.actions.is_empty())?;
        let count = file.actions.iter().filter(|action| action.output >= 0).count();
        let mut outputs = vec![false; count];
        for (position, action) in file.actions.iter().enumerate() {
            let path = FileActionPath(position);
            // The op's inputs, then the results of the actions before.
            let known = self.inputs.saturating_add(position);
            self.range(format_args!("{path}.input"), action.input, -1, known)?;
            self.range(format_args!("{path}.secondaryInput"), action.secondary_input, -1, known)?;
            self.range(format_args!("{path}.output"), action.output, -1, count)?;
            let output = usize::try_from(action.output).ok().and_then(|output| outputs.get_mut(output));
            if output.is_some_and(|made| std::mem::replace(made, true)) {
                let fault = Fault::OutputTwice { value: action.output };
                return Err(self.field(format_args!("{path}.output")).fault(fault));
            }
            self.present(format_args!("{path}.action"), action.action.as_ref())?;
            self.owner(path, action.action.as_ref().and_then(owner), known)?;
        }
        self.not_empty("file.actions.output", count == 0)
    }

    fn owner(&self, path: impl Display, owner: Option<&pb::ChownOpt>, known: usize) -> Checked {
        let Some(owner) = owner else { return Ok(()) };
        for (name, user) in [("user", &owner.user), ("group", &owner.group)] {
            if let Some(pb::UserOpt { user: Some(pb::User::ByName(named)) }) = user {
                self.range(format_args!("{path}.owner.{name}.input"), named.input, -1, known)?;
            }
        }
        Ok(())
    }

    fn build(&self, build: &pb::BuildOp) -> Checked {
        self.range("build.builder", build.builder, -1, 0)?;
        // A definition in the op itself is no use: solvers look into this input only.
        self.present(format_args!("build.inputs[{DEFINITION_INPUT:?}]"), build.inputs.get(DEFINITION_INPUT))?;
        for (name, input) in &build.inputs {
            self.range(format_args!("build.inputs[{name:?}].input"), input.input, 0, self.inputs)?;
        }
        Ok(())
    }

    fn merge(&self, merge: &pb::MergeOp) -> Checked {
        self.not_empty("merge.inputs", merge.inputs.is_empty())?;
        for (position, input) in merge.inputs.iter().enumerate() {
            self.range(format_args!("merge.inputs[{position}].input"), input.input, 0, self.inputs)?;
        }
        Ok(())
    }

    fn diff(&self, diff: &pb::DiffOp) -> Checked {
        let lower = self.present("diff.lower", diff.lower.as_ref())?;
        let upper = self.present("diff.upper", diff.upper.as_ref())?;
        self.range("diff.lower.input", lower.input, -1, self.inputs)?;
        self.range("diff.upper.input", upper.input, -1, self.inputs)
    }

    fn passthrough(&self, pass: &pb::PassthroughOp) -> Checked {
        self.not_empty("passthrough.id", pass.id.is_empty())?;
        self.not_empty("passthrough.outputs", pass.outputs.is_empty())?;
        for (position, output) in pass.outputs.iter().enumerate() {
            self.range(format_args!("passthrough.outputs[{position}]"), *output, 0, self.inputs)?;
        }
        Ok(())
    }
}

fn owner(action: &pb::FileActionKind) -> Option<&pb::ChownOpt> {
    match action {
        pb::FileActionKind::Copy(copy) => copy.owner.as_ref(),
        pb::FileActionKind::Mkfile(file) => file.owner.as_ref(),
        pb::FileActionKind::Mkdir(dir) => dir.owner.as_ref(),
        pb::FileActionKind::Symlink(link) => link.owner.as_ref(),
        pb::FileActionKind::Rm(_) => None,
    }
}
