//! What modules of others may do on the machine that compiles, and who said so.
//!
//! Owns the kinds of effects, consent to them, and the words in which a missing consent is told. Which function has which
//! effects is not known here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hlb_language::diagnostic::{Diagnostic, Location};

use crate::codes;

/// Something that reaches outside of the build.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Effect {
    /// Reads files of the client.
    Local,
    /// Runs commands on the client.
    Run,
    /// Reads the environment of the client, its directory, its architecture.
    Env,
    /// Uses files of the client as secrets.
    Secret,
    /// Uses an SSH agent of the client.
    Ssh,
    /// Uses connections of the client.
    Forward,
    /// Writes files of the client.
    Download,
    /// Pushes to a registry with the logins of the client.
    Push,
    /// Puts images into the Docker engine of the client.
    Load,
    /// Builds while the program is evaluated.
    Build,
}

/// What each module of others may do. Modules are named by their source: see `RemoteModule::source`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    modules: BTreeMap<String, BTreeSet<Effect>>,
}

/// Why a text is no consent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsentError {
    /// It names no module, or nothing that the module may do.
    #[error("write it as `MODULE=KIND,KIND` or `MODULE=all`")]
    Form,
    /// It names what is no effect.
    #[error("`{0}` is nothing that a module does; the kinds are {kinds} and all", kinds = Effect::words())]
    Kind(String),
}

impl Effect {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Local,
        Self::Run,
        Self::Env,
        Self::Secret,
        Self::Ssh,
        Self::Forward,
        Self::Download,
        Self::Push,
        Self::Load,
        Self::Build,
    ];

    /// Its name on the command line and in the configuration file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Run => "run",
            Self::Env => "env",
            Self::Secret => "secret",
            Self::Ssh => "ssh",
            Self::Forward => "forward",
            Self::Download => "download",
            Self::Push => "push",
            Self::Load => "load",
            Self::Build => "build",
        }
    }

    /// What a module that has it does, as in "wants to …".
    pub fn words_of(self) -> &'static str {
        match self {
            Self::Local => "read files of this machine",
            Self::Run => "run commands on this machine",
            Self::Env => "read the environment of this machine",
            Self::Secret => "use secrets of this machine",
            Self::Ssh => "use the SSH agent of this machine",
            Self::Forward => "use connections of this machine",
            Self::Download => "write files of this machine",
            Self::Push => "push with the logins of this machine",
            Self::Load => "load images into the Docker engine of this machine",
            Self::Build => "build while the program is evaluated",
        }
    }

    /// The effect with a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effect| effect.name() == name)
    }

    fn words() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Consent {
    /// Consent to nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Lets a module do some kinds of things, besides what it may do already.
    ///
    /// # Errors
    /// If one of the texts is neither a kind nor `all`.
    pub fn allow<'t>(&mut self, module: &str, kinds: impl IntoIterator<Item = &'t str>) -> Result<(), ConsentError> {
        let mut effects = BTreeSet::new();
        for kind in kinds {
            match kind.trim() {
                "all" => effects.extend(Effect::ALL),
                kind => {
                    effects.insert(Effect::named(kind).ok_or_else(|| ConsentError::Kind(kind.to_owned()))?);
                }
            }
        }
        if module.is_empty() || effects.is_empty() {
            return Err(ConsentError::Form);
        }
        self.modules.entry(module.to_owned()).or_default().extend(effects);
        Ok(())
    }

    /// Adds a consent in the form of the command line: `MODULE=KIND,KIND`.
    ///
    /// # Errors
    /// If it has another form.
    pub fn add(&mut self, text: &str) -> Result<(), ConsentError> {
        let (module, kinds) = text.rsplit_once('=').ok_or(ConsentError::Form)?;
        self.allow(module, kinds.split(',').filter(|kind| !kind.is_empty()))
    }

    /// Takes over the consent of another.
    pub fn extend(&mut self, other: Self) {
        for (module, effects) in other.modules {
            self.modules.entry(module).or_default().extend(effects);
        }
    }

    /// Whether a module may do something.
    pub fn allows(&self, module: &str, effect: Effect) -> bool {
        self.modules.get(module).is_some_and(|effects| effects.contains(&effect))
    }

    /// What of some effects a module may not do.
    pub fn missing(&self, module: &str, effects: &BTreeSet<Effect>) -> BTreeSet<Effect> {
        effects.iter().copied().filter(|effect| !self.allows(module, *effect)).collect()
    }
}

/// The option that lets a module do what it may not do yet, as it is typed in a shell.
pub fn trust_flag(module: &str, effects: &BTreeSet<Effect>) -> String {
    let kinds = effects.iter().map(|effect| effect.name()).collect::<Vec<_>>().join(",");
    let rule = format!("{module}={kinds}");
    let plain = |c: char| c.is_ascii_alphanumeric() || "/:.=,@+-_%".contains(c);
    let rule = if rule.chars().all(plain) { rule } else { format!("'{}'", rule.replace('\'', r"'\''")) };
    format!("--trust {rule}")
}

/// The error for a use of a module of others that does what it may not do. `at` is the use in a file of the client.
pub fn refusal(module: &str, effects: &BTreeSet<Effect>, at: Location) -> Diagnostic {
    let wants = effects.iter().map(|effect| effect.words_of()).collect::<Vec<_>>().join(", and to ");
    let message = format!("the module `{module}` wants to {wants}, and nobody has said that it may");
    Diagnostic::error(codes::CONSENT, at, message)
        .help(format!("if it may, say so with `{}`", trust_flag(module, effects)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consent_is_for_a_module_and_a_kind() {
        let mut consent = Consent::none();
        consent.add("git://h/a=run,env").unwrap();
        consent.add("image(\"o/m\")=all").unwrap();
        assert!(consent.allows("git://h/a", Effect::Run) && consent.allows("image(\"o/m\")", Effect::Push));
        assert!(!consent.allows("git://h/a", Effect::Local) && !consent.allows("git://h/ab", Effect::Run));
        let wanted = BTreeSet::from([Effect::Run, Effect::Ssh]);
        assert_eq!(consent.missing("git://h/a", &wanted), BTreeSet::from([Effect::Ssh]));
    }

    #[test]
    fn nonsense_is_refused() {
        let check = |text: &str| Consent::none().add(text).unwrap_err().to_string();
        assert_eq!(check("m"), "write it as `MODULE=KIND,KIND` or `MODULE=all`");
        assert_eq!(check("m="), check("m"));
        assert_eq!(check("=run"), check("m"));
        insta::assert_snapshot!(check("m=rum"), @"`rum` is nothing that a module does; the kinds are local, run, env, secret, ssh, forward, download, push, load, build and all");
    }

    #[test]
    fn flags_can_be_pasted_into_a_shell() {
        let effects = BTreeSet::from([Effect::Run, Effect::Env]);
        assert_eq!(trust_flag("git://h/a", &effects), "--trust git://h/a=run,env");
        assert_eq!(trust_flag("image(\"o/it's\")", &effects), r#"--trust 'image("o/it'\''s")=run,env'"#);
    }
}
