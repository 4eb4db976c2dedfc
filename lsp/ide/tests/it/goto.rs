//! Where names lead.

use camino::Utf8Path;
use hlb_ide::{Host, Settings};

use crate::fixture::{Fixture, place};

fn definition(text: &str) -> String {
    let fixture = Fixture::new(text);
    let jumps = fixture.analysis().definition(fixture.offset);
    let found: Vec<String> = jumps.iter().map(|jump| place(&jump.to)).collect();
    if found.is_empty() { "nowhere".to_owned() } else { found.join("\n") }
}

#[test]
fn definitions_are_found_in_the_text() {
    let check = definition;
    insta::assert_snapshot!(check("fs a() {\n\tscratch\n}\n\nfs b() {\n\t$0a\n}\n"), @"build.hlb:1:4 [a]");
    insta::assert_snapshot!(check("fs a(string x) {\n\tscratch\n\tmkfile \"/x\" 0o644 x$0\n}\n"), @"build.hlb:1:13 [x]");
    insta::assert_snapshot!(check("fs a() {\n\tnope$0\n}\n"), @"nowhere");
}

#[test]
fn definitions_are_found_in_other_files_and_unsaved_buffers() {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    std::fs::write(root.join("lib.hlb"), "export tool\n\nfs tool() {\n\tscratch\n}\n").unwrap();
    let mut host = Host::new(Settings::default(), vec![root.to_owned()]);
    let text = "import lib from \"./lib.hlb\"\n\nfs default() {\n\tlib.tool\n}\n";
    host.edit(root.join("build.hlb"), text.to_owned());
    let found = |host: &Host| {
        let analysis = host.snapshot().analysis(&root.join("build.hlb")).unwrap();
        let jumps = analysis.definition(text.find("ool\n").unwrap());
        jumps.iter().map(|jump| place(&jump.to).replace(root.as_str(), "[DIR]")).collect::<String>()
    };
    insta::assert_snapshot!(found(&host), @"[DIR]/lib.hlb:3:4 [tool]");
    host.edit(root.join("lib.hlb"), "export tool\n\n\n\n\nfs tool() {\n\tscratch\n}\n".to_owned());
    insta::assert_snapshot!(found(&host), @"[DIR]/lib.hlb:6:4 [tool]");
    host.close(&root.join("lib.hlb"));
    insta::assert_snapshot!(found(&host), @"[DIR]/lib.hlb:3:4 [tool]");
}
