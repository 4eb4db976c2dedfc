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
