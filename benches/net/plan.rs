//! The rows, and who takes part in them.

use benches::go;

/// What servers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Give back what they get.
    Echo,
    /// Answer each request with a greeting, and keep the connection.
    Http,
}

impl Kind {
    /// As it is told to a child, and to Go's program.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Http => "http",
        }
    }

    pub(crate) fn of(word: &str) -> Self {
        match word {
            "echo" => Self::Echo,
            "http" => Self::Http,
            other => panic!("no kind {other}"),
        }
    }
}

/// One row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Connections, each with one request at a time.
    pub(crate) conns: usize,
}

pub(crate) const ROWS: [Row; 4] = [
    Row {
        name: "echo_1_conn",
        kind: Kind::Echo,
        conns: 1,
    },
    Row {
        name: "echo_64_conns",
        kind: Kind::Echo,
        conns: 64,
    },
    Row {
        name: "echo_1000_conns",
        kind: Kind::Echo,
        conns: 1_000,
    },
    Row {
        name: "http_64_conns",
        kind: Kind::Http,
        conns: 64,
    },
];

/// Ours.
pub(crate) const OURS: &str = "marmot";

/// The floor.
pub(crate) const BARE: &str = "bare";

/// Who is compared.
pub(crate) const PEERS: [&str; 5] = [OURS, "tokio", "smol", go::NAME, BARE];

/// Whether a peer takes part: hyper on smol is nobody's way of serving.
pub(crate) fn takes_part(peer: &str, kind: Kind) -> bool {
    kind == Kind::Echo || peer != "smol"
}
