//! The formatter: how texts look, and that formatting changes nothing else and nothing twice.

use hlb_language::format;
use hlb_language::source::SourceId;
use proptest::prelude::*;

use crate::programs;
use crate::show::{parsed, shape};

/// Formats a valid text and checks all that must hold of the result.
fn check(text: &str) -> String {
    let formatted = format(SourceId(0), text).unwrap_or_else(|errors| panic!("{text:?}: {errors:?}"));
    let before = parsed(text);
    let after = parsed(&formatted);
    assert_eq!(after.diagnostics, [], "of {text:?}:\n{formatted}");
    assert_eq!(shape(text, &before), shape(&formatted, &after), "of {text:?}:\n{formatted}");
    let comments = |text: &str, parsed: &hlb_language::Parsed| -> Vec<String> {
        parsed.trivia.comments().iter().map(|comment| text[comment.span.range()].trim_end().to_owned()).collect()
    };
    assert_eq!(comments(text, &before), comments(&formatted, &after), "of {text:?}:\n{formatted}");
    assert_eq!(format(SourceId(0), &formatted).unwrap(), formatted, "twice, of {text:?}");
    assert!(formatted.is_empty() || formatted.ends_with('\n') && !formatted.ends_with("\n\n"), "{formatted:?}");
    formatted
}

#[test]
fn valid_programs_keep_their_tree_and_comments() {
    for row in include_str!("../corpus/reference.jsonl").lines() {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        if row.get("stage").and_then(|stage| stage.as_str()) != Some("parse") {
            check(row["source"].as_str().unwrap());
        }
    }
}

#[test]
fn a_formatted_file_stays_as_it_is() {
    for sample in [include_str!("../corpus/sample.hlb"), include_str!("../corpus/whole.hlb")] {
        assert_eq!(check(sample), sample);
    }
}

/// Each text as written and as formatted.
fn cases(texts: &[&str]) -> String {
    texts.iter().map(|text| format!("{text}\n────\n{}\n════\n", check(text))).collect()
}

#[test]
fn style() {
    let texts = [
        "import  a   from \"x\"\nimport b \"y\"\nexport a\nfs  a( ) {}\nfs b(){scratch}",
        "fs a() {\n\n\n  image   \"x\"   with  option {resolve}\n\n\n\n  run \"y\"\n\n}",
        "fs a(string a string b,) {\n}\nfs b(string a,\nstring b string c) { scratch; }",
        "fs a() { x f(\n\"a\" \"b\"\n\"c\", # last\n) }",
        "fs a() { image \"a\" with foo bar }\nfs b() {\nimage \"a\" with foo bar; c\n}",
        "fs a() { mkdir \"x\" 0O755; mkdir \"y\" 0XfF }",
        "fs a() { run \"a ${ f( \"b\" \"c\" ) } d\" as (\nx y\n) }",
        "fs a() binds (fs x string y)\nfs b() binds(fs x){}",
        "fs a() {\n\n}\nfs b() { x fs {\n} fs { a }\n}",
        "fs a() { mount fs { image \"x\"; run \"y\" } \"/\" with option {\nreadonly } as z }",
        "fs a() { x fs { y \"a ${ string { b; c } } d\" } }",
        "fs a() { x \"a ${ string {\nb; c } } d\" }",
        "fs a() {\nx f(a,\n\n\nb, c\nd) g(\n) h( # c\n)\n}",
        "fs a() {\nx f(fs {\ny\n}, g) as\n}",
    ];
    insta::assert_snapshot!(cases(&texts));
}

#[test]
fn comments_stay_where_they_are() {
    let texts = [
        "#a\n\n\n#b\nfs a() { # c\n# d\nscratch # e\n\n# f\n} # g\n# h\nfs b() {}\n# i",
        "fs a( # a\n# b\nstring x # c\n\n# d\n) {\n# e\n}",
        "fs a() {} # a\nfs b() {}\n# b\n\nfs c() {}",
    ];
    insta::assert_snapshot!(cases(&texts));
}

#[test]
fn heredocs_stay_but_for_the_closing_word() {
    let texts = [
        "fs a() {\n\t\t\trun <<-EOM\n  a\n\t${ b }\n\t\t\tEOM\n}",
        "fs a() {\n run <<EOM\n  a\n  EOM with option {\n x\n}\n}",
        "fs a() { run <<~`EOM`\r\na\r\nEOM\r\n}",
    ];
    insta::assert_snapshot!(cases(&texts));
}

#[test]
fn a_broken_file_is_refused_with_its_errors() {
    let errors = format(SourceId(0), "fs a() { ; }").unwrap_err();
    assert_eq!(errors.len(), 1);
}

