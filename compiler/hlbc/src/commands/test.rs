//! `hlbc test`.
//!
//! Owns that each test stands by itself: it is evaluated, what it asks for is built, and the next one comes whatever became of it.

use std::time::{Duration, Instant};

use hlb_compiler::{Checked, TestOutcome};
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::source::SourceMap;
use hlb_runtime::Hints;

use crate::error::{Failure, Kind, harmless};
use crate::execute::Broken;
use crate::machine::{Building, Title};
use crate::paint::Paint;
use crate::report::Screen;
use crate::site::Site;
use crate::{cli, failure, interrupt, message, program};

/// Why a test failed.
struct Lost {
    name: String,
    /// What the program says.
    said: Option<Diagnostic>,
    /// The step that failed.
    step: Option<Box<Broken>>,
}

/// Where each test is told as it ends.
struct Table<'s> {
    screen: Screen,
    paint: Paint,
    sources: &'s SourceMap,
    passed: usize,
    lost: Vec<Lost>,
}

pub(crate) fn test(args: &cli::Test, screen: Screen) -> Result<(), Failure> {
    let (site, at_hand) = Site::open(&args.build, screen)?;
    let screen = site.screen;
    if let Some(checked) = &at_hand
        && !program::tests(checked).iter().any(|test| args.wants(&test.name))
    {
        return none(checked, args, screen);
    }
    let machine = site.machine()?;
    let text = format!("test {}{}", if args.exact { "--exact " } else { "" }, args.filter).trim_end().to_owned();
    let (building, world) = site.begin(&machine, Title { text, explain: false }, Hints::default())?;
    let checked = match site.complete(at_hand, &world) {
        Ok(checked) => checked,
        Err(failure) => return Err(building.refuse(failure)),
    };
    let sources = &checked.sources;
    let mut table = Table { screen, paint: Paint::stdout(), sources, passed: 0, lost: Vec::new() };
    let options = program::options(&world, args.build.platform.platform.as_ref());
    let begun = std::cell::Cell::new(Instant::now());
    let mut each = |outcome: TestOutcome| {
        if machine.cancel.is_cancelled() {
            return;
        }
        let (name, at) = (outcome.name.clone(), outcome.at);
        let lost = attempt(&building, outcome);
        table.add(&name, at, begun.get().elapsed(), lost);
    };
    let begin = &mut |_: &str| begun.set(Instant::now());
    let wanted = &|name: &str| args.wants(name);
    let tested = hlb_compiler::test(&world, &checked, wanted, &options, begin, &mut each);
    if let Err(errors) = tested {
        return Err(building.give_up(sources, screen, || program::tell(&errors, &checked, screen, &machine.cancel)));
    }
    let shared = building.share();
    let ended = building.abandon(table.lost.is_empty() && !machine.cancel.is_cancelled());
    if machine.cancel.is_cancelled() {
        return Err(interrupt::interrupted());
    }
    site.kept.save()?;
    for (number, lost) in table.lost.iter().enumerate() {
        if !screen.is_json() {
            let space = if number == 0 { "\n" } else { "" };
            screen.write(format!("{space}the test `{}` failed\n\n", harmless(&lost.name)).as_bytes());
        }
        if let Some(said) = &lost.said {
            screen.diagnostics(sources, std::slice::from_ref(said));
        }
        if let Some(step) = &lost.step {
            failure::tell(step, sources, &ended, screen).tell(&screen);
        }
    }
    table.end().and(shared)
}

/// Builds what a test asks for, and tells why it failed if it did. Then everything has been shown of how that went.
fn attempt(building: &Building<'_>, outcome: TestOutcome) -> Option<Lost> {
    let step = building.executor.broken();
    let (said, step) = match outcome.result {
        Ok(request) => (None, building.attempt(request).err()),
        Err(said) => (Some(said), step),
    };
    building.settle();
    (said.is_some() || step.is_some()).then_some(Lost { name: outcome.name, said, step })
}

/// Tells why no test is run.
fn none(checked: &Checked, args: &cli::Test, screen: Screen) -> Result<(), Failure> {
    let all: Vec<String> = program::tests(checked).iter().map(|test| format!("`{}`", harmless(&test.name))).collect();
    let why = match all.as_slice() {
        [] => "write `test \"…\" { assert … }` into the program".to_owned(),
        _ => {
            let filter = harmless(&args.filter);
            let is = if args.exact { "is none" } else { "is in no name" };
            format!("`{filter}` {is} of {}", all.join(", "))
        }
    };
    screen.write(format!("no tests: {why}\n").as_bytes());
    if screen.is_json() {
        screen.event(&message::tests(0, 0));
    }
    Ok(())
}

impl Table<'_> {
    /// Tells how one test ended.
    fn add(&mut self, name: &str, at: Location, took: Duration, lost: Option<Lost>) {
        let seconds = took.as_secs_f64();
        if self.screen.is_json() {
            self.screen.event(&message::test(self.sources, name, at, lost.is_none(), seconds));
        } else {
            let word = if lost.is_none() { self.paint.good("ok    ") } else { self.paint.bad("FAILED") };
            let took = self.paint.faint(&format!("({seconds:.1} s)"));
            let _ = super::print(format!("{word} {} {took}\n", harmless(name)).as_bytes());
        }
        match lost {
            Some(lost) => self.lost.push(lost),
            None => self.passed += 1,
        }
    }

    /// Tells how all of them ended.
    fn end(&self) -> Result<(), Failure> {
        let (passed, failed) = (self.passed, self.lost.len());
        if self.screen.is_json() {
            self.screen.event(&message::tests(passed, failed));
        } else {
            super::print(format!("{passed} passed, {failed} failed\n").as_bytes())?;
        }
        if failed == 0 { Ok(()) } else { Err(Failure::told(Kind::Build)) }
    }
}
