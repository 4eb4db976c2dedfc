//! Builtins that make a filesystem from nothing, or from outside the build.
//!
//! Owns `scratch`, `image`, `http`, `git` and `local` and their options.

use hlb_llb::{ops, pb};

use super::argument::Arguments;
use super::{Invocation, context, reference};
use crate::codes;
use crate::eval::graph::Node;
use crate::eval::value::{Fs, set_env};
use crate::eval::{Evaluator, Fail};
use crate::path;
use crate::world::{FileKind, Platform};

pub(super) fn scratch(evaluator: &mut Evaluator<'_>, _: &Invocation) -> Result<Fs, Fail> {
    Ok(evaluator.scratch())
}

pub(super) fn image(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<Fs, Fail> {
    let reference = image_reference(call, 0)?;
    let mut platform = evaluator.platform.clone();
    for option in call.options.iter().filter(|option| option.name == "platform") {
        platform = Platform::new(option.text(0), option.text(1));
    }
    let config =
        evaluator.image_config(&reference, &platform).map_err(|error| call.site.fail_lookup(0, &reference, &error))?;
    let node = Node::Image(ops::Image::new(reference, wire(&platform)));
    let mut fs = evaluator.scratch();
    fs.out = Some(evaluator.graph.add(node, &call.site.frame));
    for variable in &config.env {
        let (key, value) = variable.split_once('=').unwrap_or((variable, ""));
        set_env(&mut fs.env, key, value);
    }
    if !config.working_dir.is_empty() {
        fs.cwd = Some(config.working_dir.as_str().into());
    }
    // The state runs on the platform that was asked for; a config that says otherwise describes what was found.
    fs.own_platform = Some(if config.os.is_empty() || config.architecture.is_empty() {
        platform.clone()
    } else {
        Platform { os: config.os.clone(), architecture: config.architecture.clone(), variant: config.variant.clone() }
    });
    fs.platform = platform;
    fs.config = config;
    Ok(fs)
}

/// A platform as LLB writes it.
pub(crate) fn wire(platform: &Platform) -> pb::Platform {
    pb::Platform {
        architecture: platform.architecture.clone(),
        os: platform.os.clone(),
        variant: platform.variant.clone(),
        ..Default::default()
    }
}

pub(super) fn image_reference(call: &Invocation, index: usize) -> Result<String, Fail> {
    let text = call.text(index);
    reference::normalize(text).map_err(|error| {
        call.site.fail_arg(index, codes::IMAGE_REFERENCE, format!("`{text}` is no image reference: {error}"))
    })
}

pub(super) fn http(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<Fs, Fail> {
    let url = call.text(0);
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(call.site.fail_arg(
            0,
            codes::ARGUMENT,
            format!("`{url}` does not begin with `http://` or `https://`"),
        ));
    }
    let mut http = ops::Http::new(url);
    for option in call.options.iter() {
        match option.name.as_str() {
            "checksum" => {
                let digest = option.text(0);
                if !reference::is_digest(digest) {
                    return Err(option.site.fail_arg(
                        0,
                        codes::ARGUMENT,
                        format!("`{digest}` is no digest of the form sha256:<64 hexadecimal digits>"),
                    ));
                }
                http.checksum = digest.to_owned();
            }
            "chmod" => http.perm = option.mode(0)?,
            "filename" => http.filename = option.text(0).to_owned(),
            _ => {}
        }
    }
    let mut fs = evaluator.scratch();
    fs.out = Some(evaluator.graph.add(Node::Http(http), &call.site.frame));
    Ok(fs)
}

pub(super) fn git(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<Fs, Fail> {
    let remote = call.text(0);
    if remote.is_empty() {
        return Err(call.site.fail_arg(0, codes::ARGUMENT, "an empty text is no git repository"));
    }
    let (reference, subdir) = match call.text(1).split_once(':') {
        Some((reference, subdir)) => (reference, path::join("/", subdir)),
        None => (call.text(1), String::new()),
    };
    let mut git = ops::Git::new(remote, reference);
    git.subdir = subdir.trim_start_matches('/').to_owned();
    git.keep_git_dir = call.options.iter().any(|option| option.name == "keepGitDir");
    let mut fs = evaluator.scratch();
    fs.out = Some(evaluator.graph.add(Node::Git(git), &call.site.frame));
    Ok(fs)
}

pub(super) fn local(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<Fs, Fail> {
    let path = call.local_path(evaluator, 0)?;
    if let Some(context) = context::name(evaluator) {
        return context::local(evaluator, call, &context, &path);
    }
    let unusable = |error: crate::world::WorldError| {
        call.site.fail_path(0, format!("cannot use the local path `{path}`: {error}"))
    };
    let kind = evaluator.world.stat(&path).map_err(unusable)?;
    let mut include = Vec::new();
    let mut exclude = Vec::new();
    for option in call.options.iter() {
        match option.name.as_str() {
            "includePatterns" => include = option.texts(0),
            "excludePatterns" => exclude = option.texts(0),
            _ => {}
        }
    }
    let dir = match kind {
        FileKind::Directory => path.clone(),
        FileKind::File => {
            include = vec![path::base(path.as_str()).to_owned()];
            exclude = Vec::new();
            path::dir(path.as_str()).into()
        }
        FileKind::Other => {
            let message = format!("the local path `{path}` is neither a file nor a directory");
            return Err(call.site.fail_arg(0, codes::LOCAL_PATH, message));
        }
    };
    let fingerprint = evaluator.world.local_fingerprint(&dir, &include, &exclude).map_err(unusable)?;
    let mut local = ops::Local::new(path.as_str(), ops::LocalOwner::Unique(fingerprint.clone()));
    local.include = include;
    local.exclude = exclude;
    local.shared_key_hint = fingerprint;
    let mut fs = evaluator.scratch();
    fs.out = Some(evaluator.graph.add(Node::Local { local, path: dir }, &call.site.frame));
    Ok(fs)
}
