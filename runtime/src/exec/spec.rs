//! The OCI runtime specification of a step, as far as we write it.
//!
//! Owns the content of `config.json`: what a step may do and what it sees besides its own files. It does not know where
//! the values of a step come from, and touches nothing.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::privilege::{self, Device, MASKED, READONLY};
use super::resources::Resources;
use super::seccomp::Seccomp;
use super::user::User;
use crate::sys::rootless::{self, Privilege};

/// Host name of a step that asks for none.
pub(crate) const HOST_NAME: &str = "buildkitsandbox";

/// What differs from step to step.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) root: PathBuf,
    pub(crate) readonly_root: bool,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<String>,
    pub(crate) cwd: PathBuf,
    pub(crate) user: User,
    pub(crate) limits: Vec<Limit>,
    pub(crate) host_name: String,
    pub(crate) network: NetworkSpace,
    /// With a terminal of its own.
    pub(crate) terminal: bool,
    /// It may do all that we may.
    pub(crate) insecure: bool,
    pub(crate) resources: Resources,
    /// In the order they are to be made.
    pub(crate) mounts: Vec<Mount>,
    /// None where we have no say in them.
    pub(crate) cgroup: Option<PathBuf>,
}

/// The network namespace of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NetworkSpace {
    /// Ours.
    Ours,
    /// A new one, with nothing but loopback.
    New,
    /// One that is there already.
    At(PathBuf),
}

/// What the machine allows a step.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// What we can give: nobody gets more than they have.
    pub(crate) capabilities: Vec<&'static str>,
    pub(crate) seccomp: Option<Seccomp>,
    /// Besides those that every container has.
    pub(crate) devices: Vec<Device>,
    /// The new form of control groups, alone.
    pub(crate) unified_cgroups: bool,
    /// As whom we give it.
    pub(crate) privilege: Privilege,
}

/// A resource limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Limit {
    #[serde(rename = "type")]
    pub(crate) name: String,
    pub(crate) soft: u64,
    pub(crate) hard: u64,
}

/// A mount of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Mount {
    pub(crate) destination: PathBuf,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) source: PathBuf,
    pub(crate) options: Vec<String>,
}

