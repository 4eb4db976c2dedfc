//! Builtins that make a filesystem from nothing, or from outside the build.
//!
//! Owns `scratch`, `image`, `ociLayout`, `http` and `git` and their options. `local` is in `client`.

use std::rc::Rc;

use hlb_llb::{ops, pb};

use super::argument::Arguments;
use super::{Invocation, mount, pin, socket};
use crate::codes;
use crate::eval::graph::{Needs, Node};
use crate::eval::value::{Fs, set_env};
use crate::eval::{Evaluator, Fail};
use crate::image::ImageConfig;
use crate::path;
use crate::world::{FileKind, Platform, WorldError};

pub(super) const RESOLVE_MODES: &[&str] = &["default", "pull", "local"];
pub(super) const HEADERS: &[&str] = &["Accept", "User-Agent"];
pub(super) const MTIMES: &[&str] = &["checkout", "commit"];

pub(super) fn scratch(evaluator: &mut Evaluator<'_>, _: &Invocation) -> Result<Fs, Fail> {
    Ok(evaluator.scratch())
}

pub(super) fn image(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<Fs, Fail> {
    let platform = platform(evaluator, call);
    let mut reference = call.image(0);
    if !call.options.iter().any(|option| option.name == "checksum") {
        reference = pin::image(evaluator, call, 0, reference, &platform)?;
    }
    let mut image = ops::Image::new(reference.as_str(), wire(&platform));
    for option in call.options.iter() {
        match option.name.as_str() {
            "resolveMode" => {
                image.resolve_mode = match option.text(0) {
                    "pull" => ops::ResolveMode::Pull,
                    "local" => ops::ResolveMode::Local,
                    _ => ops::ResolveMode::Default,
                }
            }
            "checksum" => image.checksum = option.text(0).to_owned(),
            "layerLimit" => image.layer_limit = Some(option.id(0)),
            _ => {}
        }
    }
    let config =
        evaluator.image_config(&reference, &platform).map_err(|error| call.site.fail_lookup(0, &reference, &error))?;
    let out = evaluator.graph.add(Node::Image(Box::new(image)), &call.site.frame);
    let mut fs = evaluator.scratch();
    fs.out = Some(out);
    fs.begin_with(config, platform);
    Ok(fs)
}

pub(super) fn oci_layout(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<Fs, Fail> {
    let path = call.local_path(evaluator, 0)?;
    let unusable = |why: String| call.site.fail_path(0, format!("cannot use the OCI layout `{path}`: {why}"));
    // A file is an archive of images.
    if evaluator.world.stat(&path).map_err(|error| unusable(error.to_string()))? == FileKind::Other {
        return Err(unusable("it is neither a directory nor a file".to_owned()));
    }
    let platform = platform(evaluator, call);
    let found = evaluator.world.layout_image(&path, call.text(1), &platform).map_err(|error| {
        let message = match call.text(1) {
            "" => format!("cannot look up the image of the OCI layout `{path}`: {error}"),
            name => format!("cannot look up `{name}` in the OCI layout `{path}`: {error}"),
        };
        let fail = call.site.fail_arg(1, codes::IMAGE_LOOKUP, message);
        match error {
            WorldError::Unavailable { advice, .. } => Box::new(fail.help(advice)),
            _ => fail,
        }
    })?;
    // Where the layout is says nothing of what is in it, so its name is that of the content.
    let store = found.digest.replace(':', "-");
    let layout = ops::OciLayout {
        reference: format!("docker.io/library/layout@{}", found.digest),
        platform: wire(&platform),
        session: String::new(),
        store: store.clone(),
        layer_limit: call.options.iter().rev().find(|it| it.name == "layerLimit").map(|it| it.id(0)),
    };
    let mut needs = Needs::default();
    needs.layouts.insert(store, path);
    let out = evaluator.graph.add_with(Node::OciLayout(Box::new(layout)), needs, &call.site.frame);
    let mut fs = evaluator.scratch();
    fs.out = Some(out);
    fs.begin_with(Rc::new(found.config.unwrap_or_default()), platform);
    Ok(fs)
}

/// The platform that the options of a source name, or that of the build.
fn platform(evaluator: &Evaluator<'_>, call: &Invocation) -> Platform {
    let named = call.options.iter().rev().find(|option| option.name == "platform");
    named.map_or_else(|| evaluator.platform.clone(), |option| option.platform(0, 1))
}

/// A platform as LLB writes it.
pub(crate) fn wire(platform: &Platform) -> pb::Platform {
    pb::Platform {
        architecture: platform.architecture.to_string(),
        os: platform.os.to_string(),
        variant: platform.variant.to_string(),
        ..Default::default()
    }
}

pub(super) fn http(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<Fs, Fail> {
    let mut http = ops::Http::new(call.text(0));
    let mut needs = Needs::default();
    for option in call.options.iter() {
        match option.name.as_str() {
            "checksum" => http.checksum = option.text(0).to_owned(),
            "chmod" => http.perm = option.mode(0),
            "filename" => http.filename = option.text(0).to_owned(),
            "uid" => http.uid = option.id(0),
            "gid" => http.gid = option.id(0),
            "header" if option.text(0) == "Accept" => http.accept = option.text(1).to_owned(),
            "header" => http.user_agent = option.text(1).to_owned(),
            "authHeaderSecret" => {
                http.auth_header_secret = mount::lend_secret(evaluator, option, 0, false, &mut needs)?;
            }
            _ => {}
        }
    }
    pin::http(evaluator, call, &mut http, &needs)?;
    let mut fs = evaluator.scratch();
    fs.out = Some(evaluator.graph.add_with(Node::Http(Box::new(http)), needs, &call.site.frame));
    Ok(fs)
}

pub(super) fn git(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<Fs, Fail> {
    let (reference, subdir) = match call.text(1).split_once(':') {
        Some((reference, subdir)) => (reference, subdir),
        None => (call.text(1), ""),
    };
    let mut git = ops::Git::new(call.text(0), reference);
    let mut needs = Needs::default();
    let mut inside = subdir.to_owned();
    for option in call.options.iter() {
        match option.name.as_str() {
            "keepGitDir" => git.keep_git_dir = true,
            "subdir" => option.text(0).clone_into(&mut inside),
            "checksum" => git.checksum = option.text(0).to_owned(),
            "skipSubmodules" => git.skip_submodules = true,
            "mtime" => git.mtime = option.text(0).to_owned(),
            "knownHosts" => git.known_ssh_hosts = option.text(0).to_owned(),
            "authTokenSecret" => {
                git.auth_token_secret = Some(mount::lend_secret(evaluator, option, 0, false, &mut needs)?);
            }
            "authHeaderSecret" => {
                git.auth_header_secret = Some(mount::lend_secret(evaluator, option, 0, false, &mut needs)?);
            }
            "ssh" => {
                // The solver connects by itself, so there is no socket that could stand somewhere or belong to somebody.
                if let Some(other) = option.options.iter().find(|setting| setting.name != "localPaths") {
                    let message = format!("`{}` means nothing here: no command sees the agent of `git`", other.name);
                    return Err(other.site.fail(codes::ARGUMENT, message));
                }
                git.ssh_agent = Some(socket::lend_agent(evaluator, option, &mut needs)?);
            }
            _ => {}
        }
    }
    git.subdir = path::join("/", &inside).trim_start_matches('/').to_owned();
    pin::git(evaluator, call, &mut git, &needs)?;
    let mut fs = evaluator.scratch();
    fs.out = Some(evaluator.graph.add_with(Node::Git(Box::new(git)), needs, &call.site.frame));
    Ok(fs)
}

impl Fs {
    /// Takes over what an image says of itself.
    pub(super) fn begin_with(&mut self, config: Rc<ImageConfig>, platform: Platform) {
        for variable in &config.env {
            let (key, value) = variable.split_once('=').unwrap_or((variable, ""));
            set_env(&mut self.env, key, value);
        }
        if !config.working_dir.is_empty() {
            self.cwd = Some(config.working_dir.as_str().into());
        }
        // Commands run on the platform of what was found, where it says one.
        self.own_platform = Some(if config.os.is_empty() || config.architecture.is_empty() {
            platform.clone()
        } else {
            Platform {
                os: config.os.as_str().into(),
                architecture: config.architecture.as_str().into(),
                variant: config.variant.as_str().into(),
            }
        });
        self.platform = platform;
        self.config = config;
    }
}
