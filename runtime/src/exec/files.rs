//! The two files a container gets from us: `/etc/resolv.conf` and `/etc/hosts`.
//!
//! Owns their text. It does not know where they are mounted.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use super::network::Net;

/// The resolver configuration of this machine.
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Where systemd's resolver, which listens on the loopback interface, says which servers it asks.
const RESOLVED: &str = "/run/systemd/resolve/resolv.conf";
/// Used where the name servers of the host cannot be reached.
const PUBLIC_SERVERS: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)),
    IpAddr::V4(Ipv4Addr::new(8, 8, 4, 4)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8844)),
];

/// A line for the hosts file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExtraHost {
    pub(crate) name: String,
    pub(crate) address: String,
}

/// The resolver configuration of a container: the host's, if it shares the host's network. A network of its own has another
/// loopback, so servers there are dropped, and if it leads out, it does by IPv4 alone. If none is left, those count that
/// systemd's resolver asks, and if there are none of these either, public ones.
///
/// # Errors
/// When a file is there and cannot be read; with its path.
pub(crate) fn resolv_conf(network: Net) -> Result<String, (&'static Path, io::Error)> {
    let host = read(Path::new(RESOLV_CONF))?;
    match network {
        Net::Host => Ok(host),
        Net::None => reachable(&host, || read(Path::new(RESOLVED)), |_| true),
        Net::Isolated => reachable(&host, || read(Path::new(RESOLVED)), IpAddr::is_ipv4),
    }
}

/// Empty if there is none.
fn read(path: &'static Path) -> Result<String, (&'static Path, io::Error)> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err((path, error)),
    }
}

/// A configuration with the servers that can be used, none on the loopback interface among them; if none is left, `other` one is
/// used.
fn reachable<E>(
    host: &str,
    other: impl FnOnce() -> Result<String, E>,
    usable: fn(&IpAddr) -> bool,
) -> Result<String, E> {
    let (text, servers) = without_loopback(host, usable);
    if servers > 0 {
        return Ok(text);
    }
    let (mut text, servers) = without_loopback(&other()?, usable);
    if servers == 0 {
        for server in PUBLIC_SERVERS.iter().filter(|server| usable(server)) {
            let _ = writeln!(text, "nameserver {server}");
        }
    }
    Ok(text)
}

/// What is left of a configuration, and how many servers it has.
fn without_loopback(host: &str, usable: fn(&IpAddr) -> bool) -> (String, usize) {
    let mut text = String::new();
    let mut servers = 0;
    for line in host.lines() {
        match name_server(line) {
            Some(address) if address.is_none_or(|address| address.is_loopback() || !usable(&address)) => continue,
            Some(_) => servers += 1,
            None => {}
        }
        text.push_str(line);
        text.push('\n');
    }
    (text, servers)
}

/// The hosts file of a container.
pub(crate) fn hosts(host_name: &str, extra: &[ExtraHost]) -> String {
    let mut text = format!("127.0.0.1\tlocalhost {host_name}\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    for ExtraHost { name, address } in extra {
        let _ = writeln!(text, "{address}\t{name}");
    }
    text
}

/// The address, if the line names a server; the inner `None` is an address nobody can read.
fn name_server(line: &str) -> Option<Option<IpAddr>> {
    let mut words = line.split_whitespace();
    (words.next()? == "nameserver").then(|| {
        let address = words.next()?;
        address.split('%').next()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, resolved: &str, expected: &str) {
        let text = reachable(host, || Ok::<_, io::Error>(resolved.to_owned()), |_| true).unwrap();
        assert_eq!(text, expected, "{host}");
    }

    #[test]
    fn a_network_without_the_other_protocol_has_no_use_for_its_servers() {
        let check = |host: &str, expected: &str| {
            let text = reachable(host, || Ok::<_, io::Error>(String::new()), IpAddr::is_ipv4).unwrap();
            assert_eq!(text, expected, "{host}");
        };
        check("nameserver fe80::1%eth0\nnameserver 10.0.0.1\n", "nameserver 10.0.0.1\n");
        check("nameserver 2001:db8::1\n", "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
    }

    #[test]
    fn a_network_of_its_own_cannot_reach_servers_on_our_loopback() {
        check(
            "# by hand\nnameserver 127.0.0.53\nnameserver 10.0.0.1\nsearch lan\n",
            "",
            "# by hand\nnameserver 10.0.0.1\nsearch lan\n",
        );
        check("nameserver fe80::1%eth0\n", "nameserver 10.0.0.2\n", "nameserver fe80::1%eth0\n");
        check("nameserver 127.0.0.53\n", "search lan\nnameserver 10.0.0.2\n", "search lan\nnameserver 10.0.0.2\n");
        let public = "nameserver 8.8.8.8\nnameserver 8.8.4.4\nnameserver 2001:4860:4860::8888\n\
                      nameserver 2001:4860:4860::8844\n";
        check("nameserver ::1\nnameserver\n", "", public);
        check("", "nameserver 127.0.0.1\n", public);
    }

    #[test]
    fn hosts_have_a_line_each() {
        let extra = ExtraHost { name: "registry".into(), address: "10.0.0.7".into() };
        assert_eq!(
            hosts("builder", &[extra]),
            "127.0.0.1\tlocalhost builder\n::1\tlocalhost ip6-localhost ip6-loopback\n10.0.0.7\tregistry\n"
        );
    }
}
