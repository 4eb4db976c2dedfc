//! Mounts and secrets of commands.
//!
//! Owns their options, and what must exist in a read-only mount for others to be mounted into it.

use std::rc::Rc;

use hlb_llb::ops::{FileStep, MountKind, Secret};
use hlb_llb::{Digest, pb};

use super::argument::Arguments;
use super::context;
use crate::check::mode_error;
use crate::codes;
use crate::eval::graph::{Mount, Node, SecretMount, Step};
use crate::eval::value::{Frame, Fs, Opt};
use crate::eval::{Evaluator, Fail, traced};
use crate::path;
use crate::world::FileKind;

pub(super) const SHARING_MODES: &[&str] = &["shared", "private", "locked"];

/// A mount as an option says it, with the filesystem it is made from.
pub(super) struct Mounted {
    pub(super) mount: Mount,
    pub(super) input: Rc<Fs>,
}

/// The mount that an option asks for.
pub(super) fn mount(evaluator: &mut Evaluator<'_>, option: &Opt) -> Result<Mounted, Fail> {
    let input = option.fs(evaluator, 0);
    let dest = option.text(1);
    if dest.is_empty() {
        return Err(option.site.fail_arg(1, codes::ARGUMENT, "an empty path is no mount point"));
    }
    let mut mount = Mount {
        dest: dest.to_owned(),
        source: input.out,
        selector: String::new(),
        readonly: false,
        kind: MountKind::Bind,
        used: false,
    };
    for setting in option.options.iter() {
        match setting.name.as_str() {
            "readonly" => mount.readonly = true,
            // A cache in memory is still a cache: it has a name.
            "tmpfs" if matches!(mount.kind, MountKind::Bind) => mount.kind = MountKind::Tmpfs { size: 0 },
            "sourcePath" => mount.selector = setting.text(0).to_owned(),
            "cache" => {
                let sharing = match setting.text(1) {
                    "shared" => pb::CacheSharingOpt::Shared,
                    "private" => pb::CacheSharingOpt::Private,
                    "locked" => pb::CacheSharingOpt::Locked,
                    other => {
                        let at = setting.site.args.get(1).copied().unwrap_or(setting.site.at);
                        let error = mode_error("sharing mode of caches", other, SHARING_MODES, at);
                        return Err(Box::new(traced(error, &setting.site.frame)));
                    }
                };
                mount.kind = MountKind::Cache { id: setting.text(0).to_owned(), sharing };
            }
            _ => {}
        }
    }
    if matches!(mount.kind, MountKind::Tmpfs { .. }) && mount.source.is_some() {
        let message = "a mount in memory is empty; it cannot show another filesystem";
        return Err(option.site.fail_arg(0, codes::ARGUMENT, message));
    }
    Ok(Mounted { mount, input })
}

/// The secrets that an option asks for: one for a file, one for each file of a directory.
pub(super) fn secrets(evaluator: &mut Evaluator<'_>, option: &Opt) -> Result<Vec<SecretMount>, Fail> {
    let path = option.local_path(evaluator, 0)?;
    let target = option.text(1);
    let (mut uid, mut gid, mut mode) = (0, 0, 0o400);
    let (mut include, mut exclude) = (Vec::new(), Vec::new());
    for setting in option.options.iter() {
        match setting.name.as_str() {
            "uid" => uid = setting.id(0)?,
            "gid" => gid = setting.id(0)?,
            "mode" => mode = setting.mode(0)?,
            "includePatterns" => include.extend(setting.texts(0)),
            "excludePatterns" => exclude.extend(setting.texts(0)),
            _ => {}
        }
    }
    let unusable =
        |error: crate::world::WorldError| option.site.fail_path(0, format!("cannot use the secret `{path}`: {error}"));
    let is_id = context::name(evaluator).is_some();
    let kind = if is_id { context::secret(option)? } else { evaluator.world.stat(&path).map_err(unusable)? };
    let files = match kind {
        FileKind::File => vec![(path.clone(), target.to_owned())],
        FileKind::Directory => {
            let files = evaluator.world.files(&path, &include, &exclude).map_err(unusable)?;
            let place = |file: &camino::Utf8PathBuf| {
                (path::join(path.as_str(), file.as_str()).into(), path::join(target, file.as_str()))
            };
            files.iter().map(place).collect()
        }
        FileKind::Other => {
            let message = format!("the secret `{path}` is neither a file nor a directory");
            return Err(option.site.fail_arg(0, codes::LOCAL_PATH, message));
        }
    };
    let secret = |(path, target): (camino::Utf8PathBuf, String)| SecretMount {
        secret: Secret {
            id: if is_id { path.to_string() } else { Digest::of(path.as_str()).to_string() },
            target: Some(target),
            env: None,
            uid,
            gid,
            mode,
            optional: false,
        },
        path,
    };
    Ok(files.into_iter().map(secret).collect())
}

/// What is mounted, in the order of the options: a mount or a secret by its number.
#[derive(Clone, Copy)]
pub(super) enum Item {
    Mount(usize),
    Secret(usize),
}

/// Makes the mount points that lie in read-only mounts: the solver cannot make them there.
pub(super) fn shim_readonly(
    evaluator: &mut Evaluator<'_>,
    frame: &Rc<Frame>,
    order: &[Item],
    mounts: &mut [Mounted],
    secrets: &[SecretMount],
) {
    let mut made: Vec<String> = Vec::new();
    for (at, item) in order.iter().enumerate().rev() {
        let (target, file) = match *item {
            Item::Mount(index) => (mounts.get(index).map(|mounted| mounted.mount.dest.clone()), false),
            Item::Secret(index) => (secrets.get(index).and_then(|secret| secret.secret.target.clone()), true),
        };
        let Some(target) = target else { continue };
        // The nearest mount before it that it lies in.
        let around = order.iter().take(at).rev().find_map(|item| match *item {
            Item::Mount(index) => {
                let rest = path::below(&mounts.get(index)?.mount.dest, &target)?;
                Some((index, rest))
            }
            Item::Secret(_) => None,
        });
        let Some((index, rest)) = around else { continue };
        let Some(outer) = mounts.get_mut(index).filter(|mounted| mounted.mount.readonly) else { continue };
        let inside = path::absolute(&path::join("/", &outer.mount.selector), &rest, false);
        let dir = if file { path::dir(&inside) } else { inside.clone() };
        let key = format!("{index}:{dir}");
        if !made.contains(&key) {
            made.push(key);
            let step = FileStep::MkDir { path: dir, mode: 0o755, parents: true, owner: None, created: None };
            let node = Node::File { base: outer.mount.source, step: Box::new(Step::Plain(step)) };
            outer.mount.source = Some(evaluator.graph.add(node, frame));
        }
        if file {
            let step = FileStep::MkFile { path: inside, mode: 0o644, data: Vec::new(), owner: None, created: None };
            let node = Node::File { base: outer.mount.source, step: Box::new(Step::Plain(step)) };
            outer.mount.source = Some(evaluator.graph.add(node, frame));
        }
    }
}
