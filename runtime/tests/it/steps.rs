//! Steps with more than files: what a client lends them, allows them, and holds them to.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use hlb_agent::Lent;
use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::ops::{Exec, ExecMount, MountKind, Secret, Ssh};
use hlb_llb::pb;
use hlb_runtime::{Entitlement, ErrorKind, SolveError};

use crate::support::{Bench, shell};

/// Says what a socket says, after it was told something.
const TALK: &str = r#"use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "no: $!\n"; print $s "hello from the step\n"; $s->shutdown(1); print <$s>;"#;

fn ssh(id: &str, target: &str) -> Ssh {
    Ssh { id: id.to_owned(), target: Some(target.to_owned()), uid: 0, gid: 0, mode: 0o600, optional: false }
}

/// Runs a step; what it printed.
fn run(bench: &Bench, exec: Exec) -> Result<String, SolveError> {
    run_with(bench, exec, Annotations::default())
}

fn run_with(bench: &Bench, exec: Exec, annotations: Annotations) -> Result<String, SolveError> {
    let root = exec.build(annotations).root.unwrap();
    bench.solve_definition(marshal(Some(&root), Vec::new())).map(|seen| seen.log)
}

/// A root with perl, which can talk to sockets.
fn with_perl(bench: &Bench) -> Output {
    let root = bench.root(&["/usr/bin/perl"]);
    let modules = perl_modules();
    let at = bench.path("root").join(modules.strip_prefix("/").unwrap());
    std::fs::create_dir_all(at.parent().unwrap()).unwrap();
    let copied = Command::new("cp").arg("-a").arg(&modules).arg(at.parent().unwrap()).status().unwrap();
    assert!(copied.success());
    root
}

/// The part of perl that every Debian has.
fn perl_modules() -> PathBuf {
    let asked = Command::new("perl").args(["-e", "print grep { /perl-base/ } @INC"]).output().unwrap();
    PathBuf::from(String::from_utf8(asked.stdout).unwrap())
}

struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn keygen(path: &Path) {
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "a key", "-f"]).arg(path).status();
    assert!(made.expect("openssh-client is installed by `xtask setup`").success());
}

/// A real agent with one key.
fn agent(bench: &Bench) -> (Agent, PathBuf) {
    let (socket, key) = (bench.path("agent"), bench.path("key"));
    keygen(&key);
    let agent = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
    let agent = Agent(agent);
    while !socket.exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let added = Command::new("ssh-add").arg("-q").arg(&key).env("SSH_AUTH_SOCK", &socket).status().unwrap();
    assert!(added.success());
    (agent, socket)
}

#[test]
fn privileged_a_step_uses_the_agent_and_cannot_change_it() {
    let mut bench = Bench::new();
    let root = bench.root(&["/usr/bin/ssh-add"]);
    let (_agent, socket) = agent(&bench);
    let script =
        "ssh-add -l; ssh-add -D 2>&1; ssh-add -l; ls -l /run/buildkit | wc -l; stat -c '%a %u %g' $SSH_AUTH_SOCK";
    let step = || {
        let mut step = shell(root.clone(), script);
        let target = None;
        step.ssh = vec![Ssh { target, uid: 7, gid: 8, mode: 0o660, ..ssh("default", "") }];
        step
    };
    for lent in [Lent::Agent(socket), Lent::Keys(vec![bench.path("key")])] {
        bench.sockets.insert("default".to_owned(), lent);
        let log = run(&bench, step()).unwrap();
        let lines: Vec<&str> = log.lines().collect();
        assert!(lines[0].ends_with(" a key (ED25519)"), "{log}");
        assert_eq!(lines[1], "Failed to remove all identities.");
        assert_eq!((lines[2], lines[4]), (lines[0], "660 7 8"));
        assert!(!bench.out().join("run/buildkit").exists(), "mount points stay out of the result");
    }
}

#[test]
fn privileged_what_nobody_lends_is_named_or_left_out() {
    let mut bench = Bench::new();
    let root = bench.root(&[]);
    let step = |optional| {
        let mut step = shell(root.clone(), "ls /run/x 2>&1; true");
        step.ssh = vec![Ssh { optional, ..ssh("deploy", "/run/x") }];
        step
    };
    let error = run(&bench, step(false)).unwrap_err();
    assert_eq!(error.to_string(), "the SSH agent or socket `deploy` was not given");
    assert_eq!(error.kind(), ErrorKind::Source);
    assert_eq!(run(&bench, step(true)).unwrap(), "ls: /run/x: No such file or directory\n");
    bench.sockets.insert("deploy".to_owned(), Lent::Agent(PathBuf::new()));
    let error = run(&bench, step(false)).unwrap_err().to_string();
    assert!(error.starts_with("the SSH agent or socket `deploy` cannot be used: no SSH agent is running"), "{error}");
}

