//! Which builtins there are.
//!
//! Owns the lists that pair declarations in `stdlib/modules/builtin.hlb` with code and with the rules of their arguments. How
//! a builtin works is in the file of its subject.

use super::Implementation::{self, Change, Source, Stage, Text, Value};
use super::rule::Rule;
use super::{client, command, config, export, file, frontend, mount, reading, run, source, string};
use crate::effects::{Effect, Effects};

/// Everything but options, which are all alike.
pub(super) const TABLE: &[(&str, &str, Implementation)] = &[
    ("fs", "scratch", Source(source::scratch)),
    ("fs", "image", Source(source::image)),
    ("fs", "ociLayout", Source(source::oci_layout)),
    ("fs", "http", Source(source::http)),
    ("fs", "git", Source(source::git)),
    ("fs", "local", Source(client::local)),
    ("fs", "frontend", Source(frontend::frontend)),
    ("fs", "shell", Change(config::shell)),
    ("fs", "run", Change(run::run)),
    ("fs", "env", Change(config::env)),
    ("fs", "dir", Change(config::dir)),
    ("fs", "user", Change(config::user)),
    ("fs", "mkdir", Change(file::mkdir)),
    ("fs", "mkfile", Change(file::mkfile)),
    ("fs", "symlink", Change(file::symlink)),
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
    ("fs", "healthcheck", Change(config::healthcheck)),
    ("fs", "noHealthcheck", Change(config::no_healthcheck)),
    ("fs", "onBuild", Change(config::on_build)),
    ("fs", "author", Change(config::author)),
    ("fs", "dockerPush", Change(export::docker_push)),
    ("fs", "dockerLoad", Change(export::docker_load)),
    ("fs", "download", Change(export::download)),
    ("fs", "downloadTarball", Change(export::download_tarball)),
    ("fs", "downloadOCITarball", Change(export::download_oci_tarball)),
    ("fs", "downloadDockerTarball", Change(export::download_docker_tarball)),
    ("string", "format", Text(string::format)),
    ("string", "template", Text(string::template)),
    ("string", "localArch", Text(string::local_arch)),
    ("string", "localOs", Text(string::local_os)),
    ("string", "localCwd", Text(string::local_cwd)),
    ("string", "localEnv", Text(string::local_env)),
    ("string", "localRun", Text(string::local_run)),
    ("string", "manifest", Text(string::manifest)),
    ("fs", "platform", Change(config::platform)),
    ("pipeline", "stage", Stage),
    ("string", "read", Value(reading::read)),
    ("[string]", "glob", Value(reading::glob)),
    ("bool", "exists", Value(reading::exists)),
    ("string", "stdout", Value(reading::stdout)),
];

