//! `hlbc solve`.
//!
//! Owns the request that is made of a definition and options, and the look whether the options give all that the graph wants
//! of this machine.

use std::collections::{BTreeMap, BTreeSet};

use hlb_compiler::{ImageConfig, LocalDir, Request, Socket, Solve, World};
use hlb_language::source::SourceMap;
use hlb_llb::{Graph, draw, pb};
use hlb_patterns::ignore;

use crate::definition;
use crate::error::{Failure, Kind};
use crate::machine::{self, Machine, Title};
use crate::report::Screen;
use crate::shared::Caches;
use crate::world::OsWorld;
use crate::{cli, output};

/// What programs of images look for when nothing else is said.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(crate) fn solve(args: &cli::Solve, screen: Screen) -> Result<(), Failure> {
    let attestations = args.attest.wanted()?;
    output::check(&args.outputs.output, &attestations)?;
    let config = machine::config(&args.machine)?;
    let caches = Caches::of(&args.cache)?;
    let (name, definition) = definition::read(args.file.as_deref())?;
    let graph = definition::load(&name, &definition)?;
    lacking(&graph, args)?;
    let locals = args.local.iter().filter(|it| !it.path.is_dir()).map(|it| ("local", "directory", &it.name, &it.path));
    let layouts = args.layout.iter().filter(|(_, path)| !path.exists());
    let layouts = layouts.map(|(name, path)| ("layout", "directory or archive", name, path));
    if let Some((option, what, name, path)) = locals.chain(layouts).next() {
        return Err(Failure::new(Kind::Missing, format!("there is no {what} `{path}`"))
            .help(format!("check the path of `--{option} {name}={path}`")));
    }
    let definition = definition::without(definition, &graph, &ignored(args)?)?;
    let mut machine = Machine::open(config, &args.machine)?.sharing(caches);
    machine.attest(attestations);
    let request = Request::Solve(Box::new(request(args, definition)));
    let title = Title { text: format!("solve {name}"), explain: false };
    let allow = machine::entitlements(&args.allow);
    let building = machine.begin(allow, title, args.failure.on_failure, args.outputs.hints())?;
    building.finish(request, &args.outputs, &SourceMap::new(), screen)
}

/// The patterns of what is left out of directories, by the names of these.
///
/// # Errors
/// If an ignore file cannot be read.
fn ignored(args: &cli::Solve) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let mut ignored = BTreeMap::new();
    for given in &args.local {
        let Some(file) = &given.ignore else { continue };
        let text = std::fs::read_to_string(file).map_err(|error| {
            let failure = Failure::new(Kind::Missing, format!("cannot read the ignore file `{file}`"));
            failure.because(error).help(format!("check what is behind `ignore=` of `--local {}`", given.name))
        })?;
        ignored.insert(given.name.clone(), ignore::read(&text));
    }
    Ok(ignored)
}

fn request(args: &cli::Solve, definition: pb::Definition) -> Solve {
    let image = image(args.platform.as_ref());
    Solve {
        exports: Vec::new(),
        locals: args.local.iter().map(|it| (it.name.clone(), LocalDir { path: it.path.clone() })).collect(),
        layouts: args.layout.iter().cloned().collect(),
        secrets: args.secret.iter().cloned().collect(),
        sockets: args.ssh.iter().map(|(id, paths)| (id.clone(), Socket::Agent(paths.clone()))).collect(),
        image,
        name: "result".to_owned(),
        definition,
    }
}

/// The config of an image of which nothing is known but its files.
fn image(platform: Option<&cli::Platform>) -> ImageConfig {
    let host = OsWorld::quiet().host();
    let (os, architecture, variant) = match platform {
        Some(it) => (it.os.to_string(), it.architecture.to_string(), it.variant.to_string()),
        None => ("linux".to_owned(), host.architecture.to_string(), host.variant.to_string()),
    };
    let (env, working_dir) = (vec![PATH.to_owned()], "/".to_owned());
    ImageConfig { os, architecture, variant, env, working_dir, ..ImageConfig::default() }
}

/// Compares what a graph wants of this machine with what it is given.
///
/// # Errors
/// If something is not given; all of it is told.
fn lacking(graph: &Graph, args: &cli::Solve) -> Result<(), Failure> {
    let names = |pairs: &[(String, camino::Utf8PathBuf)]| pairs.iter().map(|(name, _)| name.clone()).collect();
    let given: [BTreeSet<String>; 4] = [
        args.local.iter().map(|it| it.name.clone()).collect(),
        names(&args.layout),
        names(&args.secret),
        args.ssh.iter().map(|(id, _)| id.clone()).collect(),
    ];
    let words = [
        ("the directory", "local", "=DIR"),
        ("the OCI layout", "layout", "=PATH"),
        ("the secret", "secret", "=FILE"),
        ("the SSH agent", "ssh", ""),
    ];
    let Needs { locals, layouts, secrets, agents } = Needs::of(graph);
    let (mut wanted, mut options) = (Vec::new(), Vec::new());
    for ((names, given), (what, option, of)) in [locals, layouts, secrets, agents].into_iter().zip(&given).zip(words) {
        for name in names.into_iter().filter(|name| !given.contains(*name)) {
            wanted.push(format!("{what} `{}`", draw::printable(name)));
            options.push(format!("`--{option} {}{of}`", draw::quote(name)));
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Kind::Usage, format!("the steps use {}, which no option gives", wanted.join(", ")))
        .help(format!("add {}", options.join(" "))))
}

/// What a graph cannot do without.
#[derive(Default)]
struct Needs<'a> {
    locals: BTreeSet<&'a str>,
    layouts: BTreeSet<&'a str>,
    secrets: BTreeSet<&'a str>,
    agents: BTreeSet<&'a str>,
}

impl<'a> Needs<'a> {
    fn of(graph: &'a Graph) -> Self {
        let mut needs = Self::default();
        for vertex in &graph.vertices {
            match &vertex.op.op {
                Some(pb::OpKind::Source(source)) => {
                    needs.locals.extend(source.identifier.strip_prefix("local://"));
                    if source.identifier.starts_with("oci-layout") {
                        needs.layouts.extend(source.attrs.get("oci.store").map(String::as_str));
                    }
                }
                Some(pb::OpKind::Exec(exec)) => {
                    let files = exec.mounts.iter().filter(|it| it.mount_type() == pb::MountType::Secret);
                    let files = files.filter_map(|it| it.secret_opt.as_ref()).filter(|it| !it.optional);
                    needs.secrets.extend(files.map(|it| it.id.as_str()));
                    let variables = exec.secretenv.iter().filter(|it| !it.optional);
                    needs.secrets.extend(variables.map(|it| it.id.as_str()));
                    let agents = exec.mounts.iter().filter(|it| it.mount_type() == pb::MountType::Ssh);
                    let agents = agents.filter_map(|it| it.ssh_opt.as_ref()).filter(|it| !it.optional);
                    needs.agents.extend(agents.map(|it| it.id.as_str()));
                }
                _ => {}
            }
        }
        needs
    }
}
