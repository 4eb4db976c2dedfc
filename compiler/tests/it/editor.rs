//! What editors ask: targets, names at places, descriptions.

use hlb_language::diagnostic::Severity;

use crate::support::checked;

const SOURCE: &str = "# Builds it.\nfs build(string how) {\n\trun how with option { mount scratch \"/o\" as out }\n}\n# What to ship.\nexport ship\nfs ship() { copy out(\"x\") \"/\" \"/\" }\n# All of it.\npipeline default() { stage ship }\noption::run opts() { shlex }\nfs late() { run \"x\" with option { mount scratch \"/l\" as log } }\n";

#[test]
fn targets_are_functions_and_what_they_bind() {
    let checked = checked(SOURCE);
    assert!(!checked.has_errors());
    let shown: Vec<String> = checked
        .targets()
        .iter()
        .map(|target| {
            let marks = [("exported", target.exported), ("bound", target.bound)];
            let marks: Vec<&str> = marks.iter().filter(|(_, set)| *set).map(|(mark, _)| *mark).collect();
            format!("{} {} {:?} {}", target.ty, target.name, target.doc.as_deref().unwrap_or(""), marks.join(" "))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "fs build \"Builds it.\" ",
            "fs out \"\" bound",
            "fs ship \"\" exported",
            "pipeline default \"All of it.\" ",
            "fs late \"\" ",
            "fs log \"\" bound",
        ]
    );
}

#[test]
fn names_are_described() {
    let checked = checked(SOURCE);
    let source = checked.program.entry().unwrap().source;
    let at = |needle: &str, skip: usize| {
        let offset = SOURCE.match_indices(needle).nth(skip).unwrap().0 + 1;
        let reference = checked.program.reference_at(source, offset)?;
        checked.program.describe(reference.target)
    };
    for (needle, skip, signature, doc) in [
        ("run how", 0, "fs run(variadic string arg)", Some("Runs a command in the filesystem.")),
        (
            "mount scratch",
            0,
            "option::run mount(fs input, string mountPoint) binds (fs target)",
            Some("Mounts another"),
        ),
        ("how with", 0, "string how", Some("Parameter of `build`.")),
        ("out(", 0, "fs out(string how)", Some("Bound in `build`.")),
        ("ship }", 0, "fs ship()", None),
    ] {
        let found = at(needle, skip).unwrap_or_else(|| panic!("nothing at {needle}"));
        assert_eq!(found.signature, signature);
        match doc {
            Some(doc) => assert!(found.doc.unwrap().starts_with(doc), "{signature}"),
            None => assert_eq!(found.doc, None),
        }
    }
    assert!(at("Builds", 0).is_none());
}

#[test]
fn a_broken_file_still_answers() {
    let checked = checked("fs good() { image \"a\" }\nfs bad() { image \n\tcopy }\nfs worse( {\nfs other() { good }\n");
    assert!(checked.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error));
    let names: Vec<String> = checked.targets().into_iter().map(|target| target.name).collect();
    assert!(names.contains(&"good".to_owned()) && names.contains(&"other".to_owned()), "{names:?}");
    assert!(checked.program.references.len() >= 3);
}