/// Options that some builtin reads, by the kind of the options.
#[rustfmt::skip]
pub(super) const OPTIONS: &[(&str, &[&str])] = &[
    ("option::image", &["resolve", "platform", "resolveMode", "checksum", "layerLimit"]),
    ("option::ociLayout", &["platform", "layerLimit"]),
    ("option::http", &["checksum", "chmod", "filename", "uid", "gid", "header", "authHeaderSecret"]),
    ("option::git", &[
        "keepGitDir", "subdir", "checksum", "skipSubmodules", "mtime", "authTokenSecret", "authHeaderSecret", "ssh",
        "knownHosts",
    ]),
    ("option::local", &["includePatterns", "excludePatterns", "ignoreFile", "followPaths", "differ"]),
    ("option::frontend", &["input", "opt"]),
    ("option::run", &[
        "readonlyRootfs", "env", "dir", "user", "ignoreCache", "network", "security", "shlex", "host", "ssh", "forward",
        "secret", "secretEnv", "mount", "hostname", "ulimit", "validExitCodes", "cgroupParent", "customName",
        "progressGroup", "memory", "memorySwap", "cpuShares", "cpuPeriod", "cpuQuota", "cpusetCpus", "cpusetMems",
        "httpProxy", "httpsProxy", "ftpProxy", "allProxy", "noProxy",
    ]),
    ("option::ssh", &["target", "localPaths", "uid", "gid", "mode", "optional"]),
    ("option::forward", &["uid", "gid", "mode", "optional"]),
    ("option::secret", &["uid", "gid", "mode", "optional", "includePatterns", "excludePatterns"]),
    ("option::secretEnv", &["optional"]),
    ("option::mount", &[
        "readonly", "tmpfs", "tmpfsSize", "sourcePath", "cache", "uid", "gid", "mode", "contentCache",
    ]),
    ("option::mkdir", &["createParents", "chown", "createdTime"]),
    ("option::mkfile", &["chown", "createdTime"]),
    ("option::symlink", &["chown", "createdTime"]),
    ("option::rm", &["allowNotFound", "allowWildcard"]),
    ("option::copy", &[
        "followSymlinks", "contentsOnly", "unpack", "createDestPath", "allowWildcard", "allowEmptyWildcard", "chown",
        "chmod", "chmodSymbolic", "createdTime", "includePatterns", "excludePatterns", "requiredPaths", "alwaysReplace",
    ]),
    ("option::healthcheck", &["interval", "timeout", "startPeriod", "startInterval", "retries"]),
    ("option::dockerPush", &["stargz"]),
    ("option::localRun", &["ignoreError", "includeStderr", "onlyStderr", "shlex"]),
    ("option::template", &["stringField"]),
    ("option::manifest", &["platform"]),
];

/// Builtins that reach outside of the build.
const EFFECTS: &[(&str, &str, Effect)] = &[
    ("fs", "local", Effect::Local),
    ("fs", "ociLayout", Effect::Local),
    ("fs", "frontend", Effect::Build),
    ("string", "read", Effect::Build),
    ("[string]", "glob", Effect::Build),
    ("bool", "exists", Effect::Build),
    ("string", "stdout", Effect::Build),
    ("fs", "dockerPush", Effect::Push),
    ("fs", "dockerLoad", Effect::Load),
    ("fs", "download", Effect::Download),
    ("fs", "downloadTarball", Effect::Download),
    ("fs", "downloadOCITarball", Effect::Download),
    ("fs", "downloadDockerTarball", Effect::Download),
    ("string", "localArch", Effect::Env),
    ("string", "localOs", Effect::Env),
    ("string", "localCwd", Effect::Env),
    ("string", "localEnv", Effect::Env),
    ("string", "localRun", Effect::Run),
    ("option::http", "authHeaderSecret", Effect::Secret),
    ("option::git", "authTokenSecret", Effect::Secret),
    ("option::git", "authHeaderSecret", Effect::Secret),
    ("option::git", "ssh", Effect::Ssh),
    ("option::run", "ssh", Effect::Ssh),
    ("option::run", "forward", Effect::Forward),
    ("option::run", "secret", Effect::Secret),
    ("option::run", "secretEnv", Effect::Secret),
];

const ID: Rule = Rule::Number("user or group number", 0, u32::MAX as i64 - 1);
const BYTES: Rule = Rule::Number("number of bytes", 1, i64::MAX);

