//! The networks of steps.
//!
//! Owns which there are, and what a network of a step's own consists of: a namespace with a cable to this machine and an address,
//! and, while some process of ours may need them, the rules by which the machine passes packets on under its own address. They
//! lead out, but not to services of the machine nor to other steps. How namespaces are made is known to `sys::network`.
//!
//! All of it ends with us, however we end: namespaces and cables with the processes in them, and the rules by the hand of a
//! process that waits for our end.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use rustix::fs::FlockOperation;

use super::runc::locate;
use crate::sys::mounts::Mounted;
use crate::sys::network as namespaces;
use crate::sys::rootless::{self, Privilege};

/// As many networks of four addresses as there are in `10.213.0.0/16`.
const SLOTS: u32 = 1 << 14;
/// Where processes agree on who needs the rules.
const LOCKS: &str = "/run/hlbc";
/// Of cables where nothing says otherwise.
const DEFAULT_MTU: u32 = 1500;

/// The rules for packets of steps, in chains of our own. Name servers are the one thing of this machine that steps may use.
const RULES: &str = "*nat
:HLBC-POSTROUTING - [0:0]
-A HLBC-POSTROUTING ! -o hlb+ -j MASQUERADE
COMMIT
*filter
:HLBC-FORWARD - [0:0]
:HLBC-INPUT - [0:0]
-A HLBC-FORWARD -i hlb+ -o hlb+ -j DROP
-A HLBC-FORWARD -i hlb+ -m conntrack --ctstate DNAT -j DROP
-A HLBC-FORWARD -i hlb+ -j ACCEPT
-A HLBC-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A HLBC-FORWARD -j DROP
-A HLBC-INPUT -p udp --dport 53 -j ACCEPT
-A HLBC-INPUT -p tcp --dport 53 -j ACCEPT
-A HLBC-INPUT -j DROP
COMMIT
";
/// What leads into these chains: table, chain and rule.
const JUMPS: [(&str, &str, &str); 4] = [
    ("nat", "POSTROUTING", "-s 10.213.0.0/16 -j HLBC-POSTROUTING"),
    ("filter", "FORWARD", "-i hlb+ -j HLBC-FORWARD"),
    ("filter", "FORWARD", "-o hlb+ -j HLBC-FORWARD"),
    ("filter", "INPUT", "-i hlb+ -j HLBC-INPUT"),
];
/// The chains by table.
const CHAINS: [(&str, &str); 3] = [("nat", "HLBC-POSTROUTING"), ("filter", "HLBC-FORWARD"), ("filter", "HLBC-INPUT")];

/// What a step sees of the network if it asks for nothing special.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Network {
    /// The network of the machine.
    Host,
    /// One of its own, from which it can reach what the machine can reach, but not the machine itself.
    Isolated,
}

/// What one process sees of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Net {
    Host,
    /// Nothing but loopback.
    None,
    Isolated,
}

/// A step cannot have a network of its own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NetworkError {
    /// Others may not change how the machine passes packets on.
    #[error("steps cannot have a network of their own here: only root can connect it to the machine's")]
    NeedsRoot,
    /// A program is missing.
    #[error("steps cannot have a network of their own here: `{program}` is not installed")]
    Missing {
        /// Which.
        program: &'static str,
    },
    /// A program could not do its part.
    #[error("steps cannot have a network of their own here: cannot {action}: {said}")]
    Refused {
        /// What was tried.
        action: &'static str,
        /// What the program says.
        said: String,
    },
    /// All addresses are in use.
    #[error("steps cannot have networks of their own any more: all {SLOTS} are in use")]
    Full,
    /// The system refused.
    #[error("steps cannot have a network of their own here: {0}")]
    Io(#[from] io::Error),
}

/// A network namespace that leads out. Dropped, it is gone as soon as no process is in it any more.
#[derive(Debug)]
pub(crate) struct NetNs {
    mounted: Mounted,
    _slot: Slot,
}

/// Addresses that nobody else on the machine has. The name of a socket is taken until its process ends.
#[derive(Debug)]
struct Slot {
    number: u32,
    _name: UnixListener,
}

/// The rules, while this process may need them.
struct Rules {
    mtu: u32,
    /// Shared by all who need them.
    _lock: File,
    /// Waits for the end of its standard input, which is ours.
    _remover: Child,
}

impl From<Network> for Net {
    fn from(network: Network) -> Self {
        match network {
            Network::Host => Self::Host,
            Network::Isolated => Self::Isolated,
        }
    }
}

