//! The two files a container gets from us: `/etc/resolv.conf` and `/etc/hosts`.
//!
//! Owns their text. It does not know where they are mounted.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

/// Used where the name servers of the host cannot be reached.
const PUBLIC_SERVERS: [&str; 4] = ["8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844"];

/// A line for the hosts file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExtraHost {
    pub(crate) name: String,
    pub(crate) address: String,
}

/// The host's resolver configuration; empty if there is none.
pub(crate) fn host_resolv_conf() -> std::io::Result<String> {
    match std::fs::read(Path::new("/etc/resolv.conf")) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

/// The resolver configuration of a container: the host's, if it shares the host's network. A network of its own has
/// another loopback, so servers there are dropped, and if none is left public ones are named.
pub(crate) fn resolv_conf(host: &str, shares_network: bool) -> String {
    if shares_network {
        return host.to_owned();
    }
    let mut text = String::new();
    let mut servers = 0;
    for line in host.lines() {
        match name_server(line) {
            Some(address) if address.is_none_or(|address| address.is_loopback()) => continue,
            Some(_) => servers += 1,
            None => {}
        }
        text.push_str(line);
        text.push('\n');
    }
    if servers == 0 {
        for server in PUBLIC_SERVERS {
            let _ = writeln!(text, "nameserver {server}");
        }
    }
    text
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

    fn check_filtered(host: &str, expected: &str) {
        assert_eq!(resolv_conf(host, true), host);
        assert_eq!(resolv_conf(host, false), expected);
    }

    #[test]
    fn a_network_of_its_own_cannot_reach_servers_on_our_loopback() {
        check_filtered(
            "# by hand\nnameserver 127.0.0.53\nnameserver 10.0.0.1\nsearch lan\n",
            "# by hand\nnameserver 10.0.0.1\nsearch lan\n",
        );
        check_filtered("nameserver fe80::1%eth0\n", "nameserver fe80::1%eth0\n");
        let public = "nameserver 8.8.8.8\nnameserver 8.8.4.4\nnameserver 2001:4860:4860::8888\n\
                      nameserver 2001:4860:4860::8844\n";
        check_filtered("nameserver ::1\nnameserver\n", public);
        check_filtered("", public);
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
