//! What is wrong with a text.

use hlb_ide::{Level, Tag};

use crate::fixture::Fixture;

fn told(text: &str) -> Vec<String> {
    let fixture = Fixture::new(text);
    fixture.analysis().diagnostics().iter().map(|it| it.message.clone()).collect()
}

#[test]
fn diagnostics_are_those_of_the_text_alone() {
    let text = "import lib from \"./lib.hlb\"\n\nfs default() {\n\tlib.tool\n\t$0runn \"x\"\n}\n\
        //- /work/lib.hlb\nexport tool\n\nfs tool() {\n\tscrtach\n}\n";
    assert_eq!(told(text), ["`runn` is not defined"]);
}

#[test]
fn nothing_is_executed_for_an_open_file() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("made");
    let text = format!("$0string s() {{\n\tlocalRun \"touch {}\"\n}}\n\nimport lib from \"${{s}}\"\n", made.display());
    let _ = told(&text);
    assert!(!made.exists());
}

#[test]
fn some_diagnostics_are_shown_in_their_own_way() {
    let shown = |text: &str| {
        let fixture = Fixture::new(text);
        let told = fixture.analysis().diagnostics();
        told.iter().map(|it| (it.code, it.level, it.tag)).collect::<Vec<_>>()
    };
    let unused = "import lib from \"./lib.hlb\"\n\n$0fs default() {\n\tscratch\n}\n//- /work/lib.hlb\nexport tool\n\nfs tool() {\n\tscratch\n}\n";
    assert_eq!(shown(unused), [("E0122", Level::Warning, Some(Tag::Unused))]);
    let absent = "import lib from \"git://example.org/tools@v1\"\n\n$0fs default() {\n\tlib.tool\n}\n";
    assert_eq!(shown(absent), [("E0151", Level::Hint, None)]);
    assert_eq!(shown("$0fs default() {\n\tnope\n}\n"), [("E0101", Level::Error, None)]);
}
