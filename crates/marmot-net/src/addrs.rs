//! What one can bind or connect to.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Addresses, or a name to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(pub(crate) Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Addrs(Vec<SocketAddr>),
    Host(String, u16),
}

impl Target {
    /// These addresses, to be tried in this order.
    #[must_use]
    pub fn addrs(addrs: Vec<SocketAddr>) -> Target {
        Target(Kind::Addrs(addrs))
    }

    /// A port of a host, by its name or its address; the empty name is every address of this
    /// host, as in Go's `":8080"`.
    #[must_use]
    pub fn host(name: &str, port: u16) -> Target {
        if name.is_empty() {
            let (v6, v4) = (Ipv6Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED);
            return Target::addrs(vec![(v6, port).into(), (v4, port).into()]);
        }
        match name.parse::<IpAddr>() {
            Ok(ip) => Target::addrs(vec![SocketAddr::new(ip, port)]),
            Err(_) => Target(Kind::Host(name.to_owned(), port)),
        }
    }
}

/// What one can bind or connect to: std's trait of this name, except that looking up a name
/// does not happen in it.
///
/// # Examples
///
/// ```
/// use marmot_net::{Target, ToSocketAddrs};
///
/// assert_eq!("127.0.0.1:80".target()?, ([127, 0, 0, 1], 80).target()?);
/// assert_eq!("localhost:80".target()?, Target::host("localhost", 80));
/// assert!("localhost".target().is_err(), "there is no port");
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait ToSocketAddrs {
    /// Addresses, or a name to look up.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is neither.
    fn target(&self) -> io::Result<Target>;
}

impl ToSocketAddrs for str {
    fn target(&self) -> io::Result<Target> {
        if let Ok(addr) = self.parse() {
            return Ok(Target::addrs(vec![addr]));
        }
        let (host, port) = match self.rsplit_once(':') {
            Some(parts) if !self.ends_with(']') => parts,
            _ => return Err(invalid(self, "missing port in address")),
        };
        // (A lone address of IPv6 with a port behind is fine, as in std.)
        let inside = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let host = inside.unwrap_or(host);
        // One with a zone is for the resolver, which knows their names.
        if host.contains(':') && !host.contains('%') && host.parse::<Ipv6Addr>().is_err() {
            return Err(invalid(self, "too many colons in address"));
        }
        let port = port.parse().map_err(|_| invalid(self, "invalid port"))?;
        Ok(Target::host(host, port))
    }
}

/// In Go's words.
fn invalid(addr: &str, what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("address {addr}: {what}"),
    )
}

impl ToSocketAddrs for String {
    fn target(&self) -> io::Result<Target> {
        self.as_str().target()
    }
}

impl ToSocketAddrs for (&str, u16) {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::host(self.0, self.1))
    }
}

impl ToSocketAddrs for (String, u16) {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::host(&self.0, self.1))
    }
}

impl ToSocketAddrs for [SocketAddr] {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::addrs(self.to_vec()))
    }
}

impl<const N: usize> ToSocketAddrs for [SocketAddr; N] {
    fn target(&self) -> io::Result<Target> {
        self.as_slice().target()
    }
}

impl ToSocketAddrs for Vec<SocketAddr> {
    fn target(&self) -> io::Result<Target> {
        self.as_slice().target()
    }
}

impl ToSocketAddrs for Target {
    fn target(&self) -> io::Result<Target> {
        Ok(self.clone())
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {
    fn target(&self) -> io::Result<Target> {
        (**self).target()
    }
}

macro_rules! one_address {
    ($($from:ty),*) => {$(
        impl ToSocketAddrs for $from {
            fn target(&self) -> io::Result<Target> {
                Ok(Target::addrs(vec![SocketAddr::from(*self)]))
            }
        }
    )*};
}
one_address!(
    SocketAddr,
    SocketAddrV4,
    SocketAddrV6,
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (Ipv6Addr, u16),
    ([u8; 4], u16),
    ([u16; 8], u16)
);