/// Rules of arguments by builtin and parameter; that of a variadic parameter holds for each of its values.
#[rustfmt::skip]
const RULES: &[(&str, &str, usize, Rule)] = &[
    ("fs", "image", 0, Rule::Image),
    ("option::image", "platform", 1, Rule::Architecture),
    ("option::image", "resolveMode", 0, Rule::Modes("resolve mode", source::RESOLVE_MODES)),
    ("option::image", "checksum", 0, Rule::Digest),
    ("option::image", "layerLimit", 0, Rule::Number("number of layers", 1, i32::MAX as i64)),
    ("option::ociLayout", "platform", 1, Rule::Architecture),
    ("option::ociLayout", "layerLimit", 0, Rule::Number("number of layers", 1, i32::MAX as i64)),
    ("fs", "http", 0, Rule::Url),
    ("option::http", "checksum", 0, Rule::Digest),
    ("option::http", "chmod", 0, Rule::FileMode),
    ("option::http", "uid", 0, ID),
    ("option::http", "gid", 0, ID),
    ("option::http", "header", 0, Rule::Modes("header that can be set", source::HEADERS)),
    ("fs", "git", 0, Rule::Filled("git repository")),
    ("option::git", "checksum", 0, Rule::Commit),
    ("option::git", "mtime", 0, Rule::Modes("modification time", source::MTIMES)),
    ("option::local", "differ", 0, Rule::Modes("way to find changes", client::DIFFERS)),
    ("fs", "frontend", 0, Rule::Image),
    ("option::frontend", "input", 0, Rule::Filled("name of an input")),
    ("option::frontend", "opt", 0, Rule::Filled("name of an option")),
    ("fs", "platform", 0, Rule::Filled("operating system")),
    ("fs", "platform", 1, Rule::Architecture),
    ("fs", "env", 0, Rule::Variable),
    ("option::run", "env", 0, Rule::Variable),
    ("option::run", "network", 0, Rule::Modes("network mode", command::NETWORK_MODES)),
    ("option::run", "security", 0, Rule::Modes("security mode", command::SECURITY_MODES)),
    ("option::run", "host", 1, Rule::Address),
    ("option::run", "forward", 0, Rule::Forward),
    ("option::run", "forward", 1, Rule::Filled("path of a socket")),
    ("option::run", "secretEnv", 0, Rule::Variable),
    ("option::run", "mount", 1, Rule::Filled("mount point")),
    ("option::run", "hostname", 0, Rule::Hostname),
    ("option::run", "ulimit", 0, Rule::Modes("limit of processes", command::ULIMITS)),
    ("option::run", "validExitCodes", 0, Rule::Number("exit code", 0, 255)),
    ("option::run", "cgroupParent", 0, Rule::Filled("control group")),
    ("option::run", "customName", 0, Rule::Filled("name of a step")),
    ("option::run", "progressGroup", 0, Rule::Filled("name of a group")),
    ("option::run", "memory", 0, BYTES),
    ("option::run", "memorySwap", 0, BYTES),
    ("option::run", "cpuShares", 0, Rule::Number("weight of a processor share", 2, 262_144)),
    ("option::run", "cpuPeriod", 0, Rule::Number("period in microseconds", 1_000, 1_000_000)),
    ("option::run", "cpuQuota", 0, Rule::Number("quota in microseconds", 1_000, i64::MAX)),
    ("option::run", "cpusetCpus", 0, Rule::Set),
    ("option::run", "cpusetMems", 0, Rule::Set),
    ("option::ssh", "uid", 0, ID),
    ("option::ssh", "gid", 0, ID),
    ("option::ssh", "mode", 0, Rule::FileMode),
    ("option::forward", "uid", 0, ID),
    ("option::forward", "gid", 0, ID),
    ("option::forward", "mode", 0, Rule::FileMode),
    ("option::secret", "uid", 0, ID),
    ("option::secret", "gid", 0, ID),
    ("option::secret", "mode", 0, Rule::FileMode),
    ("option::mount", "cache", 1, Rule::Modes("sharing mode of caches", mount::SHARING_MODES)),
    ("option::mount", "tmpfsSize", 0, BYTES),
    ("option::mount", "uid", 0, ID),
    ("option::mount", "gid", 0, ID),
    ("option::mount", "mode", 0, Rule::FileMode),
    ("option::mount", "contentCache", 0, Rule::Modes("use of a mount's content", mount::CONTENT_MODES)),
    ("fs", "mkdir", 1, Rule::FileMode),
    ("option::mkdir", "chown", 0, Rule::Owner),
    ("option::mkdir", "createdTime", 0, Rule::Time),
    ("fs", "mkfile", 1, Rule::FileMode),
    ("option::mkfile", "chown", 0, Rule::Owner),
    ("option::mkfile", "createdTime", 0, Rule::Time),
    ("fs", "symlink", 0, Rule::Filled("target of a link")),
    ("fs", "symlink", 1, Rule::Filled("path of a link")),
    ("option::symlink", "chown", 0, Rule::Owner),
    ("option::symlink", "createdTime", 0, Rule::Time),
    ("option::copy", "chmod", 0, Rule::FileMode),
    ("option::copy", "chmodSymbolic", 0, Rule::SymbolicMode),
    ("option::copy", "chown", 0, Rule::Owner),
    ("option::copy", "createdTime", 0, Rule::Time),
    ("option::copy", "requiredPaths", 0, Rule::Filled("path")),
    ("fs", "expose", 0, Rule::Port),
    ("fs", "stopSignal", 0, Rule::Signal),
    ("option::healthcheck", "interval", 0, Rule::Duration),
    ("option::healthcheck", "timeout", 0, Rule::Duration),
    ("option::healthcheck", "startPeriod", 0, Rule::Duration),
    ("option::healthcheck", "startInterval", 0, Rule::Duration),
    ("option::healthcheck", "retries", 0, Rule::Number("number of retries", 1, i32::MAX as i64)),
    ("fs", "dockerPush", 0, Rule::NewImage),
    ("fs", "dockerLoad", 0, Rule::NewImage),
    ("fs", "downloadDockerTarball", 1, Rule::NewImage),
    ("string", "manifest", 0, Rule::Image),
    ("option::manifest", "platform", 1, Rule::Architecture),
];

