//! The graphs of targets.

use crate::fixture::Fixture;

fn graph(target: &str, text: &str) -> String {
    shown(&Fixture::new(&format!("$0{text}")), target)
}

fn shown(fixture: &Fixture, target: &str) -> String {
    match fixture.snapshot().graph(&fixture.path, target) {
        Err(words) => words,
        Ok(steps) => {
            let one = |step: &hlb_compiler::Step| {
                let inputs: Vec<String> =
                    step.inputs.iter().map(|(number, name)| format!("{name} of #{number}")).collect();
                let places: Vec<String> =
                    step.places.iter().map(|(file, at)| format!("{file}:{}:{}", at.line, at.column)).collect();
                format!("#{} {} <- [{}] {}\n", step.number, step.title, inputs.join(", "), places.join(" "))
            };
            let made: String = steps.steps.iter().map(one).collect();
            let results: Vec<String> = steps.results.iter().map(|(name, from)| format!("{name}: {from:?}")).collect();
            format!("{made}{}", results.join("\n"))
        }
    }
}

#[test]
fn graphs_have_steps_with_places_and_results() {
    let text = "fs base() {\n\timage \"r.example/alpine\"\n}\n\nfs default() {\n\tbase\n\trun \"echo ä𝄞\" with option { mount scratch \"/out\" as made; }\n}\n\nfs all() {\n\tmade\n\tdownload \"out\"\n}\n";
    insta::assert_snapshot!(graph("default", text), @r"
    #1 image r.example/alpine:latest <- [] /work/build.hlb:2:2 /work/build.hlb:6:2
    #2 run /bin/sh -c 'echo ä𝄞' <- [/ of #1] /work/build.hlb:7:2
    result of `default`: Some(2)
    ");
    insta::assert_snapshot!(graph("all", text), @r"
    #1 image r.example/alpine:latest <- [] /work/build.hlb:2:2 /work/build.hlb:6:2 /work/build.hlb:11:2
    #2 run /bin/sh -c 'echo ä𝄞' <- [/ of #1] /work/build.hlb:7:2 /work/build.hlb:11:2
    directory `/work/out`: Some(2)
    ");
    insta::assert_snapshot!(graph("made", text), @r"
    #1 image r.example/alpine:latest <- [] /work/build.hlb:2:2 /work/build.hlb:6:2
    #2 run /bin/sh -c 'echo ä𝄞' <- [/ of #1] /work/build.hlb:7:2
    result of `made`: Some(2)
    ");
    insta::assert_snapshot!(graph("nope", text), @"`nope` has no graph: there is no target `nope` in `/work/build.hlb`");
    insta::assert_snapshot!(graph("p", "pipeline p() {\n\tstage a a\n}\n\nfs a() {\n\timage \"𝄞\"\n}\n"), @"`p` has no graph: `𝄞` is no image reference: `𝄞` cannot be a name");
    insta::assert_snapshot!(graph("p", "pipeline p() {\n\tstage a a\n}\n\nfs a() {\n\timage \"r.example/a\"\n}\n"), @r"
    #1 image r.example/a:latest <- [] /work/build.hlb:6:2 /work/build.hlb:2:8 /work/build.hlb:2:2
    result of `p`: Some(1)
    ");
}

#[test]
fn graphs_go_through_imports() {
    insta::assert_snapshot!(graph("default", "import lib from \"./lib.hlb\"\n\nfs default() {\n\tlib.tool \"x\"\n}\n//- /work/lib.hlb\nexport tool\n\nfs tool(string name) {\n\timage \"r.example/alpine\"\n\tmkfile name 0o644 \"\"\n}\n"), @r"
    #1 image r.example/alpine:latest <- [] /work/lib.hlb:4:2 /work/build.hlb:4:2
    #2 mkfile /x, mode 0644, 0 bytes <- [base of #1] /work/lib.hlb:5:2 /work/build.hlb:4:2
    result of `default`: Some(2)
    ");
    insta::assert_snapshot!(graph("default", "import lib from \"./nope.hlb\"\n\nfs default() {\n\tlib.tool \"x\"\n}\n"), @"`default` has no graph: cannot read the import: no such file or directory: /work/nope.hlb");
}

#[test]
fn what_would_have_to_be_executed_has_no_graph() {
    insta::assert_snapshot!(graph("default", "fs default() {\n\tscratch\n\tmkfile \"/x\" 0o644 localRun(\"date\")\n}\n"), @"`default` has no graph: cannot run `/bin/sh -c date` on this machine: running a command is not possible here");
    insta::assert_snapshot!(graph("default", "fs default() {\n\tscratch\n\tmkfile \"/x\" 0o644 (env.get(\"HOME\") ?? \"\")\n}\n"), @"`default` looks at the environment variable `HOME`, which an editor does not know");
    insta::assert_snapshot!(graph("f", "fs f(string x) {\n\tscratch\n}\n"), @"`f` has no graph: `f` needs a value for its parameter `x`");
}

#[test]
fn texts_with_mistakes_have_no_graph() {
    insta::assert_snapshot!(graph("default", "fs default( {\n\tscratch\n}\n"), @"`default` has no graph: this parenthesis is never closed");
    insta::assert_snapshot!(graph("default", "fs default() {\n\tnope\n}\n"), @"`default` has no graph: `nope` is not defined");
    insta::assert_snapshot!(graph("default", ""), @"`default` has no graph: there is no target `default` in `/work/build.hlb`");
}

/// The graph of `default`, before and after a file that it needs has changed.
fn changed(text: &str, path: &str, before: &str, after: &str) -> String {
    let mut fixture = Fixture::new(&format!("$0{text}"));
    let mut after_edit = |text: &str| {
        fixture.host.edit(path.into(), text.to_owned());
        shown(&fixture, "default")
    };
    let (first, again, changed) = (after_edit(before), after_edit(before), after_edit(after));
    assert_eq!(first, again);
    assert_eq!(changed, after_edit(after));
    format!("{first}\n--\n{changed}")
}

#[test]
fn graphs_follow_the_files_that_they_are_made_of() {
    let lib = "import deep from \"./deep.hlb\"\n\nexport fs tool() {\n\tdeep.base\n}\n";
    let main = "import lib from \"./lib.hlb\"\n\nfs default() {\n\tlib.tool\n}\n";
    let deep = |name: &str| format!("export fs base() {{\n\timage \"r.example/{name}\"\n}}\n");
    let text = format!("{main}//- /work/lib.hlb\n{lib}//- /work/deep.hlb\n");
    insta::assert_snapshot!(changed(&text, "/work/deep.hlb", &deep("old"), &deep("new")), @r"
    #1 image r.example/old:latest <- [] /work/deep.hlb:2:2 /work/lib.hlb:4:2 /work/build.hlb:4:2
    result of `default`: Some(1)
    --
    #1 image r.example/new:latest <- [] /work/deep.hlb:2:2 /work/lib.hlb:4:2 /work/build.hlb:4:2
    result of `default`: Some(1)
    ");
}

#[test]
fn graphs_follow_what_lies_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, other) = (dir.path().to_str().unwrap(), "/work/other.hlb");
    std::fs::create_dir(format!("{dir}/context")).unwrap();
    let mut fixture = Fixture::new(&format!("$0fs default() {{\n\tlocal \"{dir}/context\"\n}}\n"));
    assert!(shown(&fixture, "default").contains("#1 local"));
    std::fs::remove_dir(format!("{dir}/context")).unwrap();
    fixture.host.edit(other.into(), String::new());
    assert!(shown(&fixture, "default").contains("has no graph"));
}

#[test]
fn nobody_waits_for_the_graph_of_a_program_that_takes_long() {
    let text = "fs default() {\n\timage \"r.example/a\"\n\tfor i in list.range(0, 100000) { run \"echo ${i}\"; }\n}\n";
    insta::assert_snapshot!(graph("default", text), @"`default` has no graph: the program evaluates more than 2000 calls");
}
