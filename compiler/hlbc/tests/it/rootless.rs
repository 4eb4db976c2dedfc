//! Builds of users who are not root: that they come to what root's come to, and what they cannot.
//!
//! `hlbctest` has subordinate ids, `hlbcnone` has none.

use std::collections::BTreeMap;
use std::io::Read as _;

use crate::image;
use crate::project::Project;

const USERS: [&str; 2] = ["hlbctest", "hlbcnone"];

/// Layers on layers: directories that are replaced and removed, caches, secrets, merges, a network without devices.
const PROGRAM: &str = r#"
fs base() {
	image "busy"
	run "mkdir -p /d/sub /gone; echo one > /d/sub/f; echo two > /d/g; echo x > /gone/x"
	run "busybox rm -r /d; mkdir /d; echo new > /d/new" with option {
		mount scratch "/cache" with cache("a cache", "shared")
	}
	rm "/gone"
}

fs other() {
	scratch
	mkdir "/other" 0o750
	mkfile "/other/f" 0o4711 "text"
	symlink "f" "/other/link"
}

fs changed() {
	base
	run "echo 1 >> /etc/new; test ! -e /d/g; ls /sys/class/net > /net; echo $(( $(cat /cache/count) + 1 )) > /cache/count || true" with option {
		mount scratch "/cache" with cache("a cache", "shared")
		network "none"
	}
}

fs default() {
	base
	merge changed other
	downloadTarball "out.tar"
	download "out"
}
"#;

/// Everything about the files of a tar file but their times, by path.
fn listing(project: &Project) -> BTreeMap<String, String> {
    let mut archive = tar::Archive::new(std::fs::File::open(project.path("out.tar")).unwrap());
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header();
        let facts = (header.entry_type(), header.mode().unwrap(), header.uid().unwrap(), header.gid().unwrap());
        let (path, link) =
            (entry.path().unwrap().display().to_string(), entry.link_name().unwrap().map(|it| it.into_owned()));
        let mut content = String::new();
        if entry.size() < 4096 {
            entry.read_to_string(&mut content).unwrap();
        }
        files.insert(path, format!("{facts:?} {link:?} {} {content:?}", entry.size()));
    }
    files
}

#[test]
fn privileged_users_build_what_root_builds() {
    let by_root = Project::with_busybox(PROGRAM);
    by_root.run(&[]);
    let expected = listing(&by_root);
    assert!(
        expected.contains_key("d/new") && !expected.contains_key("d/g") && !expected.contains_key("gone"),
        "{expected:?}"
    );
    for user in USERS {
        let project = Project::with_busybox(PROGRAM).of_user(user);
        let first = project.run(&[]);
        let found = listing(&project);
        let differing = |path: &&String| found.get(*path) != expected.get(*path);
        let both: Vec<_> = found.keys().chain(expected.keys()).filter(differing).collect();
        let differences: Vec<_> = both.iter().map(|path| (path, found.get(*path), expected.get(*path))).collect();
        assert!(differences.is_empty(), "{user}: {differences:?}");
        let second = project.run(&[]);
        assert_eq!(
            (second.ran.len(), second.cached.len()),
            (0, first.ran.len() + first.cached.len()),
            "{}",
            second.shown
        );
        // What is written out belongs to who asked for it.
        assert_eq!(project.owner("work/out/other/f"), project.owner("work"), "{user}");
        assert_eq!(project.owner("work/out.tar"), project.owner("work"), "{user}");
    }
}

const OWNERS: &str = r#"
fs default() {
	image "busy"
	run "busybox chown 12:34 /etc; busybox stat -c '%u:%g %n' /etc /etc/shadow /var/mail" with option {
		mount scratch "/out" as it
	}
	run "busybox id -u" with option {
		user "42"
	}
	mkfile "/f" 0o644 "" with option {
		chown "7:8"
	}
	downloadTarball "out.tar"
}
"#;

fn with_owners(user: &str) -> Project {
    let project = Project::with_busybox(OWNERS);
    std::fs::remove_dir_all(project.beside("busybox")).unwrap();
    image::owned_layout(&project.beside("busybox"));
    project.of_user(user)
}

#[test]
fn privileged_subordinate_ids_are_users_like_others() {
    let project = with_owners("hlbctest");
    let seen = project.run(&[]);
    for line in ["12:34 /etc\n", "0:42 /etc/shadow\n", "0:8 /var/mail\n", " 42\n"] {
        assert!(seen.shown.contains(line), "{line} is not in {}", seen.shown);
    }
    let files = listing(&project);
    let owner = |path: &str| files.get(path).unwrap_or_else(|| panic!("{path} is not in {files:?}")).clone();
    assert!(owner("etc/shadow").starts_with("(Regular, 416, 0, 42)"), "{}", owner("etc/shadow"));
    assert!(owner("var/mail/").starts_with("(Directory, 1533, 0, 8)"), "{}", owner("var/mail/"));
    assert!(owner("f").starts_with("(Regular, 420, 7, 8)"), "{}", owner("f"));
    assert!(!files.contains_key("tmp/device"), "a user cannot make devices, and no container needs them of an image");
}

