//! How long one waits until one looks again whether another socket's queue has room.

use std::panic::Location;
use std::time::Duration;

use marmot_time::{ms, sleep};

use crate::resolve::noted;

const LONGEST: Duration = Duration::from_millis(10);

/// No event tells when there is room, so one tries again: after 1 ms, and then after twice as long
/// each time, up to 10.
pub(super) struct Pause(Duration);

impl Pause {
    pub(super) fn new() -> Pause {
        Pause(ms(1))
    }

    pub(super) async fn rest(&mut self, place: &'static Location<'static>) {
        noted(place, sleep(self.0)).await;
        self.0 = (self.0 * 2).min(LONGEST);
    }
}
