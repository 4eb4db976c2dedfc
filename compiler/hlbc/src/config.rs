//! Where things are on this machine.
//!
//! Owns the configuration file `hlbc.toml`, and the defaults for it and for the state directory. What the tables in the file
//! mean that say where images come from, is known to `hlb-registry`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use camino::Utf8Path;
use hlb_compiler::Consent;
use hlb_registry::RegistryConfig;
use hlb_runtime::{CacheLimits, Network};

use crate::error::{Failure, Kind};
use crate::size;

/// The environment variables that count, taken once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    root: Option<OsString>,
    runc: Option<OsString>,
    config: Option<OsString>,
    xdg_state: Option<OsString>,
    xdg_config: Option<OsString>,
    home: Option<OsString>,
    superuser: bool,
}

/// Whether root started this program. A user who builds is root, too, but only from then on and in a namespace.
pub(crate) fn is_superuser() -> bool {
    static FIRST: OnceLock<bool> = OnceLock::new();
    *FIRST.get_or_init(|| rustix::process::geteuid().is_root())
}

/// Set by `--offline`, for the rest of the process.
static OFFLINE: AtomicBool = AtomicBool::new(false);

/// From now on nobody is asked for anything.
pub(crate) fn go_offline() {
    OFFLINE.store(true, Ordering::Relaxed);
}

/// Whether nobody is to be asked for anything: because of `--offline`, or of `HLBC_OFFLINE`.
pub(crate) fn is_offline() -> bool {
    let said = || std::env::var_os("HLBC_OFFLINE").is_some_and(|value| !value.is_empty() && value != "0");
    OFFLINE.load(Ordering::Relaxed) || said()
}

/// What the configuration file says.
struct File {
    registries: RegistryConfig,
    consent: Consent,
    cache: CacheLimits,
    network: Option<Network>,
}

impl Places {
    /// Those of this process.
    pub(crate) fn here() -> Self {
        // What is empty is as good as unset.
        let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            root: var("HLBC_ROOT"),
            runc: var("HLBC_RUNC"),
            config: var("HLBC_CONFIG"),
            xdg_state: var("XDG_STATE_HOME"),
            xdg_config: var("XDG_CONFIG_HOME"),
            home: var("HOME"),
            superuser: is_superuser(),
        }
    }

    /// The state directory.
    ///
    /// # Errors
    /// If nothing says where it is.
    pub(crate) fn root(&self, option: Option<&Utf8Path>) -> Result<PathBuf, Failure> {
        if let Some(option) = option {
            return Ok(option.as_std_path().to_owned());
        }
        if let Some(root) = &self.root {
            return Ok(root.into());
        }
        if self.superuser {
            return Ok("/var/lib/hlbc".into());
        }
        self.xdg(self.xdg_state.as_ref(), ".local/state").ok_or_else(|| {
            Failure::new(Kind::Environment, "there is no place for the state directory: `HOME` is not set")
                .help("name one with `--root DIR`")
        })
    }

    /// The OCI runtime: a path, or a name that is looked up in `PATH`.
    pub(crate) fn runc(&self) -> PathBuf {
        self.runc.as_ref().map_or_else(|| "runc".into(), PathBuf::from)
    }

    /// Where images come from, by the configuration file. Without one, every image comes from its registry.
    ///
    /// # Errors
    /// If the file cannot be read or says what cannot be understood.
    pub(crate) fn registries(&self) -> Result<RegistryConfig, Failure> {
        let mut registries = self.file()?.map_or_else(RegistryConfig::empty, |file| file.registries);
        registries.set_offline(is_offline());
        Ok(registries)
    }

    /// What modules of others may do, by the configuration file. Without one, nothing.
    ///
    /// # Errors
    /// As [`Places::registries`].
    pub(crate) fn consent(&self) -> Result<Consent, Failure> {
        Ok(self.file()?.map_or_else(Consent::none, |file| file.consent))
    }

    /// The network of steps, by the configuration file.
    ///
    /// # Errors
    /// As [`Places::registries`].
    pub(crate) fn network(&self) -> Result<Option<Network>, Failure> {
        Ok(self.file()?.and_then(|file| file.network))
    }

    /// How much space the state directory may take, by the configuration file. Without one, all but a tenth of the disk.
    ///
    /// # Errors
    /// As [`Places::registries`].
    pub(crate) fn cache(&self) -> Result<CacheLimits, Failure> {
        Ok(self.file()?.map_or_else(CacheLimits::default, |file| file.cache))
    }

    fn file(&self) -> Result<Option<File>, Failure> {
        let named = self.config.as_ref().map(PathBuf::from);
        let default = || {
            if self.superuser {
                return Some(PathBuf::from("/etc/hlbc/hlbc.toml"));
            }
            Some(self.xdg(self.xdg_config.as_ref(), ".config")?.join("hlbc.toml"))
        };
        let Some(path) = named.clone().or_else(default) else { return Ok(None) };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
                return Ok(None);
            }
            Err(error) => {
                let failure = Failure::new(Kind::Environment, format!("cannot read `{}`", path.display()));
                let help = if named.is_some() { "`HLBC_CONFIG` names this file" } else { "check who may read it" };
                return Err(failure.because(error).help(help));
            }
        };
        let failure =
            |why: String| Failure::new(Kind::Environment, format!("`{}` cannot be used", path.display())).because(why);
        let table: toml::Table = toml::from_str(&text).map_err(|error| failure(words(&error, &text)))?;
        const TABLES: [&str; 5] = ["registries", "layouts", "trust", "cache", "run"];
        if let Some(key) = table.keys().find(|key| !TABLES.contains(&key.as_str())) {
            return Err(failure(format!("it has a table `{key}`, which means nothing")).help(
                "use `[registries.\"HOST\"]`, `[layouts]`, `[trust]`, `[cache]` and `[run]`, as docs/cli.md describes them",
            ));
        }
        let mut config: RegistryConfig = toml::from_str(&text).map_err(|error| failure(words(&error, &text)))?;
        config.relative_to(path.parent().unwrap_or(Path::new(".")));
        let consent = table.get("trust").map_or(Ok(Consent::none()), trust).map_err(failure)?;
        let network = table.get("run").map_or(Ok(None), network).map_err(failure)?;
        let cache = table.get("cache").map_or(Ok(CacheLimits::default()), cache).map_err(failure)?;
        Ok(Some(File { registries: config, consent, cache, network }))
    }

    /// A directory of ours below one of the user's. The specification has relative values ignored.
    fn xdg(&self, var: Option<&OsString>, below_home: &str) -> Option<PathBuf> {
        let base = match var.map(Path::new).filter(|path| path.is_absolute()) {
            Some(base) => base.to_owned(),
            None => Path::new(self.home.as_ref()?).join(below_home),
        };
        Some(base.join("hlbc"))
    }
}

