//! Which program a command works on.
//!
//! Owns finding `build.hlb`, what is kept beside it, and what becomes of the mistakes that the compiler finds.

use std::path::PathBuf;

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::{
    Applied, Checked, CompileErrors, Consent, FixedFile, Options, Platform, Request, TargetCall, World, hir,
};
use hlb_language::diagnostic::Diagnostic;
use hlb_modules::{Mode, Session};
use tokio_util::sync::CancellationToken;

use crate::cli::{self, FileArgs, ModuleArgs};
use crate::error::{Failure, Kind};
use crate::report::Screen;
use crate::world::{OsWorld, Outside};
use crate::{config, interrupt, reach, replace};

const NAME: &str = "build.hlb";

/// The codes of what a program names but cannot be had: a path on this machine, an image, a module, what a name stands for.
const MISSING: [&str; 5] = ["E0150", "E0151", "E0205", "E0207", "E0240"];
/// The code of what the lock file does not hold.
const NOT_LOCKED: &str = "E0241";
const NO_TARGET: &str = "E0201";
/// The codes of targets that cannot be built: there is none of the name, or it takes arguments.
const TARGETS: [&str; 2] = [NO_TARGET, "E0202"];

/// The program's file. One that is found above the working directory is worked on from its own directory, so that what a
/// program means does not depend on where in its tree one stands.
///
/// # Errors
/// If there is none.
pub(crate) fn find(args: &FileArgs) -> Result<Utf8PathBuf, Failure> {
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

/// What is kept about a program: its lock file, and modules of others.
pub(crate) struct Kept {
    pub(crate) session: Session,
    pub(crate) consent: Consent,
    /// Where repositories are kept.
    pub(crate) repositories: Option<PathBuf>,
    /// Whether the command only wants to know which modules there are, so that nobody needs to allow what they do.
    inspects: bool,
}

impl Kept {
    /// Reads what is kept. `state` is the state directory, if there is one.
    ///
    /// # Errors
    /// If a file of the program or of this machine cannot be used.
    pub(crate) fn open(file: &Utf8Path, state: Option<PathBuf>, mode: Mode, trust: &[String]) -> Result<Self, Failure> {
        let places = hlb_modules::Places::of(file, state.clone());
        let session = Session::open(&places, mode).map_err(|error| broken(&error))?;
        let session = session
            .with_vendor(&places)
            .map_err(|error| broken(&error).help("write the directory anew with `hlbc vendor`"))?;
        Self::of(session, state, trust)
    }

    /// The same without copies of modules beside the program.
    ///
    /// # Errors
    /// As [`Kept::open`].
    pub(crate) fn afresh(
        file: &Utf8Path,
        state: Option<PathBuf>,
        mode: Mode,
        trust: &[String],
    ) -> Result<Self, Failure> {
        let places = hlb_modules::Places::of(file, state.clone());
        Self::of(Session::open(&places, mode).map_err(|error| broken(&error))?, state, trust)
    }

    fn of(session: Session, state: Option<PathBuf>, trust: &[String]) -> Result<Self, Failure> {
        let mut consent = config::Places::here().consent()?;
        for rule in trust {
            consent.add(rule).map_err(|error| Failure::new(Kind::Usage, error.to_string()))?;
        }
        Ok(Self { session, consent, repositories: state.as_deref().map(reach::repositories), inspects: false })
    }

    /// The same for a command that only wants to know which modules there are.
    pub(crate) fn inspecting(self) -> Self {
        Self { inspects: true, ..self }
    }

    /// A world in which what is kept is used and nothing is fetched.
    pub(crate) fn quiet(&self) -> OsWorld<'_> {
        OsWorld::quiet().with(&self.session, &self.consent)
    }

    /// A world that fetches what is not at hand.
    pub(crate) fn open_world<'a>(&'a self, outside: Outside<'a>) -> OsWorld<'a> {
        OsWorld::open(outside).with(&self.session, &self.consent)
    }

    /// What was found of a program, as far as the command wants to know.
    pub(crate) fn judged(&self, checked: Checked) -> Checked {
        if self.inspects { checked.unjudged() } else { checked }
    }

    /// Writes down what was learnt.
    ///
    /// # Errors
    /// If the lock file cannot be written.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        self.session.save().map_err(|error| {
            broken(&error).help("let this user write there, or use `--locked` with a complete hlb.lock")
        })
    }
}

/// The mode of a command that may be told to add nothing.
pub(crate) fn mode(args: &ModuleArgs) -> Mode {
    if args.locked { Mode::Locked } else { Mode::Record }
}

/// The state directory of commands that have no option for it.
pub(crate) fn state() -> Option<PathBuf> {
    let root = config::Places::here().root(None).ok()?;
    std::path::absolute(root).ok()
}

fn broken(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::new(Kind::Environment, error.to_string())
}

