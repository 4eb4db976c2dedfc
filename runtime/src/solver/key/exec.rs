//! Keys of processes.
//!
//! Owns which parts of a process make a difference. Not: values of secrets and proxies, addresses of extra hosts, names of cache
//! mounts, limits.

use std::collections::HashMap;

use hlb_llb::json::Object;
use hlb_llb::ops::clean_path;
use hlb_llb::{Digest, pb};

use super::{ContentRequest, DepKey, KeyError, OpKey, dep_at, joined, platform, topmost_paths};
use crate::content_hash::ContentPath;

/// The key of a process. `platform` is the op's; `None` stands for this machine's.
pub(crate) fn exec(op: &pb::ExecOp, platform: Option<&pb::Platform>, inputs: usize) -> Result<OpKey, KeyError> {
    let platform = platform::of(platform);
    let mut text = String::new();
    let mut object = Object::begin(&mut text);
    object
        .field("Type", "buildkit.exec.v0")
        .field("Exec", &without_the_indifferent(op))
        .field("OS", &platform.os)
        .field("Arch", &platform.architecture)
        .optional_text("Variant", &platform.variant)
        .optional_text("OSVersion", &platform.os_version)
        .optional_list("OSFeatures", &platform.os_features);
    object.end();
    Ok(OpKey { digest: Digest::of(text), deps: deps(op, inputs)? })
}

/// The op with nothing but what counts, to tell two apart. What is read of the inputs is as it was.
pub(crate) fn relevant(op: &pb::ExecOp) -> pb::ExecOp {
    let mut relevant = without_the_indifferent(op);
    if relevant.mounts.is_empty() {
        relevant.mounts.clone_from(&op.mounts);
    }
    for (mount, original) in relevant.mounts.iter_mut().zip(&op.mounts) {
        mount.selector.clone_from(&original.selector);
    }
    relevant
}

fn without_the_indifferent(op: &pb::ExecOp) -> pb::ExecOp {
    let mut uses: HashMap<i64, usize> = HashMap::new();
    for mount in op.mounts.iter().filter(|mount| reads_input(mount)) {
        *uses.entry(mount.input).or_default() += 1;
    }
    let mut op = op.clone();
    if let Some(meta) = &mut op.meta {
        meta.proxy_env = None;
        for host in &mut meta.extra_hosts {
            host.ip.clear();
        }
    }
    for mount in &mut op.mounts {
        // The paths that are read of an input are in its own part of the key, but not which mount shows which of them. Where
        // several mounts show one input, that has to be told here; BuildKit takes such steps for the same when they are not.
        if !reads_input(mount) || uses.get(&mount.input).is_none_or(|uses| *uses < 2) {
            mount.selector.clear();
        }
        if let Some(cache) = &mut mount.cache_opt
            && !is_default_name(cache, &mount.dest)
        {
            *cache = pb::CacheOpt::default();
        }
    }
    // The usual case is known by the key of old versions, which had forgotten the mounts.
    if matches!(op.mounts.as_slice(), [mount] if is_plain_root(mount)) {
        op.mounts.clear();
    }
    op
}

fn reads_input(mount: &pb::Mount) -> bool {
    mount.input != -1 && matches!(mount.mount_type(), pb::MountType::Bind | pb::MountType::Cache)
}

/// Whether a cache mount is named after its path, with or without a name space before it, as the Dockerfile frontend does.
fn is_default_name(cache: &pb::CacheOpt, dest: &str) -> bool {
    let in_namespace = || cache.id.split_once('/').is_some_and(|(_, name)| name == dest);
    cache.sharing == i32::from(pb::CacheSharingOpt::Shared) && (cache.id == dest || in_namespace())
}

fn is_plain_root(mount: &pb::Mount) -> bool {
    mount.dest == "/"
        && !mount.readonly
        && mount.mount_type == i32::from(pb::MountType::Bind)
        && mount.cache_opt.is_none()
        && mount.ssh_opt.is_none()
        && mount.secret_opt.is_none()
        && mount.result_id.is_empty()
}

/// What is read of an input.
#[derive(Clone, Default)]
struct Read {
    paths: Vec<String>,
    by_content: bool,
    /// What a mount does not show of the input is part of what the process leaves.
    leaves_more: bool,
}

fn deps(op: &pb::ExecOp, inputs: usize) -> Result<Vec<DepKey>, KeyError> {
    let mut reads = vec![Read::default(); inputs];
    for mount in &op.mounts {
        if !reads_input(mount) {
            continue;
        }
        let read = dep_at(&mut reads, mount.input, "a mount")?;
        let path = clean_path(&format!("/{}", mount.selector));
        // Of several mounts of one input the last decides, as with BuildKit; but unlike there none of them may leave more of the
        // input than it shows.
        read.by_content = counts_by_content(mount, &path)?;
        read.leaves_more |= !is_safe(mount, &path);
        read.paths.push(path);
    }
    Ok(reads.into_iter().map(Read::into_dep).collect())
}

/// Whether nothing that a mount does not show of its input is part of what the process leaves.
fn is_safe(mount: &pb::Mount, path: &str) -> bool {
    mount.output == -1 || mount.readonly || path == "/"
}

/// Whether the content that a mount shows can stand for its whole input.
fn counts_by_content(mount: &pb::Mount, path: &str) -> Result<bool, KeyError> {
    let safe = is_safe(mount, path);
    match mount.content_cache() {
        pb::MountContentCache::Off => Ok(false),
        pb::MountContentCache::On if safe => Ok(true),
        pb::MountContentCache::On => Err(KeyError::ContentCache { dest: mount.dest.clone() }),
        // A root is large, and its content seldom the same when its definition is not.
        pb::MountContentCache::Default => Ok(safe && mount.dest != "/"),
    }
}

impl Read {
    fn into_dep(self) -> DepKey {
        let selector = (!self.paths.is_empty()).then(|| joined(self.paths.iter().map(String::as_str)));
        let content =
            (self.by_content && !self.leaves_more).then(|| ContentRequest { paths: content_paths(&self.paths) });
        DepKey { selector, content }
    }
}

fn content_paths(paths: &[String]) -> Vec<ContentPath> {
    let paths = topmost_paths(paths);
    let whole = paths.iter().any(|path| path == "/");
    if whole {
        return vec![ContentPath { path: "/".to_owned(), ..ContentPath::default() }];
    }
    let one = |path| ContentPath { path, follow_links: true, ..ContentPath::default() };
    paths.into_iter().map(one).collect()
}
