//! Commands.
//!
//! Owns `run`: how its options become a command, and what its bound mounts stand for.

use std::net::IpAddr;
use std::rc::Rc;

use hlb_language::diagnostic::Diagnostic;
use hlb_llb::ops::MountKind;
use hlb_llb::pb;

use super::argument::Arguments;
use super::mount::{self, Item, Mounted};
use super::{Invocation, config, shell};
use crate::check::mode_error;
use crate::codes;
use crate::eval::graph::{Exec, Node, Out, Port, SecretMount};
use crate::eval::value::{Fs, Opt, Slot, Value};
use crate::eval::{Evaluator, Fail, traced};
use crate::path;

pub(super) const NETWORK_MODES: &[&str] = &["unset", "host", "none"];
pub(super) const SECURITY_MODES: &[&str] = &["sandbox", "insecure"];

pub(super) fn run(evaluator: &mut Evaluator<'_>, call: &Invocation, mut fs: Fs) -> Result<Fs, Fail> {
    let shlex = call.options.iter().any(|option| option.name == "shlex");
    let args = shell::command(call.texts(0), shlex).map_err(|error| {
        call.site.fail_arg(0, codes::SHELL_WORDS, format!("the command cannot be split into words: {error}"))
    })?;
    if args.is_empty() {
        return Err(call.site.fail(codes::NO_ARGUMENTS, "`run` needs a command"));
    }
    let mut settings = Settings::new(&fs);
    for option in call.options.iter() {
        settings.apply(evaluator, option)?;
    }
    let Settings { env, cwd, user, hosts, network, security, readonly_root, mut mounts, secrets, order, binds } =
        settings;
    mount::shim_readonly(evaluator, &call.site.frame, &order, &mut mounts, &secrets);
    for mounted in &mounts {
        fs.inherit(&mounted.input.exports);
    }
    evaluator.commit(&mut fs, format!("RUN {}", args.join(" ")), false);
    let inputs: Vec<Rc<Fs>> = mounts.iter().map(|mounted| Rc::clone(&mounted.input)).collect();
    let exec = Exec {
        name: shell::join(&args).replace('\n', "\\n"),
        args,
        env,
        cwd,
        user,
        hosts,
        network,
        security,
        root: fs.out,
        readonly_root,
        mounts: mounts.into_iter().map(|mounted| mounted.mount).collect(),
        secrets,
        platform: fs.own_platform.clone(),
    };
    let root = exec.root;
    let results: Vec<MountResult> = exec.mounts.iter().map(MountResult::of).collect();
    let out = evaluator.graph.add(Node::Exec(Box::new(exec)), &call.site.frame);
    // A root that can only be read is what it was before.
    fs.out = if readonly_root { root } else { Some(out) };
    for Binding { index, option, slots } in binds {
        let Some((result, input)) = results.get(index).zip(inputs.get(index)) else { continue };
        let value = match result {
            MountResult::Refused(why) => {
                let error = Diagnostic::error(
                    codes::BIND_MOUNT,
                    option.site.at,
                    format!("{why}, so no name can be bound to it"),
                );
                Err(Box::new(traced(error, &option.site.frame)))
            }
            MountResult::Kept => {
                Ok(bound(evaluator, &fs, input, Some(Out { node: out.node, port: Port::Mount(index) })))
            }
            MountResult::Unchanged(source) => Ok(bound(evaluator, &fs, input, *source)),
        };
        for slot in slots {
            evaluator.set_bound(slot, value.clone());
        }
    }
    Ok(fs)
}

/// What a command leaves in a mount: files alone, with the config of what was mounted.
fn bound(evaluator: &mut Evaluator<'_>, after: &Fs, input: &Fs, out: Option<Out>) -> Value {
    let mut fs = evaluator.scratch();
    fs.out = out;
    fs.platform = after.platform.clone();
    fs.config = Rc::clone(&input.config);
    fs.history = input.history;
    fs.exports = Rc::clone(&after.exports);
    Value::Fs(Rc::new(fs))
}

