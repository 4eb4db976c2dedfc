//! What a function does outside of the build.
//!
//! Owns the kinds of effects and sets of them. Which builtin has which is in `builtins`; which function has which is found by
//! `check`.

use std::fmt;

/// A way to reach outside of the build.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Effect {
    /// Reads files of this machine.
    Local,
    /// Runs commands on this machine.
    Run,
    /// Looks at the environment of this machine.
    Env,
    /// Uses files of this machine as secrets.
    Secret,
    /// Uses SSH agents or keys of this machine.
    Ssh,
    /// Lends connections of this machine.
    Forward,
    /// Writes files on this machine.
    Download,
    /// Pushes images to registries.
    Push,
    /// Loads images into the container engine of this machine.
    Load,
    /// Builds something while the program is evaluated.
    Build,
}

/// Some effects.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Effects(u16);

impl Effect {
    /// All of them, in the order of their names' first use in messages.
    pub const ALL: [Effect; 10] = [
        Effect::Local,
        Effect::Run,
        Effect::Env,
        Effect::Secret,
        Effect::Ssh,
        Effect::Forward,
        Effect::Download,
        Effect::Push,
        Effect::Load,
        Effect::Build,
    ];

    /// The word for it on the command line and in configuration.
    pub fn name(self) -> &'static str {
        match self {
            Effect::Local => "local",
            Effect::Run => "run",
            Effect::Env => "env",
            Effect::Secret => "secret",
            Effect::Ssh => "ssh",
            Effect::Forward => "forward",
            Effect::Download => "download",
            Effect::Push => "push",
            Effect::Load => "load",
            Effect::Build => "build",
        }
    }

    /// The effect with a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effect| effect.name() == name)
    }

    /// What it does, as the end of a sentence whose subject is a function.
    pub fn describe(self) -> &'static str {
        match self {
            Effect::Local => "reads files of this machine",
            Effect::Run => "runs commands on this machine",
            Effect::Env => "looks at the environment of this machine",
            Effect::Secret => "uses files of this machine as secrets",
            Effect::Ssh => "uses SSH agents or keys of this machine",
            Effect::Forward => "lends connections of this machine",
            Effect::Download => "writes files on this machine",
            Effect::Push => "pushes images to registries",
            Effect::Load => "loads images into the container engine of this machine",
            Effect::Build => "builds while the program is evaluated",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Effects {
    /// No effects.
    pub const NONE: Self = Self(0);

    /// One effect.
    pub const fn just(effect: Effect) -> Self {
        Self(1 << effect as u16)
    }

    /// These and others.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These without others.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether an effect is among them.
    pub const fn has(self, effect: Effect) -> bool {
        self.0 & (1 << effect as u16) != 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Effect> {
        Effect::ALL.into_iter().filter(move |effect| self.has(*effect))
    }
}

impl FromIterator<Effect> for Effects {
    fn from_iter<I: IntoIterator<Item = Effect>>(effects: I) -> Self {
        effects.into_iter().fold(Self::NONE, |all, effect| all.and(Self::just(effect)))
    }
}

impl fmt::Display for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, effect) in self.iter().enumerate() {
            write!(f, "{}{}", if at > 0 { ", " } else { "" }, effect.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for effect in Effect::ALL {
            assert_eq!(Effect::of(effect.name()), Some(effect));
        }
        let some: Effects = [Effect::Push, Effect::Local].into_iter().collect();
        assert_eq!(some.to_string(), "local, push");
        assert!(some.has(Effect::Push) && !some.without(Effects::just(Effect::Push)).has(Effect::Push));
    }
}
