//! One run of a program.
//!
//! Owns where it stands among its moments, what the client is told of that, and when something is built.

use std::path::Path;

use hlb_compiler::debug::{MomentKind, Trace, trace};
use hlb_compiler::{Checked, Request as Wanted};
use hlb_language::diagnostic::Diagnostic;
use hlb_modules::Mode;
use hlb_runtime::Outcome;
use serde_json::{Value, json};

use super::build::{Builder, Failed};
use super::inspect::Shown;
use super::points::{self, Placed, Points};
use super::shell::Described;
use super::step::{Found, How, Moments, step};
use super::wire::Request;
use super::{Adapter, Ended, Ground, Launch, When};
use crate::program::{self, Kept};
use crate::world::Outside;
use crate::{cli, config};

/// The exit code of a program that has errors, and of one whose build fails.
const ERRORS: i32 = 3;
const FAILED: i32 = 1;

/// A program that is stepped through.
pub(super) struct Session<'s, 'p> {
    pub(super) adapter: &'s mut Adapter,
    pub(super) ground: &'s Ground,
    pub(super) launch: &'s Launch,
    pub(super) checked: &'p Checked,
    pub(super) builder: Option<&'s Builder<'s>>,
    pub(super) trace: Trace<'p>,
    /// Where it stands.
    pub(super) at: Option<usize>,
    /// What the client may ask for by number, until the program moves.
    pub(super) shown: Vec<Shown>,
    /// The step that has failed, and where.
    pub(super) failed: Option<(usize, Box<Failed>)>,
    /// What shells of this session are told.
    pub(super) shells: Vec<Described>,
    ended: bool,
}

/// Moments with the stops among them.
struct Way<'w, 'p> {
    trace: &'w Trace<'p>,
    points: &'w Points,
    on_failed: bool,
}

impl Moments for Way<'_, '_> {
    fn count(&self) -> usize {
        self.trace.len()
    }

    fn depth(&self, moment: usize) -> usize {
        self.trace.moment(moment).map_or(0, |moment| moment.depth)
    }

    fn is_stop(&self, moment: usize) -> bool {
        self.trace.moment(moment).is_some_and(|moment| match moment.kind {
            MomentKind::Before => self.points.has(moment.at),
            MomentKind::Return => false,
            MomentKind::Failed(_) => self.on_failed,
        })
    }
}

/// Runs a program until the client has enough of it. `asked` is the request that it came with, unless it is run again.
pub(super) fn run(adapter: &mut Adapter, ground: &Ground, launch: &Launch, asked: Option<Request>) -> Ended {
    let client = adapter.client.clone();
    let refuse = |why: &str| {
        match &asked {
            Some(asked) => client.refuse(asked, why),
            None => {
                client.say("stderr", why);
                client.event("terminated", json!({}));
            }
        }
        Ended::Refused
    };
    let root = match config::Places::here().root(launch.root.as_deref()).map(std::path::absolute) {
        Ok(Ok(root)) => root,
        Ok(Err(error)) => return refuse(&error.to_string()),
        Err(failure) => return refuse(&failure.words()),
    };
    let kept = match Kept::open(&launch.file, Some(root), Mode::Record, &[]) {
        Ok(kept) => kept,
        Err(failure) => return refuse(&failure.words()),
    };
    let title = format!("debug {}", launch.target);
    let builder = match ground.machine().map(|machine| Builder::new(machine, &client, title)).transpose() {
        Ok(builder) => builder,
        Err(why) => return refuse(&why),
    };
    let world = kept.open_world(Outside {
        handle: ground.handle(),
        cancel: adapter.waiting.begin(ground.cancel()),
        images: Some(ground.images()),
        executor: builder.as_ref().map(|builder| std::sync::Arc::clone(&builder.executor)),
        runs: true,
        repositories: kept.repositories.clone(),
    });
    let checked = hlb_compiler::check(&world, &launch.file);
    let absent = checked.absent();
    for diagnostic in checked.diagnostics.iter().chain(&absent) {
        adapter.tell(&checked, diagnostic);
    }
    if checked.has_errors() || !absent.is_empty() {
        return refuse(&format!("`{}` has errors; the debug console shows them", launch.file));
    }
    let mut calls = match cli::given(&launch.target, &launch.args).calls(&checked.targets()) {
        Ok(calls) => calls,
        Err(failure) => return refuse(&failure.words()),
    };
    let Some(call) = calls.pop().filter(|_| calls.is_empty()) else {
        return refuse("one target is debugged, and `args` name another");
    };
    let targets: Vec<String> = checked.targets().into_iter().map(|target| target.name).collect();
    if !targets.contains(&call.name) {
        let known = targets.join("`, `");
        return refuse(&format!("there is no target `{}` in `{}`; there are `{known}`", call.name, launch.file));
    }
    match &asked {
        Some(asked) => {
            client.reply(asked, json!({}));
            client.event("initialized", json!({}));
            if !adapter.configured(&checked) {
                return Ended::Done;
            }
        }
        None => adapter.points.resolve(&checked),
    }
    if launch.build != When::Never && !ground.why().is_empty() {
        client.say("important", &format!("nothing is built, and there are no files to see: {}", ground.why()));
    }
    let traced = trace(&world, &checked, &call, &program::options(&world, None));
    let trace = match traced {
        Ok(trace) => trace,
        Err(errors) => {
            errors.0.iter().for_each(|error| adapter.tell(&checked, error));
            client.event("exited", json!({"exitCode": ERRORS}));
            client.event("terminated", json!({}));
            return adapter.over();
        }
    };
    if trace.is_cut() {
        let count = trace.len();
        client.say("important", &format!("the program has more moments than can be kept: its first {count} are shown"));
    }
    let mut session = Session {
        adapter,
        ground,
        launch,
        checked: &checked,
        builder: builder.as_ref(),
        trace,
        at: None,
        shown: Vec::new(),
        failed: None,
        shells: Vec::new(),
        ended: false,
    };
    session.broken_on_the_way();
    let saved = kept.save();
    let ended = session.serve();
    let is_done = session.failed.is_none() && session.trace.outcome().is_ok();
    drop(session);
    if let Err(failure) = saved {
        client.say("stderr", &failure.words());
    }
    if let Some(builder) = builder
        && let Err(failure) = {
            drop(world);
            builder.end(if is_done { Outcome::Done } else { Outcome::Failed })
        }
    {
        client.say("stderr", &failure.words());
    }
    ended
}

