//! Secrets taken out of what steps print.
//!
//! Owns what counts as a secret in a text, also where one is printed in pieces. Where the texts go is not known here.

use std::path::Path;

/// What stands in place of a secret.
const STARS: &[u8] = b"***";
/// Shorter secrets are found in too much that is none.
const SHORTEST: usize = 4;
/// Shorter lines of a secret of several are not looked for by themselves.
const SHORTEST_LINE: usize = 8;
/// Longer secrets are files rather than secrets.
const LONGEST: usize = 64 << 10;

/// The secrets of a build.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    /// The longest first.
    texts: Vec<Vec<u8>>,
}

/// What was printed of something that may become a secret.
#[derive(Clone, Default)]
pub(crate) struct Held(Vec<u8>);

impl Secrets {
    /// Adds the secret in a file. One that cannot be read fails the step that needs it, not this.
    pub(crate) fn add_file(&mut self, path: &Path) {
        let fits = std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= LONGEST as u64);
        if let Some(secret) = fits.then(|| std::fs::read(path).ok()).flatten() {
            self.add(&secret);
        }
    }

    fn add(&mut self, secret: &[u8]) {
        let secret = secret.trim_ascii();
        if secret.len() >= SHORTEST {
            self.texts.push(secret.to_owned());
        }
        if secret.contains(&b'\n') {
            let lines = secret.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            self.texts.extend(lines.filter(|line| line.len() >= SHORTEST_LINE).map(<[u8]>::to_owned));
        }
        self.texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        self.texts.dedup();
    }

    /// Whether there is nothing to look for.
    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// What may be told of a piece, after what was held back of the pieces before it. What may be the beginning of a secret is
    /// held back.
    pub(crate) fn scrub(&self, held: &mut Held, piece: &[u8]) -> Vec<u8> {
        let mut text = std::mem::take(&mut held.0);
        text.extend_from_slice(piece);
        let (out, rest) = self.told(&text, true);
        held.0 = rest.to_owned();
        out
    }

    /// What is left when nothing more comes.
    pub(crate) fn end(&self, held: &mut Held) -> Vec<u8> {
        self.told(&std::mem::take(&mut held.0), false).0
    }

    /// A text without secrets, and the end of it that is held back.
    fn told<'t>(&self, text: &'t [u8], more_comes: bool) -> (Vec<u8>, &'t [u8]) {
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.first() {
            let mut alike = self.texts.iter().filter(|secret| secret.first() == Some(first)).peekable();
            if alike.peek().is_some() {
                let mut longer = alike.clone().filter(|secret| secret.len() > rest.len());
                if more_comes && longer.any(|secret| secret.starts_with(rest)) {
                    return (out, rest);
                }
                if let Some(secret) = alike.find(|secret| rest.starts_with(secret)) {
                    out.extend_from_slice(STARS);
                    rest = rest.get(secret.len()..).unwrap_or_default();
                    continue;
                }
            }
            out.push(*first);
            rest = rest.get(1..).unwrap_or_default();
        }
        (out, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_also_across_pieces() {
        let check = |secrets: &[&str], pieces: &[&str], expected: &str| {
            let mut all = Secrets::default();
            secrets.iter().for_each(|secret| all.add(secret.as_bytes()));
            let mut held = Held::default();
            let mut out: Vec<u8> = pieces.iter().flat_map(|piece| all.scrub(&mut held, piece.as_bytes())).collect();
            out.extend(all.end(&mut held));
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{secrets:?} {pieces:?}");
        };
        check(&[], &["hunter2"], "hunter2");
        check(&["hunter2\n"], &["it is hunter2.\n"], "it is ***.\n");
        check(&["hunter2"], &["hunter2hunter2"], "******");
        check(&["hunter2"], &["x hun", "te", "r2 y"], "x *** y");
        check(&["hunter2"], &["x hun", "ger"], "x hunger");
        check(&["hunter2"], &["x hun"], "x hun");
        check(&["abab!"], &["aba", "bab!"], "ab***");
        // The longer of two that begin alike.
        check(&["pass", "password"], &["the password, the pass"], "the ***, the ***");
        check(&["pass", "password"], &["pass", "word"], "***");
        check(&["pass", "password"], &["pass", "ed"], "***ed");
        check(&["pass", "password"], &["a pass"], "a ***");
        // Too short to be looked for.
        check(&["ab", ""], &["abc"], "abc");
        check(&["-----BEGIN-----\nabcdefgh\nx\n"], &["> abcdefgh <\n> x <"], "> *** <\n> x <");
        check(&["-----BEGIN-----\nabcdefgh\n"], &["-----BEGIN-----\nabcdefgh\n"], "***\n");
        check(&["ümlaut"], &["an ümlaut"], "an ***");
    }

    #[test]
    fn what_is_no_secret_is_told_at_once() {
        let mut secrets = Secrets::default();
        secrets.add(b"hunter2");
        let mut held = Held::default();
        assert_eq!(secrets.scrub(&mut held, b"name? "), b"name? ");
        assert!(!secrets.is_empty());
    }

    #[test]
    fn files_that_are_no_secrets_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, vec![b'x'; LONGEST + 1]).unwrap();
        let mut secrets = Secrets::default();
        secrets.add_file(&path);
        secrets.add_file(dir.path());
        secrets.add_file(&dir.path().join("none"));
        assert!(secrets.is_empty());
        std::fs::write(&path, "hunter2").unwrap();
        secrets.add_file(&path);
        assert!(!secrets.is_empty());
    }
}
