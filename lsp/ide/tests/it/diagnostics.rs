//! What is wrong with a text.

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