/// `config.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Spec {
    oci_version: &'static str,
    process: Process,
    root: Root,
    hostname: String,
    mounts: Vec<Mount>,
    linux: Linux,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Process {
    terminal: bool,
    user: ProcessUser,
    args: Vec<String>,
    env: Vec<String>,
    cwd: PathBuf,
    capabilities: Capabilities,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rlimits: Vec<Limit>,
    no_new_privileges: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ProcessUser {
    uid: u32,
    gid: u32,
    additional_gids: Vec<u32>,
}

#[derive(Debug, Serialize)]
struct Capabilities {
    bounding: Vec<&'static str>,
    effective: Vec<&'static str>,
    permitted: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inheritable: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ambient: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct Root {
    path: PathBuf,
    readonly: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Linux {
    #[serde(skip_serializing_if = "Option::is_none")]
    cgroups_path: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<Limits>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    devices: Vec<Device>,
    namespaces: Vec<Namespace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seccomp: Option<Seccomp>,
    masked_paths: &'static [&'static str],
    readonly_paths: &'static [&'static str],
}

#[derive(Debug, Serialize)]
struct Limits {
    devices: [DeviceRule; 1],
    #[serde(flatten)]
    others: Resources,
}

#[derive(Debug, Serialize)]
struct DeviceRule {
    allow: bool,
    access: &'static str,
}

#[derive(Debug, Serialize)]
struct Namespace {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<PathBuf>,
}

impl Machine {
    /// This machine, for a step that is confined or is not.
    pub(crate) fn this(insecure: bool) -> Result<Self, serde_json::Error> {
        Ok(Self {
            capabilities: privilege::capabilities(insecure),
            seccomp: if insecure { None } else { super::seccomp::filter()? },
            devices: if insecure { privilege::devices() } else { Vec::new() },
            unified_cgroups: Path::new("/sys/fs/cgroup/cgroup.subtree_control").exists(),
            privilege: rootless::privilege(),
        })
    }
}

impl Mount {
    pub(crate) fn new(
        destination: impl Into<PathBuf>,
        kind: &'static str,
        source: impl Into<PathBuf>,
        options: &[&str],
    ) -> Self {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        Self { destination: destination.into(), kind, source: source.into(), options }
    }
}

impl Spec {
    /// The specification of a step on a machine.
    pub(crate) fn new(step: Step, machine: Machine) -> Self {
        let mut groups = step.user.groups;
        // The kernel checks the groups of a file against this list too: the first group has to be in it.
        if !groups.contains(&step.user.gid) {
            groups.insert(0, step.user.gid);
        }
        let own_network = step.network != NetworkSpace::Ours;
        let own_mounts = all_mounts(step.mounts, step.insecure, own_network, machine.privilege);
        // The runtime takes no word on them for a request, either.
        let resources = step.cgroup.is_some().then_some(Limits {
            devices: [DeviceRule { allow: step.insecure, access: "rwm" }],
            others: step.resources,
        });
        let new = |kind| Namespace { kind, path: None };
        let mut namespaces: Vec<Namespace> = ["pid", "ipc", "uts", "mount"].map(new).into();
        match step.network {
            NetworkSpace::Ours => {}
            NetworkSpace::New => namespaces.push(new("network")),
            NetworkSpace::At(path) => namespaces.push(Namespace { kind: "network", path: Some(path) }),
        }
        if machine.unified_cgroups {
            namespaces.push(new("cgroup"));
        }
        let capabilities = machine.capabilities;
        // Programs that are no root's get them too.
        let passed_on = if step.insecure { capabilities.clone() } else { Vec::new() };
        Self {
            oci_version: "1.0.2",
            process: Process {
                terminal: step.terminal,
                user: ProcessUser { uid: step.user.uid, gid: step.user.gid, additional_gids: groups },
                args: step.args,
                env: step.env,
                cwd: step.cwd,
                capabilities: Capabilities {
                    bounding: capabilities.clone(),
                    effective: capabilities.clone(),
                    permitted: capabilities,
                    inheritable: passed_on.clone(),
                    ambient: passed_on,
                },
                rlimits: step.limits,
                no_new_privileges: false,
            },
            root: Root { path: step.root, readonly: step.readonly_root },
            hostname: step.host_name,
            mounts: own_mounts,
            linux: Linux {
                cgroups_path: step.cgroup,
                resources,
                devices: machine.devices,
                namespaces,
                seccomp: machine.seccomp,
                masked_paths: if step.insecure { &[] } else { &MASKED },
                readonly_paths: if step.insecure { &[] } else { &READONLY },
            },
        }
    }
}

impl Spec {
    /// The control group a written specification names.
    pub(crate) fn cgroup_of(config: &[u8]) -> Option<PathBuf> {
        let config: serde_json::Value = serde_json::from_slice(config).ok()?;
        config.pointer("/linux/cgroupsPath")?.as_str().map(PathBuf::from)
    }
}

/// The mounts of every step, then its own. Where two have one place the later one counts. An insecure step can write to
/// the file systems of the kernel.
fn all_mounts(own: Vec<Mount>, insecure: bool, own_network: bool, privilege: Privilege) -> Vec<Mount> {
    let access = if insecure { "rw" } else { "ro" };
    let mut terminals = vec!["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"];
    if privilege != Privilege::Single {
        // Without others there is no group of terminals.
        terminals.push("gid=5");
    }
    let mut mounts = vec![
        Mount::new("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
        Mount::new("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        Mount::new("/dev/pts", "devpts", "devpts", &terminals),
        Mount::new("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        Mount::new("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
    ];
    if privilege == Privilege::Root || own_network {
        mounts.push(Mount::new("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", access]));
    } else {
        // The kernel makes a new one only for who owns the network: this is the one of the machine. What is mounted in it must
        // not be writable either: control groups below may be the user's, and so be the container's root's.
        let options = ["rbind", "rslave", "nosuid", "noexec", "nodev", "ro", "rro"];
        mounts.push(Mount::new("/sys", "bind", "/sys", &options));
    }
    if privilege == Privilege::Root {
        mounts.push(Mount::new("/sys/fs/cgroup", "cgroup", "cgroup", &[access, "nosuid", "noexec", "nodev"]));
    }
    for mount in own {
        mounts.retain(|other| other.destination != mount.destination);
        mounts.push(mount);
    }
    mounts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step() -> Step {
        Step {
            root: "/state/sessions/s/layers/0/root".into(),
            readonly_root: false,
            args: vec!["/bin/sh".into(), "-c".into(), "make".into()],
            env: vec!["PATH=/bin".into()],
            cwd: "/src".into(),
            user: User { uid: 1000, gid: 1001, groups: vec![50] },
            limits: Vec::new(),
            host_name: HOST_NAME.into(),
            network: NetworkSpace::Ours,
            terminal: false,
            insecure: false,
            resources: Resources::default(),
            mounts: vec![Mount::new("/src", "bind", "/state/m/0", &["rbind", "ro"])],
            cgroup: Some("/hlbc/s-0".into()),
        }
    }

    fn machine() -> Machine {
        Machine {
            capabilities: vec!["CAP_CHOWN", "CAP_KILL"],
            seccomp: None,
            devices: Vec::new(),
            unified_cgroups: false,
            privilege: Privilege::Root,
        }
    }

    #[test]
    fn a_step_as_runc_reads_it() {
        let spec = serde_json::to_value(Spec::new(step(), machine())).unwrap();
        let mut text = String::new();
        for (part, value) in spec.as_object().unwrap() {
            match value {
                serde_json::Value::Object(fields) => {
                    fields.iter().for_each(|(name, value)| text.push_str(&format!("{part}.{name} {value}\n")));
                }
                serde_json::Value::Array(items) => {
                    items.iter().for_each(|item| text.push_str(&format!("{part} {item}\n")));
                }
                other => text.push_str(&format!("{part} {other}\n")),
            }
        }
        insta::assert_snapshot!(text, @r#"
hostname "buildkitsandbox"
linux.cgroupsPath "/hlbc/s-0"
linux.maskedPaths ["/proc/acpi","/proc/asound","/proc/kcore","/proc/keys","/proc/latency_stats","/proc/timer_list","/proc/timer_stats","/proc/sched_debug","/proc/scsi","/sys/firmware","/sys/devices/virtual/powercap"]
linux.namespaces [{"type":"pid"},{"type":"ipc"},{"type":"uts"},{"type":"mount"}]
linux.readonlyPaths ["/proc/bus","/proc/fs","/proc/irq","/proc/sys","/proc/sysrq-trigger"]
linux.resources {"devices":[{"access":"rwm","allow":false}]}
mounts {"destination":"/proc","options":["nosuid","noexec","nodev"],"source":"proc","type":"proc"}
mounts {"destination":"/dev","options":["nosuid","strictatime","mode=755","size=65536k"],"source":"tmpfs","type":"tmpfs"}
mounts {"destination":"/dev/pts","options":["nosuid","noexec","newinstance","ptmxmode=0666","mode=0620","gid=5"],"source":"devpts","type":"devpts"}
mounts {"destination":"/dev/shm","options":["nosuid","noexec","nodev","mode=1777","size=65536k"],"source":"shm","type":"tmpfs"}
mounts {"destination":"/dev/mqueue","options":["nosuid","noexec","nodev"],"source":"mqueue","type":"mqueue"}
mounts {"destination":"/sys","options":["nosuid","noexec","nodev","ro"],"source":"sysfs","type":"sysfs"}
mounts {"destination":"/sys/fs/cgroup","options":["ro","nosuid","noexec","nodev"],"source":"cgroup","type":"cgroup"}
mounts {"destination":"/src","options":["rbind","ro"],"source":"/state/m/0","type":"bind"}
ociVersion "1.0.2"
process.args ["/bin/sh","-c","make"]
process.capabilities {"bounding":["CAP_CHOWN","CAP_KILL"],"effective":["CAP_CHOWN","CAP_KILL"],"permitted":["CAP_CHOWN","CAP_KILL"]}
process.cwd "/src"
process.env ["PATH=/bin"]
process.noNewPrivileges false
process.terminal false
process.user {"additionalGids":[1001,50],"gid":1001,"uid":1000}
root.path "/state/sessions/s/layers/0/root"
root.readonly false
"#);
    }

    #[test]
    fn an_insecure_step_may_do_what_we_may() {
        let spec = serde_json::to_value(Spec::new(Step { insecure: true, ..step() }, machine())).unwrap();
        let at = |place: &str| spec.pointer(place).unwrap().to_string();
        for set in ["bounding", "effective", "permitted", "inheritable", "ambient"] {
            assert_eq!(at(&format!("/process/capabilities/{set}")), r#"["CAP_CHOWN","CAP_KILL"]"#);
        }
        assert_eq!((at("/linux/maskedPaths").as_str(), at("/linux/readonlyPaths").as_str()), ("[]", "[]"));
        assert_eq!(at("/linux/resources/devices"), r#"[{"access":"rwm","allow":true}]"#);
        let mounts = at("/mounts");
        assert!(mounts.contains(r#""/sys","options":["nosuid","noexec","nodev","rw"]"#), "{mounts}");
        assert!(mounts.contains(r#""/sys/fs/cgroup","options":["rw","nosuid","noexec","nodev"]"#), "{mounts}");
    }

    #[test]
    fn a_step_of_a_user_has_no_control_group_and_the_machines_sys() {
        let check = |privilege, terminals: &str| {
            let step = Step { cgroup: None, ..step() };
            let spec = serde_json::to_value(Spec::new(step, Machine { privilege, ..machine() })).unwrap();
            assert_eq!((spec.pointer("/linux/cgroupsPath"), spec.pointer("/linux/resources")), (None, None));
            let mounts = spec.pointer("/mounts").unwrap().to_string();
            assert!(mounts.contains(r#""source":"/sys","type":"bind""#) && !mounts.contains("cgroup"), "{mounts}");
            assert!(mounts.contains(terminals), "{mounts}");
        };
        check(Privilege::Subordinate, r#""mode=0620","gid=5"]"#);
        check(Privilege::Single, r#""mode=0620"]"#);
    }

    #[test]
    fn namespaces_depend_on_the_network_and_the_machine() {
        let check = |network, unified_cgroups, expected: &str| {
            let spec = Spec::new(Step { network, ..step() }, Machine { unified_cgroups, ..machine() });
            let text = serde_json::to_string(&spec.linux.namespaces).unwrap();
            let text = text.strip_prefix(r#"[{"type":"pid"},{"type":"ipc"},{"type":"uts"},{"type":"mount"}"#);
            assert_eq!(text, Some(expected));
        };
        check(NetworkSpace::Ours, false, "]");
        check(NetworkSpace::New, false, r#",{"type":"network"}]"#);
        check(NetworkSpace::New, true, r#",{"type":"network"},{"type":"cgroup"}]"#);
        check(NetworkSpace::At("/n".into()), false, r#",{"type":"network","path":"/n"}]"#);
    }

    #[test]
    fn the_later_of_two_mounts_in_one_place_counts() {
        let own = vec![
            Mount::new("/dev/shm", "tmpfs", "tmpfs", &["nosuid"]),
            Mount::new("/a", "bind", "/1", &[]),
            Mount::new("/a", "bind", "/2", &[]),
        ];
        let places: Vec<_> = all_mounts(own, false, false, Privilege::Root)
            .into_iter()
            .map(|mount| (mount.destination, mount.source))
            .collect();
        let found = |place: &str| -> Vec<_> {
            places.iter().filter(|(at, _)| at == Path::new(place)).map(|(_, from)| from.to_str().unwrap()).collect()
        };
        assert_eq!(found("/dev/shm"), ["tmpfs"]);
        assert_eq!(found("/a"), ["/2"]);
    }
}
