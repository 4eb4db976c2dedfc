//! Words as a POSIX shell splits and quotes them.
//!
//! Owns the rules. Expands nothing and runs nothing.

/// Why a text cannot be split into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum SplitError {
    #[error("a single quote is not closed")]
    SingleQuote,
    #[error("a double quote is not closed")]
    DoubleQuote,
    #[error("a backslash stands at the end")]
    Backslash,
}

/// The words of a text.
pub(super) fn split(text: &str) -> Result<Vec<String>, SplitError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(ch) = chars.next() {
        match ch {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\\' => match chars.next() {
                // A line that goes on in the next.
                Some('\n') => {}
                Some(next) => word.get_or_insert_default().push(next),
                None => return Err(SplitError::Backslash),
            },
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(next) => word.push(next),
                        None => return Err(SplitError::SingleQuote),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => match chars.next() {
                            Some('\n') => {}
                            Some(next @ ('$' | '`' | '"' | '\\')) => word.push(next),
                            Some(next) => word.extend(['\\', next]),
                            None => return Err(SplitError::DoubleQuote),
                        },
                        Some(next) => word.push(next),
                        None => return Err(SplitError::DoubleQuote),
                    }
                }
            }
            _ => word.get_or_insert_default().push(ch),
        }
    }
    words.extend(word);
    Ok(words)
}

/// A text that a shell would split into these words.
pub(super) fn join(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quote(word)).collect();
    quoted.join(" ")
}

fn quote(word: &str) -> String {
    let special = |ch: char| " \t\n\\'\"`${[|&;<>()*?!".contains(ch);
    if word.is_empty() || word.starts_with(['~', '#']) || word.contains(special) {
        format!("'{}'", word.replace('\'', "'\\''"))
    } else {
        word.to_owned()
    }
}

/// Program and arguments of a command: one argument is a script for a shell, several are taken as they are.
pub(super) fn command(args: Vec<String>, shlex: bool, shell: Option<&[String]>) -> Result<Vec<String>, SplitError> {
    match <[String; 1]>::try_from(args) {
        Ok([only]) if shlex => split(&only),
        Ok([only]) => {
            let mut words = shell.map_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned()], <[String]>::to_vec);
            words.push(only);
            Ok(words)
        }
        Err(args) => Ok(args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_split_as_a_shell_does() {
        for (text, words) in [
            ("", vec![]),
            ("  a  b\tc\n", vec!["a", "b", "c"]),
            ("sh -c 'echo \"hi there\"'", vec!["sh", "-c", "echo \"hi there\""]),
            (r#"a\ b "c\"d" "e\f""#, vec!["a b", "c\"d", "e\\f"]),
            ("a''b \"\" ''", vec!["ab", "", ""]),
            ("a\\\nb", vec!["ab"]),
            ("$x #y", vec!["$x", "#y"]),
        ] {
            assert_eq!(split(text).unwrap(), words, "{text:?}");
        }
        assert_eq!(split("echo 'x"), Err(SplitError::SingleQuote));
        assert_eq!(split("echo \"x\\"), Err(SplitError::DoubleQuote));
        assert_eq!(split("x\\"), Err(SplitError::Backslash));
    }

    #[test]
    fn joined_words_split_into_themselves() {
        for words in [vec!["/bin/sh", "-c", "echo 'a b' \"$c\""], vec!["", "~", "#", "a\nb", "\\", "é"], vec!["it's"]]
        {
            let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
            assert_eq!(split(&join(&words)).unwrap(), words);
        }
        assert_eq!(join(&["a".to_owned(), "b c".to_owned()]), "a 'b c'");
    }
}
