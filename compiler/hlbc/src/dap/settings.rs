//! What the client can set at all times, and what it hears of the program's text.
//!
//! Owns breakpoints as the protocol has them, and how places are counted for the client.

use std::path::Path;

use hlb_compiler::Checked;
use hlb_language::diagnostic::{Diagnostic, Location};
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
        if let (Some(path), Some(fields)) = (points::file_of(checked, at.source), body.as_object_mut()) {
            let name = checked.sources.get(at.source).map_or("", |source| source.name());
            fields.insert("source".to_owned(), json!({"name": name, "path": path}));
        }
        self.client.event("output", body);
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

    /// Hears what the client wants before the program runs. Says whether it is still there.
    pub(super) fn configured(&mut self, checked: &Checked) -> bool {
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
                if let Some(path) = points::file_of(checked, at.source) {
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

    /// Waits for the client to go when there is nothing to look at.
    pub(super) fn over(&mut self) -> Ended {
        while let Some(request) = self.next() {
            match request.command.as_str() {
                "disconnect" => {
                    self.client.reply(&request, json!({}));
                    return Ended::Done;
                }
                "restart" => match Launch::again(&request.arguments) {
                    Ok(launch) => {
                        self.client.reply(&request, json!({}));
                        return Ended::Restart(launch);
                    }
                    Err(why) => self.client.refuse(&request, &why),
                },
                "terminate" => self.client.reply(&request, json!({})),
                "threads" => self.client.reply(&request, json!({"threads": []})),
                _ => self.client.refuse(&request, "the program has ended"),
            }
        }
        Ended::Done
    }
}

/// The file that breakpoints are in; an empty path for a text that is none.
fn path(arguments: &Value) -> Result<&str, String> {
    let source = arguments.get("source").ok_or("`source` is missing")?;
    Ok(fields::text(source, "path")?.unwrap_or_default())
}
