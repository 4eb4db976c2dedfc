//! Stepping through a program.
//!
//! Owns where it stands among its moments, what the client is told of that, and when something is built.

use hlb_compiler::debug::{MomentKind, Trace, trace};
use hlb_compiler::{Checked, Options, Request as Wanted, TargetCall, World};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::build::{Builder, Failed};
use super::inspect::Shown;
use super::points::{self, Points};
use super::shell::Described;
use super::step::{Found, How, Moments, step};
use super::wire::Request;
use super::{Adapter, Ended, Ground, Launch, When};

/// The exit code of a program that has errors, and of one whose build fails.
pub(super) const ERRORS: i32 = 3;
pub(super) const FAILED: i32 = 1;

/// What is evaluated.
pub(super) struct Program<'p> {
    pub(super) world: &'p dyn World,
    pub(super) call: TargetCall,
    pub(super) options: Options,
}

/// A program that is stepped through.
pub(super) struct Session<'s, 'p> {
    pub(super) adapter: &'s mut Adapter,
    pub(super) ground: &'s Ground,
    pub(super) launch: &'s Launch,
    pub(super) checked: &'p Checked,
    pub(super) builder: Option<&'s Builder<'s>>,
    program: Program<'p>,
    pub(super) trace: Trace<'p>,
    /// Whether the evaluation was ended on its way: there are more moments than the trace has.
    is_unfinished: bool,
    /// Where it stands.
    pub(super) at: Option<usize>,
    /// What the client may ask for by number, until the program moves.
    pub(super) shown: Vec<Shown>,
    /// How many numbers were given before: each is given once.
    pub(super) shown_before: usize,
    /// What has failed when something was built, and where.
    failed: Option<(usize, Box<Failed>)>,
    /// What has failed while the program was evaluated, and where that has ended it.
    broken: Option<(usize, Box<Failed>)>,
    /// Up to which moment all is said that is logged.
    logged_to: usize,
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
        self.points.has(moment)
            || self.on_failed
                && self.trace.moment(moment).is_some_and(|moment| matches!(moment.kind, MomentKind::Failed(_)))
    }
}

impl<'s, 'p> Session<'s, 'p> {
    pub(super) fn new(
        adapter: &'s mut Adapter,
        ground: &'s Ground,
        launch: &'s Launch,
        checked: &'p Checked,
        program: Program<'p>,
        builder: Option<&'s Builder<'s>>,
        trace: Trace<'p>,
    ) -> Self {
        Self {
            adapter,
            ground,
            launch,
            checked,
            builder,
            program,
            trace,
            is_unfinished: false,
            at: None,
            shown: Vec::new(),
            shown_before: 0,
            failed: None,
            broken: None,
            logged_to: 0,
            shells: Vec::new(),
            ended: false,
        }
    }

    /// Whether nothing has failed.
    pub(super) fn is_done(&self) -> bool {
        self.failed.is_none() && self.trace.outcome().is_ok()
    }

    /// What has failed at a moment.
    pub(super) fn failed_at(&self, moment: usize) -> Option<&Failed> {
        let all = self.failed.iter().chain(&self.broken);
        all.filter(|(at, _)| *at == moment).map(|(_, failed)| failed.as_ref()).next()
    }

    /// Looks at an evaluation that has come to its end, or to that of its token.
    fn evaluated(&mut self, cancel: &CancellationToken) {
        self.is_unfinished = self.trace.outcome().is_err() && cancel.is_cancelled();
        if self.is_unfinished {
            self.trace.was_interrupted();
            // A step that was ended has not failed.
            drop(self.builder.and_then(|builder| builder.executor.broken()));
        } else {
            self.broken_on_the_way();
        }
        if self.trace.is_cut() {
            let count = self.trace.len();
            let text = format!("the program has more moments than can be kept: its first {count} are shown");
            self.adapter.client.say("important", &text);
        }
    }

