//! `hlbc update`.
//!
//! Owns what is evaluated for it, so that what the program names is known, and the words for what moved.

use hlb_compiler::{Checked, Platform, TargetInfo, World};
use hlb_modules::{Change, Mode};
use hlb_registry::Images;

use crate::config::Places;
use crate::error::{Failure, Kind};
use crate::program::{self, Kept};
use crate::report::Screen;
use crate::world::{OsWorld, Outside};
use crate::{cli, interrupt};

/// What keeps a target from being evaluated where nothing is built: a push, a frontend.
const BUILT: [&str; 2] = ["E0217", "E0218"];

pub(crate) fn update(args: &cli::Update, screen: Screen) -> Result<(), Failure> {
    let file = program::find(&args.program)?;
    let kept = Kept::open(&file, program::state(), Mode::Renew(args.names.clone()), &args.trust)?;
    let (tokio, cancel) = interrupt::start()?;
    let images = Images::new(Places::here().registries()?);
    let outside = || Outside {
        handle: tokio.handle().clone(),
        cancel: cancel.clone().into(),
        images: Some(&images),
        executor: None,
        runs: true,
        repositories: kept.repositories.clone(),
    };
    let world = kept.open_world(outside());
    let checked = program::check(&kept, &world, &file, screen)?;
    let all = evaluate(&world, &checked, args.platform.platform.as_ref(), screen);
    if cancel.is_cancelled() {
        return Err(interrupt::interrupted());
    }
    if args.prune {
        if !all {
            let failure =
                Failure::new(Kind::Usage, "not all targets can be evaluated here, so what they use is not known");
            return Err(failure.help("leave `--prune` away, or mend what was told above"));
        }
        kept.session.prune();
    }
    let others = Platform { os: "linux".into(), ..world.host() };
    let failed = kept.session.renew_others(&others, &outside());
    if cancel.is_cancelled() {
        return Err(interrupt::interrupted());
    }
    let unknown = kept.session.unknown();
    kept.save()?;
    super::print(moved(&kept.session.changes()).as_bytes())?;
    if let Some(text) = unknown.first() {
        return Err(Failure::new(Kind::Usage, format!("the program uses nothing that is called `{text}`"))
            .help("choose a name of hlb.lock, or its beginning without tag or ref"));
    }
    match failed.first() {
        Some((name, error)) => Err(Failure::new(Kind::Missing, format!("cannot tell what `{name}` stands for"))
            .because(error)
            .help("if nothing uses it any more, drop it with `hlbc update --prune`")),
        None => Ok(()),
    }
}

/// Evaluates each target that can be called, and tells what keeps it from being evaluated. Whether all were.
fn evaluate(world: &OsWorld<'_>, checked: &Checked, platform: Option<&cli::Platform>, screen: Screen) -> bool {
    let mut all = checked.absent().is_empty();
    let complete = |target: &TargetInfo| target.params.iter().all(|param| param.optional);
    for target in checked.targets().into_iter().filter(complete) {
        let Err(errors) = program::evaluate(world, checked, &[target.name.into()], platform) else { continue };
        all = false;
        if !errors.0.iter().all(|error| BUILT.contains(&error.code.0)) {
            screen.diagnostics(&checked.sources, &errors.0);
        }
    }
    all
}

fn moved(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "nothing has moved\n".to_owned();
    }
    let line = |change: &Change| match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!("{}: {before} -> {after}\n", change.name),
        (None, Some(after)) => format!("{}: new, {after}\n", change.name),
        (before, None) => format!("{}: dropped, was {}\n", change.name, before.as_deref().unwrap_or_default()),
    };
    changes.iter().map(line).collect()
}
