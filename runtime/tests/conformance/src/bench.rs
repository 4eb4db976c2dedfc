//! Everything that a group of cases needs, and the comparison.
//!
//! Owns the order: servers, inputs, engines; then each case, and at the end one report of all that is wrong.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use hlb_compiler::{Content, Export};

use crate::cases::{self, Case, Lack};
use crate::daemon::Daemon;
use crate::engines::{Form, Here, Product, Work};
use crate::foreign::{self, Foreign};
use crate::namespaces::Server;
use crate::there::There;
use crate::world::{self, CaseWorld};
use crate::{files, image_listing, images, listing, program, registry, repositories, sockets, web};

/// Servers and engines.
pub struct Bench {
    directory: PathBuf,
    tokio: tokio::runtime::Runtime,
    daemon: Daemon,
    _registry: Server,
    here: Here,
    there: There,
    /// How the machine's busybox is listed.
    busybox: String,
    wrong: Vec<String>,
    only: String,
    write: bool,
    lacks: Vec<Lack>,
    embedded_lacks: Vec<(String, String)>,
    differences: Vec<(String, Option<(u32, u32)>)>,
}

/// What one engine made of a case: the listing, or what it said when it failed.
type Outcome = Result<String, String>;

/// A graph to solve and what to make of it.
struct Step {
    title: String,
    work: Work,
    product: Product,
}

impl Bench {
    /// Starts all servers with their files in a directory.
    ///
    /// # Panics
    /// If one cannot be started.
    pub fn start(directory: &Path) -> Self {
        hlb_runtime::isolate().expect("these tests need root: run them with `cargo xtask ci`");
        let started = Instant::now();
        let daemon = Daemon::start(directory);
        let registry = registry::start(directory);
        images::push_all(directory);
        files::write(directory);
        sockets::start(directory);
        repositories::make(directory);
        web::start(directory);
        let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let here = tokio.block_on(Here::open(directory, &daemon.socket));
        let there = tokio.block_on(There::connect(&daemon));
        println!("the bench is up after {:.1} s", started.elapsed().as_secs_f64());
        Self {
            directory: directory.to_owned(),
            tokio,
            daemon,
            _registry: registry,
            here,
            there,
            busybox: listing::shown(&std::fs::read(images::BUSYBOX).unwrap()),
            wrong: Vec::new(),
            only: std::env::var("HLB_CONFORMANCE_NAME").unwrap_or_default(),
            write: std::env::var_os("HLB_CONFORMANCE_WRITE").is_some(),
            lacks: cases::lacks(),
            embedded_lacks: cases::embedded_lacks(),
            differences: cases::differences(),
        }
    }

    /// Runs the cases of a group.
    ///
    /// # Panics
    /// If the group has none.
    pub fn group(&mut self, group: &str) {
        let all = cases::all();
        let of_group: Vec<&Case> = all.iter().filter(|case| case.name.starts_with(&format!("{group}/"))).collect();
        assert!(!of_group.is_empty(), "there is no group `{group}`");
        for case in of_group {
            if case.name.contains(&self.only) {
                let (here, there) = match self.steps(case) {
                    Ok(steps) => self.outcomes(&case.name, &steps),
                    Err(error) => (Err(error.clone()), Err(error)),
                };
                self.judge(case, here, there);
            }
        }
    }

    /// Runs the cases that are graphs made by hand.
    pub fn foreign(&mut self) {
        for Foreign { case, definition } in foreign::all() {
            if case.name.contains(&self.only) {
                let work = Work { definition, ..Work::default() };
                let step = Step { title: "result".to_owned(), work, product: Product::Tree };
                let (here, there) = self.outcomes(&case.name, &[step]);
                self.judge(&case, here, there);
            }
        }
    }

    /// Reports what is wrong.
    ///
    /// # Panics
    /// If something is.
    pub fn end(self) {
        assert!(self.wrong.is_empty(), "{} cases are wrong:\n\n{}", self.wrong.len(), self.wrong.join("\n"));
    }

