//! Who uses names.

use crate::fixture::{Fixture, place};

fn references(text: &str) -> String {
    let fixture = Fixture::new(text);
    let found = fixture.project().references(&fixture.path, fixture.offset, true);
    let all: Vec<String> = found.iter().map(place).collect();
    let without = fixture.project().references(&fixture.path, fixture.offset, false).len();
    format!("{}\n{} without the declaration", all.join("\n"), without)
}

#[test]
fn references_of_functions_and_what_they_take() {
    insta::assert_snapshot!(references("fs $0a() {\n\tscratch\n}\n\nfs b() {\n\ta\n\trun \"x\" with option { mount a \"/x\"; }\n}\n"), @r"
    build.hlb:1:4 [a]
    build.hlb:6:2 [a]
    build.hlb:7:30 [a]
    2 without the declaration
    ");
    insta::assert_snapshot!(references("fs a(string na$0me) {\n\tscratch\n\tmkfile name 0o644 \"${name}\"\n}\n\nfs b() {\n\ta(name = \"x\")\n}\n"), @r"
    build.hlb:1:13 [name]
    build.hlb:3:9 [name]
    build.hlb:3:23 [name]
    build.hlb:7:4 [name]
    3 without the declaration
    ");
    insta::assert_snapshot!(references("fs a() with (bool fast$0) {\n\tscratch\n\tif fast { mkdir \"/x\" 0o755; }\n}\n\nfs b() {\n\ta with option { fast; }\n}\n"), @r"
    build.hlb:1:19 [fast]
    build.hlb:3:5 [fast]
    build.hlb:7:18 [fast]
    2 without the declaration
    ");
}

#[test]
fn references_of_names_inside_of_functions_stay_inside() {
    insta::assert_snapshot!(references("fs a() {\n\tlet n = \"𝄞ä\"\n\tscratch\n\tmkfile \"ä𝄞${n}\" 0o644 $0n\n}\n\nfs b() {\n\tlet n = \"x\"\n\tmkfile n 0o644 n\n}\n"), @r"
    build.hlb:2:6 [n]
    build.hlb:4:14 [n]
    build.hlb:4:24 [n]
    2 without the declaration
    ");
    insta::assert_snapshot!(references("fs a() {\n\timage \"ä𝄞\"\n\trun \"x\" with option { mount scratch \"/o\" as out$0; }\n}\n\nfs b() {\n\tscratch\n\tcopy out \"/\" \"/\"\n}\n"), @r"
    build.hlb:3:46 [out]
    build.hlb:8:7 [out]
    1 without the declaration
    ");
}

#[test]
fn references_in_other_files_are_found_from_each() {
    let files = "import lib from \"./lib.hlb\"\n\nfs default() {\n\tlib.tool(lib.Kind.big)\n}\n\
        //- /work/lib.hlb\nexport tool\nexport Kind\n\nenum Kind { big small }\n\nfs tool(Kind kind) {\n\tscratch\n}\n\
        //- /work/more.hlb\nimport mine from \"./lib.hlb\"\n\nfs more() {\n\tmine.tool \"big\"\n}\n";
    let tool = references(&files.replace("lib.tool", "lib.to$0ol"));
    insta::assert_snapshot!(tool, @r"
    build.hlb:4:6 [tool]
    lib.hlb:1:8 [tool]
    lib.hlb:6:4 [tool]
    more.hlb:4:7 [tool]
    3 without the declaration
    ");
    assert_eq!(references(&files.replace("fs tool", "fs $0tool")), tool);
    assert_eq!(references(&files.replace("mine.tool", "mine.tool$0")), tool);
    insta::assert_snapshot!(references(&files.replace("enum Kind", "enum Ki$0nd")), @r"
    build.hlb:4:15 [Kind]
    lib.hlb:2:8 [Kind]
    lib.hlb:4:6 [Kind]
    lib.hlb:6:9 [Kind]
    3 without the declaration
    ");
    // The name that a file gives to an import is its own.
    insta::assert_snapshot!(references(&files.replace("lib.tool", "li$0b.tool")), @r"
    build.hlb:1:8 [lib]
    build.hlb:4:2 [lib]
    build.hlb:4:11 [lib]
    2 without the declaration
    ");
}

#[test]
fn references_are_found_in_texts_with_mistakes() {
    insta::assert_snapshot!(references("fs $0a() {\n\tscratch\n}\n\nfs b() {\n\ta\n\trun \"x\" with option {\n"), @r"
    build.hlb:1:4 [a]
    build.hlb:6:2 [a]
    1 without the declaration
    ");
    insta::assert_snapshot!(references("fs a() {\n\tscratch\n}\n\nfs b( {\n\t$0a\n}\n"), @r"
    build.hlb:1:4 [a]
    build.hlb:6:2 [a]
    1 without the declaration
    ");
    insta::assert_snapshot!(references("fs a() {\n\tnope$0 ]\n\n"), @"
    0 without the declaration
    ");
}
