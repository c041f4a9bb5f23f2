//! What goroutines of one runtime share with those of another: who is asleep here may be woken
//! from there.
//!
//! In a test the other runtimes of the process are other tests', and do not keep a deadlock from
//! being certain. But tests of one file have its statics in common: a lock that makes them run
//! one after the other, a cell that the first of them fills.

use std::collections::HashSet;
use std::sync::atomic::{Ordering, fence};

use marmot_wait::held;

use crate::machine::header;
use crate::shared::Shared;
use crate::task::header::TaskRef;
use crate::task::slab;

/// Whether a goroutine of this runtime waits for something in static memory, or for something
/// that a goroutine of another runtime holds.
pub(crate) fn with_others(shared: &'static Shared) -> bool {
    let objects = waited_for(shared);
    let of_others = |held: &held::Held| {
        held::runtime_of(held.holder.goroutine) != held::runtime_of(shared.whose)
            && held.holder.goroutine != 0
    };
    let held = held::all().into_iter().filter(of_others);
    held.into_iter().any(|held| objects.contains(&held.object)) || any_is_static(&objects)
}

/// The addresses of what its goroutines wait for.
fn waited_for(shared: &'static Shared) -> HashSet<usize> {
    let mut objects = HashSet::new();
    slab::walk(|cell| {
        let g = header(TaskRef(cell));
        // ORDERING: Acquire, and the fence below, as in `snapshot::read`: the fields are those
        // of one goroutine. One that is just made or ends is no sleeper.
        let id = g.id.load(Ordering::Acquire);
        if id == 0 || !std::ptr::eq(g.shared.load(Ordering::Relaxed), shared) {
            return;
        }
        let object = g.object.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        if object != 0 && g.id.load(Ordering::Relaxed) == id {
            objects.insert(object);
        }
    });
    objects
}

#[cfg(target_os = "linux")]
fn any_is_static(objects: &HashSet<usize>) -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let ranges = statics(&maps);
    let is_static = |object: &usize| ranges.iter().any(|range| range.contains(object));
    objects.iter().any(is_static)
}

/// Elsewhere nothing is certain, and a suspicion has to last.
#[cfg(not(target_os = "linux"))]
fn any_is_static(_objects: &HashSet<usize>) -> bool {
    false
}

/// Where programs and libraries have their variables: what is mapped from a file to be written
/// to, and what follows it without a gap or a name, which is the part that begins as zero.
#[cfg(target_os = "linux")]
fn statics(maps: &str) -> Vec<std::ops::Range<usize>> {
    let mut ranges: Vec<std::ops::Range<usize>> = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (bounds, flags) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let file = words.nth(3);
        let address = |text| usize::from_str_radix(text, 16).ok();
        let bounds = bounds.split_once('-');
        let Some((Some(from), Some(to))) = bounds.map(|(from, to)| (address(from), address(to)))
        else {
            continue;
        };
        let follows = ranges.last().is_some_and(|range| range.end == from);
        let is_static = match file {
            Some(file) => file.starts_with('/'),
            None => follows,
        };
        if is_static && flags.starts_with("rw") {
            ranges.push(from..to);
        }
    }
    ranges
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::collections::HashSet;
    use std::sync::Mutex;

    use super::{any_is_static, statics};

    #[test]
    fn variables_are_where_a_file_is_mapped_to_be_written_and_right_after_it() {
        let maps = "\
            1000-2000 r-xp 00000000 fe:00 1 /bin/a\n\
            2000-3000 rw-p 00001000 fe:00 1 /bin/a\n\
            3000-5000 rw-p 00000000 00:00 0\n\
            6000-7000 rw-p 00000000 00:00 0 [heap]\n\
            8000-9000 rw-p 00000000 00:00 0\n";
        assert_eq!(statics(maps), [0x2000..0x3000, 0x3000..0x5000]);
    }

    #[test]
    fn a_static_is_told_from_what_is_on_the_heap_or_on_the_stack() {
        static ZERO: Mutex<[u8; 9]> = Mutex::new([0; 9]);
        static ONE: Mutex<[u8; 9]> = Mutex::new([1; 9]);
        let of = |object: *const Mutex<[u8; 9]>| any_is_static(&HashSet::from([object.addr()]));
        assert!(of(&raw const ZERO) && of(&raw const ONE));
        let (boxed, here) = (Box::new(Mutex::new([2; 9])), Mutex::new([3; 9]));
        assert!(!of(&raw const *boxed) && !of(&raw const here));
    }
}
