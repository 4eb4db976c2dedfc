//! Moments of programs, and what is seen there.

use camino::Utf8Path;
use hlb_compiler::debug::{MomentKind, Part, Question, Trace, Unneeded, beginnings, statements, trace};
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
    4 name < default of="x" whole="x!" -> "x!" returns
    8 default a="x!" -> fs { … }
    9 default a="x!" -> fs { … }
    2 name < default of="y"
    3 name < default of="y" whole="y!"
    4 name < default of="y" whole="y!" -> "y!" returns
    10 default a="x!" -> fs { … } returns
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
    14 default n=3 -> fs { … } returns
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
    assert_eq!(trace.variables(at, 0, Part::Arguments)[0].shown, "not needed yet");
    let unneeded = Question::parse("unused").unwrap();
    assert_eq!(trace.ask(at, 0, &unneeded, Unneeded::Leave).unwrap_err(), "`unused` is not needed yet here");
    assert!(trace.ask(at, 0, &unneeded, Unneeded::Find).unwrap().is_fs);
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
fn lists_that_grow_are_kept_as_long_as_there_is_room() {
    // Each moment has another list: 40,000 of them would be 800 million elements.
    let text = "\
[string] many() {
	for n in list.range(0, 40000) {
		\"x\"
	}
}
fs default() {
	scratch
	for one in many() {
		mkdir one 0o755
	}
}
";
    let (world, checked) = program(text);
    let mut trace = trace(&world, &checked, &TargetCall::from("default"), &options()).unwrap();
    assert!(trace.outcome().is_ok() && !trace.is_cut());
    let of_many: Vec<usize> = (0..trace.len()).filter(|number| trace.frames(*number, 1)[0].name == "many").collect();
    assert_eq!(of_many.len(), 40_002);
    let current = |trace: &mut Trace<'_>, at: usize| trace.current(at, 0).map(|it| it.children);
    assert_eq!(current(&mut trace, of_many[1_001]), Some(1_000));
    assert_eq!(current(&mut trace, of_many[40_000]), None);
}