#[test]
fn privileged_one_id_alone_cannot_be_many() {
    insta::assert_snapshot!(with_owners("hlbcnone").hlbc(&["run"]), @r#"
    exit code: 4
    --- stderr
    #1 docker-image://docker.io/library/busy:latest
    #1 ERROR the layer's entry `var/mail/` cannot be unpacked
    error: the layer's entry `var/mail/` cannot be unpacked
      ┌─ build.hlb:3:2
      │
    3 │     image "busy"
      │     ^^^^^ this step
      │
      = because owner 0:8 cannot be set, as the user who builds has too few subordinate ids
      = help: `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER`, by root, adds some, and the package `uidmap` has what gives them out; or run the same command with `sudo`
    "#);
}

#[test]
fn privileged_limits_are_roots() {
    let program = "fs default() {\n\timage \"busy\"\n\trun \"true\" with option {\n\t\tcgroupParent \"x\"\n\t}\n}\n";
    let shown = Project::with_busybox(program).of_user("hlbctest").hlbc(&["run"]);
    insta::assert_snapshot!(shown.split_once("\nerror: ").unwrap().1, @r#"
    the step has limits of memory or processors, or a control group to stand under, which only root can set: run the same command with `sudo`
      ┌─ build.hlb:3:2
      │
    3 │     run "true" with option {
      │     ^^^ this step
    "#);
}

#[test]
fn privileged_state_directories_are_not_shared_with_root() {
    const PROGRAM: &str = "fs default() {\n\tscratch\n\tmkfile \"/a\" 0o644 \"a\"\n}\n";
    let project = Project::new(PROGRAM);
    project.run(&[]);
    let project = project.of_user("hlbctest");
    insta::assert_snapshot!(project.hlbc(&["run"]), @r"
    exit code: 4
    --- stderr
    error: the state directory `[BESIDE]/state` was made by root, and this user cannot read its layers
    help: choose another directory with `--root DIR`
    ");
    let project = Project::new(PROGRAM).of_user("hlbctest");
    project.run(&[]);
    insta::assert_snapshot!(project.of_root().hlbc(&["run"]), @r"
    exit code: 4
    --- stderr
    error: the state directory `[BESIDE]/state` was made by a user, and root cannot read its layers
    help: choose another directory with `--root DIR`
    ");
}

#[test]
fn privileged_a_network_of_its_own_needs_root() {
    let program = "fs default() {\n\timage \"busy\"\n\trun \"true\"\n}\n";
    let project = Project::with_busybox(program).of_user("hlbctest");
    insta::assert_snapshot!(project.hlbc(&["run", "--network", "isolated"]), @r"
    exit code: 4
    --- stderr
    error: steps cannot have a network of their own here: only root can connect it to the machine's
    help: use `--network host`
    ");
}

/// What is mounted in `/sys` may be the user's, and the container's root is the user.
#[test]
fn privileged_nothing_in_sys_can_be_written() {
    let program = "fs default() {\n\timage \"busy\"\n\trun <<~SH\n\t\tbusybox awk '$5 ~ \"^/sys\" && $6 ~ \"^rw\" { bad = 1; print \"writable\", $5 } \
                   END { exit bad }' /proc/self/mountinfo\n\tSH\n}\n";
    for user in USERS {
        for oci in ["runc", "crun"] {
            let project = Project::with_busybox(program).of_user(user);
            let output = project.command(&["run", "--oci-runtime", oci]).output().unwrap();
            assert!(output.status.success(), "{user} {oci} {}", project.shown(&output));
        }
    }
}

#[test]
fn privileged_users_have_either_oci_runtime() {
    for user in USERS {
        let project = Project::with_busybox(PROGRAM).of_user(user);
        let output = project.command(&["run", "--oci-runtime", "crun"]).output().unwrap();
        assert!(output.status.success(), "{}", project.shown(&output));
    }
}

#[test]
fn privileged_what_a_container_hides_is_told() {
    let project = Project::new("fs default() {\n\tscratch\n\tmkfile \"/a\" 0o644 \"a\"\n}\n").of_user("hlbctest");
    let mut inside = project.command(&["run"]);
    // As container engines do it.
    let script = "mount --bind /dev/null /proc/timer_list && exec setpriv --reuid hlbctest --regid hlbctest --clear-groups \"$0\" run";
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]).arg(project.beside("hlbc")).current_dir(project.path("")).env_clear();
    for (name, value) in inside.get_envs() {
        command.env(name, value.unwrap());
    }
    insta::assert_snapshot!(project.shown(&command.output().unwrap()), @r"
    exit code: 4
    --- stderr
    error: processes cannot be given a `/proc` of their own, as parts of this one are hidden
    ╰─▶ operation not permitted
    help: in a container, start it with `--security-opt systempaths=unconfined`; elsewhere, use `sudo`
    ");
    assert!(inside.output().unwrap().status.success());
}

#[test]
fn privileged_users_can_empty_what_belongs_to_their_other_ids() {
    let project = with_owners("hlbctest");
    // Before anything was built: that, too, makes the state directory.
    assert!(project.command(&["du"]).status().unwrap().success());
    project.run(&[]);
    let pruned = project.command(&["prune", "--all"]).output().unwrap();
    assert!(pruned.status.success(), "{}", project.shown(&pruned));
    assert_eq!(std::fs::read_dir(project.beside("state/layers")).unwrap().count(), 0);
    assert!(project.run(&[]).cached.is_empty());
}
