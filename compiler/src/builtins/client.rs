//! Files of the machine that compiles.
//!
//! Owns `local`: which directory is offered under which name, and what of it is sent.

use std::rc::Rc;

use camino::Utf8PathBuf;
use hlb_language::diagnostic::Location;
use hlb_llb::ops;
use hlb_patterns::ignore;
use smallvec::smallvec;

use super::argument::Arguments;
use super::{Invocation, context, guard};
use crate::codes;
use crate::eval::graph::{Needs, Node};
use crate::eval::value::{Frame, Fs, Opt, Site, Value};
use crate::eval::{Evaluator, Fail};
use crate::path;
use crate::remote::{Origin, RemoteModule};
use crate::request::LocalDir;
use crate::world::{FileKind, WorldError};

pub(super) const DIFFERS: &[&str] = &["none", "metadata"];

pub(super) fn local(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<Fs, Fail> {
    if let Origin::Remote(module) = &call.site.place.origin {
        return own(evaluator, call, module);
    }
    let path = call.local_path(evaluator, 0)?;
    if let Some(name) = context::name(evaluator) {
        return context::local(evaluator, call, &name, &path);
    }
    let unusable = |error: WorldError| call.site.fail_path(0, format!("cannot use the local path `{path}`: {error}"));
    let kind = evaluator.world.stat(&path).map_err(unusable)?;
    let mut wanted = Wanted::of(evaluator, call)?;
    let dir = match kind {
        FileKind::Directory => path.clone(),
        FileKind::File => {
            wanted = Wanted { include: vec![path::base(path.as_str()).to_owned()], ..Wanted::default() };
            path::dir(path.as_str()).into()
        }
        FileKind::Other => {
            let message = format!("the local path `{path}` is neither a file nor a directory");
            return Err(call.site.fail_arg(0, codes::LOCAL_PATH, message));
        }
    };
    let fingerprint = evaluator.world.local_fingerprint(&dir, &wanted.include, &wanted.exclude).map_err(unusable)?;
    Ok(offered(evaluator, call, wanted, Offer { name: path.to_string(), dir, fingerprint }))
}

/// Files of the module of others that the call stands in.
fn own(evaluator: &mut Evaluator<'_>, call: &Invocation, module: &RemoteModule) -> Result<Fs, Fail> {
    let mut wanted = Wanted::of(evaluator, call)?;
    let guard::Own { path, name, fingerprint } = guard::own(call, 0, module, &wanted)?;
    let unusable = |error: WorldError| {
        let message = format!("cannot use `{}` of the module `{}`: {error}", call.text(0), module.source);
        call.site.fail_arg(0, codes::LOCAL_PATH, message)
    };
    let dir = match evaluator.world.stat(&path).map_err(unusable)? {
        FileKind::File => {
            wanted = Wanted { include: vec![path::base(path.as_str()).to_owned()], ..Wanted::default() };
            path::dir(path.as_str()).into()
        }
        _ => path,
    };
    Ok(offered(evaluator, call, wanted, Offer { name, dir, fingerprint }))
}

/// A directory under a name.
struct Offer {
    name: String,
    dir: Utf8PathBuf,
    fingerprint: String,
}

fn offered(evaluator: &mut Evaluator<'_>, call: &Invocation, wanted: Wanted, offer: Offer) -> Fs {
    let Offer { name, dir, fingerprint } = offer;
    let owner = ops::LocalOwner::Unique(fingerprint.clone());
    let mut local = ops::Local::new(name.as_str(), owner);
    let mut needs = Needs::default();
    needs.locals.insert(name, LocalDir { path: dir });
    local.include = wanted.include;
    local.exclude = wanted.exclude;
    local.follow = wanted.follow;
    local.differ = wanted.differ;
    local.shared_key_hint = fingerprint;
    let mut fs = evaluator.scratch();
    fs.out = Some(evaluator.graph.add_with(Node::Local(Box::new(local)), needs, &call.site.frame));
    fs
}

/// The filesystem that a path of the command line names.
pub(crate) fn local_dir(evaluator: &mut Evaluator<'_>, path: &str, at: Location) -> Result<Value, Fail> {
    let frame = Rc::new(Frame { at, parent: None });
    let site = Site { at, args: smallvec![at], frame, place: Rc::default() };
    let args = vec![Value::Text(path.into())];
    let fs = local(evaluator, &Invocation { site, args, options: Rc::default(), binds: Vec::new() })?;
    Ok(Value::Fs(Rc::new(fs)))
}

/// What the options of `local` select; the last call of each counts.
#[derive(Default, Debug)]
pub(super) struct Wanted {
    pub(super) include: Vec<String>,
    pub(super) exclude: Vec<String>,
    pub(super) follow: Vec<String>,
    pub(super) differ: String,
}

impl Wanted {
    pub(super) fn of(evaluator: &Evaluator<'_>, call: &Invocation) -> Result<Self, Fail> {
        let mut wanted = Self::default();
        let mut ignored = Vec::new();
        for option in call.options.iter() {
            match option.name.as_str() {
                "includePatterns" => wanted.include = option.texts(0),
                "excludePatterns" => wanted.exclude = option.texts(0),
                "ignoreFile" => ignored = ignore_file(evaluator, option)?,
                "followPaths" => wanted.follow = option.texts(0),
                "differ" => wanted.differ = option.text(0).to_owned(),
                _ => {}
            }
        }
        wanted.exclude.extend(ignored);
        Ok(wanted)
    }
}

/// The patterns of an ignore file. In a module of others it is one of the module's own files.
fn ignore_file(evaluator: &Evaluator<'_>, option: &Opt) -> Result<Vec<String>, Fail> {
    let path = match option.site.place.origin.remote() {
        Some(module) => guard::inside(option, 0, module)?.path,
        None => {
            let path = option.local_path(evaluator, 0)?;
            if context::name(evaluator).is_some() {
                context::within(&option.site, &path)?;
            }
            path
        }
    };
    let text = evaluator.world.read_local(&path).map_err(|error| {
        let message = format!("cannot use the ignore file `{}`: {error}", option.text(0));
        option.site.fail_path(0, message)
    })?;
    Ok(ignore::read(&text))
}
