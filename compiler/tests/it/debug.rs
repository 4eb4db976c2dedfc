//! Moments of programs, and what is seen there.

use camino::Utf8Path;
use hlb_compiler::debug::{MomentKind, Part, Trace, statements, trace};
use hlb_compiler::testing::MemoryWorld;
use hlb_compiler::{Checked, TargetCall, check};

use crate::support::options;

fn program(text: &str) -> (MemoryWorld, Checked) {
    let world = MemoryWorld::new().file("main.hlb", text);
    let checked = check(&world, Utf8Path::new("main.hlb"));
    assert!(!checked.has_errors(), "{:?}", checked.diagnostics);
    (world, checked)
}

/// Each moment in a line: its line in the text, how deep it is, the functions around it, and what names stand for.
fn moments(text: &str) -> String {
    let (world, checked) = program(text);
    let mut trace = trace(&world, &checked, &TargetCall::from("default"), &options()).unwrap();
    let mut out = String::new();
    for number in 0..trace.len() {
        out.push_str(&moment(&mut trace, &checked, number));
    }
    // Whoever goes back sees what was seen on the way.
    let back: Vec<String> = (0..trace.len()).rev().map(|number| moment(&mut trace, &checked, number)).collect();
    assert_eq!(back.into_iter().rev().collect::<String>(), out);
    out
}

fn moment(trace: &mut Trace<'_>, checked: &Checked, number: usize) -> String {
    let moment = trace.moment(number).unwrap();
    let line = checked.sources.get(moment.at.source).unwrap().position(moment.at.span.start as usize).line;
    let kind = match &moment.kind {
        MomentKind::Before => "",
        MomentKind::Return => " returns",
        MomentKind::Failed(error) => &format!(" fails: {}", error.message),
    };
    let frames: Vec<String> = trace.frames(number, 100).into_iter().map(|frame| frame.name).collect();
    let mut names = Vec::new();
    for part in [Part::Arguments, Part::Options, Part::Names] {
        let found = trace.variables(number, 0, part);
        names.extend(found.into_iter().map(|it| format!(" {}={}", it.name, it.shown)));
    }
    names.extend(trace.current(number, 0).map(|it| format!(" -> {}", it.shown)));
    format!("{line} {}{}{kind}\n", frames.join(" < "), names.concat())
}

