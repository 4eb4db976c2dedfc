//! Files that move.

use crate::fixture::{Fixture, edited};

const TEXT: &str = "\
//- /work/build.hlb
$0import lib from \"./lib.hlb\"
import \"x\"
import deep from \"./sub/deep.hlb\" # ä𝄞
import go from \"std/go\"
//- /work/lib.hlb
export fs tool() {
	scratch
//- /work/sub/deep.hlb
import lib from \"../lib.hlb\"
import other from \"./other.hlb\"
//- /work/sub/other.hlb
# ä𝄞
";

/// The files after the imports follow a move.
fn moved(moves: &[(&str, &str)]) -> String {
    let moves: Vec<_> = moves.iter().map(|(old, new)| (old.into(), new.into())).collect();
    edited(&Fixture::new(TEXT).snapshot().will_rename(&moves))
}

#[test]
fn imports_follow_a_file() {
    insta::assert_snapshot!(moved(&[("/work/lib.hlb", "/work/tools.hlb")]), @r#"
    //- build.hlb
    import lib from "./tools.hlb"
    import "x"
    import deep from "./sub/deep.hlb" # ä𝄞
    import go from "std/go"
    //- sub/deep.hlb
    import lib from "../tools.hlb"
    import other from "./other.hlb"
    "#);
    insta::assert_snapshot!(moved(&[("/work/lib.hlb", "/work/sub/lib.hlb")]), @r#"
    //- build.hlb
    import lib from "./sub/lib.hlb"
    import "x"
    import deep from "./sub/deep.hlb" # ä𝄞
    import go from "std/go"
    //- sub/deep.hlb
    import lib from "./lib.hlb"
    import other from "./other.hlb"
    "#);
    insta::assert_snapshot!(moved(&[("/work/sub/other.hlb", "/other.hlb")]), @r#"
    //- sub/deep.hlb
    import lib from "../lib.hlb"
    import other from "../../other.hlb"
    "#);
}

#[test]
fn a_file_takes_its_own_imports_along() {
    insta::assert_snapshot!(moved(&[("/work/sub/deep.hlb", "/work/deep.hlb")]), @r#"
    //- build.hlb
    import lib from "./lib.hlb"
    import "x"
    import deep from "./deep.hlb" # ä𝄞
    import go from "std/go"
    //- sub/deep.hlb
    import lib from "./lib.hlb"
    import other from "./sub/other.hlb"
    "#);
    insta::assert_snapshot!(moved(&[("/work/build.hlb", "/work/a/b/build.hlb")]), @r#"
    //- build.hlb
    import lib from "../../lib.hlb"
    import "../../x"
    import deep from "../../sub/deep.hlb" # ä𝄞
    import go from "std/go"
    "#);
}

#[test]
fn directories_move_with_all_that_is_in_them() {
    insta::assert_snapshot!(moved(&[("/work/sub", "/work/below/sub")]), @r#"
    //- build.hlb
    import lib from "./lib.hlb"
    import "x"
    import deep from "./below/sub/deep.hlb" # ä𝄞
    import go from "std/go"
    //- sub/deep.hlb
    import lib from "../../lib.hlb"
    import other from "./other.hlb"
    "#);
    insta::assert_snapshot!(moved(&[("/work/lib.hlb", "/work/sub/lib.hlb"), ("/work/sub/deep.hlb", "/work/sub/x.hlb")]), @r#"
    //- build.hlb
    import lib from "./sub/lib.hlb"
    import "x"
    import deep from "./sub/x.hlb" # ä𝄞
    import go from "std/go"
    //- sub/deep.hlb
    import lib from "./lib.hlb"
    import other from "./other.hlb"
    "#);
}

#[test]
fn what_stays_where_it_is_needs_no_edit() {
    assert_eq!(moved(&[]), "");
    assert_eq!(moved(&[("/work/readme", "/work/readme.md")]), "");
    assert_eq!(moved(&[("/work", "/elsewhere")]), "", "all of it moves");
    assert_eq!(moved(&[("/work/li", "/work/x")]), "", "the name only begins so");
}

#[test]
fn imports_stay_written_as_they_were() {
    let text = "//- /work/build.hlb\n$0import a from \"lib.hlb\"\nimport b from \"/work/lib.hlb\"\nimport c from \"sub/../lib.hlb\"\nimport d from \"std/lib.hlb\"\nimport e from \"git://r.example/x@main:lib.hlb\"\n//- /work/lib.hlb\n# ä𝄞\n";
    let moves = [("/work/lib.hlb".into(), "/work/deep/new.hlb".into())];
    insta::assert_snapshot!(edited(&Fixture::new(text).snapshot().will_rename(&moves)), @r#"
    //- build.hlb
    import a from "deep/new.hlb"
    import b from "/work/deep/new.hlb"
    import c from "deep/new.hlb"
    import d from "std/lib.hlb"
    import e from "git://r.example/x@main:lib.hlb"
    "#);
}