/// What the table `cache` says: how much space the state directory may take. If it says something, that is all.
fn cache(table: &toml::Value) -> Result<CacheLimits, String> {
    let table = table.as_table().ok_or("`cache` is no table")?;
    let mut limits = CacheLimits { use_at_most: None, leave_free: None, keep_at_least: None };
    for (name, value) in table {
        let text =
            value.as_str().ok_or_else(|| format!("`{name}` in `cache` is no text such as \"10GB\" or \"10%\""))?;
        let space = size::parse_space(text).map_err(|error| format!("`{name}` in `cache`: {error}"))?;
        match name.as_str() {
            "use-at-most" => limits.use_at_most = Some(space),
            "leave-free" => limits.leave_free = Some(space),
            "keep-at-least" => limits.keep_at_least = Some(space),
            _ => {
                let known = "use `use-at-most`, `leave-free` and `keep-at-least`";
                return Err(format!("`{name}` in `cache` means nothing: {known}"));
            }
        }
    }
    if limits.use_at_most.is_none() && limits.leave_free.is_none() {
        limits.leave_free = CacheLimits::default().leave_free;
    }
    Ok(limits)
}

/// What the table `trust` says: the kinds of effects by module.
fn trust(table: &toml::Value) -> Result<Consent, String> {
    let mut consent = Consent::none();
    let table = table.as_table().ok_or("`trust` is no table")?;
    for (module, kinds) in table {
        let wrong = || format!("what `{module}` may do, in `trust`, is no list of words");
        let kinds = kinds.as_array().ok_or_else(wrong)?;
        let kinds: Vec<&str> = kinds.iter().map(toml::Value::as_str).collect::<Option<_>>().ok_or_else(wrong)?;
        consent.allow(module, kinds).map_err(|error| format!("`{module}` in `trust`: {error}"))?;
    }
    Ok(consent)
}

