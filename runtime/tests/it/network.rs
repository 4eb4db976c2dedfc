//! Steps with a network of their own, on a machine of two network namespaces: one is this machine, the other the rest of the
//! world, with a web server and a name server.

#![expect(clippy::print_stdout, reason = "the parts of a test hear one another so")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::ops::{ExecMount, MountKind, merge};
use hlb_llb::pb;
use hlb_runtime::Network;

use crate::support::{Bench, shell};

/// Says which part a copy of this program plays.
const ROLE: &str = "HLB_TEST_ROLE";
/// Addresses of the machine and of the rest of the world.
const MACHINE: &str = "192.0.2.1";
const WORLD: &str = "192.0.2.2";
/// The only name that there is.
const NAME: &str = "web.test";

/// A part that ends with this.
struct Part(Child);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// This program again, to do one test in another part, in a network namespace of its own or in ours.
fn part(test: &str, role: &str, own_network: bool) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut command = if own_network {
        let mut unshare = Command::new("unshare");
        unshare.args(["--net", "--"]).arg(program);
        unshare
    } else {
        Command::new(program)
    };
    command.args(["--exact", &format!("network::{test}"), "--nocapture"]).env(ROLE, role);
    command
}

fn run(program: &str, args: &str) -> String {
    let out = Command::new(program).args(args.split(' ')).output().unwrap();
    assert!(out.status.success(), "{program} {args}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// Becomes the machine, and starts the rest of the world.
fn machine(test: &str) -> (Bench, Part) {
    let mut bench = Bench::new();
    bench.network = Network::Isolated;
    let mut world = part(test, "world", true);
    let mut world = Part(world.stdout(Stdio::piped()).spawn().unwrap());
    let pid = world.0.id();
    let mut lines = BufReader::new(world.0.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "apart"), "the world did not begin");
    run("ip", "link set lo up");
    run("ip", &format!("link add out0 mtu 1400 type veth peer name out1 mtu 1400 netns {pid}"));
    run("ip", &format!("addr add {MACHINE}/24 dev out0"));
    run("ip", "link set out0 up");
    run("ip", &format!("route add default via {WORLD}"));
    assert!(lines.any(|line| line.unwrap() == "ready"), "the world is not there");
    // Nobody else sees it.
    let resolver = bench.path("resolv.conf");
    std::fs::write(&resolver, format!("nameserver 127.0.0.53\nnameserver {WORLD}\n")).unwrap();
    run("mount", &format!("--bind {} /etc/resolv.conf", resolver.display()));
    (bench, world)
}

/// The rest of the world: everybody who asks for the name gets our address, and there is a page.
fn be_the_world() {
    println!("\napart");
    while !std::path::Path::new("/proc/sys/net/ipv4/conf/out1").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    run("ip", "link set lo up");
    run("ip", &format!("addr add {WORLD}/24 dev out1"));
    run("ip", "link set out1 up");
    let names = UdpSocket::bind("0.0.0.0:53").unwrap();
    std::thread::spawn(move || {
        let mut question = [0; 512];
        loop {
            let (length, from) = names.recv_from(&mut question).unwrap();
            names.send_to(&answer(&question[..length]), from).unwrap();
        }
    });
    let web = TcpListener::bind("0.0.0.0:80").unwrap();
    println!("ready");
    for visitor in web.incoming() {
        let mut visitor = visitor.unwrap();
        let from = visitor.peer_addr().unwrap().ip();
        let _ = visitor.write_all(format!("the page, for {from}\n").as_bytes());
    }
}

/// The answer of a name server: one address, if that is what is asked for.
fn answer(question: &[u8]) -> Vec<u8> {
    let end = question[12..].iter().position(|byte| *byte == 0).unwrap() + 12 + 5;
    let wants_address = question[end - 4..end] == [0, 1, 0, 1];
    let mut answer = question[..2].to_vec();
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(wants_address), 0, 0, 0, 0]);
    answer.extend(&question[12..end]);
    if wants_address {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 2]);
    }
    answer
}

/// Plays the part that this copy of the program has; the first one starts the machine.
fn play(test: &str, on_the_machine: impl FnOnce(Bench)) {
    match std::env::var(ROLE).as_deref() {
        Err(_) => assert!(part(test, "machine", true).status().unwrap().success()),
        Ok("world") => be_the_world(),
        Ok("machine") => {
            let (bench, _world) = machine(test);
            on_the_machine(bench);
        }
        Ok(role) => {
            let mut bench = Bench::new();
            bench.network = Network::Isolated;
            let root = bench.root(&[]);
            let script =
                format!("{HELPERS} echo up; get {WORLD} 80; {}", if role == "ends" { "true" } else { "sleep 1000" });
            step(&bench, &root, &script, |text| println!("{text}"));
        }
    }
}

/// For scripts: prints what a server says, or that there is none.
const HELPERS: &str = "b=/bin/busybox; get() { $b nc -w 2 $1 $2 </dev/null 2>/dev/null || echo \"nothing at $1\"; };";

/// Runs a script; what it printed.
fn step(bench: &Bench, root: &Output, script: &str, live: fn(&str)) -> String {
    let built = shell(root.clone(), script).build(Annotations::default()).root.unwrap();
    let seen = bench.solve_live(marshal(Some(&built), Vec::new()), live);
    seen.unwrap().log
}