    /// Evaluates the program anew that was ended on its way, and says whether it can be stepped on from here.
    fn evaluate_again(&mut self) -> bool {
        let cancel = self.adapter.waiting.begin(self.ground.cancel());
        match trace(self.program.world, self.checked, &self.program.call, &self.program.options) {
            Ok(trace) => {
                self.trace = trace;
                self.adapter.points.forget();
                self.evaluated(&cancel);
                if self.is_unfinished {
                    self.pause();
                }
                !self.is_unfinished
            }
            Err(_) if cancel.is_cancelled() => {
                self.pause();
                false
            }
            Err(errors) => {
                errors.0.iter().for_each(|error| self.adapter.tell(self.checked, error));
                self.end(ERRORS);
                false
            }
        }
    }

    /// Stops where the evaluation was ended.
    fn pause(&mut self) {
        self.decide();
        self.log(self.trace.len());
        self.move_to(self.trace.len().saturating_sub(1));
        self.stopped("pause", None);
    }

    /// A step that has failed while the program was evaluated.
    fn broken_on_the_way(&mut self) {
        let broken = self.builder.and_then(|builder| Some((builder, builder.executor.broken()?)));
        self.broken = broken
            .filter(|_| self.trace.outcome().is_err())
            .map(|(builder, broken)| (self.trace.len().saturating_sub(1), builder.broken(&broken)));
    }

    /// Answers the client until it has enough. `cancel` was the token of the evaluation.
    pub(super) fn serve(&mut self, cancel: &CancellationToken) -> Ended {
        self.evaluated(cancel);
        let name = format!("{} {}", self.launch.file, self.launch.target);
        self.adapter.client.event("process", json!({"name": name, "startMethod": "launch"}));
        self.adapter.client.event("thread", json!({"reason": "started", "threadId": 1}));
        if self.launch.no_debug {
            self.finish();
        } else if self.is_unfinished {
            self.pause();
        } else if self.launch.stop_on_entry && !self.trace.is_empty() {
            self.stop(0, "entry");
        } else {
            self.go(How::Continue, "breakpoint");
        }
        while !self.ended {
            let Some(request) = self.adapter.next() else { return Ended::Done };
            if let Some(ended) = self.answer(&request) {
                return ended;
            }
        }
        self.adapter.over(self.checked)
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
            client.reply(request, if how == How::Continue { json!({"allThreadsContinued": true}) } else { json!({}) });
            self.go(how, "step");
            return None;
        }
        match request.command.as_str() {
            "disconnect" => {
                done();
                return Some(Ended::Done);
            }
            "restart" => return self.adapter.again(request),
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
        loop {
            self.decide();
            let way = Way { trace: &self.trace, points: &self.adapter.points, on_failed: self.adapter.on_failed };
            let found = step(&way, self.at, how);
            // Where it goes on is known when it is evaluated to its end.
            if found == Found::End && self.is_unfinished {
                if self.evaluate_again() {
                    continue;
                }
                return;
            }
            match found {
                // What is logged there is said again when it is gone on from there.
                Found::Stop(moment) | Found::Step(moment) if self.at.is_some_and(|at| moment < at) => {
                    self.logged_to = moment;
                }
                Found::Start => self.logged_to = 0,
                Found::Stop(moment) | Found::Step(moment) => self.log(moment + 1),
                Found::End => self.log(self.trace.len()),
            }
            return match found {
                Found::Stop(moment) => self.stop(moment, "breakpoint"),
                Found::Step(moment) => self.stop(moment, reason),
                Found::Start => self.stop(0, "entry"),
                Found::End => self.finish(),
            };
        }
    }

    /// Finds where breakpoints count, and says which have no answer.
    fn decide(&mut self) {
        for wrong in self.adapter.points.decide(&mut self.trace) {
            self.adapter.client.say("important", &wrong);
        }
    }

    /// Says what is logged on the way forward and was not said, up to in front of a moment.
    fn log(&mut self, end: usize) {
        if self.logged_to >= end {
            return;
        }
        let way = std::mem::replace(&mut self.logged_to, end)..end;
        for (moment, text) in self.adapter.points.logged(&mut self.trace, way) {
            if let Some(moment) = self.trace.moment(moment) {
                self.adapter.say_at("console", &text, self.checked, moment.at);
            }
        }
    }

