//! `hlbc dap`: a debug adapter.
//!
//! Owns the order of a session: what the client says before a program is there, the machine, and one program after the other
//! when it is restarted. The program is evaluated once; stepping is looking at the moments of that (`hlb_compiler::debug`).

mod build;
mod fields;
mod inspect;
mod points;
mod run;
mod session;
mod settings;
mod shell;
mod step;
mod terms;
mod wire;

use std::path::{Path, PathBuf};
use std::sync::mpsc;

use camino::Utf8PathBuf;
use hlb_registry::Images;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::config::Places;
use crate::error::{Failure, Kind};
use crate::machine::Machine;
use crate::{interrupt, machine};
use points::Points;
pub(crate) use shell::enter;
use wire::{Client, Hangup, Incoming, Request, Started, Waiting};

/// When a debugged program is built.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum When {
    /// What it has made so far at each stop, and the rest at its end.
    AtStops,
    AtEnd,
    Never,
}

/// What is debugged, and how.
#[derive(Clone, Debug)]
struct Launch {
    /// The program's file, in its directory.
    file: Utf8PathBuf,
    directory: Utf8PathBuf,
    target: String,
    args: Vec<String>,
    stop_on_entry: bool,
    no_debug: bool,
    build: When,
    root: Option<Utf8PathBuf>,
}

/// What lasts longer than one run of a program.
struct Adapter {
    client: Client,
    inbox: mpsc::Receiver<Incoming>,
    waiting: Waiting,
    points: Points,
    /// Whether the program stops where something fails.
    on_failed: bool,
    /// Whether the client has a terminal.
    terminal: bool,
    /// The number of the first line.
    first_line: usize,
    /// That of the first column.
    first_column: usize,
    /// Where the adapter was started: that is what paths of the client are relative to.
    start: PathBuf,
    /// The directory of the program, as the client calls it.
    directory: Utf8PathBuf,
}

/// Where programs are evaluated.
enum Ground {
    Machine(Box<Machine>),
    /// Without building, and why.
    Bare {
        tokio: tokio::runtime::Runtime,
        cancel: CancellationToken,
        images: Box<Images>,
        why: String,
    },
}

/// How a run of a program has ended.
enum Ended {
    /// The client has gone, or wants to go.
    Done,
    /// It is run again, maybe as something else.
    Restart(Option<Box<Launch>>),
    /// There was none: the client was told why.
    Refused,
}

/// Serves a client on standard input and output until it goes.
///
/// # Errors
/// If the system gives no thread, or a signal ended it.
pub(crate) fn serve() -> Result<(), Failure> {
    // Before the first thread: a namespace belongs to threads, and those to come inherit it.
    let alone = machine::become_root().map_err(|failure| failure.words());
    let thread = |error| Failure::new(Kind::Environment, "cannot start a thread").because(error);
    let Started { client, inbox, waiting, hangup } = wire::start().map_err(thread)?;
    let points = Points::default();
    let mut adapter = Adapter {
        client,
        inbox,
        waiting,
        points,
        on_failed: true,
        terminal: false,
        first_line: 1,
        first_column: 1,
        // Of a directory that is gone nothing is relative to it.
        start: std::env::current_dir().unwrap_or_default(),
        directory: Utf8PathBuf::new(),
    };
    let mut ground: Option<Ground> = None;
    // What was run before.
    let mut last: Option<Launch> = None;
    while let Some((mut asked, mut launch)) = adapter.launched(last.take()) {
        // What was launched before and refused may have wanted another one.
        drop(ground.take());
        loop {
            if let Err(error) = std::env::set_current_dir(&launch.directory) {
                adapter.fail(asked.as_ref(), &format!("cannot go into `{}`: {error}", launch.directory));
                break;
            }
            adapter.directory.clone_from(&launch.directory);
            let here = match ground.take() {
                Some(here) => ground.insert(here),
                None => match Ground::open(&launch, &alone) {
                    Ok(here) => {
                        here.end_by_signals(hangup.clone());
                        ground.insert(here)
                    }
                    Err(failure) => {
                        adapter.fail(asked.as_ref(), &failure.words());
                        break;
                    }
                },
            };
            let ended = run::run(&mut adapter, here, &launch, asked.as_ref());
            // What is refused at once has not been launched: it cannot be run again.
            if !matches!(ended, Ended::Refused) {
                asked = None;
            }
            match ended {
                Ended::Restart(None) => {}
                Ended::Restart(Some(other)) => {
                    if !other.is_on_the_ground_of(&launch) {
                        drop(ground.take());
                    }
                    launch = *other;
                }
                Ended::Done if here.cancel().is_cancelled() => return Err(interrupt::interrupted()),
                Ended::Done => return Ok(()),
                Ended::Refused => break,
            }
        }
        last = asked.is_none().then_some(launch);
    }
    Ok(())
}

