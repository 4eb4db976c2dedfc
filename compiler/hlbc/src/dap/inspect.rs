//! What is seen where a program has stopped: calls, names, values, files.
//!
//! Owns the numbers by which the client asks for more, and the words of the console. Where the program stands is not its business.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hlb_compiler::debug::{MomentKind, Part, Question, Unneeded, ValueId, Variable};
use hlb_language::source::SourceId;
use hlb_runtime::{Contents, Entry};
use serde_json::{Value, json};

use super::session::Session;
use super::shell;
use super::wire::Request;
use super::{fields, points};
use crate::error::{harmless, in_words};

/// How many things are shown at once where the client asks for all.
const MOST: usize = 1000;
/// How much of a file is shown.
const LONGEST: u64 = 64 << 10;
/// How many characters of a value the console shows.
const WRITTEN: usize = 16 << 10;

/// What the client may ask for.
#[derive(Clone)]
pub(super) enum Shown {
    Names(usize, Part),
    /// The filesystem that the block of a frame has come to.
    Files(usize),
    /// A value with parts, and how many it has.
    Value(ValueId, Parts, usize),
    /// A filesystem as a value.
    Fs(ValueId),
    /// An argument that has not been needed.
    Lazy(ValueId),
    Directory(Arc<Contents>, PathBuf),
}

/// How the parts of a value are called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Parts {
    Elements,
    Named,
}

impl Parts {
    /// What the protocol calls them.
    fn filter(self) -> &'static str {
        match self {
            Self::Elements => "indexed",
            Self::Named => "named",
        }
    }
}

impl Session<'_, '_> {
    /// Answers what changes nothing.
    pub(super) fn look(&mut self, request: &Request) {
        let arguments = &request.arguments;
        let answer = match request.command.as_str() {
            "stackTrace" => self.stack(arguments),
            "scopes" => self.scopes(arguments),
            "variables" => self.variables(arguments),
            "evaluate" => self.evaluate(arguments),
            "exceptionInfo" => self.exception(),
            "source" => self.source(arguments),
            "loadedSources" => Ok(json!({"sources": self.sources()})),
            other => Err(format!("`{other}` is not supported")),
        };
        match answer {
            Ok(body) => self.adapter.client.reply(request, body),
            Err(why) => self.adapter.client.refuse(request, &why),
        }
    }

    fn stack(&self, arguments: &Value) -> Result<Value, String> {
        let skip = fields::number(arguments, "startFrame")?.unwrap_or(0);
        let take = fields::number(arguments, "levels")?.filter(|levels| *levels > 0).unwrap_or(MOST);
        let frames =
            self.at.map_or_else(Vec::new, |at| self.trace.frames(at, skip.saturating_add(take).saturating_add(1)));
        let total = frames.len();
        let frames: Vec<Value> = frames
            .into_iter()
            .enumerate()
            .skip(skip)
            .take(take)
            .map(|(number, frame)| {
                let (line, column) = self.adapter.place(points::shown_position(self.checked, frame.at));
                json!({
                    "id": number + 1, "name": frame.name, "source": self.source_of(frame.at.source),
                    "line": line, "column": column,
                })
            })
            .collect();
        Ok(json!({"stackFrames": frames, "totalFrames": total}))
    }

    /// The frame that is asked about; the innermost if none is named.
    ///
    /// # Errors
    /// If there is no such frame where the program stands.
    fn frame(&self, at: usize, arguments: &Value) -> Result<usize, String> {
        let Some(id) = fields::number(arguments, "frameId")? else { return Ok(0) };
        let frame = id.checked_sub(1).filter(|frame| self.trace.frames(at, id).len() > *frame);
        frame.ok_or_else(|| format!("there is no call with the number {id} here"))
    }

    fn source_of(&self, source: SourceId) -> Value {
        let name = self.checked.sources.get(source).map_or("", |source| source.name());
        match self.adapter.file_of(self.checked, source) {
            Some(path) => json!({"name": name, "path": path}),
            None => json!({"name": name, "sourceReference": source.0 + 1}),
        }
    }

    fn sources(&self) -> Vec<Value> {
        self.checked.program.modules.iter().map(|module| self.source_of(module.source)).collect()
    }

