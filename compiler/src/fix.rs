//! Mending a program by the fixes that its diagnostics carry.
//!
//! Owns which fixes are applied, and that no file gets more errors by them. Writes nothing: it gives the new texts to who asked.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use hlb_language::diagnostic::{Applicability, Code, Diagnostic, Edit, Fix};
use hlb_language::source::{LineColumn, SourceId, SourceMap};

use crate::image::ImageConfig;
use crate::remote::{FoundModule, ModuleRequest, Origin, Pin, PinRequest};
use crate::world::{Command, CommandOutput, FileKind, ImageManifest, Platform, World, WorldError};
use crate::{Checked, Consent, check};

/// Fixes show what was hidden behind a mistake, which may have fixes again. Nobody has hidden more than this.
const MOST_ROUNDS: usize = 100;

/// A program after its fixes.
#[derive(Debug)]
pub struct Fixed {
    /// The program with its new texts, and what is still to be said of it.
    pub checked: Checked,
    /// The files that have other texts now, by their paths.
    pub files: Vec<FixedFile>,
    /// What was done, in order.
    pub applied: Vec<Applied>,
}

/// A file with another text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FixedFile {
    /// Where it is, as the program names it.
    pub path: Utf8PathBuf,
    /// The text that it had.
    pub before: String,
    /// The text that it is to get.
    pub after: String,
}

/// A fix that was applied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Applied {
    /// The code of what was wrong.
    pub code: Code,
    /// What was done, as a verb phrase.
    pub title: String,
    /// The file.
    pub file: String,
    /// Where the mistake was, in the text before it and those of its round were mended.
    pub at: LineColumn,
}

/// Applies the fixes of a program that are safe, and those that come to light by them. Of several that are in one
/// another's way the first is applied. A fix that would leave any file with more errors is not.
pub fn fix(world: &dyn World, entry: &Utf8Path) -> Fixed {
    let mut mender = Mender { world, entry, texts: BTreeMap::new() };
    let mut checked = mender.check();
    let mut applied = Vec::new();
    for _ in 0..MOST_ROUNDS {
        let fixes = mender.choose(&checked);
        let Some((tried, after, done)) = mender.attempt(&checked, &fixes) else { break };
        applied.extend(done.iter().filter_map(|chosen| chosen.told(&checked.sources)));
        (mender, checked) = (tried, after);
    }
    let files = mender.texts.into_iter().filter_map(|(path, after)| {
        let before = world.read_text(&path).ok()?;
        (before != after).then_some(FixedFile { path, before, after })
    });
    Fixed { files: files.collect(), checked, applied }
}

/// The program on the way, with the texts that are not written yet.
#[derive(Clone)]
struct Mender<'w> {
    world: &'w dyn World,
    entry: &'w Utf8Path,
    texts: BTreeMap<Utf8PathBuf, String>,
}

/// A fix of a diagnostic that shall be applied.
#[derive(Clone, Copy)]
struct Chosen<'d> {
    diagnostic: &'d Diagnostic,
    fix: &'d Fix,
}

impl Chosen<'_> {
    fn told(&self, sources: &SourceMap) -> Option<Applied> {
        let at = self.diagnostic.primary.at;
        let source = sources.get(at.source)?;
        Some(Applied {
            code: self.diagnostic.code,
            title: self.fix.title.clone(),
            file: source.name().to_owned(),
            at: source.position(at.span.start as usize),
        })
    }
}

impl<'w> Mender<'w> {
    fn check(&self) -> Checked {
        check(self, self.entry)
    }