#[test]
fn each_statement_and_each_return_is_a_moment() {
    let text = "\
string name(string of) {
	let whole = \"${of}!\"
	whole
}
fs default() {
	scratch
	let a = name(\"x\")
	mkfile \"/a\" 0o644 a
	mkfile \"/b\" 0o644 name(\"y\")
}
";
    insta::assert_snapshot!(moments(text), @r#"
    6 default
    7 default -> fs { … }
    2 name < default of="x"
    3 name < default of="x" whole="x!"
    4 name < default of="x" -> "x!" returns
    8 default a="x!" -> fs { … }
    9 default a="x!" -> fs { … }
    2 name < default of="y"
    3 name < default of="y" whole="y!"
    4 name < default of="y" -> "y!" returns
    10 default -> fs { … } returns
    "#);
}

#[test]
fn names_of_loops_branches_and_literals_are_seen_where_they_are() {
    let text = "\
fs default() {
	scratch
	for name in [\"a\", \"b\"] {
		let path = \"/${name}\"
		if name == \"b\" {
			mkdir path 0o755
		}
	}
	let n = 3
	match n {
		3 => { mkdir \"/three\" 0o755; }
		_ => { mkdir \"/other\" 0o755; }
	}
}
";
    insta::assert_snapshot!(moments(text), @r#"
    2 default
    3 default -> fs { … }
    4 default name="a" -> fs { … }
    5 default path="/a" name="a" -> fs { … }
    4 default name="b" -> fs { … }
    5 default path="/b" name="b" -> fs { … }
    6 default path="/b" name="b" -> fs { … }
    9 default -> fs { … }
    10 default n=3 -> fs { … }
    11 default n=3 -> fs { … }
    14 default -> fs { … } returns
    "#);
}

#[test]
fn an_error_is_the_last_moment() {
    let text = "\
string pick([string] all, int number) {
	all[number]
}
fs default() {
	scratch
	mkfile \"/a\" 0o644 pick([\"x\"], 1)
}
";
    insta::assert_snapshot!(moments(text), @r#"
    5 default
    6 default -> fs { … }
    2 pick < default all=["x"] number=1
    2 pick < default all=["x"] number=1 fails: the list has one element, number 0, and not number 1
    "#);
}

#[test]
fn a_call_that_is_known_has_no_moments_of_its_own() {
    let text = "\
fs base() {
	scratch
	mkdir \"/x\" 0o755
}
fs default() {
	copy base \"/\" \"/a\"
	copy base \"/\" \"/b\"
}
";
    insta::assert_snapshot!(moments(text), @r#"
    6 default
    2 base < default
    3 base < default -> fs { … }
    4 base < default -> fs { … } returns
    7 default -> fs { … }
    8 default -> fs { … } returns
    "#);
}

#[test]
fn values_are_looked_into() {
    let text = "\
type Point { int x; [string] tags }
fs inner() { scratch; mkdir \"/i\" 0o755; }
fs take(fs unused, Point p) {
	scratch
	mkdir \"/a\" 0o755
}
fs default() {
	take inner Point(4, [\"one\", \"two\"])
}
";
    let (world, checked) = program(text);
    let mut trace = trace(&world, &checked, &TargetCall::from("default"), &options()).unwrap();
    let at = (0..trace.len()).find(|number| trace.frames(*number, 1)[0].name == "take").unwrap();
    let found = |trace: &mut Trace<'_>, path: &str| match trace.find(at, 0, path) {
        Ok(found) => format!("{}: {} = {}", found.name, found.ty, found.shown),
        Err(why) => why,
    };
    let paths = ["p", "p.x", "p.tags[1]", "p.tags[2]", "p.none", "none", "p[", "unused"];
    let shown: Vec<String> = paths.into_iter().map(|path| found(&mut trace, path)).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    p: Point = Point(x = 4, tags = ["one", "two"])
    p.x: int = 4
    p.tags[1]: string = "two"
    `tags` has no `2`
    `p` has no `none`
    `none` is no name that has a value here
    `[` is no field and no index
    unused: fs = fs { … }
    "#);
    let arguments = trace.variables(at, 0, Part::Arguments);
    assert_eq!(arguments[0].shown, "fs { … }", "it was needed by the look at it");
    let solve = trace.solve(arguments[0].id).unwrap();
    assert_eq!(crate::support::vertices(&solve.definition), "mkdir /i");
    assert_eq!(trace.process(arguments[0].id).unwrap().cwd, "/");
    assert_eq!(trace.solve(arguments[1].id), None);
    trace.forget();
    assert_eq!(trace.children(arguments[1].id, 0..9), []);
}

#[test]
fn moments_are_bounded() {
    let text = "\
fs default() {
	scratch
	for n in list.range(0, 150000) {
		let m = n
		if m < 0 { mkdir \"/a\" 0o755; }
	}
}
";
    let (world, checked) = program(text);
    let trace = trace(&world, &checked, &TargetCall::from("default"), &options()).unwrap();
    assert_eq!((trace.len(), trace.is_cut()), (200_000, true));
    assert!(trace.outcome().is_ok());
}

#[test]
fn statements_are_where_a_program_can_stop() {
    let text = "\
fs default() {
	scratch

	# nothing
	run \"a\" with option {
		env \"A\" \"b\"
	}
	for x in [1] {
		mkfile \"/x\" 0o644 string { \"text\"; }
	}
}
";
    let (_, checked) = program(text);
    let source = checked.program.modules[0].source;
    let lines = statements(&checked, source);
    let lines: Vec<u32> = lines
        .into_iter()
        .map(|at| checked.sources.get(at.source).unwrap().position(at.span.start as usize).line)
        .collect();
    assert_eq!(lines, [2, 5, 6, 8, 9, 9]);
}

#[test]
fn a_target_that_cannot_be_called_has_no_moments() {
    let (world, checked) = program("fs other(string x) { scratch; mkdir x 0o755; }\n");
    for target in ["default", "other"] {
        assert!(trace(&world, &checked, &TargetCall::from(target), &options()).is_err());
    }
}