    fn source(&self, arguments: &Value) -> Result<Value, String> {
        let inner = arguments.get("source").unwrap_or(&Value::Null);
        let number = match fields::number(arguments, "sourceReference")? {
            None | Some(0) => fields::number(inner, "sourceReference")?,
            number => number,
        };
        let number = u32::try_from(number.unwrap_or(0)).unwrap_or(0);
        let source = number.checked_sub(1).and_then(|number| self.checked.sources.get(SourceId(number)));
        source.map(|source| json!({"content": source.text()})).ok_or_else(|| "there is no such text".to_owned())
    }

    fn exception(&self) -> Result<Value, String> {
        let at = self.at.ok_or("the program has not stopped")?;
        if let Some(failed) = self.failed_at(at) {
            return Ok(json!({
                "exceptionId": failed.headline, "description": failed.text, "breakMode": "always",
            }));
        }
        match self.trace.moment(at).map(|moment| moment.kind) {
            Some(MomentKind::Failed(error)) => {
                let help = error.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
                let text = format!("{}{help}", error.message);
                Ok(json!({"exceptionId": error.code.0, "description": text, "breakMode": "always"}))
            }
            _ => Err("nothing has failed here".to_owned()),
        }
    }

    /// Notes what may be asked for, and gives its number.
    fn show(&mut self, shown: Shown) -> usize {
        self.shown.push(shown);
        self.shown_before + self.shown.len()
    }

    fn scopes(&mut self, arguments: &Value) -> Result<Value, String> {
        let at = self.at.ok_or("the program has not stopped")?;
        let frame = self.frame(at, arguments)?;
        let mut scopes = Vec::new();
        // Editors open the first one by themselves.
        for (part, name, hint) in [
            (Part::Names, "Names", Some("locals")),
            (Part::Arguments, "Arguments", Some("arguments")),
            (Part::Options, "Options", None),
        ] {
            if part != Part::Names && self.trace.variables(at, frame, part).is_empty() {
                continue;
            }
            let reference = self.show(Shown::Names(frame, part));
            let mut scope = json!({"name": name, "variablesReference": reference, "expensive": false});
            if let (Some(hint), Some(fields)) = (hint, scope.as_object_mut()) {
                fields.insert("presentationHint".to_owned(), hint.into());
            }
            scopes.push(scope);
        }
        if self.trace.current(at, frame).is_some_and(|current| current.is_fs) {
            let reference = self.show(Shown::Files(frame));
            scopes.push(json!({"name": "Files", "variablesReference": reference, "expensive": true}));
        }
        Ok(json!({"scopes": scopes}))
    }

    fn variables(&mut self, arguments: &Value) -> Result<Value, String> {
        let at = self.at.ok_or("the program has not stopped")?;
        let reference = fields::number(arguments, "variablesReference")?.unwrap_or(0);
        let shown = reference.checked_sub(self.shown_before + 1).and_then(|number| self.shown.get(number));
        let shown = shown.cloned().ok_or("this was shown at an earlier stop, or never")?;
        let start = fields::number(arguments, "start")?.unwrap_or(0);
        let count = fields::number(arguments, "count")?.filter(|count| *count > 0);
        let range = start..start.saturating_add(count.unwrap_or(MOST));
        if let (Shown::Value(_, parts, _), Some(filter)) = (&shown, fields::text(arguments, "filter")?)
            && filter != parts.filter()
        {
            return Ok(json!({"variables": []}));
        }
        let variables = match shown {
            Shown::Names(frame, part) => {
                let mut all = self.trace.variables(at, frame, part);
                if part == Part::Names {
                    all.extend(self.trace.current(at, frame));
                }
                all.into_iter().map(|it| self.variable(it)).collect()
            }
            Shown::Value(id, _, whole) => {
                let all = self.trace.children(id, range.clone());
                let mut variables: Vec<Value> = all.into_iter().map(|it| self.variable(it)).collect();
                // Whoever asks for a part knows of the rest.
                if count.is_none() && whole > range.end {
                    variables.push(rest(whole - range.end));
                }
                variables
            }
            Shown::Lazy(id) => {
                self.adapter.waiting.begin(self.ground.cancel());
                let found = self.trace.force(id).map_err(|error| error.message)?;
                vec![self.variable(Variable { name: "value".to_owned(), ..found })]
            }
            Shown::Files(frame) => {
                let current = self.trace.current(at, frame).ok_or("there is no filesystem yet")?;
                let contents = self.contents(current.id)?;
                self.directory(&contents, Path::new("/"), range, count.is_none())?
            }
            Shown::Fs(id) => {
                let contents = self.contents(id)?;
                self.directory(&contents, Path::new("/"), range, count.is_none())?
            }
            Shown::Directory(contents, path) => self.directory(&contents, &path, range, count.is_none())?,
        };
        Ok(json!({"variables": variables}))
    }

