//! `MARMOT_DEBUG`: what the environment asks a runtime to tell of itself.
//!
//! `name=value` pairs with commas between, as Go's GODEBUG. Names that are not known are
//! passed over, so that one line serves programs of several versions.

use std::time::Duration;

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// `schedtrace=1000`: a line about the scheduler so often (milliseconds, or with a unit).
    pub(crate) schedtrace: Option<Duration>,
    /// `scheddetail=1`: with every P, M and goroutine.
    pub(crate) scheddetail: bool,
    /// `longpoll=20ms`: a line about each poll that takes so long.
    pub(crate) longpoll: Option<Duration>,
    /// `sigquit=0`, `sigquit=1`: whether SIGQUIT prints every goroutine.
    pub(crate) sigquit: Option<bool>,
}

impl Settings {
    /// What the environment says.
    pub(crate) fn from_env() -> Settings {
        std::env::var("MARMOT_DEBUG").map_or_else(|_| Settings::default(), |text| parse(&text))
    }
}

fn parse(text: &str) -> Settings {
    let mut settings = Settings::default();
    for (name, value) in text.split(',').filter_map(|pair| pair.split_once('=')) {
        let value = value.trim();
        match name.trim() {
            "schedtrace" => settings.schedtrace = duration(value).filter(|d| !d.is_zero()),
            "scheddetail" => settings.scheddetail = switch(value) == Some(true),
            "longpoll" => settings.longpoll = duration(value).filter(|d| !d.is_zero()),
            "sigquit" => settings.sigquit = switch(value),
            _ => {}
        }
    }
    settings
}

fn switch(value: &str) -> Option<bool> {
    match value {
        "0" | "off" => Some(false),
        "1" | "on" => Some(true),
        _ => None,
    }
}

/// `20ms`, `1s`, `500us`; a bare number is milliseconds, as in Go.
fn duration(value: &str) -> Option<Duration> {
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = value.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit {
        "us" => Some(Duration::from_micros(number)),
        "ms" | "" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Settings, parse};

    #[test]
    fn pairs_are_read_in_any_order_and_unknown_ones_passed_over() {
        let settings = parse("gctrace=1, longpoll=20ms,scheddetail=1,schedtrace=1000,sigquit=0");
        let expected = Settings {
            schedtrace: Some(Duration::from_secs(1)),
            scheddetail: true,
            longpoll: Some(Duration::from_millis(20)),
            sigquit: Some(false),
        };
        assert_eq!(settings, expected);
    }

    #[test]
    fn what_makes_no_sense_is_as_if_not_said() {
        for text in [
            "",
            "schedtrace",
            "schedtrace=",
            "schedtrace=0",
            "longpoll=5h",
            "sigquit=2",
        ] {
            assert_eq!(parse(text), Settings::default(), "{text}");
        }
    }
}
