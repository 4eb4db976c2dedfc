//! Files of the machine that compiles, or of the client of a frontend.
//!
//! Owns `local`: which directory is offered under which name, and what of it is sent.

use camino::Utf8Path;
use hlb_llb::ops;

use super::Invocation;
use super::argument::Arguments;
use crate::codes;
use crate::eval::graph::{Needs, Node, Step};
use crate::eval::value::Fs;
use crate::eval::{Evaluator, Fail};
use crate::path;
use crate::request::LocalDir;
use crate::world::{FileKind, LocalOrigin, WorldError};

pub(super) const DIFFERS: &[&str] = &["none", "metadata"];

pub(super) fn local(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<Fs, Fail> {
    let path = call.local_path(evaluator, 0)?;
    let unusable = |error: WorldError| call.site.fail_path(0, format!("cannot use the local path `{path}`: {error}"));
    let kind = evaluator.world.stat(&path).map_err(unusable)?;
    let mut wanted = Wanted::of(call);
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
    let owner = ops::LocalOwner::Unique(fingerprint.clone());
    let mut needs = Needs::default();
    let (mut local, inside) = match evaluator.world.local_origin() {
        LocalOrigin::Client => {
            needs.locals.insert(path.to_string(), LocalDir { path: dir });
            (ops::Local::new(path.as_str(), owner), None)
        }
        LocalOrigin::Context(name) => {
            let inside = inside(call, &dir)?;
            if let Some(inside) = &inside {
                wanted.move_into(inside);
            }
            (ops::Local::new(name, owner), inside)
        }
    };
    local.include = wanted.include;
    local.exclude = wanted.exclude;
    local.follow = wanted.follow;
    local.differ = wanted.differ;
    local.shared_key_hint = fingerprint;
    let mut fs = evaluator.scratch();
    let sent = evaluator.graph.add_with(Node::Local(local), needs, &call.site.frame);
    fs.out = Some(match inside {
        None => sent,
        Some(inside) => {
            // One directory is sent for all; this is the part that was asked for.
            let copy = ops::Copy { contents_only: true, ..ops::Copy::new(None, format!("/{inside}"), "/") };
            let step = Box::new(Step::Copy { source: Some(sent), copy });
            evaluator.graph.add(Node::File { base: None, step }, &call.site.frame)
        }
    });
    Ok(fs)
}

/// The path of a directory in the one that a client offers; nothing for all of it.
fn inside(call: &Invocation, dir: &Utf8Path) -> Result<Option<String>, Fail> {
    let dir = path::clean(dir.as_str());
    if dir.starts_with('/') || dir == ".." || dir.starts_with("../") {
        let message = format!("`{dir}` is outside of what the client sends");
        return Err(call.site.fail_path(0, message));
    }
    Ok((dir != ".").then_some(dir))
}

/// What the options of `local` select; the last call of each counts.
#[derive(Default)]
struct Wanted {
    include: Vec<String>,
    exclude: Vec<String>,
    follow: Vec<String>,
    differ: String,
}

impl Wanted {
    fn of(call: &Invocation) -> Self {
        let mut wanted = Self::default();
        for option in call.options.iter() {
            match option.name.as_str() {
                "includePatterns" => wanted.include = option.texts(0),
                "excludePatterns" => wanted.exclude = option.texts(0),
                "followPaths" => wanted.follow = option.texts(0),
                "differ" => wanted.differ = option.text(0).to_owned(),
                _ => {}
            }
        }
        wanted
    }

    /// Says the same seen from a directory around.
    fn move_into(&mut self, dir: &str) {
        let below = |pattern: &String| match pattern.strip_prefix('!') {
            Some(pattern) => format!("!{dir}/{}", pattern.trim_start_matches('/')),
            None => format!("{dir}/{}", pattern.trim_start_matches('/')),
        };
        self.include = self.include.iter().map(below).collect();
        if self.include.is_empty() && self.follow.is_empty() {
            self.include.push(dir.to_owned());
        }
        self.exclude = self.exclude.iter().map(below).collect();
        self.follow = self.follow.iter().map(below).collect();
    }
}