/// Checks a program with what is at hand. None if modules are missing; nothing has been said then.
///
/// # Errors
/// If it has errors; they have been told.
pub(crate) fn look(kept: &Kept, file: &Utf8Path, screen: Screen) -> Result<Option<Checked>, Failure> {
    let checked = kept.judged(hlb_compiler::check(&kept.quiet(), file));
    if !checked.has_errors() && !checked.absent().is_empty() {
        return Ok(None);
    }
    judge(checked, screen).map(Some)
}

/// Checks a program and tells its mistakes.
///
/// # Errors
/// If it has errors; they have been told.
pub(crate) fn check(kept: &Kept, world: &OsWorld<'_>, file: &Utf8Path, screen: Screen) -> Result<Checked, Failure> {
    judge(kept.judged(hlb_compiler::check(world, file)), screen)
}

/// Changes the files of a program where a fix is sure. What is left is not told yet.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn fix(world: &OsWorld<'_>, file: &Utf8Path, screen: Screen) -> Result<Checked, Failure> {
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
    Ok(fixed.checked)
}

/// That all modules of a program are there.
///
/// # Errors
/// If not; they have been told.
pub(crate) fn complete(checked: Checked, screen: Screen) -> Result<Checked, Failure> {
    let absent = checked.absent();
    if absent.is_empty() {
        return Ok(checked);
    }
    screen.diagnostics(&checked.sources, &absent);
    screen.more(&absent);
    Err(Failure::told(Kind::Missing))
}

/// Tells what is to be said of a program that has been checked.
///
/// # Errors
/// If it has errors; they have been told.
pub(crate) fn judge(checked: Checked, screen: Screen) -> Result<Checked, Failure> {
    screen.diagnostics(&checked.sources, &checked.diagnostics);
    if checked.has_errors() {
        screen.more(&checked.diagnostics);
        return Err(Failure::told(kind(&checked.diagnostics)));
    }
    Ok(checked)
}

/// What sort of failure some errors are. Warnings beside them do not count.
fn kind(errors: &[Diagnostic]) -> Kind {
    let all = |codes: &[&str]| errors.iter().filter(|it| it.is_error()).all(|it| codes.contains(&it.code.0));
    if all(&MISSING) {
        Kind::Missing
    } else if all(&TARGETS) {
        Kind::Usage
    } else if all(&[NOT_LOCKED]) {
        Kind::Locked
    } else {
        Kind::Program
    }
}

/// Compiles targets and tells what is wrong with them.
///
/// # Errors
/// As [`evaluate`]; the errors have been told.
pub(crate) fn compile(
    world: &OsWorld<'_>,
    checked: &Checked,
    targets: &[TargetCall],
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
    world: &OsWorld<'_>,
    checked: &Checked,
    targets: &[TargetCall],
    platform: Option<&cli::Platform>,
) -> Result<Request, CompileErrors> {
    hlb_compiler::compile(world, checked, targets, &options(world, platform))
}

/// How to compile for a platform of the command line.
pub(crate) fn options(world: &OsWorld<'_>, platform: Option<&cli::Platform>) -> Options {
    let platform = match platform {
        Some(it) => Platform {
            os: it.os.as_str().into(),
            architecture: it.architecture.as_str().into(),
            variant: it.variant.as_str().into(),
        },
        // Whatever this machine is, containers are Linux.
        None => Platform { os: "linux".into(), ..world.host() },
    };
    Options { platform, consent: world.consent.clone(), calls: None }
}

/// The tests that a program has of itself.
pub(crate) fn tests(checked: &Checked) -> Vec<&hir::Test> {
    let own = |test: &&hir::Test| test.module == hir::ModuleId(0);
    checked.program.tests.iter().filter(own).collect()
}

/// Tells errors of a compilation. A target that does not exist is a mistake of the command line, what a program names but
/// cannot be had is told apart from its own mistakes.
pub(crate) fn tell(errors: &CompileErrors, checked: &Checked, screen: Screen, cancel: &CancellationToken) -> Failure {
    if cancel.is_cancelled() {
        return interrupt::interrupted();
    }
    if let [error] = errors.0.as_slice()
        && error.code.0 == NO_TARGET
        && !screen.is_json()
    {
        let names: Vec<String> = checked.targets().into_iter().map(|target| format!("`{}`", target.name)).collect();
        let known = format!("the targets are {}", names.join(", "));
        let wanted = error.message.split('`').nth(1).unwrap_or_default();
        let help = match &error.help {
            _ if wanted.contains('=') => format!("what a target is given stands behind it as options: `--{wanted}`"),
            Some(help) if help.ends_with('?') => format!("{help} {known}"),
            Some(help) if names.is_empty() => help.clone(),
            _ => format!("choose another: {known}"),
        };
        return Failure::new(Kind::Usage, error.message.clone()).help(help);
    }
    screen.diagnostics(&checked.sources, &errors.0);
    screen.more(&errors.0);
    Failure::told(kind(&errors.0))
}
