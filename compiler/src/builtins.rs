//! The builtin functions: which there are, and how each works.
//!
//! Owns the table that pairs declarations in `stdlib/modules/builtin.hlb` with code, and how arguments reach that code.

mod argument;
mod config;
mod context;
mod export;
mod file;
mod mount;
mod printf;
mod reference;
mod run;
mod shell;
mod source;
mod string;
mod template;
mod time;

use std::rc::Rc;

use ecow::EcoString;
use hlb_language::diagnostic::{Code, Diagnostic, Location};

use crate::codes;
use crate::eval::value::{Fs, Opt, Plan, Site, Slot, Value};
use crate::eval::{Evaluator, Fail, plan, traced};
use crate::hir::Builtin;
use crate::types::Kind;
use crate::world::WorldError;

/// How a builtin works.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Implementation {
    /// Makes a filesystem from the one that it is called on.
    Change(fn(&mut Evaluator<'_>, &Invocation, Fs) -> Result<Fs, Fail>),
    /// Makes a filesystem that has nothing of the one that it is called on.
    Source(fn(&mut Evaluator<'_>, &Invocation) -> Result<Fs, Fail>),
    /// Makes a text.
    Text(fn(&mut Evaluator<'_>, &Invocation) -> Result<EcoString, Fail>),
    /// Is remembered for the call that takes it.
    Option,
    /// Puts things to build beside one another.
    Stage,
    /// Is declared, and refused when it is evaluated.
    Unsupported,
}

pub(crate) use source::wire;

use Implementation::{Change, Source, Stage, Text, Unsupported};

/// Everything but options that work, which are all alike.
const TABLE: &[(&str, &str, Implementation)] = &[
    ("fs", "scratch", Source(source::scratch)),
    ("fs", "image", Source(source::image)),
    ("fs", "http", Source(source::http)),
    ("fs", "git", Source(source::git)),
    ("fs", "local", Source(source::local)),
    ("fs", "frontend", Unsupported),
    ("fs", "shell", Unsupported),
    ("fs", "run", Change(run::run)),
    ("fs", "env", Change(config::env)),
    ("fs", "dir", Change(config::dir)),
    ("fs", "user", Change(config::user)),
    ("fs", "mkdir", Change(file::mkdir)),
    ("fs", "mkfile", Change(file::mkfile)),
    ("fs", "rm", Change(file::rm)),
    ("fs", "copy", Change(file::copy)),
    ("fs", "merge", Change(file::merge)),
    ("fs", "diff", Change(file::diff)),
    ("fs", "entrypoint", Change(config::entrypoint)),
    ("fs", "cmd", Change(config::cmd)),
    ("fs", "label", Change(config::label)),
    ("fs", "expose", Change(config::expose)),
    ("fs", "volumes", Change(config::volumes)),
    ("fs", "stopSignal", Change(config::stop_signal)),
    ("fs", "dockerPush", Unsupported),
    ("fs", "dockerLoad", Unsupported),
    ("fs", "download", Change(export::download)),
    ("fs", "downloadTarball", Change(export::download_tarball)),
    ("fs", "downloadOCITarball", Unsupported),
    ("fs", "downloadDockerTarball", Unsupported),
    ("string", "format", Text(string::format)),
    ("string", "template", Text(string::template)),
    ("string", "localArch", Text(string::local_arch)),
    ("string", "localOs", Text(string::local_os)),
    ("string", "localCwd", Text(string::local_cwd)),
    ("string", "localEnv", Text(string::local_env)),
    ("string", "localRun", Text(string::local_run)),
    ("string", "manifest", Text(string::manifest)),
    ("pipeline", "stage", Stage),
    ("option::run", "ssh", Unsupported),
    ("option::run", "forward", Unsupported),
];

/// Options that some builtin reads.
const OPTIONS: &[(&str, &[&str])] = &[
    ("option::image", &["resolve", "platform"]),
    ("option::http", &["checksum", "chmod", "filename"]),
    ("option::git", &["keepGitDir"]),
    ("option::local", &["includePatterns", "excludePatterns"]),
    (
        "option::run",
        &[
            "readonlyRootfs",
            "env",
            "dir",
            "user",
            "ignoreCache",
            "network",
            "security",
            "shlex",
            "host",
            "secret",
            "mount",
        ],
    ),
    ("option::secret", &["uid", "gid", "mode", "includePatterns", "excludePatterns"]),
    ("option::mount", &["readonly", "tmpfs", "sourcePath", "cache"]),
    ("option::mkdir", &["createParents", "chown", "createdTime"]),
    ("option::mkfile", &["chown", "createdTime"]),
    ("option::rm", &["allowNotFound", "allowWildcard"]),
    (
        "option::copy",
        &[
            "followSymlinks",
            "contentsOnly",
            "unpack",
            "createDestPath",
            "allowWildcard",
            "allowEmptyWildcard",
            "chown",
            "chmod",
            "createdTime",
            "includePatterns",
            "excludePatterns",
        ],
    ),
    ("option::localRun", &["ignoreError", "includeStderr", "onlyStderr", "shlex"]),
    ("option::template", &["stringField"]),
    ("option::manifest", &["platform"]),
];

/// How a declared builtin works. One without code is refused, and fails the test that pairs the two lists.
pub(crate) fn implementation(kind: &str, name: &str) -> Implementation {
    if let Some((_, _, found)) = TABLE.iter().find(|(of, known, _)| *of == kind && *known == name) {
        return *found;
    }
    let known = OPTIONS.iter().any(|(of, names)| *of == kind && names.contains(&name));
    if known { Implementation::Option } else { Unsupported }
}

/// The parameter of a builtin that is one of a few words, and the words.
pub(crate) fn modes(kind: &Kind, name: &str) -> Option<(usize, &'static [&'static str])> {
    match (kind, name) {
        (Kind::Option(of), "network") if of == "run" => Some((0, run::NETWORK_MODES)),
        (Kind::Option(of), "security") if of == "run" => Some((0, run::SECURITY_MODES)),
        (Kind::Option(of), "cache") if of == "mount" => Some((1, mount::SHARING_MODES)),
        _ => None,
    }
}

/// What the words of [`modes`] are called.
pub(crate) fn mode_name(name: &str) -> &'static str {
    match name {
        "network" => "network mode",
        "security" => "security mode",
        _ => "sharing mode of caches",
    }
}

/// A call of a builtin with everything evaluated.
pub(crate) struct Invocation {
    pub(crate) site: Site,
    pub(crate) args: Vec<Value>,
    pub(crate) options: Rc<Vec<Opt>>,
    pub(crate) binds: Vec<Slot>,
}

/// The value of a call of a builtin. `current` is what it is called on.
pub(crate) fn invoke(
    evaluator: &mut Evaluator<'_>,
    builtin: &Builtin,
    invocation: Invocation,
    current: Value,
) -> Result<Value, Fail> {
    match builtin.implementation {
        Implementation::Source(make) => {
            let mut fs = make(evaluator, &invocation)?;
            if let Value::Fs(before) = &current {
                fs.inherit(&before.exports);
            }
            fs.id = evaluator.fresh();
            Ok(Value::Fs(Rc::new(fs)))
        }
        Implementation::Change(change) => {
            let mut fs = match current {
                Value::Fs(fs) => Rc::unwrap_or_clone(fs),
                _ => evaluator.scratch(),
            };
            // Before the change, so that what it binds has a number of its own.
            fs.id = evaluator.fresh();
            let fs = change(evaluator, &invocation, fs)?;
            Ok(Value::Fs(Rc::new(fs)))
        }
        Implementation::Text(make) => Ok(Value::Text(make(evaluator, &invocation)?)),
        Implementation::Option => {
            let Invocation { site, args, options, binds } = invocation;
            let option = Opt { name: builtin.name.text.clone(), site, args, options, binds };
            Ok(Value::Options(Rc::new(vec![option])))
        }
        Implementation::Stage => {
            let mut parts: Vec<Rc<Plan>> = invocation.args.iter().filter_map(plan).collect();
            Ok(match parts.len() {
                0 => Value::Nil,
                1 => parts.pop().map_or(Value::Nil, Value::Plan),
                _ => Value::Plan(Rc::new(Plan::parallel(parts))),
            })
        }
        Implementation::Unsupported => {
            let name = &builtin.name.text;
            Err(invocation.site.fail(codes::NOT_YET, format!("`{name}` is not supported yet")))
        }
    }
}

impl Site {
    /// An error about the call.
    pub(crate) fn fail(&self, code: Code, message: impl Into<String>) -> Fail {
        Box::new(traced(Diagnostic::error(code, self.at, message), &self.frame))
    }

    /// An error about an argument.
    pub(crate) fn fail_arg(&self, index: usize, code: Code, message: impl Into<String>) -> Fail {
        // The call itself is in sight of its argument; those around it are worth telling.
        let error = Diagnostic::error(code, self.arg_at(index), message);
        Box::new(match &self.frame.parent {
            Some(parent) => traced(error, parent),
            None => error,
        })
    }

    /// An error about an argument that names a path on this machine.
    pub(crate) fn fail_path(&self, index: usize, message: impl Into<String>) -> Fail {
        let fail = self.fail_arg(index, codes::LOCAL_PATH, message);
        Box::new(fail.help("check the path: it is relative to the directory of the file that names it"))
    }

    /// An error about an argument that names an image.
    pub(crate) fn fail_lookup(&self, index: usize, reference: &str, error: &WorldError) -> Fail {
        match error {
            WorldError::Unavailable { reason, advice } => {
                Box::new(self.fail_arg(index, codes::IMAGE_LOOKUP, reason.as_str()).help(advice.as_str()))
            }
            error => {
                let message = format!("cannot look up the image `{reference}`: {error}");
                self.fail_arg(index, codes::IMAGE_LOOKUP, message)
            }
        }
    }

    fn arg_at(&self, index: usize) -> Location {
        self.args.get(index).copied().unwrap_or(self.at)
    }
}

#[cfg(test)]
mod tests {
    use hlb_language::ast::Decl;
    use hlb_language::source::SourceId;

    use super::*;

    /// Calls whose options are never looked at, because the call itself is not supported.
    const UNSUPPORTED_OPTIONS: &[&str] = &["option::frontend", "option::ssh", "option::forward", "option::dockerPush"];

    #[test]
    fn every_declaration_has_code_and_all_code_is_declared() {
        let parsed = hlb_language::parse(SourceId(0), hlb_stdlib::BUILTIN);
        assert_eq!(parsed.diagnostics, []);
        let mut declared = Vec::new();
        for decl in &parsed.module.decls {
            let Decl::Func(func) = decl else { panic!("only functions are declared: {decl:?}") };
            let (kind, name) = (func.kind.text.as_str(), func.name.text.as_str());
            assert!(func.doc.is_some(), "`{kind} {name}` has no comment");
            assert!(func.body.is_none(), "`{kind} {name}` has a body");
            assert!(!matches!(Kind::of(kind), Kind::Unknown(_) | Kind::AnyOption), "`{kind}` is not a kind");
            assert!(!declared.contains(&(kind, name)), "`{kind} {name}` is declared twice");
            let expected_refusal = UNSUPPORTED_OPTIONS.contains(&kind)
                || TABLE.iter().any(|(of, known, how)| (*of, *known) == (kind, name) && matches!(how, Unsupported));
            let refused = matches!(implementation(kind, name), Unsupported);
            assert_eq!(refused, expected_refusal, "`{kind} {name}` has no code");
            declared.push((kind, name));
        }
        let options = OPTIONS.iter().flat_map(|(kind, names)| names.iter().map(move |name| (*kind, *name)));
        for (kind, name) in TABLE.iter().map(|(kind, name, _)| (*kind, *name)).chain(options) {
            assert!(declared.contains(&(kind, name)), "`{kind} {name}` has code but no declaration");
        }
    }
}
