//! Mounts and secrets of commands.
//!
//! Owns their options, and what must exist in a read-only mount for others to be mounted into it.

use std::rc::Rc;

use camino::Utf8PathBuf;
use hlb_llb::ops::{FileStep, MountKind, Owner, Secret, UserRef};
use hlb_llb::{Digest, pb};

use super::argument::Arguments;
use super::context;
use crate::codes;
use crate::eval::graph::{Mount, Needs, Node, Step};
use crate::eval::value::{Frame, Fs, Opt};
use crate::eval::{Evaluator, Fail};
use crate::path;
use crate::world::{FileKind, WorldError};

pub(super) const SHARING_MODES: &[&str] = &["shared", "private", "locked"];
pub(super) const CONTENT_MODES: &[&str] = &["default", "on", "off"];

/// A mount as an option says it, with the filesystem it is made from.
pub(super) struct Mounted {
    pub(super) mount: Mount,
    pub(super) input: Rc<Fs>,
}

/// The mount that an option asks for.
pub(super) fn mount(evaluator: &mut Evaluator<'_>, option: &Opt) -> Result<Mounted, Fail> {
    let input = option.fs(evaluator, 0);
    let mut mount = Mount {
        dest: option.text(1).to_owned(),
        source: input.out,
        selector: String::new(),
        readonly: false,
        kind: MountKind::Bind,
        content_cache: pb::MountContentCache::Default,
        used: false,
    };
    let mut first = FirstDirectory::default();
    let mut sized = None;
    for setting in option.options.iter() {
        match setting.name.as_str() {
            "readonly" => mount.readonly = true,
            // A cache in memory is still a cache: it has a name.
            "tmpfs" if matches!(mount.kind, MountKind::Bind) => mount.kind = MountKind::Tmpfs { size: 0 },
            "tmpfsSize" => sized = Some(setting),
            "sourcePath" => mount.selector = setting.text(0).to_owned(),
            "cache" => {
                let sharing = match setting.text(1) {
                    "private" => pb::CacheSharingOpt::Private,
                    "locked" => pb::CacheSharingOpt::Locked,
                    _ => pb::CacheSharingOpt::Shared,
                };
                mount.kind = MountKind::Cache { id: setting.text(0).to_owned(), sharing };
            }
            "contentCache" => {
                mount.content_cache = match setting.text(0) {
                    "on" => pb::MountContentCache::On,
                    "off" => pb::MountContentCache::Off,
                    _ => pb::MountContentCache::Default,
                }
            }
            "uid" | "gid" | "mode" => first.set(setting),
            _ => {}
        }
    }
    if let Some(asked) = sized {
        if matches!(mount.kind, MountKind::Cache { .. }) {
            let message = "`tmpfsSize` is for mounts in memory, and this mount is a cache";
            return Err(asked.site.fail(codes::ARGUMENT, message));
        }
        mount.kind = MountKind::Tmpfs { size: asked.int(0) };
    }
    if matches!(mount.kind, MountKind::Tmpfs { .. }) && mount.source.is_some() {
        let message = "a mount in memory is empty; it cannot show another filesystem";
        return Err(option.site.fail_arg(0, codes::ARGUMENT, message));
    }
    if let Some(asked) = first.asked.take() {
        if !matches!(mount.kind, MountKind::Cache { .. }) {
            let message = format!("`{}` is for caches, and this mount is none", asked.name);
            return Err(asked.site.fail(codes::ARGUMENT, message));
        }
        if mount.source.is_some() || !mount.selector.is_empty() {
            let message =
                format!("`{}` is for caches that begin empty, and this one begins with a filesystem", asked.name);
            let fail = asked.site.fail(codes::ARGUMENT, message);
            return Err(Box::new(fail.help("mount `scratch`, or set owner and mode in the filesystem")));
        }
        // LLB knows no owner of caches: a cache has that of the directory that it begins with.
        let step = FileStep::MkDir {
            path: FIRST_DIRECTORY.to_owned(),
            mode: i32::try_from(first.mode & 0o777).unwrap_or(0),
            parents: false,
            owner: Some(Owner { user: Some(UserRef::Id(first.uid)), group: Some(UserRef::Id(first.gid)) }),
            created: None,
        };
        let node = Node::File { base: None, step: Box::new(Step::Plain(step)) };
        mount.source = Some(evaluator.graph.add(node, &option.site.frame));
        mount.selector = FIRST_DIRECTORY.to_owned();
    }
    Ok(Mounted { mount, input })
}

/// Where the directory is that a cache begins with; the same place as in Dockerfiles, so that their caches are ours.
const FIRST_DIRECTORY: &str = "/cache";

/// Owner and mode of the directory that a cache begins with, and the last option that asked for them.
struct FirstDirectory<'o> {
    uid: u32,
    gid: u32,
    mode: u32,
    asked: Option<&'o Opt>,
}

