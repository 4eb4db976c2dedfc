//! How much of the machine a step may use.
//!
//! Owns the form that the limits have for the OCI runtime, and whether the kernel can hold a step to them.

use serde::Serialize;

use super::cgroup;

/// Limits of a step; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Resources {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu: Option<Cpu>,
}

/// Bytes; -1 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Memory {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<i64>,
    /// Memory and swap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) swap: Option<i64>,
}

/// Time and processors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Cpu {
    /// Weight among others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shares: Option<u64>,
    /// Microseconds in each period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) quota: Option<i64>,
    /// Microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) period: Option<u64>,
    /// Such as `0-3`; empty is all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) cpus: String,
    /// Memory nodes; empty is all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) mems: String,
}

impl Resources {
    /// The first controller that is needed and that the kernel does not have.
    pub(super) fn missing_controller(&self) -> Option<&'static str> {
        self.controllers().into_iter().find(|controller| !cgroup::has_controller(controller))
    }

    fn controllers(&self) -> Vec<&'static str> {
        let mut needed = Vec::new();
        if self.memory.is_some() {
            needed.push("memory");
        }
        if let Some(cpu) = &self.cpu {
            if cpu.shares.is_some() || cpu.quota.is_some() || cpu.period.is_some() {
                needed.push("cpu");
            }
            if !cpu.cpus.is_empty() || !cpu.mems.is_empty() {
                needed.push("cpuset");
            }
        }
        needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_need_the_controllers_that_hold_to_them() {
        let check = |resources: Resources, controllers: &[&str], json: &str| {
            assert_eq!(resources.controllers(), controllers);
            assert_eq!(serde_json::to_string(&resources).unwrap(), json);
        };
        check(Resources::default(), &[], "{}");
        let memory = Memory { limit: Some(1 << 20), swap: None };
        let cpu = Cpu { shares: Some(512), cpus: "0".into(), ..Cpu::default() };
        check(
            Resources { memory: Some(memory), cpu: Some(cpu) },
            &["memory", "cpu", "cpuset"],
            r#"{"memory":{"limit":1048576},"cpu":{"shares":512,"cpus":"0"}}"#,
        );
    }
}
