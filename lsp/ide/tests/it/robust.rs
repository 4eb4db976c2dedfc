//! Texts that are no programs.

use crate::fixture::Fixture;

#[test]
fn no_place_of_a_broken_text_panics() {
    let text = "fs ä(string x) {\n\trun \"${x}ü${\" with option {\n\t\tmount <<~EOM\n";
    for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
        let analysis = Fixture::new(&format!("{}$0", &text[..end])).analysis();
        for at in 0..=end + 2 {
            let _ = (analysis.hover(at), analysis.definition(at));
        }
        let _ = (analysis.symbols(), hlb_ide::format(&text[..end]));
    }
}

#[test]
fn texts_as_deep_as_the_parser_takes_them_have_answers() {
    let nested = |open: &str, close: &str| {
        let depth = 190;
        format!("string f(string x) {{\n\t{}x$0{}\n}}\n", open.repeat(depth), close.repeat(depth))
    };
    for text in [
        nested("f(", ")"),
        nested("[", "]"),
        nested("(", ")"),
        nested("\"${", "}\""),
        nested("string { ", " }"),
        nested("if x == x { ", " }"),
        nested("f(", ""),
    ] {
        let fixture = Fixture::new(&text);
        let (snapshot, analysis) = (fixture.snapshot(), fixture.analysis());
        let _ = (snapshot.hover(&analysis, fixture.offset), analysis.highlights(fixture.offset));
        assert!(!analysis.tokens(None).is_empty() && !analysis.selections(fixture.offset).is_empty());
        let range = hlb_language::span::Span::new(0, text.len());
        let _ = (analysis.folds(), snapshot.hints(&analysis, range), snapshot.links(&analysis), analysis.lenses());
    }
}