#[test]
fn privileged_sockets_and_addresses_are_forwarded() {
    let mut bench = Bench::new();
    let root = with_perl(&bench);
    let unix = UnixListener::bind(bench.path("service")).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    bench.sockets.insert("unix".to_owned(), Lent::Unix(bench.path("service")));
    bench.sockets.insert("tcp".to_owned(), Lent::Tcp(tcp.local_addr().unwrap().to_string()));
    fn serve(mut stream: impl std::io::Read + std::io::Write, name: &str) {
        let mut told = String::new();
        stream.read_to_string(&mut told).unwrap();
        write!(stream, "{name} was told: {told}").unwrap();
    }
    // The first connection is the look whether anybody is there.
    std::thread::spawn(move || unix.incoming().skip(1).for_each(|stream| serve(stream.unwrap(), "unix")));
    std::thread::spawn(move || tcp.incoming().for_each(|stream| serve(stream.unwrap(), "tcp")));
    let mut step = shell(root, "for s in unix tcp; do /usr/bin/perl -e \"$TALK\" /run/$s.sock || exit 1; done");
    step.env = vec![format!("TALK={TALK}")];
    // A network of its own does not matter: the sockets are files.
    step.network = pb::NetMode::None;
    step.ssh = vec![ssh("unix", "/run/unix.sock"), ssh("tcp", "/run/tcp.sock")];
    let log = run(&bench, step).unwrap();
    assert_eq!(log, "unix was told: hello from the step\ntcp was told: hello from the step\n");
}

#[test]
fn privileged_privileges_are_given_by_the_caller_alone() {
    let mut bench = Bench::new();
    let root = bench.root(&[]);
    let script = "mount -t tmpfs none /tmp && grep -c ' /tmp ' /proc/mounts; grep Seccomp: /proc/self/status; touch /proc/sys/kernel/hostname && echo writable";
    let insecure = || Exec { security: pb::SecurityMode::Insecure, ..shell(root.clone(), script) };
    let error = run(&bench, insecure()).unwrap_err();
    let text = "the step needs the entitlement `security.insecure`, which the caller did not give";
    assert_eq!((error.to_string().as_str(), error.kind()), (text, ErrorKind::Definition));
    assert_eq!(error.entitlement(), Some(Entitlement::SecurityInsecure));
    assert_eq!(error.vertex_name(), Some(format!("/bin/sh -c {script}").as_str()));

    let network = || Exec { network: pb::NetMode::Host, ..shell(root.clone(), "ls /sys/class/net | wc -l") };
    assert_eq!(run(&bench, network()).unwrap_err().entitlement(), Some(Entitlement::NetworkHost));

    bench.allow.insert(Entitlement::SecurityInsecure);
    assert_eq!(run(&bench, insecure()).unwrap(), "1\nSeccomp:\t0\nwritable\n");
    assert_eq!(run(&bench, network()).unwrap_err().entitlement(), Some(Entitlement::NetworkHost));
    bench.allow.insert(Entitlement::NetworkHost);
    assert!(run(&bench, network()).is_ok());
}

#[test]
fn privileged_nothing_runs_of_a_graph_that_is_refused() {
    let bench = Bench::new();
    let first = crate::support::mkfile(Some(bench.root(&[])), "/first", "x");
    let step = Exec { security: pb::SecurityMode::Insecure, ..shell(first, "true") };
    run(&bench, step).unwrap_err();
    assert_eq!(std::fs::read_dir(bench.path("state/layers")).unwrap().count(), 0);
}

#[test]
fn privileged_limits_hold() {
    let bench = Bench::new();
    let root = bench.root(&[]);
    let script = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu/cpu.shares 2>/dev/null; cat /sys/fs/cgroup/cpuset/cpuset.cpus /sys/fs/cgroup/cpuset.cpus 2>/dev/null; true";
    let limits = |resources| Annotations { linux_resources: Some(resources), ..Annotations::default() };
    let resources =
        pb::LinuxResources { memory: 64 << 20, cpu_shares: 512, cpuset_cpus: "0".into(), ..Default::default() };
    let log = run_with(&bench, shell(root.clone(), script), limits(resources)).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines.starts_with(&["67108864"]) && lines.ends_with(&["0"]), "{log}");

    // A shell that takes more than it may is ended, and the error says why.
    let greedy = "x=0123456789; while :; do x=$x$x; done";
    let resources = pb::LinuxResources { memory: 16 << 20, memory_swap: 16 << 20, ..Default::default() };
    let error = run_with(&bench, shell(root, greedy), limits(resources)).unwrap_err();
    assert!(error.to_string().contains("cannot allocate memory"), "{error}");
}

#[test]
fn privileged_options_of_a_step_are_heeded() {
    let mut bench = Bench::new();
    bench.secret("token", "s3cret");
    let root = bench.root(&[]);
    let script = "hostname; grep registry /etc/hosts; ulimit -n; echo $TOKEN; echo $TOKEN | wc -c; echo \"<$NONE>\"; df -k /mem | grep -o ' 1024 '; exit 7";
    let step = |codes| {
        let mut step = shell(root.clone(), script);
        step.hostname = "builder".to_owned();
        step.extra_hosts = vec![pb::HostIp { host: "registry".into(), ip: "10.0.0.7".into() }];
        step.ulimits = vec![pb::Ulimit { name: "nofile".into(), soft: 99, hard: 199 }];
        step.valid_exit_codes = Some(codes);
        let kind = MountKind::Tmpfs { size: 1 << 20 };
        step.mounts = vec![ExecMount { kind, ..ExecMount::bind("/mem", None) }];
        let secret = |id: &str, env: &str, optional| Secret {
            id: id.to_owned(),
            target: None,
            env: Some(env.to_owned()),
            uid: 0,
            gid: 0,
            mode: 0o400,
            optional,
        };
        step.secrets = vec![secret("token", "TOKEN", false), secret("none", "NONE", true)];
        step
    };
    let log = run(&bench, step(vec![7])).unwrap();
    assert_eq!(log, "builder\n10.0.0.7\tregistry\n99\n***\n7\n<>\n 1024 \n 1024 \n");
    assert_eq!(run(&bench, step(vec![0, 8])).unwrap_err().exit_code(), Some(7));
}