/// What the table `run` says: the network of steps.
fn network(table: &toml::Value) -> Result<Option<Network>, String> {
    let table = table.as_table().ok_or("`run` is no table")?;
    if let Some(key) = table.keys().find(|key| *key != "network") {
        return Err(format!("`{key}` means nothing in `run`, which has only `network`"));
    }
    match table.get("network").map(toml::Value::as_str) {
        None => Ok(None),
        Some(Some("host")) => Ok(Some(Network::Host)),
        Some(Some("isolated")) => Ok(Some(Network::Isolated)),
        Some(_) => Err("`network` in `run` is neither \"host\" nor \"isolated\"".to_owned()),
    }
}

/// An error of the TOML reader with its line, in one line.
fn words(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().map(|span| text.get(..span.start).unwrap_or(text).matches('\n').count() + 1);
    let message = error.message().replace('\n', ", ");
    line.map_or_else(|| message.clone(), |line| format!("line {line}: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(change: impl FnOnce(&mut Places)) -> Places {
        let mut places = Places { home: Some("/home/me".into()), ..Places::default() };
        change(&mut places);
        places
    }

    fn root(option: Option<&str>, change: impl FnOnce(&mut Places)) -> String {
        places(change).root(option.map(Utf8Path::new)).unwrap().display().to_string()
    }

    #[test]
    fn the_state_directory_is_the_first_that_is_named() {
        assert_eq!(root(None, |_| {}), "/home/me/.local/state/hlbc");
        assert_eq!(root(None, |it| it.xdg_state = Some("/state".into())), "/state/hlbc");
        assert_eq!(root(None, |it| it.xdg_state = Some("relative".into())), "/home/me/.local/state/hlbc");
        assert_eq!(root(None, |it| it.superuser = true), "/var/lib/hlbc");
        assert_eq!(root(None, |it| (it.superuser, it.root) = (true, Some("/r".into()))), "/r");
        assert_eq!(root(Some("o"), |it| it.root = Some("/r".into())), "o");
        assert!(places(|it| it.home = None).root(None).is_err());
    }

    fn config(text: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hlbc.toml");
        std::fs::write(&path, text).unwrap();
        let read = places(|it| it.config = Some(path.into())).registries();
        read.map_or_else(|error| std::error::Error::source(&error).unwrap().to_string(), |_| "good".to_owned())
    }

    #[test]
    fn mistakes_in_the_configuration_have_a_line() {
        insta::assert_snapshot!(config(""), @"good");
        insta::assert_snapshot!(config("[layouts]\ndebian = '/x'"), @"good");
        insta::assert_snapshot!(config("[layouts]\ndebian = 5"), @"line 2: invalid type: integer `5`, expected path string");
        insta::assert_snapshot!(config("[trust]\n'git://h/a' = ['run', 'env']"), @"good");
        insta::assert_snapshot!(config("[trust]\n'git://h/a' = 'run'"), @"what `git://h/a` may do, in `trust`, is no list of words");
        insta::assert_snapshot!(config("[trust]\n'git://h/a' = ['rum']"), @"`git://h/a` in `trust`: `rum` is nothing that a module does; the kinds are local, run, env, secret, ssh, forward, download, push, load, build and all");
        insta::assert_snapshot!(config("[run]\nnetwork = 'isolated'"), @"good");
        insta::assert_snapshot!(config("[run]\nnetwork = 5"), @r#"`network` in `run` is neither "host" nor "isolated""#);
        insta::assert_snapshot!(config("[run]\nnetwrok = 'host'"), @"`netwrok` means nothing in `run`, which has only `network`");
        insta::assert_snapshot!(config("[cache]\nleave-free = '5%'\nuse-at-most = '50GB'"), @"good");
        insta::assert_snapshot!(config("[cache]\nleave-free = 5"), @r#"`leave-free` in `cache` is no text such as "10GB" or "10%""#);
        insta::assert_snapshot!(config("[cache]\nleave-free = '5x'"), @"`leave-free` in `cache`: `5x` is no size: write it as `50GB` or `10%`");
        insta::assert_snapshot!(config("[cache]\nkeep = '5%'"), @"`keep` in `cache` means nothing: use `use-at-most`, `leave-free` and `keep-at-least`");
        insta::assert_snapshot!(config("[layuots]"), @"it has a table `layuots`, which means nothing");
        insta::assert_snapshot!(config("a = "), @"line 1: string values must be quoted, expected literal string");
    }

    #[test]
    fn only_a_file_that_was_named_must_be_there() {
        let none = tempfile::tempdir().unwrap();
        assert!(places(|it| it.xdg_config = Some(none.path().into())).registries().is_ok());
        assert!(places(|it| it.config = Some(none.path().join("x").into())).registries().is_err());
    }
}