    /// Compiles a case.
    fn steps(&self, case: &Case) -> Result<Vec<Step>, String> {
        let world = CaseWorld { tokio: &self.tokio, images: Some(self.here.images()) };
        let solves = program::compile(&world, &self.directory, case)?;
        let mut steps = Vec::new();
        for solve in solves {
            let exported: BTreeSet<_> =
                solve.exports.iter().flat_map(Export::variants).map(|variant| variant.definition.def.clone()).collect();
            for export in &solve.exports {
                // BuildKit makes an index of the results of a frontend, and not of graphs that it is given.
                let Content::One(one) = &export.content else { return Err("it exports an index".to_owned()) };
                let product = Product::of(&export.to, world::to_json(&one.image));
                let title = title(&product);
                steps.push(Step { title, work: Work::new(&solve, one.definition.clone()), product });
            }
            if !exported.contains(&solve.definition.def) {
                let work = Work::new(&solve, solve.definition.clone());
                steps.push(Step { title: "result".to_owned(), work, product: Product::Tree });
            }
        }
        Ok(steps)
    }

    /// What both engines make of the same graphs.
    fn outcomes(&self, name: &str, steps: &[Step]) -> (Outcome, Outcome) {
        let started = Instant::now();
        let (mut here, mut there) = (Ok(String::new()), Ok(String::new()));
        for (at, step) in steps.iter().enumerate() {
            let made = self.step(step, &self.directory.join(format!("out/{name}.{at}")));
            for (whole, made) in [(&mut here, made.0), (&mut there, made.1)] {
                match (whole.as_mut(), made) {
                    (Err(_), _) => {}
                    (Ok(text), Ok(listed)) if steps.len() == 1 => *text = listed,
                    (Ok(text), Ok(listed)) => _ = write!(text, "== {}\n{listed}", step.title),
                    (Ok(_), Err(error)) => *whole = Err(error),
                }
            }
        }
        println!("{:>6.2} s  {name}", started.elapsed().as_secs_f64());
        (here, there)
    }

    fn step(&self, step: &Step, out: &Path) -> (Outcome, Outcome) {
        std::fs::create_dir_all(out).unwrap();
        let (to_here, to_there) = (out.join("here"), out.join("there"));
        let here = self.here.make(step.work.clone(), &step.product, &to_here);
        let there = self.there.make(step.work.clone(), &step.product, &to_there);
        match &step.product {
            // Both use one name in one place: one after the other.
            Product::Image(Form::Pushed(..), _) => {
                let here = self.tokio.block_on(here).and_then(|()| self.describe(&step.product, &to_here));
                (here, self.tokio.block_on(there).and_then(|()| self.describe(&step.product, &to_there)))
            }
            Product::Image(Form::Loaded(name), _) => {
                let save = |to: &Path| self.daemon.save(name, to).and_then(|()| self.describe(&step.product, to));
                let here = self.tokio.block_on(here).and_then(|()| save(&to_here));
                let there = self.tokio.block_on(there).and_then(|()| self.daemon.load(&to_there));
                (here, there.and_then(|()| save(&to_there)))
            }
            _ => {
                let (here, there) = self.tokio.block_on(async { tokio::join!(here, there) });
                let here = here.and_then(|()| self.describe(&step.product, &to_here));
                (here, there.and_then(|()| self.describe(&step.product, &to_there)))
            }
        }
    }

    /// What was made, as text that is the same on every machine.
    fn describe(&self, product: &Product, made: &Path) -> Outcome {
        Ok(listed(product, made)?.replace(&self.busybox, "(busybox)"))
    }

    /// Compares what came out with what is expected, and notes what is wrong.
    fn judge(&mut self, case: &Case, here: Outcome, there: Outcome) {
        if let Err(wrong) = self.compare(case, here, there) {
            println!("WRONG    {}", case.name);
            self.wrong.push(format!("--- {}: {}\n{wrong}\n", case.name, case.shows));
        }
    }

