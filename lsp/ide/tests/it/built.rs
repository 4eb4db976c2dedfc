//! What becomes of programs.
//!
//! Owns the form in which two programs are compared: what each target and each test of a file gives, and what that does outside of
//! the build on the way, without the places that made it.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::testing::MemoryWorld;
use hlb_compiler::{
    CommandOutput, CompileErrors, Content, Options, ParameterInfo, Request, TargetCall, TargetInfo, TestOutcome, Type,
    World,
};
use hlb_language::diagnostic::Location;
use hlb_language::source::SourceId;
use hlb_language::span::Span;

/// Texts of files by path.
pub(crate) type Files = BTreeMap<Utf8PathBuf, String>;

/// What a program is.
pub(crate) struct Built {
    /// How often each code is told.
    pub(crate) told: BTreeMap<&'static str, usize>,
    /// What each target and test gives: a value, digests of its LLB, or the code of an error.
    pub(crate) gives: BTreeMap<String, String>,
}

/// Builds all of a file, twice what takes arguments: with as many, and with as few as can be.
pub(crate) fn built(files: &Files, entry: &Utf8Path) -> Built {
    let world = world(files, entry);
    let checked = hlb_compiler::check(&world, entry);
    let mut told = BTreeMap::new();
    checked.diagnostics.iter().for_each(|it| *told.entry(it.code.0).or_default() += 1);
    let mut gives = BTreeMap::new();
    let mut graphs = Vec::new();
    for target in checked.targets() {
        for call in calls(&target) {
            if matches!(target.ty, Type::Fs | Type::Pipeline) {
                graphs.push(call);
            } else {
                let value = hlb_compiler::evaluate(&world, &checked, &call, &options()).unwrap_or_else(|it| codes(&it));
                gives.insert(format!("{} {:?}", call.name, call.args), value + &effects(&world));
            }
        }
    }
    if !graphs.is_empty() {
        // All at once, as that is much faster.
        match hlb_compiler::compile(&world, &checked, &graphs, &options()) {
            Ok(request) => by_target(request, &mut gives),
            Err(_) => graphs.iter().for_each(|call| {
                let one = hlb_compiler::compile(&world, &checked, std::slice::from_ref(call), &options());
                *gives.entry(call.name.clone()).or_default() += &one.map_or_else(|it| codes(&it), digest);
            }),
        }
        // How often each was asked depends on which failed.
        drop(effects(&world));
    }
    let mut each = |it: TestOutcome| {
        let made = it.result.map_or_else(|error| error.code.0.to_owned(), digest);
        gives.insert(format!("test {}", it.name), made + &effects(&world));
    };
    let _ = hlb_compiler::test(&world, &checked, &|_| true, &options(), &mut |_| {}, &mut each);
    Built { told, gives }
}

/// Calls of a target that an argument can be made up for.
fn calls(target: &TargetInfo) -> Vec<TargetCall> {
    let both: &[bool] = if target.params.is_empty() { &[true] } else { &[false, true] };
    let call = |&optional: &bool| {
        let given = target.params.iter().filter(|param| optional || !param.optional);
        let args = given.map(|param| Some((param.name.clone(), argument(param)?))).collect::<Option<_>>()?;
        Some(TargetCall { name: target.name.clone(), args })
    };
    both.iter().filter_map(call).collect()
}

/// A machine that has an answer to everything.
fn world(files: &Files, entry: &Utf8Path) -> MemoryWorld {
    let mut world = MemoryWorld::new();
    world.cwd = entry.parent().expect("it is a file").to_owned();
    world.env.insert("IMAGE".to_owned(), "i".to_owned());
    world.pushed = Ok(format!("sha256:{}", "0a".repeat(32)));
    world.built = Some(BTreeMap::new());
    world.files.clone_from(files);
    world.files.extend(["src/main.c", "../../target/release/hlbc/hlbc"].map(|path| (path.into(), String::new())));
    for word in ["date", "first", "second"] {
        let stdout = format!("<{word}>");
        let said = CommandOutput { exit_code: 0, combined: stdout.clone(), stderr: String::new(), stdout };
        world.commands.insert(format!("/bin/sh -c {word}"), said);
    }
    world
}

fn options() -> Options {
    let world = MemoryWorld::new();
    Options { platform: world.host(), consent: world.consent(), calls: None }
}

/// What stands for a value of a parameter's type.
fn argument(param: &ParameterInfo) -> Option<Vec<String>> {
    let one = |ty: &Type| match ty {
        Type::String if param.name.starts_with("platform") => Some("linux/amd64".to_owned()),
        Type::String => Some("x".to_owned()),
        Type::Fs => Some("src".to_owned()),
        Type::Int => Some("3".to_owned()),
        Type::Enum(..) => param.words.first().cloned(),
        _ => None,
    };
    match &param.ty {
        Type::Bool => Some(Vec::new()),
        Type::List(item) => one(item).map(|it| vec![it.clone(), it]),
        Type::Optional(inner) => one(inner).map(|it| vec![it]),
        ty => one(ty).map(|it| vec![it]),
    }
}

/// The commands that were run, and the files that were looked for.
fn effects(world: &MemoryWorld) -> String {
    let (ran, reads) = (world.ran.take(), world.reads.take());
    let looks: Vec<_> = reads.iter().map(|it| format!("{:?}", it.what)).collect();
    if ran.is_empty() && looks.is_empty() { String::new() } else { format!(" {ran:?} {looks:?}") }
}

fn codes(errors: &CompileErrors) -> String {
    errors.0.iter().map(|error| error.code.0).collect::<Vec<_>>().join(" ")
}

/// The digest of what each target asks for.
fn by_target(request: Request, gives: &mut BTreeMap<String, String>) {
    let all = if let Request::Parallel(all) = request { all } else { vec![request] };
    for it in all {
        let name = first_target(&it).unwrap_or_default().to_owned();
        *gives.entry(name).or_default() += &digest(it);
    }
}

fn first_target(request: &Request) -> Option<&str> {
    match request {
        Request::Nil => None,
        Request::Parallel(all) | Request::Sequential(all) => all.iter().find_map(first_target),
        Request::Solve(solve) => Some(&solve.name),
    }
}

/// What is the same for requests that ask for the same.
fn digest(mut request: Request) -> String {
    let mut hasher = DefaultHasher::new();
    without_graphs(&mut request, &mut hasher);
    format!("{request:?}").hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Takes what depends on places out of a request, and graphs, of which the steps go into the digest.
fn without_graphs(request: &mut Request, hasher: &mut DefaultHasher) {
    match request {
        Request::Nil => {}
        Request::Parallel(all) | Request::Sequential(all) => all.iter_mut().for_each(|it| without_graphs(it, hasher)),
        Request::Solve(solve) => {
            let mut definitions = vec![&mut solve.definition];
            for export in &mut solve.exports {
                export.at = Location { source: SourceId(0), span: Span::at(0) };
                match &mut export.content {
                    Content::One(variant) => definitions.push(&mut variant.definition),
                    Content::Index(variants) => definitions.extend(variants.iter_mut().map(|it| &mut it.definition)),
                }
            }
            for definition in definitions {
                std::mem::take(definition).def.hash(hasher);
            }
        }
    }
}