/// Valid programs in wild layout.
fn program() -> impl Strategy<Value = String> {
    let space = prop::sample::select(vec![" ", "  ", "\t"]);
    let line =
        prop::sample::select(vec!["\n", "\n\n", "\n\n\n", " # c\n", "\n# d\n", "\r\n", "\n\t\t", " #\n\n#  e \n"]);
    let name = prop::sample::select(vec!["a", "b1", "from", "binds", "variadic", "m.x", "option", "x:y"]);
    let word = prop::sample::select(vec!["a", "b", "from", "binds", "f2"]);
    let end = prop_oneof![
        Just(";".to_owned()),
        line.clone().prop_map(str::to_owned),
        line.clone().prop_map(|l| format!(";{l}"))
    ];
    let leaf = prop_oneof![
        name.clone().prop_map(str::to_owned),
        prop::sample::select(vec![
            "0",
            "12",
            "0X1F",
            "true",
            "\"s\"",
            "\"\"",
            "\"a\n b\"",
            "`r`",
            "\"\\n\\$x$\"",
            "\"${ a }\"",
            "<<EOM\n a\n\tEOM",
            "<<-EOM\n\t\ta ${ b }\n\tEOM",
            "<<~`X`\n x  y\n  X",
            "<<EOM EOM",
            "\"a ${f(\"b\" \"c\",)} d\"",
        ])
        .prop_map(str::to_owned),
    ];
    let gap = prop_oneof![
        space.clone().prop_map(str::to_owned),
        Just(", ".to_owned()),
        line.clone().prop_map(str::to_owned),
        line.clone().prop_map(|l| format!(",{l}"))
    ];
    let expr = leaf.prop_recursive(4, 40, 4, move |inner| {
        let clause = prop_oneof![
            Just(String::new()),
            inner.clone().prop_map(|e| format!(" with {e}")),
            Just(" as x".to_owned()),
            Just(" as (a b)".to_owned()),
            Just(" as (\na b, c d\n# z\n)".to_owned()),
        ];
        let stmt = (name.clone(), prop::collection::vec((space.clone(), inner.clone()), 0..3), clause, end.clone());
        let stmt = stmt.prop_map(|(name, args, clause, end)| {
            let args: String = args.into_iter().map(|(space, arg)| format!("{space}{arg}")).collect();
            format!("{name}{args}{clause}{end}")
        });
        let block = (
            word.clone(),
            prop_oneof![Just(String::new()), line.clone().prop_map(str::to_owned)],
            prop::collection::vec(stmt, 0..4),
        );
        let block = block.prop_map(|(kind, first, stmts)| format!("{kind} {{{first}{}}}", stmts.concat()));
        let call = (
            name.clone(),
            prop_oneof![Just(String::new()), line.clone().prop_map(str::to_owned)],
            prop::collection::vec((inner, gap.clone()), 0..4),
        );
        let call = call.prop_map(|(name, first, args)| {
            let args: String = args.into_iter().map(|(arg, gap)| format!("{arg}{gap}")).collect();
            format!("{name}({first}{args})")
        });
        prop_oneof![block, call]
    });
    let decl = prop_oneof![
        expr.clone().prop_map(|e| format!("import x from {e}")),
        Just("export a".to_owned()),
        Just("import y \"z\"".to_owned()),
        Just("fs g(variadic string a\n# p\nint b,) binds (fs x)".to_owned()),
        prop::collection::vec(expr, 0..4).prop_map(|exprs| {
            let stmts: String = exprs.into_iter().map(|e| format!("f {e}; ")).collect();
            format!("fs f() {{ {stmts}}}")
        }),
    ];
    let between = prop::sample::select(vec!["\n", "\n\n", " # c\n", "\n# d\n", "\n\n\n# e\n\n"]);
    prop::collection::vec((decl, between), 0..4)
        .prop_map(|decls| decls.into_iter().map(|(decl, between)| format!("{decl}{between}")).collect())
}

proptest! {
    #![proptest_config(programs::config(1500))]

    #[test]
    fn formatting_changes_layout_only_and_only_once(text in program()) {
        // A name in front of a parenthesis in the next element makes some of these another program, never a broken one.
        if parsed(&text).diagnostics.is_empty() {
            check(&text);
        }
    }
}

proptest! {
    #![proptest_config(programs::config(programs::CASES))]

    #[test]
    fn formatting_keeps_the_whole_language(text in programs::program()) {
        if parsed(&text).diagnostics.is_empty() {
            check(&text);
        }
    }
}

#[test]
fn most_generated_programs_are_valid() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let valid = (0..200).filter(|_| {
        let text = program().new_tree(&mut runner).unwrap().current();
        parsed(&text).diagnostics.is_empty()
    });
    assert!(valid.count() > 120);
    let valid = (0..200).filter(|_| {
        let text = programs::program().new_tree(&mut runner).unwrap().current();
        parsed(&text).diagnostics.is_empty()
    });
    let valid = valid.count();
    assert!(valid > 100, "{valid}");
}
