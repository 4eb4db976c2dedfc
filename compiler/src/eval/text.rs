//! What happens to the body of a heredoc once it is put together.
//!
//! Owns trimming, the removal of common indentation, and folding. Evaluates nothing.

use hlb_language::ast::HeredocLayout;

/// The value of a heredoc with this body.
pub(crate) fn heredoc(layout: HeredocLayout, body: &str) -> String {
    let body = body.trim_start_matches('\n').trim_end_matches(['\n', '\t']);
    match layout {
        HeredocLayout::Literal => body.to_owned(),
        HeredocLayout::Dedent => dedent(body),
        HeredocLayout::Fold => body.trim().split('\n').map(str::trim).collect::<Vec<_>>().join(" "),
    }
}

/// Removes the white space that all lines begin with; lines of nothing else do not count and become empty.
fn dedent(body: &str) -> String {
    let blank = |line: &str| line.bytes().all(|byte| byte == b' ' || byte == b'\t');
    let mut margin: Option<&str> = None;
    for line in body.split('\n').filter(|line| !blank(line)) {
        let indent = line.get(..line.len() - line.trim_start_matches([' ', '\t']).len()).unwrap_or("");
        margin = Some(match margin {
            None => indent,
            Some(margin) if indent.starts_with(margin) => margin,
            Some(margin) if margin.starts_with(indent) => indent,
            // Tabs here and spaces there have nothing in common.
            Some(_) => "",
        });
        if margin == Some("") {
            break;
        }
    }
    let margin = margin.unwrap_or("");
    let lines = body.split('\n').map(|line| if blank(line) { "" } else { line.strip_prefix(margin).unwrap_or(line) });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(layout: HeredocLayout, body: &str, expected: &str) {
        assert_eq!(heredoc(layout, body), expected, "{layout:?} {body:?}");
    }

    #[test]
    fn literal_bodies_lose_only_their_ends() {
        check(HeredocLayout::Literal, "\n\n  a\n\n  b  \n", "  a\n\n  b  ");
        check(HeredocLayout::Literal, "\n\tx\n\t", "\tx");
        check(HeredocLayout::Literal, "\n  x\n  ", "  x\n  ");
        check(HeredocLayout::Literal, " hello\n", " hello");
        check(HeredocLayout::Literal, "\n", "");
    }

    #[test]
    fn dedent_removes_the_common_margin() {
        check(HeredocLayout::Dedent, "\n\t\ta\n\t\t  b\n\t", "a\n  b");
        check(HeredocLayout::Dedent, "\n  a\n   \n  b\n", "a\n\nb");
        check(HeredocLayout::Dedent, "\n\ta\n  b\n", "\ta\n  b");
        check(HeredocLayout::Dedent, "\n    a\n  b\n", "  a\nb");
    }

    #[test]
    fn fold_joins_lines_with_one_space() {
        check(HeredocLayout::Fold, "\n\t\ta\n\t\t  b  c\n\t", "a b  c");
        check(HeredocLayout::Fold, "\na\n\nb\n", "a  b");
    }
}
