//! The filter of system calls, in the runtime's form.
//!
//! Owns the reading of `seccomp.json`, where each call is listed with what it is for. It does not know which step the
//! filter is for: there is one for all.

use serde::{Deserialize, Serialize};

const PROFILE: &str = include_str!("seccomp.json");
/// "Operation not permitted": what a call that is not allowed returns.
const EPERM: u32 = 1;
/// "Function not implemented".
const ENOSYS: u32 = 38;

/// `linux.seccomp` of the OCI runtime specification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Seccomp {
    default_action: &'static str,
    default_errno_ret: u32,
    architectures: Vec<String>,
    syscalls: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    names: Vec<String>,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno_ret: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    args: Vec<Condition>,
}

/// A condition on an argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Condition {
    index: u32,
    value: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value_two: Option<u64>,
    op: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    #[expect(dead_code, reason = "for readers of the file")]
    about: String,
    allow: Vec<Group>,
    guarded: Vec<Guarded>,
    absent: Group,
    machines: std::collections::BTreeMap<String, Machine>,
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers of the file"))]
    refused: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers of the file"))]
    r#for: String,
    calls: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Guarded {
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers of the file"))]
    r#for: String,
    calls: Vec<String>,
    /// Allowed if all conditions of one of these hold.
    any: Vec<Vec<Condition>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Machine {
    architectures: Vec<String>,
    calls: Vec<String>,
}

/// The filter for programs of this machine; `None` where the kernel has no filters or the machine is not known.
pub(crate) fn filter() -> Result<Option<Seccomp>, serde_json::Error> {
    if !std::path::Path::new("/proc/sys/kernel/seccomp").exists() {
        return Ok(None);
    }
    filter_for(std::env::consts::ARCH)
}

fn filter_for(machine: &str) -> Result<Option<Seccomp>, serde_json::Error> {
    let profile: Profile = serde_json::from_str(PROFILE)?;
    let Some(machine) = profile.machines.get(machine) else { return Ok(None) };
    let mut allowed: Vec<String> = profile.allow.into_iter().flat_map(|group| group.calls).collect();
    allowed.extend(machine.calls.iter().cloned());
    let allow = |names, args| Rule { names, action: "SCMP_ACT_ALLOW", errno_ret: None, args };
    let mut syscalls = vec![allow(allowed, Vec::new())];
    for Guarded { calls, any, .. } in profile.guarded {
        syscalls.extend(any.into_iter().map(|conditions| allow(calls.clone(), conditions)));
    }
    syscalls.push(Rule {
        names: profile.absent.calls,
        action: "SCMP_ACT_ERRNO",
        errno_ret: Some(ENOSYS),
        args: Vec::new(),
    });
    Ok(Some(Seccomp {
        default_action: "SCMP_ACT_ERRNO",
        default_errno_ret: EPERM,
        architectures: machine.architectures.clone(),
        syscalls,
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_call_is_listed_once_and_every_group_says_why() {
        let profile: Profile = serde_json::from_str(PROFILE).unwrap();
        let mut reasons: Vec<&str> = vec![&profile.absent.r#for];
        let mut calls: Vec<&str> = Vec::new();
        for group in profile.allow.iter().chain(&profile.refused).chain([&profile.absent]) {
            reasons.push(&group.r#for);
            calls.extend(group.calls.iter().map(String::as_str));
        }
        for group in &profile.guarded {
            reasons.push(&group.r#for);
            calls.extend(group.calls.iter().map(String::as_str));
            assert!(group.any.iter().all(|conditions| !conditions.is_empty()), "{}", group.r#for);
        }
        for machine in profile.machines.values() {
            calls.extend(machine.calls.iter().map(String::as_str));
        }
        assert!(reasons.iter().all(|reason| !reason.is_empty()));
        let mut seen = BTreeSet::new();
        let twice: Vec<_> = calls.iter().filter(|call| !seen.insert(**call)).collect();
        assert!(twice.is_empty(), "{twice:?}");
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let odd: Vec<_> = calls.iter().filter(|call| !call.bytes().all(plain)).collect();
        assert!(odd.is_empty(), "{odd:?}");
    }

    #[test]
    fn the_filter_denies_what_it_does_not_name() {
        let filter = filter_for("x86_64").unwrap().unwrap();
        assert_eq!((filter.default_action, filter.default_errno_ret), ("SCMP_ACT_ERRNO", 1));
        let rules = |call: &str| -> Vec<&Rule> {
            filter.syscalls.iter().filter(|rule| rule.names.iter().any(|name| name == call)).collect()
        };
        for refused in ["mount", "bpf", "setns", "unshare", "keyctl", "io_uring_setup", "init_module"] {
            assert!(rules(refused).is_empty(), "{refused}");
        }
        assert_eq!(rules("personality").len(), 5);
        assert!(rules("personality").iter().all(|rule| rule.args.len() == 1));
        assert_eq!(rules("clone3").iter().map(|rule| rule.errno_ret).collect::<Vec<_>>(), [Some(38)]);
        assert_eq!(rules("openat").len(), 1);
        assert_eq!(
            serde_json::to_string(&rules("clone")).unwrap(),
            r#"[{"names":["clone"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":2114060288,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"}]}]"#
        );
        assert_eq!(filter.architectures, ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
    }

    #[test]
    fn a_machine_nobody_listed_has_no_filter() {
        assert!(filter_for("aarch64").unwrap().is_some());
        assert_eq!(filter_for("vax").unwrap(), None);
    }
}