/// The names that the reference compiler reserves. Others, which came later, may be defined by programs, as before.
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "allowEmptyWildcard", "allowNotFound", "allowWildcard", "cache", "checksum", "chmod", "chown", "cmd", "contentsOnly",
    "copy", "createDestPath", "createParents", "createdTime", "diff", "dir", "dockerLoad", "dockerPush", "download",
    "downloadDockerTarball", "downloadOCITarball", "downloadTarball", "entrypoint", "env", "excludePatterns", "expose",
    "filename", "followSymlinks", "format", "forward", "frontend", "gid", "git", "host", "http", "ignoreCache",
    "ignoreError", "image", "includePatterns", "includeStderr", "input", "keepGitDir", "label", "local", "localArch",
    "localCwd", "localEnv", "localOs", "localPaths", "localRun", "manifest", "merge", "mkdir", "mkfile", "mode", "mount",
    "network", "onlyStderr", "opt", "platform", "readonly", "readonlyRootfs", "resolve", "rm", "run", "scratch", "secret",
    "security", "shell", "shlex", "sourcePath", "ssh", "stage", "stargz", "stopSignal", "stringField", "target", "template",
    "tmpfs", "uid", "unpack", "user", "volumes",
];

/// How a declared builtin works. One without code does not exist, and fails the test that pairs the lists.
pub(crate) fn implementation(kind: &str, name: &str) -> Option<Implementation> {
    if let Some((_, _, found)) = TABLE.iter().find(|(of, known, _)| *of == kind && *known == name) {
        return Some(*found);
    }
    let known = OPTIONS.iter().any(|(of, names)| *of == kind && names.contains(&name));
    known.then_some(Implementation::Option)
}

/// What the arguments of a builtin must be, by the number of the parameter.
pub(crate) fn rules(kind: &str, name: &str) -> Vec<(usize, Rule)> {
    RULES.iter().filter(|rule| rule.0 == kind && rule.1 == name).map(|rule| (rule.2, rule.3)).collect()
}

/// The rule of arguments that are one of some words.
pub(crate) fn words_rule(words: &[&str]) -> Option<Rule> {
    RULES.iter().map(|rule| rule.3).find(|rule| matches!(rule, Rule::Modes(_, modes) if *modes == words))
}

/// What a builtin does outside of the build.
pub(crate) fn effects(kind: &str, name: &str) -> Effects {
    let found = EFFECTS.iter().find(|(of, known, _)| *of == kind && *known == name);
    found.map_or(Effects::NONE, |(_, _, effect)| Effects::just(*effect))
}