    /// The safe fixes that can be applied together.
    fn choose<'d>(&self, checked: &'d Checked) -> Vec<Chosen<'d>> {
        let mut taken: Vec<&Edit> = Vec::new();
        let mut chosen = Vec::new();
        for diagnostic in &checked.diagnostics {
            let safe = diagnostic.fixes.iter().find(|fix| fix.applicability == Applicability::Safe);
            let Some(fix) = safe.filter(|fix| !fix.edits.is_empty()) else { continue };
            let free = |edit: &Edit| {
                let touches = |other: &&Edit| {
                    other.at.source == edit.at.source
                        && other.at.span.start <= edit.at.span.end
                        && edit.at.span.start <= other.at.span.end
                };
                !taken.iter().any(touches)
            };
            if fix.edits.iter().all(|edit| free(edit) && self.may_change(checked, edit)) {
                taken.extend(&fix.edits);
                chosen.push(Chosen { diagnostic, fix });
            }
        }
        chosen
    }

    /// Whether the text of an edit is that of a file: what comes with the compiler or from elsewhere is not ours to mend.
    fn may_change(&self, checked: &Checked, edit: &Edit) -> bool {
        let module = checked.program.modules.iter().find(|module| module.source == edit.at.source);
        let own = module.is_some_and(|module| module.origin == Origin::Client);
        own && checked.sources.get(edit.at.source).is_some_and(|source| {
            source.text().get(edit.at.span.range()).is_some()
                && self.read_text(Utf8Path::new(source.name())).is_ok_and(|text| text == source.text())
        })
    }

    /// Applies fixes, or some of them, if all together would make something worse.
    fn attempt<'f, 'd>(
        &self,
        before: &Checked,
        fixes: &'f [Chosen<'d>],
    ) -> Option<(Mender<'w>, Checked, &'f [Chosen<'d>])> {
        if fixes.is_empty() {
            return None;
        }
        let tried = self.with(&before.sources, fixes);
        let after = tried.check();
        if is_better(before, &after, fixes) {
            return Some((tried, after, fixes));
        }
        if fixes.len() == 1 {
            return None;
        }
        let (first, second) = fixes.split_at(fixes.len() / 2);
        self.attempt(before, first).or_else(|| self.attempt(before, second))
    }

    fn with(&self, sources: &SourceMap, fixes: &[Chosen<'_>]) -> Mender<'w> {
        let mut by_source: BTreeMap<SourceId, Vec<&Edit>> = BTreeMap::new();
        for edit in fixes.iter().flat_map(|chosen| &chosen.fix.edits) {
            by_source.entry(edit.at.source).or_default().push(edit);
        }
        let mut next = self.clone();
        for (id, mut edits) in by_source {
            let Some(source) = sources.get(id) else { continue };
            edits.sort_by_key(|edit| edit.at.span);
            let mut text = source.text().to_owned();
            for edit in edits.iter().rev().filter(|edit| source.text().get(edit.at.span.range()).is_some()) {
                text.replace_range(edit.at.span.range(), &edit.text);
            }
            next.texts.insert(source.name().into(), text);
        }
        next
    }
}

/// Whether each mistake is gone, nothing came in the place of an error, and no file has more errors.
fn is_better(before: &Checked, after: &Checked, fixes: &[Chosen<'_>]) -> bool {
    let count = |checked: &Checked, code| checked.diagnostics.iter().filter(|it| it.code == code).count();
    let gone = |chosen: &Chosen<'_>| {
        let code = chosen.diagnostic.code;
        count(after, code) < count(before, code)
    };
    let (had, has) = (errors_by_file(before), errors_by_file(after));
    let total = |errors: &BTreeMap<&str, usize>| errors.values().sum::<usize>();
    let fixed = fixes.iter().filter(|chosen| chosen.diagnostic.is_error()).count();
    let worse = |(file, number): (&&str, &usize)| *number > had.get(file).copied().unwrap_or_default();
    fixes.iter().all(gone) && total(&has) + fixed <= total(&had) && !has.iter().any(worse)
}

fn errors_by_file(checked: &Checked) -> BTreeMap<&str, usize> {
    let mut errors = BTreeMap::new();
    for error in checked.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()) {
        if let Some(source) = checked.sources.get(error.primary.at.source) {
            *errors.entry(source.name()).or_default() += 1;
        }
    }
    errors
}

/// The world as it would be with the new texts. What checking does not ask for is refused.
impl World for Mender<'_> {
    fn read_text(&self, path: &Utf8Path) -> Result<String, WorldError> {
        self.texts.get(path).map_or_else(|| self.world.read_text(path), |text| Ok(text.clone()))
    }

    fn stat(&self, path: &Utf8Path) -> Result<FileKind, WorldError> {
        self.world.stat(path)
    }

    fn files(&self, dir: &Utf8Path, include: &[String], exclude: &[String]) -> Result<Vec<Utf8PathBuf>, WorldError> {
        self.world.files(dir, include, exclude)
    }

    fn local_fingerprint(&self, dir: &Utf8Path, include: &[String], exclude: &[String]) -> Result<String, WorldError> {
        self.world.local_fingerprint(dir, include, exclude)
    }

    fn env(&self, key: &str) -> Option<String> {
        self.world.env(key)
    }

    fn cwd(&self) -> Result<Utf8PathBuf, WorldError> {
        self.world.cwd()
    }

    fn home(&self) -> Option<Utf8PathBuf> {
        self.world.home()
    }

    fn host(&self) -> Platform {
        self.world.host()
    }

    fn unique(&self) -> String {
        self.world.unique()
    }

    fn pin(&self, wanted: &PinRequest) -> Result<Option<Pin>, WorldError> {
        self.world.pin(wanted)
    }

    fn module(&self, wanted: &ModuleRequest<'_>) -> Result<FoundModule, WorldError> {
        self.world.module(wanted)
    }

    fn fetches(&self) -> bool {
        self.world.fetches()
    }

    fn consent(&self) -> Consent {
        self.world.consent()
    }

    fn run(&self, _: &Command) -> Result<CommandOutput, WorldError> {
        Err(WorldError::Refused { action: "running a command".to_owned() })
    }

    fn image_config(&self, reference: &str, platform: &Platform) -> Result<Option<ImageConfig>, WorldError> {
        self.world.image_config(reference, platform)
    }

    fn image_manifest(
        &self,
        reference: &str,
        platform: Option<&Platform>,
    ) -> Result<Option<ImageManifest>, WorldError> {
        self.world.image_manifest(reference, platform)
    }
}
