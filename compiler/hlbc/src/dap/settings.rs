//! What the client can set at all times, and what it hears of the program's text.
//!
//! Owns breakpoints as the protocol has them, how places are counted and files are called for the client, and what is answered while
//! no program runs.

use std::path::Path;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use hlb_compiler::Checked;
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::source::SourceId;
use serde_json::{Value, json};

use super::points::{self, Point, Wish};
use super::terms::Terms;
use super::wire::Request;
use super::{Adapter, Ended, Launch, fields};

impl Adapter {
    /// Says what is wrong with a program, with its place.
    pub(super) fn tell(&self, checked: &Checked, diagnostic: &Diagnostic) {
        let at = diagnostic.primary.at;
        let (line, column) = points::position(checked, at);
        let name = checked.sources.get(at.source).map_or("", |source| source.name());
        let kind = if diagnostic.is_error() { "error" } else { "warning" };
        let mut text = format!("{name}:{line}:{column}: {kind}[{}]: {}", diagnostic.code.0, diagnostic.message);
        if let Some(help) = &diagnostic.help {
            text.push_str(&format!("\n  help: {help}"));
        }
        self.say_at("stderr", &text, checked, at);
    }

    /// Says something of a place in the console.
    pub(super) fn say_at(&self, category: &str, text: &str, checked: &Checked, at: Location) {
        let (line, column) = self.place(points::shown_position(checked, at));
        let mut body = json!({"category": category, "output": format!("{text}\n"), "line": line, "column": column});
        if let (Some(path), Some(fields)) = (self.file_of(checked, at.source), body.as_object_mut()) {
            let name = checked.sources.get(at.source).map_or("", |source| source.name());
            fields.insert("source".to_owned(), json!({"name": name, "path": path}));
        }
        self.client.event("output", body);
    }

    /// The file of a text, as the client calls it; none if it is built in.
    pub(super) fn file_of(&self, checked: &Checked, source: SourceId) -> Option<String> {
        let file = points::file_of(checked, source)?;
        let named = self.directory.join(checked.sources.get(source)?.name());
        // In the directory of the program, and not where that leads: for an editor this would be another file. What leads up is
        // written out, unless that leads elsewhere, as it starts at a link.
        let plain = plain(&named);
        let is_same = std::fs::canonicalize(&plain).is_ok_and(|plain| plain == file);
        Some(if is_same { plain } else { Utf8PathBuf::from_path_buf(file).unwrap_or(named) }.into_string())
    }

    /// A line and a column, from 1 on, as the client counts them.
    pub(super) fn place(&self, (line, column): (usize, usize)) -> (usize, usize) {
        (line.saturating_sub(1) + self.first_line, column.saturating_sub(1) + self.first_column)
    }

    fn line(&self, from_one: usize) -> usize {
        self.place((from_one, 1)).0
    }

    /// A line of the client, from 1 on.
    fn own_line(&self, line: usize) -> usize {
        line.saturating_add(1).saturating_sub(self.first_line)
    }

    /// Hears what the client wants before the program runs. Gives how it has ended if it is not to run.
    pub(super) fn configured(&mut self, checked: &Checked) -> Option<Ended> {
        while let Some(request) = self.next() {
            match request.command.as_str() {
                "configurationDone" => {
                    self.client.reply(&request, json!({}));
                    return None;
                }
                "terminate" => {
                    self.client.reply(&request, json!({}));
                    self.client.event("terminated", json!({}));
                    return Some(self.over(checked));
                }
                _ if self.set(&request, checked) => {}
                other => {
                    let why = format!("`{other}` can be done when the program has stopped");
                    let ended = self.without_program(&request, false, &why);
                    if ended.is_some() {
                        return ended;
                    }
                }
            }
        }
        Some(Ended::Done)
    }

    /// What can be set at all times. Says whether the request was such.
    pub(super) fn set(&mut self, request: &Request, checked: &Checked) -> bool {
        let answer = match request.command.as_str() {
            "setBreakpoints" => self.set_breakpoints(&request.arguments, checked),
            "setFunctionBreakpoints" => self.set_functions(&request.arguments, checked),
            "setExceptionBreakpoints" => fields::texts(&request.arguments, "filters").map(|filters| {
                self.on_failed = filters.iter().any(|filter| filter == "failed");
                json!({})
            }),
            "breakpointLocations" => self.locations(&request.arguments, checked),
            _ => return false,
        };
        match answer {
            Ok(body) => self.client.reply(request, body),
            Err(why) => self.client.refuse(request, &why),
        }
        true
    }

    fn set_breakpoints(&mut self, arguments: &Value, checked: &Checked) -> Result<Value, String> {
        let path = path(arguments)?;
        let wanted = fields::list(arguments, "breakpoints")?.iter().map(|wanted| {
            let line = fields::number(wanted, "line")?.ok_or("a breakpoint has a `line`")?;
            Ok((Wish::Line(self.own_line(line)), Terms::of(wanted)?))
        });
        let wanted = wanted.collect::<Result<Vec<_>, String>>()?;
        Ok(self.placed(wanted, checked, |this, points| this.points.set_lines(checked, Path::new(path), points)))
    }