enum MountResult {
    Kept,
    Unchanged(Option<Out>),
    Refused(&'static str),
}

impl MountResult {
    fn of(mount: &crate::eval::graph::Mount) -> Self {
        match mount.kind {
            MountKind::Cache { .. } => Self::Refused("the content of a cache belongs to no build"),
            MountKind::Tmpfs { .. } => Self::Refused("what is in memory is gone after the command"),
            MountKind::Bind if mount.readonly => Self::Unchanged(mount.source),
            MountKind::Bind => Self::Kept,
        }
    }
}

/// The names that a mount's result gets.
struct Binding<'o> {
    index: usize,
    option: &'o Opt,
    slots: Vec<Slot>,
}

/// What the options of a command add up to.
struct Settings<'o> {
    env: Vec<(ecow::EcoString, ecow::EcoString)>,
    cwd: String,
    user: String,
    hosts: Vec<pb::HostIp>,
    network: pb::NetMode,
    security: pb::SecurityMode,
    readonly_root: bool,
    mounts: Vec<Mounted>,
    secrets: Vec<SecretMount>,
    order: Vec<Item>,
    binds: Vec<Binding<'o>>,
}

impl<'o> Settings<'o> {
    fn new(fs: &Fs) -> Self {
        Self {
            env: fs.env.clone(),
            cwd: fs.dir().to_owned(),
            user: fs.config.user.clone(),
            hosts: Vec::new(),
            network: pb::NetMode::Unset,
            security: pb::SecurityMode::Sandbox,
            readonly_root: false,
            mounts: Vec::new(),
            secrets: Vec::new(),
            order: Vec::new(),
            binds: Vec::new(),
        }
    }

    fn apply(&mut self, evaluator: &mut Evaluator<'_>, option: &'o Opt) -> Result<(), Fail> {
        match option.name.as_str() {
            "env" => {
                config::check_key(option, 0)?;
                crate::eval::value::set_env(&mut self.env, option.text(0), option.text(1));
            }
            "dir" => {
                let dir = option.text(0);
                self.cwd = if dir.starts_with('/') { dir.to_owned() } else { path::join(&self.cwd, dir) };
            }
            "user" => self.user = option.text(0).to_owned(),
            "ignoreCache" => {
                // Whatever makes the command another one than all before makes the cache ignore them.
                let unique = evaluator.world.unique();
                crate::eval::value::set_env(&mut self.env, "HLB_IGNORE_CACHE", &unique);
            }
            "network" => {
                self.network = match option.text(0) {
                    "unset" => pb::NetMode::Unset,
                    "host" => pb::NetMode::Host,
                    "none" => pb::NetMode::None,
                    other => return Err(mode_fail(option, "network mode", other, NETWORK_MODES)),
                }
            }
            "security" => {
                self.security = match option.text(0) {
                    "sandbox" => pb::SecurityMode::Sandbox,
                    "insecure" => pb::SecurityMode::Insecure,
                    other => return Err(mode_fail(option, "security mode", other, SECURITY_MODES)),
                }
            }
            "host" => {
                let address: IpAddr = option.text(1).parse().map_err(|_| {
                    option.site.fail_arg(1, codes::ARGUMENT, format!("`{}` is no IP address", option.text(1)))
                })?;
                let ip = address.to_canonical().to_string();
                self.hosts.push(pb::HostIp { host: option.text(0).to_owned(), ip });
            }
            "readonlyRootfs" => self.readonly_root = true,
            "mount" => {
                let mounted = mount::mount(evaluator, option)?;
                let index = self.mounts.len();
                if !option.binds.is_empty() {
                    self.binds.push(Binding { index, option, slots: option.binds.clone() });
                }
                self.order.push(Item::Mount(index));
                self.mounts.push(mounted);
            }
            "secret" => {
                for secret in mount::secrets(evaluator, option)? {
                    self.order.push(Item::Secret(self.secrets.len()));
                    self.secrets.push(secret);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn mode_fail(option: &Opt, what: &str, mode: &str, modes: &[&str]) -> Fail {
    let at = option.site.args.first().copied().unwrap_or(option.site.at);
    Box::new(traced(mode_error(what, mode, modes, at), &option.site.frame))
}