impl Default for FirstDirectory<'_> {
    fn default() -> Self {
        Self { uid: 0, gid: 0, mode: 0o755, asked: None }
    }
}

impl<'o> FirstDirectory<'o> {
    fn set(&mut self, setting: &'o Opt) {
        match setting.name.as_str() {
            "uid" => self.uid = setting.id(0),
            "gid" => self.gid = setting.id(0),
            _ => self.mode = setting.mode(0),
        }
        self.asked = Some(setting);
    }
}

/// The secrets that an option asks for: one for a file, one for each file of a directory.
pub(super) fn secrets(evaluator: &Evaluator<'_>, option: &Opt, needs: &mut Needs) -> Result<Vec<Secret>, Fail> {
    let path = option.local_path(evaluator, 0)?;
    let target = option.text(1);
    let mut plain = Secret { id: String::new(), target: None, env: None, uid: 0, gid: 0, mode: 0o400, optional: false };
    let (mut include, mut exclude) = (Vec::new(), Vec::new());
    for setting in option.options.iter() {
        match setting.name.as_str() {
            "uid" => plain.uid = setting.id(0),
            "gid" => plain.gid = setting.id(0),
            "mode" => plain.mode = setting.mode(0),
            "optional" => plain.optional = true,
            "includePatterns" => include.extend(setting.texts(0)),
            "excludePatterns" => exclude.extend(setting.texts(0)),
            _ => {}
        }
    }
    if context::name(evaluator).is_some() {
        let id = context::secret(option, &path)?;
        return Ok(vec![Secret { id, target: Some(target.to_owned()), ..plain }]);
    }
    let unusable = |error: WorldError| option.site.fail_path(0, format!("cannot use the secret `{path}`: {error}"));
    let files = match evaluator.world.stat(&path) {
        Ok(FileKind::File) => vec![(path.clone(), target.to_owned())],
        Ok(FileKind::Directory) => {
            let files = evaluator.world.files(&path, &include, &exclude).map_err(unusable)?;
            let place = |file: &Utf8PathBuf| {
                (path::join(path.as_str(), file.as_str()).into(), path::join(target, file.as_str()))
            };
            files.iter().map(place).collect()
        }
        Ok(FileKind::Other) => {
            let message = format!("the secret `{path}` is neither a file nor a directory");
            return Err(option.site.fail_arg(0, codes::LOCAL_PATH, message));
        }
        // The command is told that there may be one; it is not lent.
        Err(WorldError::NotFound { .. }) if plain.optional => {
            let id = Digest::of(path.as_str()).to_string();
            return Ok(vec![Secret { id, target: Some(target.to_owned()), ..plain }]);
        }
        Err(error) => return Err(unusable(error)),
    };
    let secret =
        |(path, target): (Utf8PathBuf, String)| Secret { id: lend(needs, path), target: Some(target), ..plain.clone() };
    Ok(files.into_iter().map(secret).collect())
}

/// The secret that an option shows as a variable.
pub(super) fn secret_variable(evaluator: &Evaluator<'_>, option: &Opt, needs: &mut Needs) -> Result<Secret, Fail> {
    let optional = option.options.iter().any(|setting| setting.name == "optional");
    let id = lend_secret(evaluator, option, 1, optional, needs)?;
    let env = Some(option.text(0).to_owned());
    Ok(Secret { id, target: None, env, uid: 0, gid: 0, mode: 0o400, optional })
}

/// Lends the file that an argument names as a secret, if it is there or must be; gives its id.
pub(super) fn lend_secret(
    evaluator: &Evaluator<'_>,
    option: &Opt,
    index: usize,
    optional: bool,
    needs: &mut Needs,
) -> Result<String, Fail> {
    let path = option.local_path(evaluator, index)?;
    if context::name(evaluator).is_some() {
        return context::secret(option, &path);
    }
    let unusable = |why: String| option.site.fail_path(index, format!("cannot use the secret `{path}`: {why}"));
    match evaluator.world.stat(&path) {
        Ok(FileKind::File) => Ok(lend(needs, path)),
        Ok(_) => Err(unusable("it is no file".to_owned())),
        Err(WorldError::NotFound { .. }) if optional => Ok(Digest::of(path.as_str()).to_string()),
        Err(error) => Err(unusable(error.to_string())),
    }
}

fn lend(needs: &mut Needs, path: Utf8PathBuf) -> String {
    let id = Digest::of(path.as_str()).to_string();
    needs.secrets.insert(id.clone(), path);
    id
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
    secrets: &[Secret],
) {
    let mut made: Vec<String> = Vec::new();
    for (at, item) in order.iter().enumerate().rev() {
        let (target, file) = match *item {
            Item::Mount(index) => (mounts.get(index).map(|mounted| mounted.mount.dest.clone()), false),
            Item::Secret(index) => (secrets.get(index).and_then(|secret| secret.target.clone()), true),
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
