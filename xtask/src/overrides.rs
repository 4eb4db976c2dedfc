//! Writes one entry of `[layouts]` into hlbc's configuration file and leaves the rest of the file as it was.
//!
//! Pure: text in, text out. Edits lines instead of parsing TOML, because a person's comments and order are theirs.

/// The text of a configuration file in which the images of `repository` come from the OCI layout in `dir`.
pub(crate) fn with_layout(text: &str, repository: &str, dir: &str) -> String {
    let entry = format!("{} = {}", quoted(repository), quoted(dir));
    let mut lines: Vec<&str> = text.lines().collect();
    let Some(header) = lines.iter().position(|line| line.trim() == "[layouts]") else {
        let gap = if text.trim().is_empty() { "" } else { "\n" };
        let body = if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") };
        return format!("{body}{gap}[layouts]\n{entry}\n");
    };
    let section = header + 1..;
    let end = lines.iter().skip(header + 1).position(|line| line.trim_start().starts_with('['));
    let end = end.map_or(lines.len(), |offset| header + 1 + offset);
    let old = lines
        .get(section)
        .and_then(|rest| rest.iter().take(end - header - 1).position(|line| key(line) == Some(repository)));
    match old {
        Some(offset) => {
            if let Some(line) = lines.get_mut(header + 1 + offset) {
                *line = &entry;
            }
        }
        None => lines.insert(header + 1, &entry),
    }
    lines.join("\n") + "\n"
}

/// The key of a line `key = value`, without its quotes.
fn key(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    Some(key.trim().trim_matches(['"', '\'']))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::with_layout;

    fn check(before: &str, after: &str) {
        assert_eq!(with_layout(before, "debian", "/base"), after);
        assert_eq!(with_layout(after, "debian", "/base"), after, "a second time changes nothing");
    }

    #[test]
    fn an_empty_file_gets_the_section() {
        check("", "[layouts]\n\"debian\" = \"/base\"\n");
    }

    #[test]
    fn other_sections_stay() {
        check(
            "# mine\n[registries.\"docker.io\"]\nmirrors = []",
            "# mine\n[registries.\"docker.io\"]\nmirrors = []\n\n[layouts]\n\"debian\" = \"/base\"\n",
        );
    }

    #[test]
    fn an_entry_joins_its_section() {
        check(
            "[layouts]\n\"ubuntu\" = \"/u\"\n\n[x]\n",
            "[layouts]\n\"debian\" = \"/base\"\n\"ubuntu\" = \"/u\"\n\n[x]\n",
        );
    }

    #[test]
    fn an_old_entry_is_replaced_and_only_in_its_section() {
        check(
            "[layouts]\ndebian = \"/old\" # moved\n[x]\ndebian = 1\n",
            "[layouts]\n\"debian\" = \"/base\"\n[x]\ndebian = 1\n",
        );
    }
}