/// Checks whether steps can have networks of their own.
pub(super) fn check() -> Result<(), NetworkError> {
    if rootless::privilege() != Privilege::Root {
        return Err(NetworkError::NeedsRoot);
    }
    for program in ["ip", "iptables", "iptables-restore"] {
        if !locate(Path::new(program)).is_absolute() {
            return Err(NetworkError::Missing { program });
        }
    }
    namespaces::inside(|| ip("make a `veth` device", "link add eth0 type veth peer name hlb0\n"))
}

impl NetNs {
    /// Makes one, in a directory of its own.
    pub(crate) fn connect(dir: &Path) -> Result<Self, NetworkError> {
        let mtu = rules()?;
        let at = dir.join("net");
        File::create_new(&at)?;
        let mut next = 0;
        loop {
            let slot = Slot::take(next)?;
            match slot.connect(&at, mtu) {
                // The cable of one who has just ended is still there.
                Err(NetworkError::Refused { said, .. }) if said.contains("File exists") => next = slot.number + 1,
                Err(error) => return Err(error),
                Ok(mounted) => return Ok(Self { mounted, _slot: slot }),
            }
        }
    }

    /// Where it can be entered.
    pub(crate) fn path(&self) -> &Path {
        self.mounted.path()
    }
}

impl Slot {
    /// The first that is free.
    fn take(from: u32) -> Result<Self, NetworkError> {
        for number in from..SLOTS {
            // Of the network namespace that we are in, as addresses are.
            match UnixListener::bind_addr(&SocketAddr::from_abstract_name(format!("hlbc/net/{number}"))?) {
                Ok(name) => return Ok(Self { number, _name: name }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(NetworkError::Full)
    }

    /// Our address, or that of the step.
    fn address(&self, end: u32) -> String {
        let [_, _, high, low] = (self.number * 4 + end).to_be_bytes();
        format!("10.213.{high}.{low}")
    }

    fn connect(&self, at: &Path, mtu: u32) -> Result<Mounted, NetworkError> {
        let (ours, device) = (namespaces::ours(), format!("hlb{}", self.number));
        let (near, far) = (self.address(1), self.address(2));
        let (mounted, ()) = namespaces::make(at, || {
            let cable = format!("link add eth0 mtu {mtu} type veth peer name {device} mtu {mtu} netns {ours}\n");
            ip("make a `veth` device", &cable)?;
            only_ip4("eth0")?;
            let rest = format!(
                "link set lo up\naddr add {far}/30 dev eth0\nlink set eth0 up\nroute add default via {near} dev eth0\n"
            );
            ip("set up the network of a step", &rest)
        })?;
        only_ip4(&device)?;
        ip("set up the network of a step", &format!("addr add {near}/30 dev {device}\nlink set {device} up\n"))?;
        Ok(mounted)
    }
}

/// There are no rules for the other protocol, by which services of the machine could be reached.
fn only_ip4(device: &str) -> io::Result<()> {
    let switch = Path::new("/proc/sys/net/ipv6/conf").join(device).join("disable_ipv6");
    if switch.exists() { std::fs::write(switch, "1") } else { Ok(()) }
}

/// Sees to it that the rules are there from now on until the end of this process, and gives the size of packets that go out.
fn rules() -> Result<u32, NetworkError> {
    static RULES_OF_THIS_PROCESS: Mutex<Option<Rules>> = Mutex::new(None);
    let mut rules = RULES_OF_THIS_PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(rules) = &*rules {
        return Ok(rules.mtu);
    }
    let (path, lock) = lock()?;
    // Whatever happens now, they are removed.
    let remover = remover(&path)?;
    let there = |(table, chain, rule): &(&str, &str, &str)| iptables("-C", table, chain, rule).is_ok();
    if !JUMPS.iter().all(there) {
        run(Command::new(locate(Path::new("iptables-restore"))).args(["-w", "--noflush"]), "make rules", RULES)?;
        for jump @ (table, chain, rule) in &JUMPS {
            if !there(jump) {
                // The first of all: what comes after it may drop what it does not know.
                iptables("-I", table, chain, rule)?;
            }
        }
    }
    let forward = Path::new("/proc/sys/net/ipv4/ip_forward");
    if std::fs::read_to_string(forward)?.trim() != "1" {
        std::fs::write(forward, "1")?;
    }
    let mtu = mtu()?;
    *rules = Some(Rules { mtu, _lock: lock, _remover: remover });
    Ok(mtu)
}

/// The lock that all hold who need the rules of this network namespace.
fn lock() -> io::Result<(PathBuf, File)> {
    std::fs::create_dir_all(LOCKS)?;
    let path = Path::new(LOCKS).join(format!("net-{}.lock", namespaces::number()?));
    loop {
        let file = File::options().create(true).truncate(false).write(true).open(&path)?;
        rustix::fs::flock(&file, FlockOperation::LockShared)?;
        // The last one takes it away.
        if std::fs::metadata(&path).is_ok_and(|named| file.metadata().is_ok_and(|ours| ours.ino() == named.ino())) {
            return Ok((path, file));
        }
    }
}

/// Starts what removes the rules when this process has ended, unless others need them.
fn remover(lock: &Path) -> io::Result<Child> {
    let mut remove = String::new();
    for (table, chain, rule) in JUMPS {
        remove.push_str(&format!("while iptables -w -t {table} -D {chain} {rule}; do :; done\n"));
    }
    for (table, chain) in CHAINS {
        remove.push_str(&format!("iptables -w -t {table} -F {chain}\niptables -w -t {table} -X {chain}\n"));
    }
    remove.push_str("rm -f \"$0\"\n");
    // Our lock is gone a moment after the pipe. If the file is another by then, somebody else was here before, and what is there
    // now belongs to who came after.
    let script = "read -r _; exec 9<\"$0\" && flock -x -w 2 9 && [ \"$0\" -ef /proc/self/fd/9 ] || exit 0; \
                  exec sh -c \"$1\" \"$0\"";
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(lock).arg(remove);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").current_dir("/");
    // What is typed at a terminal to end us is not for it.
    command.process_group(0).spawn()
}

/// The size of packets on the way out.
fn mtu() -> Result<u32, NetworkError> {
    let ask = |args: &[&str]| run(Command::new(locate(Path::new("ip"))).args(args), "look at the network", "");
    let after = |text: &str, name: &str| -> Option<String> {
        let mut words = text.split_whitespace().skip_while(|word| *word != name);
        words.nth(1).map(str::to_owned)
    };
    let Some(device) = after(&ask(&["-o", "-4", "route", "show", "default"])?, "dev") else { return Ok(DEFAULT_MTU) };
    let link = ask(&["-o", "link", "show", "dev", &device])?;
    Ok(after(&link, "mtu").and_then(|mtu| mtu.parse().ok()).unwrap_or(DEFAULT_MTU))
}

fn ip(action: &'static str, lines: &str) -> Result<(), NetworkError> {
    run(Command::new(locate(Path::new("ip"))).args(["-batch", "-"]), action, lines).map(drop)
}

fn iptables(action: &str, table: &str, chain: &str, rule: &str) -> Result<(), NetworkError> {
    let mut command = Command::new(locate(Path::new("iptables")));
    command.args(["-w", "-t", table, action, chain]).args(rule.split(' '));
    run(&mut command, "make rules", "").map(drop)
}

/// Runs a program to its end, and gives what it prints.
fn run(command: &mut Command, action: &'static str, input: &str) -> Result<String, NetworkError> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read has something to say about it.
        let _ = stdin.write_all(input.as_bytes());
    }
    let out = child.wait_with_output()?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr).trim().replace('\n', "; ");
        return Err(NetworkError::Refused { action, said });
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_four_a_step() {
        let name = || UnixListener::bind_addr(&SocketAddr::from_abstract_name("").unwrap()).unwrap();
        let check = |number, near: &str, far: &str| {
            let slot = Slot { number, _name: name() };
            assert_eq!((slot.address(1).as_str(), slot.address(2).as_str()), (near, far));
        };
        check(0, "10.213.0.1", "10.213.0.2");
        check(64, "10.213.1.1", "10.213.1.2");
        check(SLOTS - 1, "10.213.255.253", "10.213.255.254");
    }

    #[test]
    fn privileged_slots_are_taken_once() {
        let taken = namespaces::inside(|| {
            let first = Slot::take(0)?;
            let second = Slot::take(0)?;
            let numbers = (first.number, second.number);
            drop(first);
            Ok::<_, NetworkError>((numbers, Slot::take(0)?.number))
        });
        assert_eq!(taken.unwrap(), ((0, 1), 0));
    }

    #[test]
    fn privileged_this_machine_can_isolate() {
        check().unwrap();
    }
}