/// Whether programs cannot give the name of a builtin to something of their own.
pub(crate) fn reserved(name: &str) -> bool {
    RESERVED.binary_search(&name).is_ok()
}

/// A type as the lists here name it.
pub(crate) fn word(ty: &hlb_language::ast::TypeExpr) -> String {
    match ty {
        hlb_language::ast::TypeExpr::Name(name) => name.text.to_string(),
        hlb_language::ast::TypeExpr::List(_, item) => format!("[{}]", word(item)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use hlb_language::ast::Decl;
    use hlb_language::source::SourceId;

    use super::*;
    use crate::types::Type;

    #[test]
    fn every_declaration_has_code_and_all_code_is_declared() {
        let parsed = hlb_language::parse(SourceId(0), hlb_stdlib::BUILTIN);
        assert_eq!(parsed.diagnostics, []);
        let mut declared: Vec<(&str, &str, Vec<&str>)> = Vec::new();
        let mut enums: std::collections::BTreeMap<&str, Vec<&str>> = std::collections::BTreeMap::new();
        for decl in &parsed.module.decls {
            let func = match decl {
                Decl::Func(func) => func,
                Decl::Enum(decl) => {
                    assert!(decl.doc.is_some(), "`{}` has no comment", decl.name.text);
                    let variants = decl.variants.iter().map(|variant| variant.text.as_str()).collect();
                    enums.insert(decl.name.text.as_str(), variants);
                    continue;
                }
                other => panic!("only functions and enums are declared: {other:?}"),
            };
            let word = |ty: &hlb_language::ast::TypeExpr| super::word(ty);
            let (kind, name) = (word(&func.result), func.name.text.as_str());
            let kind: &str = kind.leak();
            assert!(func.doc.is_some(), "`{kind} {name}` has no comment");
            assert!(func.body.is_none(), "`{kind} {name}` has a body");
            let inner = kind.trim_matches(['[', ']']);
            assert!(!matches!(Type::of(inner), Type::Unknown(_) | Type::AnyOption), "`{kind}` is not a type");
            assert!(!declared.iter().any(|it| (it.0, it.1) == (kind, name)), "`{kind} {name}` is declared twice");
            assert!(implementation(kind, name).is_some(), "`{kind} {name}` has no code");
            for param in &func.params {
                let doc = func.doc.as_deref().unwrap_or_default();
                let told = doc.contains(&format!("@param {} ", param.name.text));
                assert!(told, "`{kind} {name}` does not tell of `{}`", param.name.text);
            }
            declared.push((kind, name, func.params.iter().map(|param| &*word(&param.ty).leak()).collect()));
        }
        let options = OPTIONS.iter().flat_map(|(kind, names)| names.iter().map(move |name| (*kind, *name)));
        let find = |kind: &str, name: &str| declared.iter().find(|it| (it.0, it.1) == (kind, name));
        for (kind, name) in TABLE.iter().map(|(kind, name, _)| (*kind, *name)).chain(options) {
            assert!(find(kind, name).is_some(), "`{kind} {name}` has code but no declaration");
        }
        for (kind, name, index, rule) in RULES {
            let (_, _, params) =
                find(kind, name).unwrap_or_else(|| panic!("`{kind} {name}` has a rule but no declaration"));
            let number = matches!(rule, Rule::FileMode | Rule::Number(..));
            let wanted = if number { "int" } else { "string" };
            let word = params.get(*index).copied();
            if let (Rule::Modes(_, modes), Some(variants)) = (rule, word.and_then(|word| enums.get(word))) {
                assert_eq!(variants, modes, "`{kind} {name}`: the enum of argument {index}");
                continue;
            }
            assert_eq!(params.get(*index), Some(&wanted), "`{kind} {name}`: the rule of argument {index}");
        }
        for name in RESERVED {
            assert!(declared.iter().any(|it| it.1 == *name), "`{name}` is reserved but not declared");
        }
        assert!(RESERVED.is_sorted());
    }
}
