//! The rows, and who takes part in them.

use std::time::Duration;

use benches::go;

/// What servers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Give back what they get.
    Echo,
    /// Do as much work as a request asks for, and give back what came of it.
    Work,
    /// Answer each request with a greeting, and keep the connection.
    Http,
}

impl Kind {
    /// As it is told to a child, and to Go's program.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Work => "work",
            Self::Http => "http",
        }
    }

    pub(crate) fn of(word: &str) -> Self {
        match word {
            "echo" => Self::Echo,
            "work" => Self::Work,
            "http" => Self::Http,
            other => panic!("no kind {other}"),
        }
    }
}

/// When the connections of a row ask, and for how much work.
#[derive(Clone, Copy, Debug)]
enum Traffic {
    /// Each asks as soon as it has its answer, for so many microseconds.
    AtOnce(u32),
    /// All ask at the same moments, for so many microseconds.
    Together(u32),
    /// Every eighth asks now and then for much, and the others at once for nothing.
    Mixed,
    /// The first asks at once for much, and the others now and then for nothing.
    Beside,
}

/// From one moment at which all ask to the next.
const TOGETHER_EVERY: Duration = Duration::from_millis(2);

/// One of so many asks for much. Each does so 62.5 times a second; eight of them keep a
/// quarter of a core busy.
const MUCH_IN: usize = 8;
const MUCH_US: u32 = 500;
const MUCH_EVERY: Duration = Duration::from_millis(16);

/// From one small request to the next beside the large ones: no multiple of theirs.
const BESIDE_EVERY: Duration = Duration::from_micros(1300);

/// What one connection does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Microseconds of work that each request asks for.
    pub(crate) work_us: u32,
    /// When it asks; as soon as it has its answer if there are no such times.
    pub(crate) times: Option<Times>,
    /// Whether its latencies are what the row shows.
    pub(crate) shown: bool,
}

/// Moments that do not depend on when answers come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// The first, after the start.
    pub(crate) first: Duration,
    /// From one to the next.
    pub(crate) every: Duration,
}

/// One row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Connections, each with one request at a time.
    pub(crate) conns: usize,
    traffic: Traffic,
}

impl Row {
    const fn new(name: &'static str, kind: Kind, conns: usize, traffic: Traffic) -> Self {
        Self {
            name,
            kind,
            conns,
            traffic,
        }
    }

    pub(crate) fn of(name: &str) -> &'static Self {
        let row = ROWS.iter().find(|row| row.name == name);
        row.unwrap_or_else(|| panic!("no row {name}"))
    }

    /// What the connection of this number does.
    pub(crate) fn part(&self, number: usize) -> Part {
        let at_once = |work_us| Part {
            work_us,
            times: None,
            shown: true,
        };
        match self.traffic {
            Traffic::AtOnce(work_us) => at_once(work_us),
            Traffic::Together(work_us) => Part {
                work_us,
                times: Some(Times {
                    first: Duration::ZERO,
                    every: TOGETHER_EVERY,
                }),
                shown: true,
            },
            Traffic::Mixed if number.is_multiple_of(MUCH_IN) => {
                self.asks_for_much(number / MUCH_IN)
            }
            Traffic::Mixed => at_once(0),
            Traffic::Beside if number == 0 => Part {
                shown: false,
                ..at_once(MUCH_US)
            },
            Traffic::Beside => self.asks_beside(number - 1),
        }
    }

    /// They ask one after the other, for nothing.
    fn asks_beside(&self, number: usize) -> Part {
        let share = number as f64 / (self.conns - 1) as f64;
        Part {
            work_us: 0,
            times: Some(Times {
                first: BESIDE_EVERY.mul_f64(share),
                every: BESIDE_EVERY,
            }),
            shown: true,
        }
    }

    /// They take turns, so that there is one such request at a time, if it does not wait.
    fn asks_for_much(&self, number: usize) -> Part {
        let share = number as f64 / self.conns.div_ceil(MUCH_IN) as f64;
        Part {
            work_us: MUCH_US,
            times: Some(Times {
                first: MUCH_EVERY.mul_f64(share),
                every: MUCH_EVERY,
            }),
            shown: false,
        }
    }
}

pub(crate) const ROWS: [Row; 10] = [
    Row::new("echo_1_conn", Kind::Echo, 1, Traffic::AtOnce(0)),
    Row::new("echo_64_conns", Kind::Echo, 64, Traffic::AtOnce(0)),
    Row::new("echo_1000_conns", Kind::Echo, 1_000, Traffic::AtOnce(0)),
    Row::new("work_50us_8_conns", Kind::Work, 8, Traffic::AtOnce(50)),
    Row::new("work_200us_8_conns", Kind::Work, 8, Traffic::AtOnce(200)),
    Row::new("work_500us_8_conns", Kind::Work, 8, Traffic::AtOnce(500)),
    Row::new("mixed_64_conns", Kind::Work, 64, Traffic::Mixed),
    Row::new("paced_4_conns_100us", Kind::Work, 4, Traffic::Together(100)),
    Row::new("beside_500us_4_conns", Kind::Work, 4, Traffic::Beside),
    Row::new("http_64_conns", Kind::Http, 64, Traffic::AtOnce(0)),
];

/// Ours.
pub(crate) const OURS: &str = "marmot";

/// The floor.
pub(crate) const BARE: &str = "bare";

/// Who is compared.
pub(crate) const PEERS: [&str; 5] = [OURS, "tokio", "smol", go::NAME, BARE];

/// Whether a peer takes part: hyper on smol is nobody's way of serving.
pub(crate) fn takes_part(peer: &str, kind: Kind) -> bool {
    kind != Kind::Http || peer != "smol"
}