    fn variable(&mut self, variable: Variable) -> Value {
        let Variable { name, ty, shown, lazy, children, is_list, is_fs, id } = variable;
        let parts = if is_list { Parts::Elements } else { Parts::Named };
        let reference = match (lazy, is_fs, children) {
            (true, ..) => self.show(Shown::Lazy(id)),
            (_, true, _) => self.show(Shown::Fs(id)),
            (_, _, 0) => 0,
            _ => self.show(Shown::Value(id, parts, children)),
        };
        let mut body = json!({"name": name, "type": ty, "value": shown, "variablesReference": reference});
        if let Some(fields) = body.as_object_mut() {
            if lazy {
                fields.insert("presentationHint".to_owned(), json!({"lazy": true}));
            } else if children > 0 {
                let count = if is_list { "indexedVariables" } else { "namedVariables" };
                fields.insert(count.to_owned(), children.into());
            }
        }
        body
    }

    /// The files of a filesystem, which is built if it is not there.
    fn contents(&self, id: ValueId) -> Result<Arc<Contents>, String> {
        let builder = self.builder.ok_or_else(|| format!("there are no files to see: {}", self.ground.why()))?;
        let solve = self.trace.solve(id).ok_or("this is no filesystem")?;
        let cancel = self.adapter.waiting.begin(self.ground.cancel());
        builder.contents(&solve, &cancel).map_err(|failed| failed.text)
    }

    fn directory(
        &mut self,
        contents: &Arc<Contents>,
        path: &Path,
        range: std::ops::Range<usize>,
        is_whole: bool,
    ) -> Result<Vec<Value>, String> {
        let entries = contents.read_dir(path, "").map_err(|error| in_words(&error.to_string()))?;
        let left = entries.len().saturating_sub(range.end);
        let entries = entries.into_iter().skip(range.start).take(range.len());
        let mut variables = Vec::new();
        for entry in entries {
            let inner = path.join(&entry.name);
            let is_directory = is_directory(&entry);
            let reference = if is_directory { self.show(Shown::Directory(Arc::clone(contents), inner)) } else { 0 };
            let name = harmless(&String::from_utf8_lossy(entry.name.as_bytes()));
            variables.push(json!({"name": name, "value": described(&entry), "variablesReference": reference}));
        }
        if is_whole && left > 0 {
            variables.push(rest(left));
        }
        Ok(variables)
    }

    fn evaluate(&mut self, arguments: &Value) -> Result<Value, String> {
        let at = self.at.ok_or("the program has not stopped")?;
        let frame = self.frame(at, arguments)?;
        let expression = fields::text(arguments, "expression")?.unwrap_or_default().trim();
        let (word, rest) = expression.split_once(char::is_whitespace).unwrap_or((expression, ""));
        let context = fields::text(arguments, "context")?;
        let is_console = context == Some("repl");
        let text = match word {
            "ls" | "cat" if is_console => self.read(at, frame, word, rest.trim())?,
            "exec" if is_console => self.shell(at, frame)?,
            "help" if is_console => HELP.to_owned(),
            _ => {
                let question = Question::parse(expression)?;
                // A pointer that rests on a name asks for nothing to be evaluated.
                let unneeded = if context == Some("hover") { Unneeded::Leave } else { Unneeded::Find };
                self.adapter.waiting.begin(self.ground.cancel());
                let found = self.trace.ask(at, frame, &question, unneeded)?;
                let whole = is_console.then(|| self.trace.written(found.id, WRITTEN)).flatten();
                let shown = self.variable(found);
                let field = |name: &str| shown.get(name).cloned().unwrap_or_default();
                let mut body = shown.clone();
                if let Some(fields) = body.as_object_mut() {
                    fields.remove("name");
                    fields.remove("value");
                    fields.insert("result".to_owned(), whole.map_or_else(|| field("value"), Value::from));
                }
                return Ok(body);
            }
        };
        Ok(json!({"result": text, "variablesReference": 0}))
    }

