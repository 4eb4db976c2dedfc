//! What is shown of a name.

use crate::fixture::Fixture;

fn hover(text: &str) -> String {
    let fixture = Fixture::new(text);
    match fixture.analysis().hover(fixture.offset) {
        None => "nothing".to_owned(),
        Some(hover) => {
            format!("[{}] {}\n{}", fixture.slice(hover.span), hover.signature, hover.doc.unwrap_or_default())
        }
    }
}

#[test]
fn hover_tells_how_a_builtin_is_declared() {
    insta::assert_snapshot!(hover("fs default() {\n\tmk$0file \"/a\" 0o644 \"x\"\n}\n"), @r"
    [mkfile] fs mkfile(string path, int filemode, string content)
    Makes a file.

    - `path`: where; relative to the working directory.
    - `filemode`: its permission bits, such as `0o644`; bits above 0o777 are dropped.
    - `content`: what is in it.
    ");
}

#[test]
fn hover_tells_of_functions_parameters_and_bound_names() {
    let program = "\
# Compiles a package.
#
# @param pkg which.
fs build(string pkg) {
	image \"go\"
	run \"go build ${pkg}\" with option {
		mount scratch \"/out\" as bin
	}
}

fs default() {
	scratch
	copy bin(\"x\") \"/\" \"/\"
	build \"y\"
}
";
    let at = |place: &str| hover(&program.replace(place, &format!("{}$0{}", &place[..1], &place[1..])));
    insta::assert_snapshot!(at("build \"y\""), @r"
    [build] fs build(string pkg)
    Compiles a package.

    - `pkg`: which.
    ");
    insta::assert_snapshot!(at("pkg}"), @r"
    [pkg] string pkg
    Parameter of `build`.
    ");
    insta::assert_snapshot!(at("bin(\"x\")"), @r"
    [bin] fs bin(string pkg)
    Bound in `build`.
    ");
    insta::assert_snapshot!(at("default()"), @"[default] fs default()");
    insta::assert_snapshot!(at("\"go build"), @"nothing");
}
