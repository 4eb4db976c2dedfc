//! What a client of BuildKit asks for.
//!
//! Owns the meaning of each option of `docker build` and `buildctl`. One whose effect would be missing in the result is refused by
//! name; one that changes nothing in it is not looked at.

use std::collections::BTreeMap;

use hlb_compiler::Platform;
use hlb_gateway::Failure;
use hlb_gateway::client::{Gateway, Invocation};
use hlb_llb::pb;

/// The program if none is named.
const PROGRAM: &str = "build.hlb";
/// The program if the built-in frontend has found `# syntax=` in a file that nobody named.
const FORWARDED: &str = "Dockerfile";

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) filename: String,
    pub(crate) target: String,
    /// Empty: that of the worker.
    platforms: Vec<Platform>,
    /// Whether the result is for platforms even if it is one.
    pub(crate) multi_platform: bool,
    /// What `localEnv` reads.
    pub(crate) args: BTreeMap<String, String>,
    pub(crate) labels: BTreeMap<String, String>,
    /// Do all steps again.
    pub(crate) no_cache: bool,
    /// Ask the registry for all images, whatever the solver has.
    pub(crate) pull: bool,
    pub(crate) hosts: Vec<pb::HostIp>,
    pub(crate) network: Option<pb::NetMode>,
    /// Local names of the program's directory and of the context.
    pub(crate) program_name: String,
    pub(crate) context_name: String,
    /// A context that is not on the client's machine.
    pub(crate) context_url: Option<String>,
    pub(crate) context_subdir: Option<String>,
    /// A question about the program in place of a build.
    pub(crate) subrequest: Option<String>,
}

impl Wanted {
    /// Reads the options.
    ///
    /// # Errors
    /// If one asks for what cannot be done.
    pub(crate) fn read(invocation: &Invocation) -> Result<Self, Failure> {
        refuse(invocation)?;
        let text = |name: &str| invocation.opt(name).map(str::to_owned);
        let map = |prefix: &str| {
            invocation.with_prefix(prefix).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        };
        let default = if invocation.opts.contains_key("cmdline") { FORWARDED } else { PROGRAM };
        Ok(Self {
            filename: text("filename").unwrap_or_else(|| default.to_owned()),
            target: text("target").unwrap_or_else(|| "default".to_owned()),
            platforms: list(invocation, "platform").map(platform).collect::<Result<_, _>>()?,
            multi_platform: flag(invocation, "multi-platform")?,
            args: map("build-arg:"),
            labels: map("label:"),
            no_cache: no_cache(invocation)?,
            pull: pull(invocation)?,
            hosts: list(invocation, "add-hosts").map(host).collect::<Result<_, _>>()?,
            network: network(invocation)?,
            program_name: text("dockerfilekey").unwrap_or_else(|| "dockerfile".to_owned()),
            context_name: text("contextkey").unwrap_or_else(|| "context".to_owned()),
            context_url: text("context"),
            context_subdir: text("contextsubdir"),
            subrequest: text("requestid"),
        })
    }

    /// What to build for; the solver's own platform if nothing is asked for.
    pub(crate) fn platforms(&self, gateway: &Gateway, invocation: &Invocation) -> Vec<Platform> {
        if self.platforms.is_empty() { vec![super::own_platform(gateway, invocation)] } else { self.platforms.clone() }
    }
}

/// Options that would change the result and do not.
fn refuse(invocation: &Invocation) -> Result<(), Failure> {
    const UNKNOWN: [(&str, &str); 5] = [
        ("shm-size", "a size of shared memory"),
        ("ulimit", "limits for steps from outside of the program"),
        ("cgroup-parent", "a control group for steps from outside of the program"),
        ("hostname", "a host name for steps from outside of the program"),
        ("attest:sbom", "a bill of materials"),
    ];
    for (name, what) in UNKNOWN {
        if invocation.opt(name).is_some() {
            return Err(Failure::request(format!("the option `{name}`, {what}, is not supported yet for HLB")));
        }
    }
    match invocation.with_prefix("context:").next() {
        Some((name, _)) => Err(Failure::request(format!(
            "the named context `{name}` is not supported yet for HLB: name what it stands for in the program"
        ))),
        None => Ok(()),
    }
}

/// The parts of a list with commas.
fn list<'a>(invocation: &'a Invocation, name: &str) -> impl Iterator<Item = &'a str> {
    invocation.opt(name).unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn flag(invocation: &Invocation, name: &str) -> Result<bool, Failure> {
    match invocation.opt(name) {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(other) => Err(Failure::request(format!("the option `{name}` is `{other}`, and can be `true` or `false`"))),
    }
}

/// There without a value it means everything; names of stages mean nothing here.
fn no_cache(invocation: &Invocation) -> Result<bool, Failure> {
    match invocation.opt("no-cache") {
        None => Ok(invocation.opts.contains_key("no-cache")),
        Some(stages) => Err(Failure::request(format!(
            "`no-cache` for `{stages}` alone is not supported: HLB has no stages, write `ignoreCache` in the program"
        ))),
    }
}

fn pull(invocation: &Invocation) -> Result<bool, Failure> {
    match invocation.opt("image-resolve-mode") {
        None | Some("default" | "local") => Ok(false),
        Some("pull") => Ok(true),
        Some(other) => Err(Failure::request(format!("the option `image-resolve-mode` knows no `{other}`"))),
    }
}

fn network(invocation: &Invocation) -> Result<Option<pb::NetMode>, Failure> {
    match invocation.opt("force-network-mode") {
        None | Some("default" | "sandbox") => Ok(None),
        Some("host") => Ok(Some(pb::NetMode::Host)),
        Some("none") => Ok(Some(pb::NetMode::None)),
        Some(other) => Err(Failure::request(format!("the network `{other}` is none that a step can have"))),
    }
}

fn platform(text: &str) -> Result<Platform, Failure> {
    let parts: Vec<&str> = text.split('/').collect();
    let (os, architecture, variant) = match parts.as_slice() {
        [os, architecture] => (*os, *architecture, ""),
        [os, architecture, variant] => (*os, *architecture, *variant),
        // By its architecture alone.
        [architecture] => ("linux", *architecture, ""),
        _ => return Err(Failure::request(format!("`{text}` is no platform: write it as `linux/amd64`"))),
    };
    let known = hlb_registry::Platform::new(os, architecture, variant);
    Ok(Platform { os: known.os.into(), architecture: known.architecture.into(), variant: known.variant.into() })
}

fn host(text: &str) -> Result<pb::HostIp, Failure> {
    match text.split_once('=') {
        Some((host, ip)) if !host.is_empty() && !ip.is_empty() => {
            Ok(pb::HostIp { host: host.to_owned(), ip: ip.to_owned() })
        }
        _ => Err(Failure::request(format!("`{text}` of `add-hosts` is not of the form `name=address`"))),
    }
}
