//! Whether this machine can run programs of a platform.
//!
//! Owns the names of machines, in images and in the kernel's table of interpreters.

use std::path::Path;

use hlb_llb::pb;

use super::ExecError;

/// Where the kernel lists what runs foreign programs.
const INTERPRETERS: &str = "/proc/sys/fs/binfmt_misc";

/// Refuses a platform whose programs cannot run here; none given is this machine.
pub(super) fn check(platform: Option<&pb::Platform>) -> Result<(), ExecError> {
    check_on(platform, host(), Path::new(INTERPRETERS))
}

fn check_on(platform: Option<&pb::Platform>, host: &str, interpreters: &Path) -> Result<(), ExecError> {
    let Some(platform) = platform else { return Ok(()) };
    let machine = machine(&platform.architecture);
    let native = match (host, machine) {
        (_, "") | ("amd64", "386") | ("arm64", "arm") => true,
        (host, machine) => host == machine,
    };
    let linux = matches!(platform.os.as_str(), "" | "linux");
    if linux && (native || is_emulated(machine, interpreters)) {
        return Ok(());
    }
    let wanted = format!("{}/{}", if platform.os.is_empty() { "linux" } else { &platform.os }, platform.architecture);
    Err(ExecError::Platform { wanted, host: format!("linux/{host}") })
}

/// This machine, as images call it.
fn host() -> &'static str {
    machine(std::env::consts::ARCH)
}

/// The name that images use.
fn machine(name: &str) -> &str {
    match name {
        "x86_64" | "x86-64" => "amd64",
        "aarch64" => "arm64",
        "x86" | "i386" => "386",
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        "loongarch64" => "loong64",
        other => other,
    }
}

/// Whether an emulator is registered that works in a root file system that does not have it.
fn is_emulated(machine: &str, interpreters: &Path) -> bool {
    let name = match machine {
        "amd64" => "x86_64",
        "386" => "i386",
        "arm64" => "aarch64",
        "ppc64le" => "ppc64le",
        "mips64le" => "mips64el",
        "loong64" => "loongarch64",
        other if !other.is_empty() && other.bytes().all(|byte| byte.is_ascii_alphanumeric()) => other,
        _ => return false,
    };
    let Ok(entry) = std::fs::read_to_string(interpreters.join(format!("qemu-{name}"))) else { return false };
    // F: opened when it was registered.
    let fixed = entry.lines().filter_map(|line| line.strip_prefix("flags:")).any(|flags| flags.contains('F'));
    entry.starts_with("enabled") && fixed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(os: &str, architecture: &str, interpreter: &str, expected: Result<(), &str>) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("qemu-riscv64"), interpreter).unwrap();
        let platform = pb::Platform { os: os.into(), architecture: architecture.into(), ..Default::default() };
        let result = check_on(Some(&platform), "amd64", dir.path()).map_err(|error| error.to_string());
        assert_eq!(result, expected.map_err(str::to_owned), "{os}/{architecture} {interpreter}");
    }

    #[test]
    fn programs_of_this_machine_and_its_forebears_run() {
        check("linux", "amd64", "", Ok(()));
        check("", "", "", Ok(()));
        check("linux", "386", "", Ok(()));
        check("linux", "x86_64", "", Ok(()));
    }

    #[test]
    fn others_need_an_emulator() {
        let refused = |what: &str| {
            format!(
                "cannot run programs for `{what}` on `linux/amd64`: no emulator for them is registered with the kernel"
            )
        };
        check("linux", "arm64", "", Err(&refused("linux/arm64")));
        check("windows", "amd64", "", Err(&refused("windows/amd64")));
        check("linux", "../../x", "", Err(&refused("linux/../../x")));
        check("linux", "riscv64", "disabled\nflags: F\n", Err(&refused("linux/riscv64")));
        check("linux", "riscv64", "enabled\ninterpreter /usr/bin/qemu\nflags: \n", Err(&refused("linux/riscv64")));
        check("linux", "riscv64", "enabled\ninterpreter /usr/bin/qemu\nflags: OCF\n", Ok(()));
    }
}