impl Adapter {
    /// Says what is wrong with a program, with its place.
    fn tell(&self, checked: &Checked, diagnostic: &Diagnostic) {
        let at = diagnostic.primary.at;
        let (line, column) = points::position(checked, at);
        let name = checked.sources.get(at.source).map_or("", |source| source.name());
        let kind = if diagnostic.is_error() { "error" } else { "warning" };
        let mut text = format!("{name}:{line}:{column}: {kind}[{}]: {}\n", diagnostic.code.0, diagnostic.message);
        if let Some(help) = &diagnostic.help {
            text.push_str(&format!("  help: {help}\n"));
        }
        let mut body =
            json!({"category": "stderr", "output": text, "line": self.line(line), "column": self.line(column)});
        if let (Some(path), Some(fields)) = (points::file_of(checked, at.source), body.as_object_mut()) {
            fields.insert("source".to_owned(), json!({"name": name, "path": path}));
        }
        self.client.event("output", body);
    }

    /// A line or a column as the client counts them.
    pub(super) fn line(&self, from_one: usize) -> usize {
        (from_one + self.first).saturating_sub(1)
    }

    /// Hears what the client wants before the program runs. Says whether it is still there.
    fn configured(&mut self, checked: &Checked) -> bool {
        while let Some(request) = self.next() {
            match request.command.as_str() {
                "configurationDone" => {
                    self.client.reply(&request, json!({}));
                    return true;
                }
                "disconnect" | "terminate" => {
                    self.client.reply(&request, json!({}));
                    return false;
                }
                "threads" => self.client.reply(&request, json!({"threads": []})),
                _ => {
                    if !self.set(&request, checked) {
                        let why = format!("`{}` can be done when the program has stopped", request.command);
                        self.client.refuse(&request, &why);
                    }
                }
            }
        }
        false
    }

