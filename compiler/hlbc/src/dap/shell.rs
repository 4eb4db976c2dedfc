//! A shell in a filesystem that a debugged program has made.
//!
//! Owns what the process in the client's terminal is told: a directory with the graph and with what it takes. That process
//! builds it again, which is all in the cache, and goes in. The directory is in the state directory, where it goes with the session,
//! or, if the session is killed, when hlbc is started the next time.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use camino::Utf8Path;
use hlb_compiler::debug::Process;
use hlb_compiler::{LocalDir, Socket, Solve};
use hlb_llb::{encode_definition, pb};
use hlb_runtime::{DebugRequest, Entitlement, SolveRequest, Visited};
use serde_json::{Value, json};

use crate::commands::debug::terminal;
use crate::deliver::{Lendings, Terms};
use crate::error::{Failure, Kind};
use crate::machine::{self, Machine};
use crate::{cli, failure};

const GRAPH: &str = "graph.pb";
const PLACE: &str = "place.json";

/// A description that is there as long as this.
pub(super) struct Described(PathBuf);

impl Described {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Described {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes down how to get into a filesystem of a program that is `here`, in a directory of this process.
///
/// # Errors
/// If that cannot be written.
pub(super) fn describe(
    solve: &Solve,
    process: &Process,
    (here, lent): (&Utf8Path, &Path),
    number: usize,
) -> io::Result<Described> {
    let directory = lent.join(format!("shell-{number}"));
    std::fs::DirBuilder::new().mode(0o700).create(&directory)?;
    let described = Described(directory);
    std::fs::write(described.0.join(GRAPH), encode_definition(&solve.definition))?;
    let sockets = solve.sockets.iter().map(|(id, socket)| {
        let socket = match socket {
            Socket::Agent(paths) => json!({"agent": paths.iter().map(|path| path.as_str()).collect::<Vec<_>>()}),
            Socket::Unix(path) => json!({"unix": path.as_str()}),
            Socket::Tcp(address) => json!({"tcp": address}),
        };
        (id.clone(), socket)
    });
    let place = json!({
        "here": here.as_str(),
        "env": process.env,
        "cwd": process.cwd,
        "user": process.user,
        "locals": solve.locals.iter().map(|(name, dir)| (name, dir.path.as_str())).collect::<BTreeMap<_, _>>(),
        "secrets": solve.secrets.iter().map(|(id, path)| (id, path.as_str())).collect::<BTreeMap<_, _>>(),
        "layouts": solve.layouts.iter().map(|(name, path)| (name, path.as_str())).collect::<BTreeMap<_, _>>(),
        "sockets": sockets.collect::<BTreeMap<String, Value>>(),
    });
    std::fs::write(described.0.join(PLACE), place.to_string())?;
    Ok(described)
}

/// Opens a shell in a filesystem that was described.
///
/// # Errors
/// If there is no description, or the filesystem cannot be made.
pub(crate) fn enter(directory: &Utf8Path, root: Option<&Utf8Path>) -> Result<(), Failure> {
    let gone = |error: &dyn std::fmt::Display| {
        Failure::new(Kind::Environment, format!("`{directory}` describes no filesystem"))
            .because(error)
            .help("ask for the shell again: a description ends with its debug session")
    };
    let graph = std::fs::read(directory.join(GRAPH)).map_err(|error| gone(&error))?;
    let definition = <pb::Definition as prost::Message>::decode(graph.as_slice()).map_err(|error| gone(&error))?;
    let place = std::fs::read(directory.join(PLACE)).map_err(|error| gone(&error))?;
    let place: Value = serde_json::from_slice(&place).map_err(|error| gone(&error))?;
    let text = |name: &str| place.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    std::env::set_current_dir(text("here")).map_err(|error| gone(&error))?;
    let lent = lendings(&place);
    let args = plain_machine(root.map(Utf8Path::to_owned));
    let machine = Machine::open(machine::config(&args)?, &args)?;
    let terms = Terms { allow: [Entitlement::NetworkHost].into(), ..Terms::default() };
    let request: SolveRequest = lent.request(definition, &terms);
    let process = Visited { env: texts(place.get("env")), cwd: text("cwd"), user: text("user") };
    let told = "what is changed here is thrown away\n";
    crate::report::Screen::stderr().write(told.as_bytes());
    let visit: DebugRequest = lent.debug(None, terminal());
    let code = machine.tokio.block_on(async {
        let solved = machine.runtime.solve(request, Arc::new(|_| {}), &machine.cancel).await?;
        machine.runtime.visit(&solved, process, visit, &machine.cancel).await
    });
    code.map(drop).map_err(|error| failure::plain(&error))
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let all = value.and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn lendings(place: &Value) -> Lendings {
    let map = |name: &str| {
        let fields = place.get(name).and_then(Value::as_object).into_iter().flatten();
        fields.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.into()))).collect()
    };
    let locals: BTreeMap<String, camino::Utf8PathBuf> = map("locals");
    let locals = locals.into_iter().map(|(name, path)| (name, LocalDir { path })).collect();
    let sockets = place.get("sockets").and_then(Value::as_object).into_iter().flatten();
    let sockets = sockets.map(|(id, socket)| {
        let field = |name: &str| socket.get(name).and_then(Value::as_str);
        let socket = match (field("unix"), field("tcp")) {
            (Some(path), _) => Socket::Unix(path.into()),
            (None, Some(address)) => Socket::Tcp(address.to_owned()),
            (None, None) => Socket::Agent(texts(socket.get("agent")).into_iter().map(Into::into).collect()),
        };
        (id.clone(), socket)
    });
    Lendings::new(&locals, &map("layouts"), &map("secrets"), &sockets.collect())
}

/// The words that open a shell where a step failed.
pub(super) fn at_failure((build, step): (i64, u32), root: Option<&str>) -> Vec<String> {
    with_root(vec!["debug".to_owned(), build.to_string(), step.to_string()], root)
}

/// The words that open a shell in a filesystem that was described.
pub(super) fn at(described: &Described, root: Option<&str>) -> Vec<String> {
    with_root(vec!["dap".to_owned(), "--enter".to_owned(), described.path().display().to_string()], root)
}

fn with_root(words: Vec<String>, root: Option<&str>) -> Vec<String> {
    let program = std::env::current_exe().map_or_else(|_| "hlbc".to_owned(), |path| path.display().to_string());
    let root = root.map(|root| ["--root".to_owned(), root.to_owned()]);
    std::iter::once(program).chain(words).chain(root.into_iter().flatten()).collect()
}

/// Nothing special about the machine but its state directory.
pub(super) fn plain_machine(root: Option<camino::Utf8PathBuf>) -> cli::MachineArgs {
    cli::MachineArgs {
        root,
        jobs: None,
        oci_runtime: None,
        network: None,
        offline: false,
        progress: cli::Progress::Quiet,
    }
}
