//! `hlbc list`.
//!
//! Owns how targets and tests are shown. Nothing is run and nothing built for it.

use camino::Utf8Path;
use clap::CommandFactory;
use hlb_compiler::{Checked, Effect, ParameterInfo, TargetInfo, Type};
use serde_json::{Value, json};

use super::check;
use crate::cli::given::{self, element, placeholder};
use crate::cli::{self, Cli};
use crate::error::{Failure, harmless};
use crate::paint::Paint;
use crate::program;
use crate::report::Screen;

pub(crate) fn list(args: &cli::List, screen: Screen) -> Result<(), Failure> {
    let file = program::find(&args.program.at)?;
    let kept = check::opened(&file, &args.program.modules)?.inspecting();
    let checked = check::checked(&kept, &file, screen)?;
    let Some(file) = checked.program.entry().map(|entry| entry.path.as_path()) else { return Ok(()) };
    let shown = if args.json { format!("{:#}\n", json(file, &checked)) } else { text(file, &checked, Paint::stdout()) };
    super::print(shown.as_bytes())
}

/// Targets, those first that other files may use, and the names of tests.
fn text(file: &Utf8Path, checked: &Checked, paint: Paint) -> String {
    let (mut targets, tests) = (checked.targets(), program::tests(checked));
    if targets.is_empty() && tests.is_empty() {
        return format!("`{file}` has no targets and no tests\n");
    }
    targets.sort_by_key(|target| !target.exported);
    let mut blocks: Vec<String> = targets.iter().map(|it| target(it, paint)).collect();
    if !tests.is_empty() {
        let names = tests.iter().map(|test| format!("\n  {}", harmless(&test.name)));
        blocks.push(format!("{}{}\n", paint.strong("tests"), names.collect::<String>()));
    }
    blocks.join("\n")
}

fn target(it: &TargetInfo, paint: Paint) -> String {
    let mut about = vec![it.ty.to_string()];
    about.extend(it.exported.then(|| "exported".to_owned()));
    about.extend(it.bound.then(|| "bound with `as`".to_owned()));
    let mut shown = format!("{}  {}\n", paint.strong(&it.name), paint.faint(&about.join(", ")));
    if let Some(line) = first_line(it) {
        shown.push_str(&format!("  {}\n", harmless(line)));
    }
    let flags: Vec<String> = it.params.iter().map(flag).collect();
    let width = flags.iter().map(|flag| flag.chars().count()).max().unwrap_or_default();
    for (param, flag) in it.params.iter().zip(&flags) {
        let line = format!("  {flag:width$}  {}", paint.faint(&about_param(param)));
        shown.push_str(&format!("{}\n", line.trim_end()));
    }
    if it.params.iter().any(|param| given::is_own(&Cli::command(), &param.name)) {
        shown.push_str(&format!("  {}\n", paint.faint("write `--` before the flags: hlbc has options of those names")));
    }
    let does: Vec<&str> = it.effects.iter().map(Effect::describe).collect();
    if !does.is_empty() {
        shown.push_str(&format!("  {}\n", paint.faint(&does.join(", "))));
    }
    shown
}

/// A parameter as it is written on the command line.
fn flag(param: &ParameterInfo) -> String {
    match element(&param.ty) {
        Type::Bool => format!("--{}", param.name),
        _ => format!("--{} {}", param.name, placeholder(param)),
    }
}

fn about_param(param: &ParameterInfo) -> String {
    let many = matches!(param.ty, Type::List(_)).then_some("may be repeated");
    let needed = if param.optional { "optional" } else { "required" };
    [Some(needed), many].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn first_line(target: &TargetInfo) -> Option<&str> {
    target.doc.as_deref()?.lines().map(str::trim).find(|line| !line.is_empty())
}

fn json(file: &Utf8Path, checked: &Checked) -> Value {
    let param = |it: &ParameterInfo| json!({ "name": it.name, "type": it.ty.to_string(), "optional": it.optional, "words": it.words });
    let target = |it: &TargetInfo| {
        json!({
            "name": it.name,
            "type": it.ty.to_string(),
            "doc": it.doc,
            "exported": it.exported,
            "bound": it.bound,
            "parameters": it.params.iter().map(param).collect::<Vec<_>>(),
            "effects": it.effects.iter().map(Effect::name).collect::<Vec<_>>(),
        })
    };
    let tests: Vec<&str> = program::tests(checked).into_iter().map(|test| test.name.as_str()).collect();
    json!({
        "file": file.as_str(),
        "targets": checked.targets().iter().map(target).collect::<Vec<_>>(),
        "tests": tests,
    })
}