    fn read(&mut self, at: usize, frame: usize, word: &str, path: &str) -> Result<String, String> {
        let current = self.trace.current(at, frame).filter(|current| current.is_fs);
        let current = current.ok_or("this block has no filesystem yet")?;
        let process = self.trace.process(current.id).unwrap_or_default();
        let contents = self.contents(current.id)?;
        let path = Path::new(&process.cwd).join(path);
        let failed = |error: std::io::Error| format!("`{}`: {}", path.display(), in_words(&error.to_string()));
        if word == "cat" {
            let bytes = contents.read_file(&path, 0, Some(LONGEST), LONGEST).map_err(failed)?;
            let mut text = harmless(&String::from_utf8_lossy(&bytes));
            if bytes.len() as u64 == LONGEST {
                text.push_str("\n… these are the first 64 KiB");
            }
            return Ok(text);
        }
        let entries = contents.read_dir(&path, "").map_err(failed)?;
        let lines = entries.iter().take(MOST).map(|entry| {
            let name = harmless(&String::from_utf8_lossy(entry.name.as_bytes()));
            format!("{}  {name}", described(entry))
        });
        let mut lines: Vec<String> = lines.collect();
        if entries.len() > MOST {
            lines.push(format!("… and {} more", entries.len() - MOST));
        }
        Ok(lines.join("\n"))
    }

    /// Asks the client for a terminal with a shell in it: where a step failed if its files were kept, else in the filesystem
    /// that the block has come to.
    fn shell(&mut self, at: usize, frame: usize) -> Result<String, String> {
        if !self.adapter.terminal {
            return Err("this editor offers no terminal for a shell".to_owned());
        }
        let root = self.launch.root.as_ref().map(|root| root.as_str());
        let kept = self.failed_at(at).and_then(|failed| failed.kept);
        let (words, told) = match kept {
            Some(kept) if frame == 0 => (shell::at_failure(kept, root), "a shell where the step failed"),
            _ => {
                let current = self.trace.current(at, frame).filter(|current| current.is_fs);
                let current = current.ok_or("this block has no filesystem yet")?;
                self.contents(current.id)?;
                let solve = self.trace.solve(current.id).ok_or("this is no filesystem")?;
                let process = self.trace.process(current.id).unwrap_or_default();
                let machine = self.ground.machine().ok_or("nothing is built here")?;
                let lent = machine.runtime.state().lent_dir();
                let here = &self.launch.directory;
                let described =
                    lent.and_then(|lent| shell::describe(&solve, &process, (here, &lent), self.shells.len()));
                let described = described
                    .map_err(|error| format!("cannot describe the filesystem: {}", in_words(&error.to_string())))?;
                let words = shell::at(&described, root);
                self.shells.push(described);
                (words, "a shell in the files as they are here")
            }
        };
        let title = format!("hlb: {}", self.launch.target);
        let asked = json!({"kind": "integrated", "title": title, "cwd": self.launch.directory.as_str(), "args": words});
        self.adapter.client.ask("runInTerminal", asked);
        Ok(format!("{told} is opened in a terminal; what is changed there is thrown away"))
    }
}

/// What stands for the things that are not shown.
fn rest(count: usize) -> Value {
    json!({"name": "…", "value": format!("{count} more, which are not shown"), "variablesReference": 0})
}

const HELP: &str = "\
NAME, NAME.FIELD, NAME[0]  the value of a name
NAME == \"x\", NAME + 1      what operators make of values
ls PATH, cat PATH          files of the filesystem as it is here
exec                       a shell in it, or where the step failed";

fn is_directory(entry: &Entry) -> bool {
    entry.mode & 0o170_000 == 0o040_000
}

/// What a file is, in a line.
fn described(entry: &Entry) -> String {
    let kind = match entry.mode & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        0o100_000 => '-',
        0o020_000 => 'c',
        0o060_000 => 'b',
        0o010_000 => 'p',
        _ => 's',
    };
    let mut text = format!("{kind}{:04o} {}:{}", entry.mode & 0o7777, entry.uid, entry.gid);
    if kind == '-' {
        text.push_str(&format!(" {} bytes", entry.size));
    }
    if let Some(target) = &entry.target {
        text.push_str(&format!(" -> {}", harmless(&String::from_utf8_lossy(target.as_bytes()))));
    }
    text
}
