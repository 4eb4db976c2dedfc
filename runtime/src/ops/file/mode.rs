//! Modes written as `chmod` takes them.
//!
//! Owns the grammar: an octal number, or clauses such as `u+rwX,go-w,a=r`. No umask applies.

use super::FileProblem;

const SET_UID: u32 = 0o4000;
const SET_GID: u32 = 0o2000;
const STICKY: u32 = 0o1000;
const SHIFTS: [(u32, char); 3] = [(6, 'u'), (3, 'g'), (0, 'o')];

/// What a copy does to modes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ModeChange {
    Keep,
    Set(u32),
    Change(Vec<Step>),
}

/// One operator with its operands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// `u`, `g`, `o`; all three if none was given.
    who: String,
    operator: char,
    what: String,
}

impl ModeChange {
    /// Reads a mode text; a number sets the mode.
    pub(super) fn parse(text: &str) -> Result<Self, FileProblem> {
        let wrong = |why| FileProblem::Mode { mode: text.to_owned(), why };
        if text.starts_with(|char: char| char.is_ascii_digit()) {
            return match u32::from_str_radix(text, 8) {
                Ok(mode) if mode <= 0o7777 => Ok(Self::Set(mode)),
                _ => Err(wrong("a number has to be octal and at most 7777")),
            };
        }
        let mut steps = Vec::new();
        for clause in text.split(',') {
            let start = clause.find(['+', '-', '=']).ok_or_else(|| wrong("a clause needs one of `+`, `-`, `=`"))?;
            let (who, mut rest) = clause.split_at(start);
            if who.contains(|char| !"ugoa".contains(char)) {
                return Err(wrong("only `u`, `g`, `o` and `a` may stand before the operator"));
            }
            let who = if who.is_empty() || who.contains('a') { "ugo" } else { who };
            while let Some(operator) = rest.chars().next() {
                let operands = rest.get(1..).unwrap_or_default();
                let end = operands.find(['+', '-', '=']).unwrap_or(operands.len());
                let (what, after) = operands.split_at(end);
                let copies = what.contains(['u', 'g', 'o']);
                if what.contains(|char| !"rwxXstugo".contains(char)) || copies && what.len() > 1 {
                    return Err(wrong("only `rwxXst`, or one of `u`, `g`, `o`, may stand behind the operator"));
                }
                steps.push(Step { who: who.to_owned(), operator, what: what.to_owned() });
                rest = after;
            }
        }
        Ok(Self::Change(steps))
    }

    /// The mode that comes of a mode.
    pub(super) fn apply(&self, mode: u32, directory: bool) -> u32 {
        match self {
            Self::Keep => mode,
            Self::Set(mode) => *mode,
            Self::Change(steps) => steps.iter().fold(mode, |mode, step| step.apply(mode, directory)),
        }
    }
}

impl Step {
    fn apply(&self, mode: u32, directory: bool) -> u32 {
        let mut bits = 0;
        let mut reach = 0;
        for (shift, class) in SHIFTS {
            if !self.who.contains(class) {
                continue;
            }
            reach |= 0o7 << shift;
            for char in self.what.chars() {
                bits |= match char {
                    'r' => 0o4 << shift,
                    'w' => 0o2 << shift,
                    'x' => 0o1 << shift,
                    'X' if directory || mode & 0o111 != 0 => 0o1 << shift,
                    's' if class == 'u' => SET_UID,
                    's' if class == 'g' => SET_GID,
                    't' if class == 'o' => STICKY,
                    'u' => ((mode >> 6) & 0o7) << shift,
                    'g' => ((mode >> 3) & 0o7) << shift,
                    'o' => (mode & 0o7) << shift,
                    _ => 0,
                };
            }
            reach |= match class {
                'u' => SET_UID,
                'g' => SET_GID,
                _ => STICKY,
            };
        }
        match self.operator {
            '+' => mode | bits,
            '-' => mode & !bits,
            _ => mode & !reach | bits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, before: u32, directory: bool, after: u32) {
        let result = ModeChange::parse(text).unwrap().apply(before, directory);
        assert_eq!(result, after, "{text}: {before:o} becomes {result:o}, not {after:o}");
    }

    #[test]
    fn modes_change_as_chmod_does_it() {
        check("755", 0o600, false, 0o755);
        check("4711", 0o600, false, 0o4711);
        check("u+x", 0o644, false, 0o744);
        check("+x", 0o644, false, 0o755);
        check("a-w", 0o666, false, 0o444);
        check("go=", 0o777, false, 0o700);
        check("u=rwX,go=rX", 0o600, false, 0o644);
        check("u=rwX,go=rX", 0o600, true, 0o755);
        check("u=rwX,go=rX", 0o701, false, 0o755);
        check("g=u", 0o640, false, 0o660);
        check("o=g-w", 0o670, false, 0o675);
        check("u+s,g+s,+t", 0o755, true, 0o7755);
        check("u=rw", 0o4755, false, 0o655);
        check("u+r-x", 0o300, false, 0o600);
    }

    #[test]
    fn what_is_no_mode_is_refused() {
        let of = |text: &str| ModeChange::parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(["888", "77777", "u", "", "x+r", "u+q", "u+rg"].map(of).join("\n"), @"
        `888` is not a mode: a number has to be octal and at most 7777
        `77777` is not a mode: a number has to be octal and at most 7777
        `u` is not a mode: a clause needs one of `+`, `-`, `=`
        `` is not a mode: a clause needs one of `+`, `-`, `=`
        `x+r` is not a mode: only `u`, `g`, `o` and `a` may stand before the operator
        `u+q` is not a mode: only `rwxXst`, or one of `u`, `g`, `o`, may stand behind the operator
        `u+rg` is not a mode: only `rwxXst`, or one of `u`, `g`, `o`, may stand behind the operator
        ");
    }
}
