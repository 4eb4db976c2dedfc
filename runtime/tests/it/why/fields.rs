//! Why a process runs again: one field after the other.

use hlb_llb::ops::{Exec, ExecMount, MountKind, Secret, Ssh};
use hlb_llb::pb;
use hlb_runtime::Entitlement;

use super::{at, base, build, causes, mount};
use crate::support::{Bench, mkfile, shell};

type Edit = Box<dyn Fn(&mut Exec)>;

fn edit(edit: impl Fn(&mut Exec) + 'static) -> Edit {
    Box::new(edit)
}

fn secret(id: &str) -> Secret {
    let target = Some("/s".to_owned());
    Secret { id: id.to_owned(), target, env: None, uid: 0, gid: 0, mode: 0o400, optional: true }
}

fn ssh(id: &str) -> Ssh {
    Ssh { id: id.to_owned(), target: Some("/a".to_owned()), uid: 0, gid: 0, mode: 0o600, optional: true }
}

/// One field of a process after the other: what it was, what it is, and what is said.
fn fields() -> Vec<(Edit, Edit, &'static str)> {
    let nothing = || edit(|_| {});
    let env = |value: &'static str| edit(move |exec| exec.env.push(format!("V={value}")));
    let user = |user: &'static str| edit(move |exec| user.clone_into(&mut exec.user));
    let tmpfs = |size: i64| {
        edit(move |exec| {
            let kind = MountKind::Tmpfs { size };
            exec.mounts.push(ExecMount { kind, no_output: true, ..mount("/t", None) });
        })
    };
    let cache = |id: &'static str| {
        edit(move |exec| {
            let kind = MountKind::Cache { id: id.to_owned(), sharing: pb::CacheSharingOpt::Shared };
            exec.mounts.push(ExecMount { kind, ..mount("/c", None) });
        })
    };
    let files = || mkfile(Some(mkfile(None, "/a", "1")), "/b", "2");
    let bind = |change: fn(&mut ExecMount)| {
        edit(move |exec| {
            let mut mount = ExecMount { no_output: true, ..mount("/m", Some(files())) };
            change(&mut mount);
            exec.mounts.push(mount);
        })
    };
    let limit = |soft| edit(move |exec| exec.ulimits.push(pb::Ulimit { name: "nofile".to_owned(), soft, hard: 64 }));
    let host = |ip: &'static str| {
        edit(move |exec| exec.extra_hosts.push(pb::HostIp { host: "h".to_owned(), ip: ip.to_owned() }))
    };
    vec![
        (nothing(), edit(|exec| exec.args[2].push_str("; true")), "argument 3 was `true`, is `true; true`"),
        (nothing(), edit(|exec| exec.args.push("more".to_owned())), "argument 4 is new: `more`"),
        (env("1"), env("2"), "env `V` was `1`, is `2`"),
        (nothing(), env("1"), "env `V` is new: `1`"),
        (env("1"), nothing(), "env `V` is gone, it was `1`"),
        (nothing(), edit(|exec| "/tmp".clone_into(&mut exec.cwd)), "directory was `/`, is `/tmp`"),
        (user("0"), user("1000"), "user was `0`, is `1000`"),
        (nothing(), user("1000"), "user was empty, is `1000`"),
        (nothing(), edit(|exec| "here".clone_into(&mut exec.hostname)), "hostname is new: `here`"),
        (nothing(), edit(|exec| exec.network = pb::NetMode::None), "network was `its own`, is `none`"),
        (nothing(), edit(|exec| exec.security = pb::SecurityMode::Insecure), "security was `sandbox`, is `insecure`"),
        (limit(32), limit(48), "ulimit `nofile` was `32 to 64`, is `48 to 64`"),
        (nothing(), bind(|_| {}), "mount `/m` is new: `type bind, from mkfile /b`"),
        (bind(|_| {}), bind(|mount| mount.readonly = true), "mount `/m` read-only is new: `yes`"),
        (
            bind(|mount| "/a".clone_into(&mut mount.selector)),
            bind(|mount| "/b".clone_into(&mut mount.selector)),
            "mount `/m` selector was `/a`, is `/b`",
        ),
        (tmpfs(4096), tmpfs(8192), "mount `/t` size was `4096`, is `8192`"),
        (
            edit(|exec| exec.secrets.push(secret("a"))),
            edit(|exec| exec.secrets.push(secret("b"))),
            "mount `/s` secret was `a`, is `b`",
        ),
        (
            edit(|exec| exec.ssh.push(ssh("a"))),
            edit(|exec| exec.ssh.push(ssh("b"))),
            "mount `/a` agent was `a`, is `b`",
        ),
        (nothing(), edit(|exec| exec.valid_exit_codes = Some(vec![0, 3])), "valid exit codes 1 is new: `0`"),
        (nothing(), host("10.0.0.1"), "host `h` is new"),
        // What does not count is no cause, and no reason to run.
        (cache("one"), cache("two"), ""),
        (host("10.0.0.1"), host("10.0.0.2"), ""),
        (
            nothing(),
            edit(|exec| exec.proxy = Some(pb::ProxyEnv { http_proxy: "p".to_owned(), ..Default::default() })),
            "",
        ),
    ]
}

#[test]
fn privileged_a_field_of_a_process_is_another() {
    let mut bench = Bench::new();
    bench.allow.insert(Entitlement::SecurityInsecure);
    let base = base(&bench);
    for (number, (was, is, expected)) in (10..).zip(fields()) {
        let name = format!("step {number}");
        let make = |edit: &Edit| {
            let mut exec = shell(base.clone(), "true");
            exec.env.push(format!("STEP={number}"));
            edit(&mut exec);
            exec.build(at(number, &name)).root.unwrap()
        };
        build(&bench, &make(&was));
        let told = causes(&build(&bench, &make(&is)));
        let told: Vec<&str> = told.iter().filter_map(|told| told.strip_prefix(&format!("{name}: "))).collect();
        let matches = match told.as_slice() {
            [] => expected.is_empty(),
            [told] => !expected.is_empty() && told.starts_with(expected),
            _ => false,
        };
        assert!(matches, "{expected:?}: {told:?}");
    }
}