impl Adapter {
    /// Waits until the client says what is to be debugged; none if it goes. `last` is what it may want again. The request is
    /// to be answered, unless it was one for that.
    fn launched(&mut self, last: Option<Launch>) -> Option<(Option<Request>, Launch)> {
        loop {
            let request = self.next()?;
            match request.command.as_str() {
                "initialize" => match self.initialize(&request.arguments) {
                    Ok(body) => self.client.reply(&request, body),
                    Err(why) => self.client.refuse(&request, &why),
                },
                "launch" => match Launch::of(&request.arguments, &self.start) {
                    Ok(launch) => return Some((Some(request), launch)),
                    Err(why) => self.client.refuse(&request, &why),
                },
                "attach" => self.client.refuse(&request, "programs are launched: there is nothing to attach to"),
                other => {
                    let why = format!("`{other}` needs a program: send `launch` first");
                    match self.without_program(&request, last.is_some(), &why) {
                        Some(Ended::Restart(anew)) => {
                            let launch = anew.map(|anew| *anew).or_else(|| last.clone());
                            return launch.map(|launch| (None, launch));
                        }
                        Some(_) => return None,
                        None => {}
                    }
                }
            }
        }
    }

    /// Says that nothing is run: to the request that it came with, unless it was to be run again.
    fn fail(&self, asked: Option<&Request>, why: &str) {
        match asked {
            Some(asked) => self.client.refuse(asked, why),
            None => {
                self.client.say("stderr", why);
                self.client.event("terminated", json!({}));
            }
        }
    }

    /// The next request; none if the client has gone. What is no message is answered with words.
    fn next(&self) -> Option<Request> {
        loop {
            match self.inbox.recv() {
                Ok(Incoming::Request(request)) => {
                    if request.ends_waiting() {
                        self.waiting.heard();
                    }
                    return Some(request);
                }
                Ok(Incoming::Junk(why)) => self.client.say("important", &format!("hlbc dap: {why}")),
                Ok(Incoming::End) | Err(_) => return None,
            }
        }
    }

    /// # Errors
    /// If a field is not what the protocol says.
    fn initialize(&mut self, arguments: &Value) -> Result<Value, String> {
        // They are 1 unless something else is said.
        let first = |name| match arguments.get(name) {
            None | Some(Value::Null) => Ok(1),
            Some(_) => fields::flag(arguments, name).map(usize::from),
        };
        (self.first_line, self.first_column) = (first("linesStartAt1")?, first("columnsStartAt1")?);
        self.terminal = fields::flag(arguments, "supportsRunInTerminalRequest")?;
        Ok(json!({
            "supportsConfigurationDoneRequest": true,
            "supportsStepBack": true,
            "supportsRestartRequest": true,
            "supportsTerminateRequest": true,
            "supportsConditionalBreakpoints": true,
            "supportsHitConditionalBreakpoints": true,
            "supportsLogPoints": true,
            "supportsFunctionBreakpoints": true,
            "supportsEvaluateForHovers": true,
            "supportsExceptionInfoRequest": true,
            "supportsDelayedStackTraceLoading": true,
            "supportsBreakpointLocationsRequest": true,
            "supportsLoadedSourcesRequest": true,
            "exceptionBreakpointFilters": [{
                "filter": "failed", "label": "Failed steps and errors", "default": true,
                "description": "Stop where a step of the build fails, or the program has an error",
            }],
        }))
    }
}