    /// Comes to a moment, builds what the program has made up to it, and tells the client.
    fn stop(&mut self, moment: usize, reason: &str) {
        self.move_to(moment);
        let mut reason = reason;
        if self.launch.build == When::AtStops
            && let Some(builder) = self.builder
            && let Some(current) = self.trace.current(moment, 0)
            && let Some(solve) = self.trace.solve(current.id)
        {
            let cancel = self.adapter.waiting.begin(self.ground.cancel());
            match builder.contents(&solve, &cancel) {
                // What failed before has not failed now, as a step that depends on the time of day.
                Ok(_) => drop(self.failed.take_if(|(at, _)| *at <= moment)),
                Err(_) if cancel.is_cancelled() => {
                    self.adapter.client.say("important", "what is built was ended before it was done");
                    reason = "pause";
                }
                Err(failed) => return self.break_at(failed, moment),
            }
        }
        let failed = match self.trace.moment(moment).map(|moment| moment.kind) {
            Some(MomentKind::Failed(error)) => {
                self.adapter.tell(self.checked, &error);
                if let Some(failed) = self.failed_at(moment) {
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
        self.shown_before += self.shown.len();
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

    /// Stops where the program asked for a step that has failed, at or before a moment. If it does not stop where something
    /// fails, it ends.
    fn break_at(&mut self, failed: Box<Failed>, last: usize) {
        self.adapter.client.say("stderr", &failed.text);
        let at = self.place(&failed, last);
        let headline = failed.headline.clone();
        self.failed = Some((at, failed));
        if self.adapter.on_failed && !self.launch.no_debug && !self.trace.is_empty() {
            self.move_to(at);
            self.stopped("exception", Some(&headline));
        } else {
            self.end(FAILED);
        }
    }

    /// The moment of the statement that asked for a failed step: by its place, else by its line, innermost call first. Of an export,
    /// which is no step, that of its call.
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
        let is_export = |number: &usize| {
            let moment = self.trace.moment(*number).filter(|moment| moment.kind == MomentKind::Before);
            moment.is_some_and(|moment| Some(moment.at) == failed.export)
        };
        (0..=last).rev().find(is_export).unwrap_or(last)
    }

    /// Does what is left when the program has come to its end.
    fn finish(&mut self) {
        let outcome = match self.trace.outcome() {
            Ok(request) => Ok(request.clone()),
            Err(error) => Err(error.clone()),
        };
        let code = match outcome {
            Err(_) if self.is_unfinished => FAILED,
            Err(error) => {
                // Where the program stops at errors, it has told this one.
                if !self.adapter.on_failed || self.launch.no_debug {
                    self.adapter.tell(self.checked, &error);
                    if let Some((_, failed)) = &self.broken {
                        self.adapter.client.say("stderr", &failed.text);
                    }
                }
                ERRORS
            }
            Ok(_) if self.failed.is_some() => FAILED,
            Ok(request) => return self.build(request),
        };
        self.end(code);
    }

    /// Builds everything, and ends with that, unless it stops where that fails.
    fn build(&mut self, request: Wanted) {
        let Some(builder) = self.builder else { return self.end(0) };
        let cancel = self.adapter.waiting.begin(self.ground.cancel());
        let last = self.trace.len().saturating_sub(1);
        match builder.execute(request, &cancel) {
            Ok(()) => {
                if self.launch.no_debug {
                    builder.tell_totals();
                }
                self.end(0);
            }
            // Whoever wants more than a pause has sent that behind.
            Err(_) if cancel.is_cancelled() && !self.launch.no_debug && !self.trace.is_empty() => {
                self.move_to(last);
                self.stopped("pause", None);
            }
            Err(failed) if cancel.is_cancelled() => {
                self.failed = Some((last, failed));
                self.end(FAILED);
            }
            Err(failed) => self.break_at(failed, last),
        }
    }

    fn end(&mut self, code: i32) {
        if !self.ended {
            self.ended = true;
            self.adapter.client.event("exited", json!({"exitCode": code}));
            self.adapter.client.event("terminated", json!({}));
        }
    }
}