    fn compare(&self, case: &Case, here: Outcome, there: Outcome) -> Result<(), String> {
        let lack = self.lacks.iter().find(|lack| lack.case == case.name && self.daemon.version <= lack.until);
        if let Some(lack) = lack {
            fails("BuildKit, which is said to lack this,", there, &lack.says)?;
            return match &case.fails_here {
                Some(wanted) => fails("the embedded runtime", here, wanted),
                None => self.expect(
                    &case.name,
                    "tree",
                    &here.map_err(|error| format!("the embedded runtime fails: {error}"))?,
                ),
            };
        }
        let version = self.daemon.version;
        let differs = |(name, until): &(_, Option<_>)| *name == case.name && until.is_none_or(|until| version <= until);
        if self.differences.iter().any(differs) {
            // What BuildKit says names places that differ from run to run.
            let here = here.unwrap_or_else(|error| format!("fails: {error}\n"));
            let there = there.unwrap_or_else(|error| {
                println!("{}: BuildKit fails: {error}", case.name);
                "fails\n".to_owned()
            });
            if here == there {
                return Err("the engines agree, but differences.txt says that they differ".to_owned());
            }
            self.expect(&case.name, "tree", &here)?;
            return self.expect(&case.name, "buildkit.tree", &there);
        }
        if let (Some(wanted_here), Some(wanted_there)) = (&case.fails_here, &case.fails_there) {
            let here = fails("the embedded runtime", here, wanted_here).err();
            let there = fails("BuildKit", there, wanted_there).err();
            let wrong: Vec<String> = here.into_iter().chain(there).collect();
            return if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) };
        }
        if let (Err(here), Err(there)) = (&here, &there) {
            return Err(format!("both fail\n  embedded: {here}\n  BuildKit: {there}"));
        }
        if let Some((_, says)) = self.embedded_lacks.iter().find(|(name, _)| *name == case.name) {
            fails("the embedded runtime, which is said to lack this,", here, says)?;
            let there = there.map_err(|error| format!("BuildKit fails: {error}"))?;
            return self.expect(&case.name, "tree", &there);
        }
        let here = here.map_err(|error| format!("the embedded runtime fails: {error}"))?;
        let there = there.map_err(|error| format!("BuildKit fails: {error}"))?;
        if here != there {
            return Err(format!("the engines differ (- BuildKit, + embedded):\n{}", difference(&there, &here)));
        }
        self.expect(&case.name, "tree", &here)
    }

    fn expect(&self, name: &str, ending: &str, found: &str) -> Result<(), String> {
        let path = cases::directory().join(format!("{name}.{ending}"));
        let expected = std::fs::read_to_string(&path).ok();
        if expected.as_deref() == Some(found) {
            return Ok(());
        }
        if self.write {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, found).unwrap();
            return Ok(());
        }
        let Some(expected) = expected else { return Err(format!("there is no {name}.{ending}; found:\n{found}")) };
        let changes = difference(&expected, found);
        Err(format!("not what {name}.{ending} says (- expected, + found):\n{changes}"))
    }
}

fn fails(who: &str, outcome: Outcome, wanted: &str) -> Result<(), String> {
    match outcome {
        Err(said) if said.contains(wanted) => Ok(()),
        Err(said) => Err(format!("{who} fails in other words: {said}\n  wanted: {wanted}")),
        Ok(_) => Err(format!("{who} does not fail")),
    }
}

/// What must be taken from the old text and put in to have the new one, line by line.
fn difference(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    // For each two ends of the texts, how many lines they have in common.
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for at in (0..old.len()).rev() {
        for to in (0..new.len()).rev() {
            common[at][to] = match old[at] == new[to] {
                true => common[at + 1][to + 1] + 1,
                false => common[at + 1][to].max(common[at][to + 1]),
            };
        }
    }
    let (mut at, mut to, mut text) = (0, 0, String::new());
    while at < old.len() || to < new.len() {
        if at < old.len() && to < new.len() && old[at] == new[to] {
            (at, to) = (at + 1, to + 1);
        } else if to == new.len() || (at < old.len() && common[at + 1][to] >= common[at][to + 1]) {
            let _ = writeln!(text, "  - {}", old[at]);
            at += 1;
        } else {
            let _ = writeln!(text, "  + {}", new[to]);
            to += 1;
        }
    }
    text
}

fn title(product: &Product) -> String {
    match product {
        Product::Tree => "tar".to_owned(),
        Product::Directory => "directory".to_owned(),
        Product::Image(Form::Oci, _) => "OCI image".to_owned(),
        Product::Image(Form::Docker(name), _) => format!("Docker image {name}"),
        Product::Image(Form::Loaded(name), _) => format!("loaded {name}"),
        Product::Image(Form::Pushed(name, _), _) => format!("pushed {name}"),
    }
}

/// What was made, as text.
fn listed(product: &Product, made: &Path) -> Outcome {
    match product {
        Product::Tree => listing::list(std::fs::File::open(made).map_err(|error| error.to_string())?),
        Product::Directory => {
            let archive = made.with_extension("tar");
            let mut tar = std::process::Command::new("tar");
            tar.args(["--format=pax", "--xattrs", "--numeric-owner", "-cf"]).arg(&archive).arg("-C").arg(made).arg(".");
            crate::namespaces::run(&mut tar);
            listing::list(std::fs::File::open(archive).map_err(|error| error.to_string())?)
        }
        Product::Image(Form::Pushed(name, _), _) => {
            registry::pull(name, made);
            image_listing::list(made)
        }
        Product::Image(..) => image_listing::list_archive(made),
    }
}
