//! What the options of a command add up to.
//!
//! Owns the options of `run` but for mounts, secrets and sockets, which it hands on.

use std::net::IpAddr;

use hlb_llb::pb;

use super::argument::Arguments;
use super::mount::{self, Item, Mounted};
use super::socket;
use crate::codes;
use crate::eval::graph::{Exec, Needs};
use crate::eval::value::{Fs, Opt, Slot, set_env};
use crate::eval::{Evaluator, Fail};
use crate::path;

pub(super) const NETWORK_MODES: &[&str] = &["unset", "host", "none"];
pub(super) const SECURITY_MODES: &[&str] = &["sandbox", "insecure"];

/// The limits that Linux knows.
#[rustfmt::skip]
pub(super) const ULIMITS: &[&str] = &[
    "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime",
    "sigpending", "stack",
];

/// The names that a mount's result gets.
pub(super) struct Binding<'o> {
    pub(super) index: usize,
    pub(super) option: &'o Opt,
    pub(super) slots: Vec<Slot>,
}

/// A command that grows with its options. Arguments and mounts are put in at the end.
pub(super) struct Settings<'o> {
    pub(super) exec: Exec,
    pub(super) mounts: Vec<Mounted>,
    pub(super) order: Vec<Item>,
    pub(super) binds: Vec<Binding<'o>>,
    pub(super) needs: Needs,
}

impl<'o> Settings<'o> {
    /// A command in a filesystem, without options.
    pub(super) fn new(fs: &Fs) -> Self {
        let exec = Exec {
            args: Vec::new(),
            name: String::new(),
            env: fs.env.clone(),
            cwd: fs.dir().to_owned(),
            user: fs.config.user.clone(),
            hostname: String::new(),
            cgroup_parent: String::new(),
            hosts: Vec::new(),
            ulimits: Vec::new(),
            valid_exit_codes: None,
            proxy: None,
            network: pb::NetMode::Unset,
            security: pb::SecurityMode::Sandbox,
            root: fs.out,
            readonly_root: false,
            mounts: Vec::new(),
            secrets: Vec::new(),
            sockets: Vec::new(),
            resources: None,
            group: None,
            platform: fs.own_platform.clone(),
        };
        Self { exec, mounts: Vec::new(), order: Vec::new(), binds: Vec::new(), needs: Needs::default() }
    }

    pub(super) fn apply(&mut self, evaluator: &mut Evaluator<'_>, option: &'o Opt) -> Result<(), Fail> {
        let exec = &mut self.exec;
        match option.name.as_str() {
            "env" => set_env(&mut exec.env, option.text(0), option.text(1)),
            "dir" => {
                let dir = option.text(0);
                exec.cwd = if dir.starts_with('/') { dir.to_owned() } else { path::join(&exec.cwd, dir) };
            }
            "user" => exec.user = option.text(0).to_owned(),
            "ignoreCache" => {
                // Whatever makes the command another one than all before makes the cache ignore them.
                let unique = evaluator.world.unique();
                set_env(&mut exec.env, "HLB_IGNORE_CACHE", &unique);
            }
            "network" => {
                exec.network = match option.text(0) {
                    "host" => pb::NetMode::Host,
                    "none" => pb::NetMode::None,
                    _ => pb::NetMode::Unset,
                }
            }
            "security" => {
                exec.security = match option.text(0) {
                    "insecure" => pb::SecurityMode::Insecure,
                    _ => pb::SecurityMode::Sandbox,
                }
            }
            "host" => {
                let address = option.text(1);
                let ip = address.parse::<IpAddr>().map(|address| address.to_canonical().to_string());
                exec.hosts.push(pb::HostIp { host: option.text(0).to_owned(), ip: ip.unwrap_or_default() });
            }
            "readonlyRootfs" => exec.readonly_root = true,
            "hostname" => exec.hostname = option.text(0).to_owned(),
            "cgroupParent" => exec.cgroup_parent = option.text(0).to_owned(),
            "customName" => exec.name = option.text(0).to_owned(),
            "progressGroup" => {
                let (id, name) = (option.text(0).to_owned(), option.text(1).to_owned());
                exec.group = Some(pb::ProgressGroup { id, name, weak: false });
            }
            "ulimit" => exec.ulimits.push(ulimit(option)?),
            "validExitCodes" => {
                let codes = (0..option.args.len()).filter_map(|index| i32::try_from(option.int(index)).ok());
                exec.valid_exit_codes.get_or_insert_default().extend(codes);
            }
            "ssh" => exec.sockets.push(socket::agent(evaluator, option, &mut self.needs)?),
            "forward" => exec.sockets.push(socket::forward(evaluator, option, &mut self.needs)?),
            "secretEnv" => exec.secrets.push(mount::secret_variable(evaluator, option, &mut self.needs)?),
            "secret" => {
                for secret in mount::secrets(evaluator, option, &mut self.needs)? {
                    self.order.push(Item::Secret(exec.secrets.len()));
                    exec.secrets.push(secret);
                }
            }
            "mount" => {
                let mounted = mount::mount(evaluator, option)?;
                let index = self.mounts.len();
                if !option.binds.is_empty() {
                    self.binds.push(Binding { index, option, slots: option.binds.clone() });
                }
                self.order.push(Item::Mount(index));
                self.mounts.push(mounted);
            }
            "httpProxy" => exec.proxy.get_or_insert_default().http_proxy = option.text(0).to_owned(),
            "httpsProxy" => exec.proxy.get_or_insert_default().https_proxy = option.text(0).to_owned(),
            "ftpProxy" => exec.proxy.get_or_insert_default().ftp_proxy = option.text(0).to_owned(),
            "allProxy" => exec.proxy.get_or_insert_default().all_proxy = option.text(0).to_owned(),
            "noProxy" => exec.proxy.get_or_insert_default().no_proxy = option.texts(0).join(","),
            name => resource(exec, name, option),
        }
        Ok(())
    }
}

fn ulimit(option: &Opt) -> Result<pb::Ulimit, Fail> {
    let (soft, hard) = (option.int(1), option.int(2));
    if soft > hard {
        let message = format!("the limit {soft} is greater than {hard}, which is the most that a process can ask for");
        return Err(option.site.fail_arg(1, codes::ARGUMENT, message));
    }
    Ok(pb::Ulimit { name: option.text(0).to_owned(), soft, hard })
}

/// Limits of memory and processors; other options mean nothing here.
fn resource(exec: &mut Exec, name: &str, option: &Opt) {
    let mut resources = exec.resources.take().unwrap_or_default();
    let number = option.int(0);
    let unsigned = u64::try_from(number).unwrap_or(0);
    match name {
        "memory" => resources.memory = number,
        "memorySwap" => resources.memory_swap = number,
        "cpuShares" => resources.cpu_shares = unsigned,
        "cpuPeriod" => resources.cpu_period = unsigned,
        "cpuQuota" => resources.cpu_quota = number,
        "cpusetCpus" => resources.cpuset_cpus = option.text(0).to_owned(),
        "cpusetMems" => resources.cpuset_mems = option.text(0).to_owned(),
        _ => {}
    }
    exec.resources = Some(resources).filter(|resources| *resources != pb::LinuxResources::default());
}
