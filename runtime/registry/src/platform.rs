//! Platforms: names in their normal form, and which image of several suits one.
//!
//! Owns the order of preference, which is containerd's: the platform itself, older variants, then the 32-bit sibling.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Operating system, architecture and variant, `linux/arm/v7`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`.
    #[serde(default)]
    pub os: String,
    /// As Go names it: `amd64`, `arm64`, `386`.
    #[serde(default)]
    pub architecture: String,
    /// Of the architecture, `v7`; empty when there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
}

impl Platform {
    /// The platform of this machine.
    pub fn host() -> Self {
        Self::new(std::env::consts::OS, std::env::consts::ARCH, "")
    }

    /// A platform, with other names for an architecture understood (`x86_64`, `aarch64`).
    pub fn new(os: &str, architecture: &str, variant: &str) -> Self {
        let (architecture, variant) = match (architecture, variant) {
            ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("aarch64" | "arm64", "8" | "v8" | "") => ("arm64", ""),
            ("aarch64", variant) => ("arm64", variant),
            ("i386" | "i686" | "x86", _) => ("386", ""),
            ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
            ("armel", _) | ("arm", "6") => ("arm", "v6"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "8") => ("arm", "v8"),
            ("powerpc64" | "ppc64el", variant) => ("ppc64le", variant),
            other => other,
        };
        Self { os: os.to_ascii_lowercase(), architecture: architecture.to_owned(), variant: variant.to_owned() }
    }

    /// How well an image for `offered` suits: 0 is best, none is not at all.
    pub(crate) fn rank(&self, offered: &Self) -> Option<usize> {
        let offered = Self::new(&offered.os, &offered.architecture, &offered.variant);
        self.preferences().iter().position(|wanted| *wanted == offered)
    }

    fn preferences(&self) -> Vec<Self> {
        let wanted = Self::new(&self.os, &self.architecture, &self.variant);
        let with = |architecture: &str, variant: &str| Self::new(&wanted.os, architecture, variant);
        let number = wanted.variant.strip_prefix('v').and_then(|digits| digits.parse::<u8>().ok());
        let mut list = vec![wanted.clone()];
        match (wanted.architecture.as_str(), number) {
            ("amd64", level) => {
                list.extend((1..level.unwrap_or(1)).rev().map(|level| with("amd64", &format!("v{level}"))));
                list.push(with("386", ""));
            }
            ("arm", Some(level)) => {
                list.extend((5..level).rev().map(|level| with("arm", &format!("v{level}"))));
            }
            ("arm64", level) => {
                list.extend((8..level.unwrap_or(8)).rev().map(|level| with("arm64", &format!("v{level}"))));
                list.extend((5..=8).rev().map(|level| with("arm", &format!("v{level}"))));
            }
            _ => {}
        }
        list
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        let mut parts = text.split('/');
        let mut next = || parts.next().unwrap_or_default();
        let (os, architecture, variant) = (next(), next(), next());
        Platform { os: os.to_owned(), architecture: architecture.to_owned(), variant: variant.to_owned() }
    }

    /// What is chosen from a list, in words.
    fn check(wanted: &str, offered: &[&str], chosen: Option<&str>) {
        let best = offered
            .iter()
            .filter_map(|text| Some((platform(wanted).rank(&platform(text))?, *text)))
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, text)| text);
        assert_eq!(best, chosen, "{wanted} of {offered:?}");
    }

    #[test]
    fn the_nearest_is_chosen() {
        check("linux/amd64", &["linux/arm64", "linux/amd64"], Some("linux/amd64"));
        check("linux/amd64", &["linux/386", "linux/amd64"], Some("linux/amd64"));
        check("linux/amd64", &["linux/386"], Some("linux/386"));
        check("linux/amd64", &["linux/amd64/v2"], None);
        check("linux/amd64/v3", &["linux/amd64", "linux/amd64/v2"], Some("linux/amd64/v2"));
        check("linux/x86_64", &["linux/amd64"], Some("linux/amd64"));
        check("linux/arm64", &["linux/arm/v7", "linux/arm64/v8"], Some("linux/arm64/v8"));
        check("linux/arm/v7", &["linux/arm/v5", "linux/arm/v6", "linux/arm64"], Some("linux/arm/v6"));
        check("linux/arm/v6", &["linux/arm/v7"], None);
        check("linux/amd64", &["windows/amd64", "unknown/unknown"], None);
        check("linux/riscv64", &["linux/riscv64"], Some("linux/riscv64"));
    }
}