    /// What can be set at all times. Says whether the request was such.
    fn set(&mut self, request: &Request, checked: &Checked) -> bool {
        let path = request.arguments.get("source").and_then(|source| source.get("path")).and_then(Value::as_str);
        match request.command.as_str() {
            "setBreakpoints" => {
                let all = request.arguments.get("breakpoints").and_then(Value::as_array).into_iter().flatten();
                let lines = all.map(|it| it.get("line").and_then(Value::as_u64).unwrap_or(0));
                let lines =
                    lines.map(|line| usize::try_from(line).unwrap_or(usize::MAX).saturating_add(1 - self.first));
                let placed = self.points.set(checked, Path::new(path.unwrap_or_default()), lines.collect());
                let placed: Vec<Value> = placed
                    .into_iter()
                    .map(|placed| match placed {
                        Placed::Line(line) => json!({"verified": true, "line": self.line(line)}),
                        Placed::Nowhere(why) => json!({"verified": false, "message": why}),
                    })
                    .collect();
                self.client.reply(request, json!({"breakpoints": placed}));
            }
            "setExceptionBreakpoints" => {
                let filters = request.arguments.get("filters").and_then(Value::as_array);
                self.on_failed = filters.is_some_and(|all| all.iter().any(|it| it == "failed"));
                self.client.reply(request, json!({}));
            }
            "breakpointLocations" => {
                let from = request.number("line").saturating_add(1 - self.first);
                let to = request.number("endLine").saturating_add(1 - self.first).max(from);
                let lines = points::lines(checked, Path::new(path.unwrap_or_default()), from, to);
                let places: Vec<Value> = lines.into_iter().map(|line| json!({"line": self.line(line)})).collect();
                self.client.reply(request, json!({"breakpoints": places}));
            }
            _ => return false,
        }
        true
    }

    /// Waits for the client to go when there is nothing to look at.
    fn over(&mut self) -> Ended {
        while let Some(request) = self.next() {
            match request.command.as_str() {
                "disconnect" => {
                    self.client.reply(&request, json!({}));
                    return Ended::Done;
                }
                "restart" => {
                    self.client.reply(&request, json!({}));
                    return Ended::Restart;
                }
                "threads" => self.client.reply(&request, json!({"threads": []})),
                _ => self.client.refuse(&request, "the program has ended"),
            }
        }
        Ended::Done
    }
}

impl Session<'_, '_> {
    /// A step that has failed while the program was evaluated.
    fn broken_on_the_way(&mut self) {
        let broken = self.builder.and_then(|builder| Some((builder, builder.executor.broken()?)));
        if let Some((builder, broken)) = broken
            && self.trace.outcome().is_err()
        {
            self.failed = Some((self.trace.len().saturating_sub(1), builder.broken(&broken)));
        }
    }

    fn serve(&mut self) -> Ended {
        let name = format!("{} {}", self.launch.file, self.launch.target);
        self.adapter.client.event("process", json!({"name": name, "startMethod": "launch"}));
        self.adapter.client.event("thread", json!({"reason": "started", "threadId": 1}));
        if self.launch.no_debug {
            self.finish();
        } else if self.launch.stop_on_entry && !self.trace.is_empty() {
            self.stop(0, "entry");
        } else {
            self.go(How::Continue, "breakpoint");
        }
        while let Some(request) = self.adapter.next() {
            if let Some(ended) = self.answer(&request) {
                return ended;
            }
        }
        Ended::Done
    }

    fn answer(&mut self, request: &Request) -> Option<Ended> {
        let client = self.adapter.client.clone();
        let done = || client.reply(request, json!({}));
        let how = match request.command.as_str() {
            "next" => Some(How::Over),
            "stepIn" => Some(How::Into),
            "stepOut" => Some(How::Out),
            "stepBack" => Some(How::Back),
            "continue" => Some(How::Continue),
            "reverseContinue" => Some(How::Reverse),
            _ => None,
        };
        if let Some(how) = how {
            if self.ended {
                client.refuse(request, "the program has ended: restart it");
                return None;
            }
            client.reply(request, if how == How::Continue { json!({"allThreadsContinued": true}) } else { json!({}) });
            self.go(how, "step");
            return None;
        }
        match request.command.as_str() {
            "disconnect" => {
                done();
                return Some(Ended::Done);
            }
            "restart" => {
                done();
                return Some(Ended::Restart);
            }
            "terminate" => {
                done();
                self.end(FAILED);
            }
            // Whatever was being built has been ended by the reader: the program has stopped already.
            "pause" => done(),
            "threads" => client.reply(request, json!({"threads": [{"id": 1, "name": self.launch.target}]})),
            _ if self.adapter.set(request, self.checked) => {}
            _ => self.look(request),
        }
        None
    }

    fn go(&mut self, how: How, reason: &str) {
        let way = Way { trace: &self.trace, points: &self.adapter.points, on_failed: self.adapter.on_failed };
        match step(&way, self.at, how) {
            Found::Stop(moment) => self.stop(moment, "breakpoint"),
            Found::Step(moment) => self.stop(moment, reason),
            Found::Start => self.stop(0, "entry"),
            Found::End => self.finish(),
        }
    }

