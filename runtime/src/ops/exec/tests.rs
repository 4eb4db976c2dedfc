//! Steps for real, in a root file system of busybox. They need root and runc.

mod bench;
mod caches;
mod ends;
mod files;
mod snapshots;

use super::*;
use bench::{Bench, RUNTIMES, args, bind, shell};

/// Runs a script and compares what it prints, after its lines were trimmed.
fn check(op: &pb::ExecOp, expected: &str) {
    for program in RUNTIMES {
        let bench = Bench::with(program);
        let (result, printed) = bench.run(op, std::slice::from_ref(&bench.base));
        result.unwrap_or_else(|error| panic!("{program}: {error}\n{printed}"));
        assert_eq!(printed.trim_end(), expected.trim_end(), "{program}");
    }
}

/// As [`check`], of one shell command.
fn check_shell(script: &str, expected: &str) {
    check(&shell(&format!("exec 2>&1; {script}")), expected);
}

#[test]
fn privileged_a_step_is_alone_and_confined() {
    check_shell("echo $$", "1");
    check_shell("hostname; pwd; id -u; id -G", "buildkitsandbox\n/\n0\n0");
    check_shell(
        "grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)|Seccomp:|NoNewPrivs' /proc/self/status | tr -d '\\t'",
        "CapInh:0000000000000000\nCapPrm:00000000a80425fb\nCapEff:00000000a80425fb\nCapBnd:00000000a80425fb\nCapAmb:0000000000000000\nNoNewPrivs:0\nSeccomp:2",
    );
    check_shell(
        "mount -t tmpfs x /mnt 2>&1; unshare -m true 2>&1; hostname x 2>&1; true",
        "mount: permission denied (are you root?)\nunshare: unshare(0x20000): Operation not permitted\nhostname: sethostname: Operation not permitted",
    );
    check_shell(
        "ls /sys/firmware; touch /sys/x 2>&1; echo x >/proc/sys/kernel/hostname; true",
        "touch: /sys/x: Read-only file system\n/bin/sh: can't create /proc/sys/kernel/hostname: Read-only file system",
    );
    check_shell(
        // `core` is there if the kernel shows its memory, or always.
        "cat; ls /dev | grep -vx core",
        "fd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero",
    );
}

#[test]
fn privileged_the_environment_is_what_the_op_says() {
    let mut op = args(&["/bin/env"]);
    let meta = op.meta.as_mut().unwrap();
    meta.env = vec!["B=2".into(), "A=1".into()];
    meta.proxy_env = Some(pb::ProxyEnv { http_proxy: "http://p:1".into(), ..Default::default() });
    op.secretenv = vec![
        pb::SecretEnv { id: "token".into(), name: "TOKEN".into(), optional: false },
        pb::SecretEnv { id: "none".into(), name: "NONE".into(), optional: true },
    ];
    let path = DEFAULT_PATH;
    check(&op, &format!("B=2\nA=1\nHTTP_PROXY=http://p:1\nhttp_proxy=http://p:1\n{path}\nTOKEN=s3cret\nNONE=\nHOME=/"));
    let mut op = shell("echo $PATH");
    op.meta.as_mut().unwrap().env = vec!["PATH=/bin".into()];
    check(&op, "/bin");
}

#[test]
fn privileged_a_step_runs_as_the_user_it_names() {
    let run_as = |user: &str| {
        let mut op = shell("id -u; id -G; stat -c '%u:%g %a' /work/deep; pwd; touch x; echo $HOME");
        let meta = op.meta.as_mut().unwrap();
        meta.user = user.into();
        meta.cwd = "/work/deep".into();
        op
    };
    check(&run_as("ann"), "1000\n1001 10\n1000:1001 755\n/work/deep\n/home/ann");
    check(&run_as("7:8"), "7\n8\n7:8 755\n/work/deep\n/");
}

#[test]
fn privileged_networks_are_the_hosts_or_none() {
    let mut op = shell("ls /sys/class/net | wc -l; ip link | grep -c UP,LOWER_UP");
    op.network = pb::NetMode::None.into();
    check(&op, "1\n1");
    let ours = std::fs::read_link("/proc/self/ns/net").unwrap();
    check_shell("readlink /proc/self/ns/net", ours.to_str().unwrap());
    let resolver = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    check_shell("cat /etc/resolv.conf", &resolver);
}

#[test]
fn privileged_hosts_limits_and_host_name_are_given() {
    let mut op = shell("hostname; cat /etc/hosts; ulimit -n; ulimit -Hn");
    let meta = op.meta.as_mut().unwrap();
    meta.hostname = "builder".into();
    meta.extra_hosts = vec![pb::HostIp { host: "registry".into(), ip: "10.0.0.7".into() }];
    meta.ulimit = vec![pb::Ulimit { name: "nofile".into(), soft: 100, hard: 200 }];
    let hosts = "127.0.0.1\tlocalhost builder\n::1\tlocalhost ip6-localhost ip6-loopback\n10.0.0.7\tregistry";
    check(&op, &format!("builder\n{hosts}\n100\n200"));
}

#[test]
fn what_is_not_there_yet_says_so() {
    let check = |change: &dyn Fn(&mut pb::ExecOp), expected: &str| {
        let bench = Bench::without_root();
        let mut op = shell("true");
        change(&mut op);
        assert_eq!(bench.run(&op, &[Snapshot::scratch()]).0.unwrap_err().to_string(), expected);
    };
    check(&|op| op.security = 9, "security mode 9 is not supported yet");
    check(&|op| op.network = 9, "network mode 9 is not supported yet");
    check(
        &|op| op.meta.as_mut().unwrap().cgroup_parent = "x.slice:".into(),
        "control group parent `x.slice:` is not supported yet",
    );
    check(
        &|op| op.meta.as_mut().unwrap().args.clear(),
        "the exec op is not valid: its process has no arguments, not even the program",
    );
    check(&|op| op.mounts.clear(), "the exec op is not valid: nothing is mounted at `/`");
    check(&|op| op.mounts.push(bind(7, "/x", -1, true)), "the exec op is not valid: the mount at `/x` is of input 7");
    let limit = pb::Ulimit { name: "speed".into(), soft: 1, hard: 1 };
    check(
        &|op| op.meta.as_mut().unwrap().ulimit.push(limit.clone()),
        "the exec op is not valid: `speed` is not the name of a resource limit",
    );
    let secret = pb::SecretEnv { id: "key".into(), name: "KEY".into(), optional: false };
    check(&|op| op.secretenv.push(secret.clone()), "secret `key` was not given");
    let cdi = pb::CdiDevice { name: "vendor/gpu=0".into(), optional: false };
    check(&|op| op.cdi_devices.push(cdi.clone()), "device `vendor/gpu=0` is not supported yet");
}
