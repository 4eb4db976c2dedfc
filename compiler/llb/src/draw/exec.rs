//! Processes in words.
//!
//! Owns how a command, its mounts and its surroundings are told.

use super::words::{Detail, count, input, pair, printable, quote, sharing, size};
use crate::pb;
use crate::plan::{Plan, Step, reads_input};

/// The command in one line. Of a script with several lines only the shell; the lines are told below.
pub(super) fn command(exec: &pb::ExecOp) -> String {
    let Some(meta) = &exec.meta else { return "nothing".to_owned() };
    let args = match script(meta) {
        Some(script) => {
            let shell = meta.args.iter().take(meta.args.len() - 1).map(|it| quote(it));
            shell.chain([format!("({} below)", count(script.lines().count(), "line"))]).collect()
        }
        None => meta.args.iter().map(|it| quote(it)).collect::<Vec<_>>(),
    };
    args.join(" ")
}

/// The command where there is little room: of a shell's script the script alone.
pub(super) fn brief(exec: &pb::ExecOp) -> String {
    let args = exec.meta.as_ref().map(|meta| meta.args.as_slice()).unwrap_or_default();
    match args {
        [_, option, script] if option.starts_with('-') && option.ends_with('c') => printable(script.trim()),
        args => args.iter().map(|it| quote(it)).collect::<Vec<_>>().join(" "),
    }
}

pub(super) fn details(plan: &Plan<'_>, step: &Step<'_>, exec: &pb::ExecOp) -> Vec<Detail> {
    let mut details = Vec::new();
    let nothing = pb::Meta::default();
    let meta = exec.meta.as_ref().unwrap_or(&nothing);
    if let Some(script) = script(meta) {
        details.extend(script.lines().map(|line| pair("|", printable(line))));
    }
    details.extend(exec.mounts.iter().map(|it| (printable(&it.dest), mount(plan, step, it))));
    details.extend(meta.env.iter().map(|it| pair("env", printable(it))));
    for secret in &exec.secretenv {
        let optional = if secret.optional { ", or nothing if there is none" } else { "" };
        let value = format!("{} from secret `{}`{optional}", printable(&secret.name), printable(&secret.id));
        details.push(pair("env", value));
    }
    if !matches!(meta.cwd.as_str(), "" | "/") {
        details.push(pair("dir", printable(&meta.cwd)));
    }
    details.extend(surroundings(exec, meta));
    details
}

/// What a process gets that most do without.
fn surroundings(exec: &pb::ExecOp, meta: &pb::Meta) -> Vec<Detail> {
    let mut details = Vec::new();
    let mut say = |what: &str, how: String| details.push(pair(what, how));
    if !meta.user.is_empty() {
        say("user", printable(&meta.user));
    }
    match exec.network() {
        pb::NetMode::Unset => {}
        pb::NetMode::Host => say("network", "that of the machine".to_owned()),
        pb::NetMode::None => say("network", "none".to_owned()),
    }
    if exec.security() == pb::SecurityMode::Insecure {
        say("security", "insecure: all privileges".to_owned());
    }
    if !meta.hostname.is_empty() {
        say("hostname", printable(&meta.hostname));
    }
    for host in &meta.extra_hosts {
        say("host", printable(&format!("{} is {}", host.host, host.ip)));
    }
    for limit in &meta.ulimit {
        say("ulimit", printable(&format!("{} {}, at most {}", limit.name, limit.soft, limit.hard)));
    }
    if !meta.cgroup_parent.is_empty() {
        say("cgroup", printable(&meta.cgroup_parent));
    }
    if let Some(proxy) = &meta.proxy_env {
        let all = [
            ("http", &proxy.http_proxy),
            ("https", &proxy.https_proxy),
            ("ftp", &proxy.ftp_proxy),
            ("all", &proxy.all_proxy),
            ("none for", &proxy.no_proxy),
        ];
        let said = all.into_iter().filter(|(_, value)| !value.is_empty());
        let said: Vec<String> = said.map(|(what, value)| format!("{what} {}", printable(value))).collect();
        say("proxies", said.join(", "));
    }
    for device in &exec.cdi_devices {
        let optional = if device.optional { ", if there is one" } else { "" };
        say("device", format!("{}{optional}", printable(&device.name)));
    }
    if !meta.valid_exit_codes.is_empty() {
        let codes: Vec<String> = meta.valid_exit_codes.iter().map(i32::to_string).collect();
        say("succeeds with", codes.join(", "));
    }
    details
}

fn mount(plan: &Plan<'_>, step: &Step<'_>, mount: &pb::Mount) -> String {
    let mut text = match mount.mount_type() {
        pb::MountType::Bind if !mount.result_id.is_empty() => format!("result `{}`", printable(&mount.result_id)),
        pb::MountType::Bind => from(plan, step, mount),
        pb::MountType::Cache => {
            let cache = mount.cache_opt.clone().unwrap_or_default();
            let start = if mount.input < 0 { String::new() } else { format!(", at first {}", from(plan, step, mount)) };
            format!("cache `{}`, {}{start}", printable(&cache.id), sharing(cache.sharing()))
        }
        pb::MountType::Secret => {
            let it = mount.secret_opt.clone().unwrap_or_default();
            format!("secret `{}`{}", printable(&it.id), lent(it.mode, it.uid, it.gid, it.optional))
        }
        pb::MountType::Ssh => {
            let it = mount.ssh_opt.clone().unwrap_or_default();
            format!("SSH agent `{}`{}", printable(&it.id), lent(it.mode, it.uid, it.gid, it.optional))
        }
        pb::MountType::Tmpfs => match mount.tmpfs_opt.map_or(0, |it| it.size) {
            0 => "memory".to_owned(),
            bytes => format!("memory, at most {}", size(u64::try_from(bytes).unwrap_or(0))),
        },
    };
    if mount.readonly {
        text.push_str(", read-only");
    } else if mount.mount_type() == pb::MountType::Bind && mount.output < 0 {
        text.push_str(", changes are dropped");
    }
    if reads_input(mount) {
        text.push_str(match mount.content_cache() {
            pb::MountContentCache::Default => "",
            pb::MountContentCache::On => ", cached by content",
            pb::MountContentCache::Off => ", not cached by content",
        });
    }
    text
}

fn from(plan: &Plan<'_>, step: &Step<'_>, mount: &pb::Mount) -> String {
    let whole = input(plan, step, mount.input);
    match mount.selector.as_str() {
        "" | "/" => whole,
        selector => format!("{} in {whole}", printable(selector)),
    }
}

fn lent(mode: u32, uid: u32, gid: u32, optional: bool) -> String {
    let mut text = format!(", mode {mode:04o}");
    if (uid, gid) != (0, 0) {
        text.push_str(&format!(", owner {uid}:{gid}"));
    }
    text.push_str(if optional { ", if there is one" } else { "" });
    text
}

/// The script of a shell, if it has several lines.
fn script(meta: &pb::Meta) -> Option<&str> {
    let (script, shell) = meta.args.split_last()?;
    (!shell.is_empty() && script.trim_end().contains('\n')).then_some(script)
}