/// What is asked at the call of `take`, and what is answered.
#[test]
fn questions_are_answered() {
    let text = "\
type Point { int x; [string] tags; Color? color }
enum Color { red; green }
fs inner() { scratch; mkdir \"/i\" 0o755; }
fs take(fs unused, Point p, map[string] words, int? none_yet, Color color, bool is) {
	scratch
	let big = 9223372036854775807
	let uml = \"ä𝄞\"
	mkdir \"/a\" 0o755
}
fs default() {
	take inner Point(4, [\"one\", \"two\"], none) {\"k\" = \"v\"} none Color.green true
}
";
    let (world, checked) = program(text);
    let mut trace = trace(&world, &checked, &TargetCall::from("default"), &options()).unwrap();
    let inside = |trace: &Trace<'_>, number: usize| trace.frames(number, 1)[0].name == "take";
    let at = (0..trace.len()).rev().find(|number| inside(&trace, *number)).unwrap();
    let mut answers = String::new();
    for question in [
        "p",
        "p.x",
        "p.tags[1]",
        "p.tags[2]",
        "p.tags[\"one\"]",
        "p.none",
        "p.x.y",
        "p.color",
        "p.color == none",
        "p == p",
        "words[\"k\"]",
        "words[\"x\"]",
        "words[0]",
        "none_yet ?? 7",
        "color",
        "color == Color.green",
        "color == Color.blue",
        "Color.red",
        "is && p.x == 4",
        "!is || p.x >= 5",
        "!p.x",
        "-p.x + 2 * 3",
        "p.x / 0",
        "big + 1",
        "-(-big - 1)",
        "p.x == \"4\"",
        "p.x < \"4\"",
        "p.tags + [\"three\"]",
        "uml",
        "\"${uml}: ${p.tags} ${p.x}\\n\"",
        "uml == \"ä𝄞\"",
        "current == current",
        "is ? 1 : 2",
        "nothing",
        "",
        " ",
        "p[",
        "1\nlet b = 2",
        "inner()",
        "p.tags.length()",
        "fs { scratch; }",
        "fn() int { 1; }",
        "[...p.tags]",
        "\"\\q\"",
        "p.x # a comment",
    ] {
        let answer = match Question::parse(question) {
            Err(why) => format!("refused: {why}"),
            Ok(parsed) => match trace.ask(at, 0, &parsed, Unneeded::Leave) {
                Ok(found) => format!("{}: {}", found.shown, found.ty),
                Err(why) => format!("no answer: {why}"),
            },
        };
        answers.push_str(&format!("{question:?} {answer}\n"));
    }
    insta::assert_snapshot!(answers);
    for (question, answer) in [("p.x == 4", Ok(true)), ("p.x == 5", Ok(false)), ("p.x", Err(()))] {
        assert_eq!(trace.holds(at, &Question::parse(question).unwrap()).map_err(|_| ()), answer, "{question}");
    }
    assert_eq!(trace.told(at, &Question::parse("uml").unwrap()).unwrap(), "ä𝄞");
    let point = Question::parse("p").unwrap();
    assert_eq!(trace.ask(at, 9, &point, Unneeded::Leave).unwrap_err(), "there is no such call");
    assert_eq!(trace.ask(usize::MAX, 0, &point, Unneeded::Leave).unwrap_err(), "there is no such moment");
    // As deep as it goes: what is longer is refused.
    for deep in [format!("{}is", "!".repeat(4000)), format!("{}1", "-".repeat(4000)), format!("p{}", ".x".repeat(2000))]
    {
        let _ = trace.ask(at, 0, &Question::parse(&deep).unwrap(), Unneeded::Leave);
    }
    let nested = format!("{}1{}", "(".repeat(2000), ")".repeat(2000));
    assert!(Question::parse(&nested).is_err(), "the parser has a limit of its own");
    assert!(Question::parse(&format!("{}is", "!".repeat(5000))).unwrap_err().contains("at most 4096"));
    let held = trace.ask(at, 0, &Question::parse("p.tags").unwrap(), Unneeded::Leave).unwrap();
    assert_eq!(trace.written(held.id, 6).unwrap(), "[\"one\"…");
}

/// Traces each target of a program that needs no arguments, twice, and looks at the moments there and back.
fn walked(world: &MemoryWorld, file: &Utf8Path) -> usize {
    let checked = check(world, file);
    if checked.has_errors() {
        return 0;
    }
    let mut seen = 0;
    for target in checked.targets() {
        // Each evaluation has a world of its own, as the unique texts of one are given once.
        let (once, again) = (world.clone(), world.clone());
        let call = TargetCall::from(target.name.as_str());
        let Ok(mut first) = trace(&once, &checked, &call, &options()) else { continue };
        let mut second = trace(&again, &checked, &call, &options()).unwrap();
        assert_eq!((first.len(), first.outcome()), (second.len(), second.outcome()), "{file} {}", target.name);
        let there: Vec<String> = (0..first.len()).map(|number| moment(&mut first, &checked, number)).collect();
        let mut back: Vec<String> = (0..first.len()).rev().map(|number| moment(&mut first, &checked, number)).collect();
        back.reverse();
        assert_eq!(there, back, "{file} {}", target.name);
        let anew: Vec<String> = (0..second.len()).map(|number| moment(&mut second, &checked, number)).collect();
        assert_eq!(there, anew, "{file} {}", target.name);
        // Each place is one where a breakpoint can be.
        for (number, shown) in there.iter().enumerate() {
            let found = first.moment(number).unwrap();
            if found.kind == MomentKind::Before {
                assert!(statements(&checked, found.at.source).contains(&found.at), "{file} {shown}");
            }
        }
        seen += there.len();
    }
    seen
}

#[test]
fn examples_are_stepped_through_the_same_there_and_back() {
    for name in crate::examples::names() {
        let seen = walked(&crate::examples::world(&name), Utf8Path::new("main.hlb"));
        assert!(seen > 0, "{name} has no moments");
    }
}

#[test]
fn programs_of_the_reference_are_stepped_through_the_same_there_and_back() {
    let world = crate::conformance::world();
    let programs: Vec<_> = world.files.keys().filter(|path| path.as_str() != "other.hlb").cloned().collect();
    let walked = programs.iter().filter(|path| path.extension() == Some("hlb")).map(|path| walked(&world, path));
    let with_moments = walked.filter(|seen| *seen > 0).count();
    assert!(with_moments >= 80, "{with_moments} programs have moments");
}

#[test]
fn functions_begin_at_their_first_statement() {
    let (_, checked) = program("fs a() {}\nfs b() {\n\tif true {\n\t\tscratch\n\t}\n}\nfs default() { b; a; }\n");
    let lines = |name: &str| -> Vec<u32> {
        let places = beginnings(&checked, name).into_iter();
        places.map(|at| checked.sources.get(at.source).unwrap().position(at.span.start as usize).line).collect()
    };
    assert_eq!((lines("a"), lines("b"), lines("none")), (vec![], vec![3], vec![]));
}

#[test]
fn an_evaluation_that_was_ended_from_outside_has_no_failure() {
    let (world, checked) = program("fs default() {\n\tscratch\n\tmkdir [\"x\"][1] 0o755\n}\n");
    let mut trace = trace(&world, &checked, &TargetCall::from("default"), &options()).unwrap();
    assert!(matches!(trace.moment(2).unwrap().kind, MomentKind::Failed(_)));
    trace.was_interrupted();
    trace.was_interrupted();
    assert_eq!((trace.len(), trace.moment(1).unwrap().kind), (2, MomentKind::Before));
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
