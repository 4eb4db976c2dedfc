//! What modules of others may do on the machine that compiles, and who said so.
//!
//! Owns consent to effects, and the words in which a missing consent is told. Which function has which
//! effects is not known here.

use std::collections::BTreeMap;

use hlb_language::diagnostic::{Diagnostic, Location};

use crate::codes;
use crate::effects::{Effect, Effects};

/// What each module of others may do. Modules are named by their source: see `RemoteModule::source`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    modules: BTreeMap<String, Effects>,
}

/// Why a text is no consent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsentError {
    /// It names no module, or nothing that the module may do.
    #[error("write it as `MODULE=KIND,KIND` or `MODULE=all`")]
    Form,
    /// It names what is no effect.
    #[error("`{0}` is nothing that a module does; the kinds are {kinds} and all", kinds = words())]
    Kind(String),
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
        let mut effects = Effects::NONE;
        for kind in kinds {
            match kind.trim() {
                "all" => effects = Effect::ALL.into_iter().collect(),
                kind => {
                    let effect = Effect::of(kind).ok_or_else(|| ConsentError::Kind(kind.to_owned()))?;
                    effects = effects.and(Effects::just(effect));
                }
            }
        }
        if module.is_empty() || effects.is_empty() {
            return Err(ConsentError::Form);
        }
        self.add_to(module.to_owned(), effects);
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
            self.add_to(module, effects);
        }
    }

    fn add_to(&mut self, module: String, effects: Effects) {
        let allowed = self.modules.entry(module).or_default();
        *allowed = allowed.and(effects);
    }

    /// Whether a module may do something.
    pub fn allows(&self, module: &str, effect: Effect) -> bool {
        self.modules.get(module).is_some_and(|effects| effects.has(effect))
    }

    /// What of some effects a module may not do.
    pub fn missing(&self, module: &str, effects: Effects) -> Effects {
        effects.without(self.modules.get(module).copied().unwrap_or_default())
    }
}

fn words() -> String {
    Effect::ALL.map(Effect::name).join(", ")
}

/// What a module that has an effect does, as in "wants to …".
fn words_of(effect: Effect) -> &'static str {
    match effect {
        Effect::Local => "read files of this machine",
        Effect::Run => "run commands on this machine",
        Effect::Env => "read the environment of this machine",
        Effect::Secret => "use secrets of this machine",
        Effect::Ssh => "use the SSH agent of this machine",
        Effect::Forward => "use connections of this machine",
        Effect::Download => "write files of this machine",
        Effect::Push => "push with the logins of this machine",
        Effect::Load => "load images into the Docker engine of this machine",
        Effect::Build => "build while the program is evaluated",
    }
}

/// The option that lets a module do what it may not do yet, as it is typed in a shell.
pub fn trust_flag(module: &str, effects: Effects) -> String {
    let kinds = effects.iter().map(Effect::name).collect::<Vec<_>>().join(",");
    let rule = format!("{module}={kinds}");
    let plain = |c: char| c.is_ascii_alphanumeric() || "/:.=,@+-_%".contains(c);
    let rule = if rule.chars().all(plain) { rule } else { format!("'{}'", rule.replace('\'', r"'\''")) };
    format!("--trust {rule}")
}

/// The error for a use of a module of others that does what it may not do. `at` is the use in a file of the client.
pub fn refusal(module: &str, effects: Effects, at: Location) -> Diagnostic {
    let wants = effects.iter().map(words_of).collect::<Vec<_>>().join(", and to ");
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
        let wanted = [Effect::Run, Effect::Ssh].into_iter().collect();
        assert_eq!(consent.missing("git://h/a", wanted), Effects::just(Effect::Ssh));
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
        let effects = [Effect::Run, Effect::Env].into_iter().collect();
        assert_eq!(trust_flag("git://h/a", effects), "--trust git://h/a=run,env");
        assert_eq!(trust_flag("image(\"o/it's\")", effects), r#"--trust 'image("o/it'\''s")=run,env'"#);
    }
}