impl Launch {
    /// # Errors
    /// Why that cannot be launched. Paths are relative to `start`.
    fn of(arguments: &Value, start: &Path) -> Result<Self, String> {
        let text = |name| fields::text(arguments, name);
        let program = text("program")?.ok_or("`program` names the .hlb file to debug, and is missing")?;
        let path =
            std::path::absolute(start.join(program)).map_err(|error| format!("cannot use `{program}`: {error}"))?;
        let file = path.file_name().and_then(|name| name.to_str()).filter(|_| path.is_file());
        let file = file.ok_or_else(|| format!("there is no program `{program}`"))?.into();
        let directory = path.parent().map_or_else(|| PathBuf::from("/"), PathBuf::from);
        let directory = Utf8PathBuf::from_path_buf(directory).map_err(|directory| no_utf8(&directory))?;
        let root = text("root")?.map(|root| Utf8PathBuf::from_path_buf(start.join(root))).transpose();
        let build = match text("build")? {
            None | Some("atStops") => When::AtStops,
            Some("atEnd") => When::AtEnd,
            Some("never") => When::Never,
            Some(other) => return Err(format!("`build` is `atStops`, `atEnd` or `never`, and not `{other}`")),
        };
        Ok(Self {
            file,
            directory,
            target: text("target")?.unwrap_or("default").to_owned(),
            args: fields::texts(arguments, "args").map_err(|why| format!("{why}, such as `[\"--version=1.2\"]`"))?,
            stop_on_entry: fields::flag(arguments, "stopOnEntry")?,
            no_debug: fields::flag(arguments, "noDebug")?,
            build,
            root: root.map_err(|root| no_utf8(&root))?,
        })
    }
}

impl Launch {
    /// What is run when the client wants it again: it may say anew how.
    ///
    /// # Errors
    /// Why that cannot be launched.
    fn again(arguments: &Value, start: &Path) -> Result<Option<Box<Self>>, String> {
        let anew = arguments.get("arguments").filter(|anew| !anew.is_null());
        anew.map(|anew| Self::of(anew, start).map(Box::new)).transpose()
    }

    fn is_on_the_ground_of(&self, other: &Self) -> bool {
        self.root == other.root && (self.build == When::Never) == (other.build == When::Never)
    }
}

/// What is told of a path that the client could not be told of.
fn no_utf8(path: &Path) -> String {
    format!("`{}` is no UTF-8, which the protocol cannot name: use another directory", path.display())
}

impl Ground {
    /// # Errors
    /// If the system gives no threads, or the configuration is wrong.
    fn open(launch: &Launch, alone: &Result<(), String>) -> Result<Self, Failure> {
        let machine = || {
            let args = shell::plain_machine(launch.root.clone());
            Machine::open(machine::config(&args)?, &args)
        };
        let why = match alone {
            _ if launch.build == When::Never => "the configuration says `\"build\": \"never\"`".to_owned(),
            Err(why) => why.clone(),
            Ok(()) => match machine() {
                Ok(machine) => return Ok(Self::Machine(Box::new(machine))),
                Err(failure) => failure.words(),
            },
        };
        let (tokio, cancel) = interrupt::start()?;
        let images = Box::new(Images::new(Places::here().registries()?));
        Ok(Self::Bare { tokio, cancel, images, why })
    }

    /// Ends the session when a signal wants an end of what is done here: it may be waiting for the client only.
    fn end_by_signals(&self, hangup: Hangup) {
        let cancel = self.cancel().clone();
        self.handle().spawn(async move {
            cancel.cancelled().await;
            hangup.end();
            // Who does not listen to that, as a client that does not read keeps it busy, has had its time.
            tokio::time::sleep(wire::PATIENCE).await;
            std::process::exit(i32::from(Kind::Interrupted.code()));
        });
    }

    fn machine(&self) -> Option<&Machine> {
        match self {
            Self::Machine(machine) => Some(machine),
            Self::Bare { .. } => None,
        }
    }

    fn cancel(&self) -> &CancellationToken {
        match self {
            Self::Machine(machine) => &machine.cancel,
            Self::Bare { cancel, .. } => cancel,
        }
    }

    fn images(&self) -> &Images {
        match self {
            Self::Machine(machine) => machine.runtime.images(),
            Self::Bare { images, .. } => images,
        }
    }

    fn handle(&self) -> tokio::runtime::Handle {
        match self {
            Self::Machine(machine) => machine.tokio.handle().clone(),
            Self::Bare { tokio, .. } => tokio.handle().clone(),
        }
    }

    /// Why nothing is built; empty if it is.
    fn why(&self) -> &str {
        match self {
            Self::Machine(_) => "",
            Self::Bare { why, .. } => why,
        }
    }
}