    /// Comes to a moment, builds what the program has made up to it, and tells the client.
    fn stop(&mut self, moment: usize, reason: &str) {
        self.move_to(moment);
        if self.launch.build == When::AtStops
            && let Some(builder) = self.builder
            && let Some(current) = self.trace.current(moment, 0)
            && let Some(solve) = self.trace.solve(current.id)
        {
            let cancel = self.adapter.waiting.begin(self.ground.cancel());
            match builder.contents(&solve, &cancel) {
                Ok(_) => {}
                Err(_) if cancel.is_cancelled() => {
                    self.adapter.client.say("important", "what is built was ended before it was done");
                }
                Err(failed) => return self.break_at(failed, moment),
            }
        }
        let failed = match self.trace.moment(moment).map(|moment| moment.kind) {
            Some(MomentKind::Failed(error)) => {
                self.adapter.tell(self.checked, &error);
                if let Some((_, failed)) = &self.failed {
                    self.adapter.client.say("stderr", &failed.text);
                }
                Some(error.message)
            }
            _ => None,
        };
        match failed {
            Some(message) => self.stopped("exception", Some(&message)),
            None => self.stopped(reason, None),
        }
    }

    fn move_to(&mut self, moment: usize) {
        self.at = Some(moment);
        self.shown.clear();
        self.trace.forget();
    }

    fn stopped(&self, reason: &str, text: Option<&str>) {
        let mut body = json!({"reason": reason, "threadId": 1, "allThreadsStopped": true});
        if let (Some(text), Some(fields)) = (text, body.as_object_mut()) {
            fields.insert("text".to_owned(), text.into());
            fields.insert("description".to_owned(), "Paused on a failure".into());
        }
        self.adapter.client.event("stopped", body);
    }

    /// Stops where the program asked for a step that has failed, at or before a moment.
    fn break_at(&mut self, failed: Box<Failed>, last: usize) {
        let at = self.place(&failed, last);
        self.move_to(at);
        self.adapter.client.say("stderr", &failed.text);
        let headline = failed.headline.clone();
        self.failed = Some((at, failed));
        self.stopped("exception", Some(&headline));
    }

    /// The moment of the statement that asked for a failed step: by its place, else by its line, innermost call first.
    fn place(&self, failed: &Failed, last: usize) -> usize {
        let all: Vec<(usize, &str, (usize, usize))> = (0..=last)
            .rev()
            .filter_map(|number| {
                let moment = self.trace.moment(number).filter(|moment| moment.kind == MomentKind::Before)?;
                let source = self.checked.sources.get(moment.at.source)?;
                Some((number, source.name(), points::position(self.checked, moment.at)))
            })
            .collect();
        for (file, line, column) in &failed.places {
            let exact = all.iter().find(|(_, name, at)| name == file && *at == (*line, *column));
            let near = || all.iter().find(|(_, name, at)| name == file && at.0 == *line);
            if let Some((number, ..)) = exact.or_else(near) {
                return *number;
            }
        }
        last
    }

    /// Does what is left when the program has come to its end.
    fn finish(&mut self) {
        let outcome = match self.trace.outcome() {
            Ok(request) => Ok(request.clone()),
            Err(error) => Err(error.clone()),
        };
        let code = match outcome {
            Err(error) => {
                // Where the program stops at errors, it has told this one.
                if !self.adapter.on_failed || self.launch.no_debug {
                    self.adapter.tell(self.checked, &error);
                }
                ERRORS
            }
            Ok(_) if self.failed.is_some() => FAILED,
            Ok(request) => match self.build(request) {
                Some(code) => code,
                None => return,
            },
        };
        self.end(code);
    }

    /// Builds everything. None if the program has stopped where that failed.
    fn build(&mut self, request: Wanted) -> Option<i32> {
        let Some(builder) = self.builder else { return Some(0) };
        let cancel = self.adapter.waiting.begin(self.ground.cancel());
        let Err(failed) = builder.execute(request, &cancel) else { return Some(0) };
        let last = self.trace.len().checked_sub(1).filter(|_| !self.launch.no_debug);
        match last {
            // Whoever wants more than a pause has sent that behind.
            Some(last) if cancel.is_cancelled() => {
                self.move_to(last);
                self.stopped("pause", None);
                return None;
            }
            _ if cancel.is_cancelled() => return Some(FAILED),
            Some(last) if self.adapter.on_failed => {
                self.break_at(failed, last);
                return None;
            }
            _ => {}
        }
        self.adapter.client.say("stderr", &failed.text);
        Some(FAILED)
    }

    fn end(&mut self, code: i32) {
        if !self.ended {
            self.ended = true;
            self.adapter.client.event("exited", json!({"exitCode": code}));
            self.adapter.client.event("terminated", json!({}));
        }
    }
}