    fn set_functions(&mut self, arguments: &Value, checked: &Checked) -> Result<Value, String> {
        let wanted = fields::list(arguments, "breakpoints")?.iter().map(|wanted| {
            let name = fields::text(wanted, "name")?.ok_or("a breakpoint at a function has a `name`")?;
            Ok((Wish::Function(name.trim().to_owned()), Terms::of(wanted)?))
        });
        let wanted = wanted.collect::<Result<Vec<_>, String>>()?;
        Ok(self.placed(wanted, checked, |this, points| this.points.set_functions(checked, points)))
    }

    /// Sets the breakpoints that can be, and tells what has become of each.
    fn placed(
        &mut self,
        wanted: Vec<(Wish, Result<Terms, String>)>,
        checked: &Checked,
        set: impl FnOnce(&mut Self, Vec<Point>) -> Vec<Result<Location, String>>,
    ) -> Value {
        let mut points = Vec::new();
        let wanted = wanted.into_iter().map(|(wish, terms)| {
            let usable = terms.map(|terms| points.push(Point { wish: wish.clone(), terms }));
            (wish, usable)
        });
        let wanted: Vec<(Wish, Result<(), String>)> = wanted.collect();
        let mut placed = set(self, points).into_iter();
        let told = wanted.into_iter().map(|(wish, usable)| {
            let place = usable.and_then(|()| placed.next().unwrap_or_else(|| Err("it was not set".to_owned())));
            match place {
                Ok(at) => self.verified(&wish, at, checked),
                Err(why) => json!({"verified": false, "message": why}),
            }
        });
        json!({"breakpoints": told.collect::<Vec<_>>()})
    }

    fn verified(&self, wish: &Wish, at: Location, checked: &Checked) -> Value {
        let line = points::line_of(checked, at);
        let mut body = json!({"verified": true, "line": self.line(line)});
        let Some(fields) = body.as_object_mut() else { return body };
        match wish {
            Wish::Line(wanted) if *wanted != line => {
                let why = "there is no statement at the line; the next one below it is meant";
                fields.insert("message".to_owned(), why.into());
            }
            Wish::Line(_) => {}
            Wish::Function(_) => {
                if let Some(path) = self.file_of(checked, at.source) {
                    fields.insert("source".to_owned(), json!({"path": path}));
                }
            }
        }
        body
    }

    fn locations(&self, arguments: &Value, checked: &Checked) -> Result<Value, String> {
        let path = path(arguments)?;
        let from = fields::number(arguments, "line")?.ok_or("`line` is missing")?;
        let to = fields::number(arguments, "endLine")?.unwrap_or(from);
        let lines = points::lines(checked, Path::new(path), self.own_line(from), self.own_line(to));
        let places: Vec<Value> = lines.into_iter().map(|line| json!({"line": self.line(line)})).collect();
        Ok(json!({"breakpoints": places}))
    }

    /// Waits for the client to go when a program has ended. Its text is there still: breakpoints can be set.
    pub(super) fn over(&mut self, checked: &Checked) -> Ended {
        while let Some(request) = self.next() {
            if self.set(&request, checked) {
                continue;
            }
            if let Some(ended) = self.without_program(&request, true, "the program has ended: restart it") {
                return ended;
            }
        }
        Ended::Done
    }

    /// Answers what is asked while no program runs: before it does, when it has ended, and when there was none to run. `is_again`
    /// says whether there is one to run again; `why` is why all the rest cannot be done.
    pub(super) fn without_program(&self, request: &Request, is_again: bool, why: &str) -> Option<Ended> {
        match request.command.as_str() {
            "disconnect" => {
                self.client.reply(request, json!({}));
                return Some(Ended::Done);
            }
            "restart" if is_again => return self.again(request),
            "terminate" | "pause" => self.client.reply(request, json!({})),
            "threads" => self.client.reply(request, json!({"threads": []})),
            _ => self.client.refuse(request, why),
        }
        None
    }

    /// Answers that the program is run again, unless what it is to be is refused.
    pub(super) fn again(&self, request: &Request) -> Option<Ended> {
        match Launch::again(&request.arguments, &self.start) {
            Ok(launch) => {
                self.client.reply(request, json!({}));
                Some(Ended::Restart(launch))
            }
            Err(why) => {
                self.client.refuse(request, &why);
                None
            }
        }
    }
}

/// A path without the parts that lead up.
fn plain(path: &Utf8Path) -> Utf8PathBuf {
    let mut plain = Utf8PathBuf::new();
    for part in path.components() {
        match part {
            Utf8Component::ParentDir => drop(plain.pop()),
            Utf8Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

/// The file that breakpoints are in; an empty path for a text that is none.
fn path(arguments: &Value) -> Result<&str, String> {
    let source = arguments.get("source").ok_or("`source` is missing")?;
    Ok(fields::text(source, "path")?.unwrap_or_default())
}
