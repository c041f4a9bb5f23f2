//! Who may ask: nobody from elsewhere, unless the program says so.
//!
//! The page shows what a program does to whoever can reach its address. So that is this machine
//! alone by default. But a browser on this machine runs scripts from anywhere, and a name that
//! points here makes them believe that this server is theirs (DNS rebinding); the `Host` header
//! then has that name. So it has to be an address, `localhost`, or a name that the program allows.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// Which names and addresses are served.
#[derive(Clone, Debug, Default)]
pub(super) struct Guard {
    pub(super) remote: bool,
    pub(super) hosts: Vec<String>,
}

impl Guard {
    /// Where to listen for `addr`: "host:port"; without a host, 127.0.0.1.
    pub(super) fn listen_at(&self, addr: &str) -> io::Result<Vec<SocketAddr>> {
        let all: Vec<SocketAddr> = match addr.strip_prefix(':') {
            Some(port) => format!("127.0.0.1:{port}").to_socket_addrs()?.collect(),
            None => addr.to_socket_addrs()?.collect(),
        };
        let allowed = |at: &SocketAddr| self.remote || at.ip().is_loopback();
        let (allowed, refused): (Vec<_>, Vec<_>) = all.into_iter().partition(allowed);
        match refused.first() {
            Some(refused) if allowed.is_empty() => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!(
                    "{refused} can be reached from other machines, and the page shows what the \
                     program does: allow_remote() if that is meant"
                ),
            )),
            _ => Ok(allowed),
        }
    }

    /// Whether a request for this host is meant for us.
    pub(super) fn allows(&self, host: &str) -> bool {
        let name = without_port(host);
        let address = name.trim_start_matches('[').trim_end_matches(']');
        if address.parse::<IpAddr>().is_ok() {
            return true;
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        name == "localhost"
            || name.ends_with(".localhost")
            || self
                .hosts
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(&name))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::Guard;

    #[test]
    fn an_address_without_a_host_is_this_machine() {
        let at = Guard::default().listen_at(":6060").unwrap();
        assert_eq!(at, ["127.0.0.1:6060".parse().unwrap()]);
    }

    #[test]
    fn what_others_can_reach_has_to_be_allowed() {
        for addr in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
            let refused = Guard::default().listen_at(addr).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::PermissionDenied, "{addr}");
        }
        let guard = Guard {
            remote: true,
            ..Guard::default()
        };
        assert_eq!(guard.listen_at("0.0.0.0:1").unwrap().len(), 1);
        assert!(Guard::default().listen_at("nonsense").is_err());
    }

    #[test]
    fn a_name_that_merely_points_here_is_refused() {
        let guard = Guard {
            hosts: vec!["build.example".to_owned()],
            ..Guard::default()
        };
        for host in [
            "localhost",
            "LOCALHOST:6060",
            "127.0.0.1:6060",
            "[::1]:6060",
            "a.localhost",
            "Build.Example:1",
        ] {
            assert!(guard.allows(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:6060",
            "",
            ":",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
        ] {
            assert!(!guard.allows(host), "{host}");
        }
    }
}
