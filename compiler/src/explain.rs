//! The pages of `docs/diagnostics`: what each code means, for those who meet it.
//!
//! Owns the table of the pages, how one is found, and how it reads without Markdown. Which mistake has which code is not known
//! here; `tests/it/pages.rs` checks that the pages are true.

/// A page about one code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page {
    /// The code, such as `E0101`.
    pub code: &'static str,
    /// The page in Markdown, as docs/diagnostics/README.md says.
    pub markdown: &'static str,
}

macro_rules! pages {
    ($($code:literal)*) => {
        &[$(Page { code: $code, markdown: include_str!(concat!("../../docs/diagnostics/", $code, ".md")) }),*]
    };
}

/// All pages, in the order of the codes.
pub const PAGES: &[Page] = pages! {
    "E0001" "E0002" "E0003" "E0004" "E0005" "E0006" "E0007" "E0008" "E0009" "E0010" "E0011" "E0012" "E0013" "E0014" "E0015"
    "E0016" "E0017" "E0018" "E0019" "E0020" "E0021" "E0022" "E0023" "E0024" "E0025" "E0026" "E0027" "E0028" "E0029" "E0030"
    "E0031" "E0032" "E0033" "E0034" "E0035" "E0036" "E0037" "E0038" "E0039" "E0040" "E0041" "E0042" "E0043" "E0044" "E0045"
    "E0046" "E0047" "E0048" "E0049" "E0050" "E0051" "E0052" "E0053" "E0054" "E0055" "E0056"

    "E0101" "E0102" "E0103" "E0104" "E0105" "E0106" "E0107" "E0108" "E0109" "E0110" "E0111" "E0112" "E0113" "E0114" "E0115"
    "E0116" "E0117" "E0118" "E0119" "E0120" "E0121" "E0122" "E0123" "E0124" "E0125" "E0126" "E0127" "E0128" "E0129" "E0130"
    "E0131" "E0132" "E0133" "E0134" "E0135" "E0136" "E0137" "E0138" "E0139" "E0141" "E0142" "E0143" "E0144" "E0150" "E0151"
    "E0152" "E0153"

    "E0201" "E0202" "E0203" "E0204" "E0205" "E0206" "E0207" "E0208" "E0209" "E0210" "E0211" "E0212" "E0213" "E0215" "E0216"
    "E0217" "E0218" "E0219" "E0220" "E0221" "E0222" "E0223" "E0240" "E0241"

    "E0301" "E0302" "E0303" "E0304" "E0305" "E0306" "E0307" "E0308"
};

/// How many codes are named in place of one that does not exist.
const NEAR: usize = 3;

/// The page about a code. Case and zeros do not matter: `e101` is `E0101`.
///
/// # Errors
/// If there is none; the error is the nearest codes that there are, none if the text is no code at all.
pub fn page(code: &str) -> Result<&'static Page, Vec<&'static str>> {
    let Some(wanted) = number(code) else { return Err(Vec::new()) };
    let mut by_distance: Vec<(u32, &Page)> =
        PAGES.iter().filter_map(|page| Some((number(page.code)?.abs_diff(wanted), page))).collect();
    by_distance.sort_by_key(|(distance, _)| *distance);
    match by_distance.first() {
        Some((0, page)) => Ok(page),
        _ => Err(by_distance.iter().take(NEAR).map(|(_, page)| page.code).collect()),
    }
}

fn number(code: &str) -> Option<u32> {
    let code = code.trim();
    let digits = code.strip_prefix(['E', 'e']).unwrap_or(code);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

impl Page {
    /// What the code means, in a line.
    pub fn title(&self) -> &'static str {
        let heading = self.markdown.lines().next().unwrap_or_default();
        heading.split_once(": ").map_or(heading, |(_, title)| title)
    }

    /// The page for a terminal: programs are indented, and nothing is left of Markdown but backticks.
    pub fn plain(&self) -> String {
        let mut plain = String::new();
        let mut program = false;
        for line in self.markdown.lines() {
            if line.starts_with("```") {
                program = !program;
            } else if program && line.is_empty() {
                plain.push('\n');
            } else if program {
                plain.push_str(&format!("    {}\n", line.replace('\t', "    ")));
            } else if let Some(heading) = line.strip_prefix("## ") {
                plain.push_str(&format!("{heading}:\n"));
            } else if line.starts_with("<!--") || line.is_empty() && plain.ends_with("\n\n") {
                // Settings of the test, or the lines around what is left out.
            } else {
                plain.push_str(line.strip_prefix("# ").unwrap_or(line));
                plain.push('\n');
            }
        }
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_however_they_are_written() {
        for code in ["E0101", "e0101", "E101", "101", "0101", " e101 "] {
            assert_eq!(page(code).map(|page| page.code), Ok("E0101"), "{code}");
        }
    }

    #[test]
    fn the_nearest_codes_stand_for_one_that_does_not_exist() {
        let near = |code| page(code).map(|page| page.code).unwrap_err();
        assert_eq!(near("E0214"), ["E0213", "E0215", "E0212"]);
        assert_eq!(near("E9999").len(), 3);
        for no_code in ["", "E", "image", "E01x1", "-1", "+101", "99999999999"] {
            assert!(near(no_code).is_empty(), "{no_code}");
        }
    }

    #[test]
    fn a_page_is_plain_text_on_a_terminal() {
        let markdown = "# E9999: a title\n\nWhat it is.\n\n## Wrong\n\n<!-- world: takes pushes -->\n\n```hlb\nfs a() {\n\tb\n}\n\nfs c() {}\n```\n\n`lib.hlb`:\n\n```hlb\n# x\n```\n\n## What to do\n\nMend it.\n";
        let page = Page { code: "E9999", markdown };
        assert_eq!(page.title(), "a title");
        assert_eq!(
            page.plain(),
            "E9999: a title\n\nWhat it is.\n\nWrong:\n\n    fs a() {\n        b\n    }\n\n    fs c() {}\n\n`lib.hlb`:\n\n    # x\n\nWhat to do:\n\nMend it.\n"
        );
    }
}