#[test]
fn privileged_isolated_steps_reach_the_world_but_not_the_machine() {
    play("privileged_isolated_steps_reach_the_world_but_not_the_machine", |bench| {
        let service = TcpListener::bind("0.0.0.0:7777").unwrap();
        std::thread::spawn(move || {
            for visitor in service.incoming() {
                let _ = visitor.unwrap().write_all(b"a service of the machine\n");
            }
        });
        let mut said = String::new();
        TcpStream::connect((MACHINE, 7777)).unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(said, "a service of the machine\n", "the test looks for what is not there");

        let root = bench.root(&[]);
        let script = format!(
            "{HELPERS} cat /etc/resolv.conf; cat /sys/class/net/eth0/mtu; ls /sys/class/net; \
             $b nslookup {NAME} 2>&1 | grep -A1 'Name:'; get {WORLD} 80; \
             get {MACHINE} 7777; get 10.213.0.1 7777; get 127.0.0.1 7777; cat /proc/net/if_inet6"
        );
        let log = step(&bench, &root, &script, |_| {});
        let mut lines: Vec<&str> = log.lines().map(str::trim_end).collect();
        // Loopback has the other protocol.
        lines.retain(|line| !line.ends_with(" lo"));
        let expected = [
            format!("nameserver {WORLD}"),
            "1400".to_owned(),
            "eth0".to_owned(),
            "lo".to_owned(),
            format!("Name:\t{NAME}"),
            format!("Address: {WORLD}"),
            format!("the page, for {MACHINE}"),
            format!("nothing at {MACHINE}"),
            "nothing at 10.213.0.1".to_owned(),
            "nothing at 127.0.0.1".to_owned(),
        ];
        assert_eq!(lines, expected, "{log}");
    });
}

#[test]
fn privileged_isolated_steps_do_not_reach_one_another() {
    play("privileged_isolated_steps_do_not_reach_one_another", |bench| {
        let root = bench.root(&[]);
        let meet = || ExecMount {
            dest: "/meet".to_owned(),
            source: None,
            selector: String::new(),
            readonly: false,
            no_output: true,
            kind: MountKind::Cache { id: "meet".to_owned(), sharing: pb::CacheSharingOpt::Shared },
            content_cache: pb::MountContentCache::Default,
            result_id: String::new(),
        };
        let with = |script: &str| {
            let mut step = shell(root.clone(), &format!("{HELPERS} {script}"));
            step.mounts = vec![meet()];
            step.build(Annotations::default()).root.unwrap()
        };
        let wait = |file: &str| format!("until [ -e /meet/{file} ]; do $b usleep 20000; done;");
        // One offers something and can get it itself; the other cannot.
        let address = "$b ip -4 addr show eth0 | $b awk '/inet/ { sub(\"/30\", \"\", $2); print $2 }'";
        let first = with(&format!(
            "(while true; do echo mine | $b nc -l -p 99 -w 5; done) 2>/dev/null & {address} >/meet/address.new; \
             $b usleep 200000; get $(cat /meet/address.new) 99 >/meet/own; $b mv /meet/address.new /meet/address; {} \
             cat /meet/own /meet/answer",
            wait("answer")
        ));
        let second = with(&format!(
            "{} get $(cat /meet/address) 99 >/meet/answer.new; {address}; get {WORLD} 80; $b mv /meet/answer.new /meet/answer",
            wait("address")
        ));
        let both = merge(vec![first, second], Annotations::default()).unwrap();
        let log = bench.solve(Some(&both)).unwrap().log;
        let has = |line: &str| log.lines().any(|found| found == line);
        let foreign = log.lines().find_map(|line| line.strip_prefix("nothing at ")).unwrap_or_default();
        assert!(has("mine") && foreign.starts_with("10.213.0."), "{log}");
        let own = log.lines().find(|line| line.starts_with("10.213.0."));
        assert!(own.is_some_and(|own| own != foreign), "{log}");
        assert!(has(&format!("the page, for {MACHINE}")), "{log}");
    });
}

#[test]
fn privileged_isolated_nothing_is_left_however_we_end() {
    const TEST: &str = "privileged_isolated_nothing_is_left_however_we_end";
    play(TEST, |_bench| {
        let number = std::fs::metadata("/proc/thread-self/ns/net").unwrap();
        let lock = format!("/run/hlbc/net-{}.lock", std::os::unix::fs::MetadataExt::ino(&number));
        let traces = || {
            let mut found: Vec<String> =
                run("ip", "-o link").lines().filter(|line| line.contains("hlb")).map(str::to_owned).collect();
            found.extend(run("iptables-save", "-c").lines().filter(|line| line.contains("HLBC")).map(str::to_owned));
            found.extend(std::path::Path::new(&lock).exists().then(|| lock.clone()));
            found
        };
        assert_eq!(traces(), Vec::<String>::new());
        for role in ["killed", "ends"] {
            let mut ending = part(TEST, role, false);
            // Not the signals of those who end the test.
            let mut ending = Part(ending.process_group(0).stdout(Stdio::piped()).spawn().unwrap());
            let mut lines = BufReader::new(ending.0.stdout.take().unwrap()).lines();
            assert!(lines.any(|line| line.unwrap() == format!("the page, for {MACHINE}")), "the step did not start");
            if role == "killed" {
                assert!(traces().len() > 3, "the test looks in the wrong places: {:?}", traces());
                ending.0.kill().unwrap();
            }
            ending.0.wait().unwrap();
            let deadline = Instant::now() + Duration::from_secs(20);
            while !traces().is_empty() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(20));
            }
            assert_eq!(traces(), Vec::<String>::new(), "{role}");
        }
    });
}
