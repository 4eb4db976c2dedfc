//! Which program a command works on.
//!
//! Owns finding `build.hlb`, and what becomes of the mistakes that the compiler finds.

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::{Applied, Checked, CompileErrors, FixedFile, Options, Platform, Request, World};
use tokio_util::sync::CancellationToken;

use crate::cli::{self, ProgramArgs};
use crate::error::{Failure, Kind};
use crate::report::Screen;
use crate::world::OsWorld;
use crate::{interrupt, replace};

const NAME: &str = "build.hlb";

/// The codes of what a program names but cannot be had: a path on this machine, an image.
const MISSING: [&str; 2] = ["E0205", "E0207"];
const NO_TARGET: &str = "E0201";
/// The codes of targets that cannot be built: there is none of the name, or it takes arguments.
const TARGETS: [&str; 2] = [NO_TARGET, "E0202"];

/// The program's file. One that is found above the working directory is worked on from its own directory, so that what a
/// program means does not depend on where in its tree one stands.
///
/// # Errors
/// If there is none.
pub(crate) fn find(args: &ProgramArgs) -> Result<Utf8PathBuf, Failure> {
    if let Some(file) = &args.file {
        if let Err(error) = std::fs::metadata(file) {
            let failure = Failure::new(Kind::Usage, format!("cannot read the program `{file}`"));
            return Err(failure.because(error).help("name it with `-f FILE`"));
        }
        return Ok(file.clone());
    }
    let here = std::env::current_dir()
        .map_err(|error| Failure::new(Kind::Environment, "the working directory is gone").because(error))?;
    let Some(dir) = here.ancestors().find(|dir| dir.join(NAME).is_file()) else {
        return Err(Failure::new(Kind::Usage, format!("there is no `{NAME}` in `{}` or above it", here.display()))
            .help("name the program with `-f FILE`, or change into its directory"));
    };
    if dir != here {
        let moved = std::env::set_current_dir(dir);
        moved.map_err(|error| {
            Failure::new(Kind::Environment, format!("cannot change into `{}`", dir.display())).because(error)
        })?;
    }
    Ok(NAME.into())
}

/// Checks a program and tells its mistakes.
///
/// # Errors
/// If it has errors; they have been told.
pub(crate) fn check(world: &OsWorld, file: &Utf8Path, screen: Screen) -> Result<Checked, Failure> {
    let checked = hlb_compiler::check(world, file);
    judge(checked, screen)
}

/// Changes the files of a program where a fix is sure, and tells what is left.
///
/// # Errors
/// If it still has errors, which have been told, or a file cannot be written.
pub(crate) fn fix(world: &OsWorld, file: &Utf8Path, screen: Screen) -> Result<Checked, Failure> {
    let fixed = hlb_compiler::fix(world, file);
    for FixedFile { path, before, after } in &fixed.files {
        if world.read_text(path).as_ref() != Ok(before) {
            let failure = Failure::new(Kind::Environment, format!("`{path}` has changed while it was checked"));
            return Err(failure.help("run the command again"));
        }
        replace::file(path, after)?;
        let here: Vec<&Applied> = fixed.applied.iter().filter(|it| path == &it.file).collect();
        screen.fixed(&here);
    }
    judge(fixed.checked, screen)
}

/// Tells what is to be said of a program that has been checked.
fn judge(checked: Checked, screen: Screen) -> Result<Checked, Failure> {
    screen.diagnostics(&checked.sources, &checked.diagnostics);
    if checked.has_errors() {
        screen.more(&checked.diagnostics);
        return Err(Failure::told(Kind::Program));
    }
    Ok(checked)
}

/// Compiles targets and tells what is wrong with them.
///
/// # Errors
/// As [`evaluate`]; the errors have been told.
pub(crate) fn compile(
    world: &OsWorld,
    checked: &Checked,
    targets: &[String],
    platform: Option<&cli::Platform>,
    screen: Screen,
    cancel: &CancellationToken,
) -> Result<Request, Failure> {
    evaluate(world, checked, targets, platform).map_err(|errors| tell(&errors, checked, screen, cancel))
}

/// Compiles targets.
///
/// # Errors
/// If a target is unknown, the program goes wrong on the way, or something that it names cannot be had.
pub(crate) fn evaluate(
    world: &OsWorld,
    checked: &Checked,
    targets: &[String],
    platform: Option<&cli::Platform>,
) -> Result<Request, CompileErrors> {
    let platform = match platform {
        Some(it) => Platform { os: it.os.clone(), architecture: it.architecture.clone(), variant: it.variant.clone() },
        // Whatever this machine is, containers are Linux.
        None => Platform { os: "linux".to_owned(), ..world.host() },
    };
    hlb_compiler::compile(world, checked, targets, &Options { platform })
}

/// Tells errors of a compilation. A target that does not exist is a mistake of the command line, what a program names but
/// cannot be had is told apart from its own mistakes.
pub(crate) fn tell(errors: &CompileErrors, checked: &Checked, screen: Screen, cancel: &CancellationToken) -> Failure {
    if cancel.is_cancelled() {
        return interrupt::interrupted();
    }
    let all = |codes: &[&str]| errors.0.iter().all(|error| codes.contains(&error.code.0));
    if let [error] = errors.0.as_slice()
        && error.code.0 == NO_TARGET
        && !screen.is_json()
    {
        let names: Vec<String> = checked.targets().into_iter().map(|target| format!("`{}`", target.name)).collect();
        let known = format!("the targets are {}", names.join(", "));
        let help = match &error.help {
            Some(help) if help.ends_with('?') => format!("{help} {known}"),
            Some(help) if names.is_empty() => help.clone(),
            _ => format!("choose another: {known}"),
        };
        return Failure::new(Kind::Usage, error.message.clone()).help(help);
    }
    screen.diagnostics(&checked.sources, &errors.0);
    screen.more(&errors.0);
    Failure::told(if all(&MISSING) {
        Kind::Missing
    } else if all(&TARGETS) {
        Kind::Usage
    } else {
        Kind::Program
    })
}
