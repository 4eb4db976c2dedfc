//! Files that say what of a directory does not belong to a build, in the manner of `.dockerignore`.
//!
//! Owns their lines: comments, blanks, and the one spelling of each pattern. What patterns select is for `pattern` to say.

use crate::pattern::clean;

/// The patterns of an ignore file, in their order: what comes later counts more, and `!` takes back.
pub fn read(text: &str) -> Vec<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines().filter(|line| !line.starts_with('#')).filter_map(pattern).collect()
}

fn pattern(line: &str) -> Option<String> {
    let line = line.trim();
    if line.is_empty() {
        return None;
    }
    let (not, pattern) = line.strip_prefix('!').map_or(("", line), |rest| ("!", rest.trim()));
    if pattern.is_empty() {
        // Left for who reads patterns to refuse.
        return Some(not.to_owned());
    }
    let path = clean(pattern);
    // Paths are from the directory that the file is about.
    let path = path.strip_prefix('/').filter(|path| !path.is_empty()).unwrap_or(&path);
    Some(format!("{not}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_patterns() {
        for (text, patterns) in [
            ("", &[][..]),
            ("\u{feff}a\nb", &["a", "b"]),
            ("# comment\n#\na", &["a"]),
            (" # no comment", &["# no comment"]),
            ("a # not one either", &["a # not one either"]),
            ("\n  \n\t\na\r\n  b  \r\n", &["a", "b"]),
            ("!a\n! b \n!/c", &["!a", "!b", "!c"]),
            ("!\n! ", &["!", "!"]),
            ("/a\n/a/b/\n//c", &["a", "a/b", "c"]),
            ("./a/../b\na/./b\na//b\na/", &["b", "a/b", "a/b", "a"]),
            ("..\n../a\na/../../b\n/../a", &["..", "../a", "../b", "a"]),
            (".\n/\n!/\na/..", &[".", "/", "!/", "."]),
            ("**/*.go\n*/temp*\ntemp?\n[a-z]", &["**/*.go", "*/temp*", "temp?", "[a-z]"]),
            ("\\#a\na\\ b", &["\\#a", "a\\ b"]),
            ("*.md\n!README*.md\nREADME-secret.md", &["*.md", "!README*.md", "README-secret.md"]),
        ] {
            assert_eq!(read(text), patterns, "{text:?}");
        }
    }

    #[test]
    fn what_is_read_selects() {
        let patterns = read("# all but what is named\n*\n!/src\nsrc/**/*.o\n");
        let filter = crate::Filter::new(&[], &patterns).unwrap();
        let selects = |path: &str| filter.judge(path.as_bytes(), &crate::Trails::default()).selected;
        assert!(selects("src") && !selects("doc") && !selects("src/a/b.o"));
    }
}
