//! What the tests share: compiling a text, and showing diagnostics and requests as plain text.

use camino::Utf8Path;
use hlb_compiler::testing::MemoryWorld;
use hlb_compiler::{Checked, Consent, ExportTo, Options, Platform, Request, Solve, TargetCall, check, compile};
use hlb_language::diagnostic::{Diagnostic, Label, Severity};
use hlb_language::source::SourceMap;
use hlb_llb::Digest;
use hlb_llb::definition::Graph;
use hlb_llb::pb;

pub(crate) fn options() -> Options {
    Options { platform: Platform::new("linux", "amd64"), consent: Consent::none(), calls: None }
}

/// Checks a program of one file.
pub(crate) fn checked(source: &str) -> Checked {
    check(&MemoryWorld::new().file("main.hlb", source), Utf8Path::new("main.hlb"))
}

/// Compiles targets of `main.hlb` in a world; the diagnostics as text if that fails.
pub(crate) fn build(world: &MemoryWorld, targets: &[&str]) -> Result<Request, String> {
    let checked = check(world, Utf8Path::new("main.hlb"));
    let targets: Vec<TargetCall> = targets.iter().map(|target| TargetCall::from(*target)).collect();
    compile(world, &checked, &targets, &options()).map_err(|errors| {
        assert!(!errors.0.is_empty(), "a failed compilation has errors");
        render(&checked.sources, &errors.0)
    })
}

/// Compiles one target of a program of one file.
pub(crate) fn build_text(source: &str, target: &str) -> Result<Request, String> {
    build(&MemoryWorld::new().file("main.hlb", source), &[target])
}

/// Diagnostics as plain text, each with the lines it points at.
pub(crate) fn render(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let severity = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        out.push_str(&format!("{severity}[{}]: {}\n", diagnostic.code.0, diagnostic.message));
        place(sources, &diagnostic.primary, '^', &mut out);
        for label in &diagnostic.secondary {
            place(sources, label, '-', &mut out);
        }
        if let Some(help) = &diagnostic.help {
            out.push_str(&format!("  help: {help}\n"));
        }
        for fix in &diagnostic.fixes {
            let edits: Vec<String> = fix.edits.iter().map(|edit| format!("{:?}", edit.text)).collect();
            out.push_str(&format!("  fix: {} [{}]\n", fix.title, edits.join(", ")));
        }
    }
    out
}

fn place(sources: &SourceMap, label: &Label, mark: char, out: &mut String) {
    let source = sources.get(label.at.source).expect("labels point into known texts");
    let position = source.position(label.at.span.start as usize);
    out.push_str(&format!("  {}:{}:{}\n", source.name(), position.line, position.column));
    let line = source.line_span(position.line as usize - 1).map_or("", |span| source.slice(span)).trim_end();
    let shown = line.replace('\t', " ");
    let left = line.chars().count().saturating_sub(position.column as usize - 1).max(1);
    let width = source.slice(label.at.span).lines().next().map_or(1, |text| text.chars().count()).clamp(1, left);
    let marks: String = std::iter::repeat_n(mark, width).collect();
    let text = format!("    | {}{marks} {}", " ".repeat(position.column as usize - 1), label.message);
    out.push_str(&format!("    | {shown}\n{}\n", text.trim_end()));
}

/// All solves of a request, in order.
pub(crate) fn solves(request: &Request) -> Vec<&Solve> {
    match request {
        Request::Nil => Vec::new(),
        Request::Solve(solve) => vec![solve],
        Request::Parallel(parts) | Request::Sequential(parts) => parts.iter().flat_map(solves).collect(),
    }
}

pub(crate) fn digests(definition: &pb::Definition) -> Vec<String> {
    definition.def.iter().map(|op| Digest::of(op).to_string()).collect()
}

/// A request as an indented list of the names of its vertices.
pub(crate) fn outline(request: &Request) -> String {
    let mut out = String::new();
    outline_into(request, 0, &mut out);
    out
}

fn outline_into(request: &Request, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match request {
        Request::Nil => out.push_str(&format!("{indent}nil\n")),
        Request::Parallel(parts) => {
            out.push_str(&format!("{indent}parallel\n"));
            parts.iter().for_each(|part| outline_into(part, depth + 1, out));
        }
        Request::Sequential(parts) => {
            out.push_str(&format!("{indent}sequential\n"));
            parts.iter().for_each(|part| outline_into(part, depth + 1, out));
        }
        Request::Solve(solve) => {
            for export in &solve.exports {
                let to = match &export.to {
                    ExportTo::Directory(path) => format!("directory {path}"),
                    ExportTo::Tar(path) => format!("tar {path}"),
                    ExportTo::OciTar(path) => format!("oci {path}"),
                    ExportTo::DockerTar { path, reference } => format!("docker {path} {reference}"),
                    ExportTo::DockerEngine(reference) => format!("load {reference}"),
                    ExportTo::Registry { reference, stargz } => format!("push {reference} stargz={stargz}"),
                };
                let written: Vec<String> = export.variants().iter().map(|it| vertices(&it.definition)).collect();
                out.push_str(&format!("{indent}export to {to}: {}\n", written.join(" & ")));
            }
            out.push_str(&format!("{indent}solve: {}\n", vertices(&solve.definition)));
        }
    }
}

/// The vertices of a definition by name, with the output that is asked for.
pub(crate) fn vertices(definition: &pb::Definition) -> String {
    if definition.def.is_empty() {
        return "scratch".to_owned();
    }
    let graph = Graph::load(definition).expect("what the compiler makes is valid");
    let names: Vec<&str> = graph.vertices.iter().map(|vertex| vertex.name.as_str()).collect();
    let output = graph.target.map_or(0, |(_, output)| output);
    let suffix = if output == 0 { String::new() } else { format!(" @{output}") };
    format!("{}{suffix}", names.join(" | "))
}

/// The only solve of a request.
pub(crate) fn single(request: &Request) -> &Solve {
    match request {
        Request::Solve(solve) => solve,
        other => panic!("expected one solve, got {}", outline(other)),
    }
}
