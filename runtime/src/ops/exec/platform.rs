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
    let Some(program) = Program::of(machine) else { return false };
    let status = std::fs::read_to_string(interpreters.join("status"));
    if status.is_ok_and(|status| status.trim() == "disabled") {
        return false;
    }
    let Ok(entries) = std::fs::read_dir(interpreters) else { return false };
    // One of them can only be written.
    let texts = entries.flatten().filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
    texts.into_iter().any(|text| Interpreter::parse(&text).is_some_and(|found| found.takes(&program)))
}

/// The beginnings of programs of a machine: of those with a fixed address, and of the others.
struct Program([[u8; HEADER]; 2]);

/// As much of a program as the kernel looks at is longer; what is behind the machine is different in each.
const HEADER: usize = 128;

impl Program {
    /// What the linker writes for a machine: width, order of bytes, and number.
    fn of(machine: &str) -> Option<Self> {
        let (bits, little, number): (u8, bool, u16) = match machine {
            "amd64" => (64, true, 62),
            "386" => (32, true, 3),
            "arm64" => (64, true, 183),
            "arm" => (32, true, 40),
            "riscv64" => (64, true, 243),
            "ppc64le" => (64, true, 21),
            "ppc64" => (64, false, 21),
            "s390x" => (64, false, 22),
            "mips64le" => (64, true, 8),
            "mips64" => (64, false, 8),
            "mipsle" => (32, true, 8),
            "mips" => (32, false, 8),
            "loong64" => (64, true, 258),
            _ => return None,
        };
        let two = |value: u16| if little { value.to_le_bytes() } else { value.to_be_bytes() };
        let header = |kind: u16| {
            let start = [0x7f, b'E', b'L', b'F', if bits == 64 { 2 } else { 1 }, if little { 1 } else { 2 }, 1];
            let mut header = [0; HEADER];
            let fields = start.into_iter().chain([0; 9]).chain(two(kind)).chain(two(number));
            header.iter_mut().zip(fields).for_each(|(place, byte)| *place = byte);
            header
        };
        Some(Self([header(2), header(3)]))
    }
}

/// An entry of the kernel's table that goes by the first bytes of programs.
struct Interpreter {
    offset: usize,
    /// What is there, and which bits of it count.
    magic: Vec<(u8, u8)>,
}

impl Interpreter {
    /// Reads an entry; `None` if it is of no use in another root file system.
    fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        // F: opened when it was registered.
        if text.lines().next() != Some("enabled") || !field("flags:")?.contains('F') {
            return None;
        }
        let magic = bytes(field("magic ")?)?;
        let mask = match field("mask ") {
            Some(mask) => bytes(mask)?,
            None => vec![0xff; magic.len()],
        };
        let offset = field("offset ").map_or(Some(0), |offset| offset.parse().ok())?;
        Some(Self { offset, magic: magic.into_iter().zip(mask).collect() })
    }

    fn takes(&self, program: &Program) -> bool {
        let matches = |header: &[u8; HEADER]| {
            let there = header.get(self.offset..).unwrap_or_default();
            there.len() >= self.magic.len()
                && there.iter().zip(&self.magic).all(|(byte, (magic, mask))| (byte ^ magic) & mask == 0)
        };
        program.0.iter().any(matches)
    }
}

/// Bytes as the kernel writes them, two digits each.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `qemu-user-static` registers for riscv64, less what decides whether it is of use.
    const RISCV64: &str =
        "offset 0\nmagic 7f454c460201010000000000000000000200f300\nmask ffffffffffffff00fffffffffffffffffeffffff\n";

    fn check_in(entries: &[(&str, &str)], os: &str, architecture: &str, expected: Result<(), &str>) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in entries {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let platform = pb::Platform { os: os.into(), architecture: architecture.into(), ..Default::default() };
        let result = check_on(Some(&platform), "amd64", dir.path()).map_err(|error| error.to_string());
        assert_eq!(result, expected.map_err(str::to_owned), "{os}/{architecture} {entries:?}");
    }

    fn check(os: &str, architecture: &str, interpreter: &str, expected: Result<(), &str>) {
        check_in(&[("some-name", interpreter)], os, architecture, expected);
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
        let entry = |state: &str, flags: &str| format!("{state}\ninterpreter /usr/bin/qemu\nflags: {flags}\n{RISCV64}");
        check("linux", "riscv64", &entry("disabled", "F"), Err(&refused("linux/riscv64")));
        check("linux", "riscv64", &entry("enabled", ""), Err(&refused("linux/riscv64")));
        check("linux", "riscv64", &entry("enabled", "OCF"), Ok(()));
        check("linux", "arm64", &entry("enabled", "OCF"), Err(&refused("linux/arm64")));
        check(
            "linux",
            "riscv64",
            "enabled\ninterpreter /x\nflags: F\nextension .riscv\n",
            Err(&refused("linux/riscv64")),
        );
        let off = [("riscv", entry("enabled", "F")), ("status", "disabled\n".to_owned())];
        let off: Vec<(&str, &str)> = off.iter().map(|(name, text)| (*name, text.as_str())).collect();
        check_in(&off, "linux", "riscv64", Err(&refused("linux/riscv64")));
    }

    #[test]
    fn entries_count_by_what_they_match_whatever_their_names() {
        let entry = |magic: &str| format!("enabled\ninterpreter /x\nflags: PF\noffset 0\n{magic}");
        // With a mask that leaves the kind of program open, and without one.
        let arm =
            entry("magic 7f454c460201010000000000000000000200b700\nmask ffffffffffffff00fffffffffffffffffeffffff\n");
        check("linux", "arm64", &arm, Ok(()));
        check("linux", "aarch64", &arm, Ok(()));
        check("linux", "arm64", &entry("magic 7f454c460201010000000000000000000300b700\n"), Ok(()));
        let big = entry("magic 7f454c4602020100000000000000000000020016\n");
        check("linux", "s390x", &big, Ok(()));
        let behind = "enabled\ninterpreter /x\nflags: F\noffset 18\nmagic b700\n";
        check("linux", "arm64", behind, Ok(()));
        for garbled in ["magic 7f4\n", "magic xx\n", "offset x\nmagic 7f\n", "mask 00\n"] {
            let text = format!("enabled\ninterpreter /x\nflags: F\n{garbled}");
            let what = "cannot run programs for `linux/arm64` on `linux/amd64`: no emulator for them is registered with the kernel";
            check("linux", "arm64", &text, Err(what));
        }
    }
}
