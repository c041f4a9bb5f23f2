//! Traces of real programs, read back by a decoder that shares nothing with the writer.

use std::io::{self, Write};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use marmot::prelude::*;
use marmot::trace::{self, FlightRecorder};
use marmot_testing::within;

mod decode;

use decode::Trace;

const PATIENCE: Duration = Duration::from_secs(60);

/// One trace at a time: they hold what the whole process does.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A writer whose bytes can be looked at.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What happens while `program` runs on so many Ps.
fn traced<F>(procs: usize, program: impl FnOnce() -> F + Send + 'static) -> Trace
where
    F: Future<Output = ()> + Send + 'static,
{
    let _alone = alone();
    within(PATIENCE, move || {
        let runtime = Runtime::builder().max_procs(procs).build().unwrap();
        let file = Shared::default();
        trace::start_to(file.clone()).unwrap();
        runtime
            .block_on(runtime.spawn(async move { program().await }))
            .unwrap();
        // Its threads end: the last poll is over, not only its goroutine.
        drop(runtime);
        let summary = trace::stop().unwrap();
        let bytes = file.0.lock().unwrap().clone();
        assert_eq!(summary.bytes, bytes.len() as u64);
        assert_eq!(summary.lost, 0, "{summary:?}");
        let trace = Trace::read(&bytes);
        trace.check();
        show_to_trace_processor(&bytes, &trace);
        trace
    })
}

/// Perfetto's own reader, where there is one, finds as many slices as ours, and no fault.
fn show_to_trace_processor(bytes: &[u8], trace: &Trace) {
    let processor = std::env::var("TRACE_PROCESSOR");
    let processor = processor.unwrap_or_else(|_| "trace_processor_shell".to_owned());
    if Command::new(&processor).arg("--version").output().is_err() {
        return eprintln!("{processor} is not here: its part of the test is left out");
    }
    let path = std::env::temp_dir().join(format!("marmot-{}.pftrace", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    let ask = |query: &str| {
        let asked = Command::new(&processor)
            .arg("-Q")
            .arg(query)
            .arg(&path)
            .output();
        let answer = String::from_utf8(asked.unwrap().stdout).unwrap();
        let last = answer.lines().last().unwrap_or_default().trim().to_owned();
        last.parse::<usize>()
            .unwrap_or_else(|_| panic!("{query}: {answer}"))
    };
    let slices: usize = trace.tracks.values().map(|track| track.slices.len()).sum();
    let instants = trace.instants().count();
    assert_eq!(ask("select count(*) as n from slice"), slices + instants);
    let faults = "select coalesce(sum(value), 0) as n from stats where severity = 'error'";
    assert_eq!(ask(faults), 0);
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn each_run_of_a_goroutine_is_a_slice_named_by_its_birthplace() {
    let line = line!() + 4;
    let trace = traced(2, || async {
        let handles: Vec<_> = (0..20)
            .map(|_| {
                go!(async {
                    for _ in 0..10 {
                        gosched().await;
                    }
                })
            })
            .collect();
        for handle in handles {
            handle.await.unwrap();
        }
    });
    let name = format!("main.rs:{line}");
    let runs: Vec<_> = trace
        .runs()
        .into_iter()
        .filter(|run| run.name == name)
        .collect();
    assert_eq!(runs.len(), 20 * 11, "each yields ten times");
    let ended = runs
        .iter()
        .filter(|run| run.notes["stopped because"] == "ended");
    assert_eq!(ended.count(), 20);
    let yielded = runs
        .iter()
        .filter(|run| run.notes["stopped because"] == "yielded");
    assert_eq!(yielded.count(), 200);
}

#[test]
fn an_arrow_leads_from_the_waker_to_the_woken() {
    let trace = traced(1, || async {
        let (ask, asked) = chan::<u32>(0);
        let (answer, answered) = chan::<u32>(0);
        let echo = go!(async move {
            while let Some(value) = asked.recv().await {
                answer.send(value).await.unwrap();
            }
        });
        for value in 0..50 {
            ask.send(value).await.unwrap();
            assert_eq!(answered.recv().await, Some(value));
        }
        drop(ask);
        echo.await.unwrap();
    });
    let arrows = trace
        .runs()
        .into_iter()
        .filter(|run| run.from_flow.is_some());
    assert!(arrows.count() >= 50, "each value wakes somebody");
    let waits = trace
        .runs()
        .into_iter()
        .filter(|run| run.notes["stopped because"].starts_with("chan "));
    assert!(waits.count() >= 10, "and many of them waited for a channel");
}

#[test]
fn regions_and_logs_lie_on_the_track_of_their_goroutine() {
    let trace = traced(2, || async {
        let _outer = trace::region("outer");
        sleep(ms(2)).await;
        {
            let _inner = trace::region("inner");
            trace::log(format!("the answer is {}", 42));
        }
        let request = trace::task("request");
        go!(async move { drop(request) }).await.unwrap();
    });
    let regions = trace.group("Regions");
    let track = regions
        .iter()
        .find(|track| track.name.starts_with("goroutine"));
    let track = track.expect("a track for the goroutine");
    let [inner, outer] = &track.slices[..] else {
        panic!("two regions: {:?}", track.slices)
    };
    assert_eq!((inner.name.as_str(), inner.depth), ("inner", 1));
    assert_eq!((outer.name.as_str(), outer.depth), ("outer", 0));
    assert!(
        outer.end - outer.begin >= 2_000_000,
        "it lasts over the sleep"
    );
    assert_eq!(track.instants[0].name, "the answer is 42");
    let tasks = trace.group("Tasks");
    assert_eq!(tasks[0].slices[0].name, "request");
}

#[test]
fn a_goroutine_that_blocks_goes_on_beside_the_ps() {
    let trace = traced(1, || async {
        let blocks = go!(async {
            runtime::blocking(|| std::thread::sleep(ms(5)));
        });
        let other = go!(async {
            for _ in 0..5 {
                sleep(ms(1)).await;
            }
        });
        blocks.await.unwrap();
        other.await.unwrap();
    });
    let beside: Vec<_> = trace
        .group("Threads without")
        .into_iter()
        .flat_map(|t| &t.slices)
        .collect();
    let longest = beside.iter().map(|run| run.end - run.begin).max();
    assert!(longest >= Some(4_000_000), "the sleep is there: {beside:?}");
}

#[test]
fn a_p_taken_from_a_poll_that_blocks_is_free_for_others() {
    let trace = traced(1, || async {
        let (tick, ticks) = std::sync::mpsc::channel();
        let other = go!(async move {
            for _ in 0..5 {
                sleep(ms(1)).await;
                _ = tick.send(());
            }
        });
        // Blocks without saying so, until the other one has run: the monitor has to take the P.
        let blocks = go!(async move { (0..5).for_each(|_| ticks.recv().unwrap()) });
        blocks.await.unwrap();
        other.await.unwrap();
    });
    let taken = trace
        .instants()
        .filter(|what| what.name.starts_with("P taken from"));
    assert!(taken.count() >= 1);
    let beside = trace
        .group("Threads without")
        .into_iter()
        .flat_map(|t| &t.slices);
    assert!(beside.count() >= 1, "the rest of the poll is there");
    assert!(trace.instants().any(|what| what.name == "timers fired"));
}

#[test]
fn counters_end_where_the_program_does() {
    let trace = traced(2, || async {
        let handles: Vec<_> = (0..100)
            .map(|_| go!(async { sleep(ms(1)).await }))
            .collect();
        for handle in handles {
            handle.await.unwrap();
        }
    });
    let goroutines = trace
        .tracks
        .values()
        .find(|track| track.name.starts_with("goroutines"));
    let counts = &goroutines.expect("a counter of goroutines").counts;
    assert!(counts.iter().any(|(_, value)| *value > 50), "{counts:?}");
    assert_eq!(
        counts.last().map(|(_, value)| *value),
        Some(0),
        "{counts:?}"
    );
}

#[test]
fn the_flight_recorder_has_the_last_runs_and_writes_them() {
    let _alone = alone();
    within(PATIENCE, || {
        let recorder = FlightRecorder::start().unwrap();
        let line = line!() + 3;
        marmot::block_on(async {
            for _ in 0..100 {
                go!(async {}).await.unwrap();
            }
        });
        let snapshot = recorder.snapshot();
        let runs = snapshot.runs();
        let ours = runs
            .iter()
            .filter(|run| run.birthplace.is_some_and(|place| place.line() == line));
        assert_eq!(ours.count(), 100);
        assert!(runs.iter().all(|run| run.begin <= run.end));
        let mut file = Vec::new();
        snapshot.write_to(&mut file).unwrap();
        let trace = Trace::read(&file);
        trace.check();
        assert!(trace.runs().len() >= 100);
    });
}

#[test]
fn the_flight_recorder_forgets_what_is_too_old_or_too_much() {
    let _alone = alone();
    within(PATIENCE, || {
        let recorder = FlightRecorder::builder()
            .max_bytes(64 << 10)
            .start()
            .unwrap();
        let old = FlightRecorder::builder()
            .max_age(Duration::ZERO)
            .start()
            .unwrap();
        marmot::block_on(async {
            for _ in 0..5000 {
                go!(async {}).await.unwrap();
            }
        });
        let (snapshot, nothing) = (recorder.snapshot(), old.snapshot());
        assert!(nothing.is_empty());
        assert!(!snapshot.is_empty());
        assert!(
            snapshot.len() <= 2048,
            "{} events in 64 KiB",
            snapshot.len()
        );
        let mut file = Vec::new();
        snapshot.write_to(&mut file).unwrap();
        Trace::read(&file).check();
    });
}

#[test]
fn a_second_trace_is_refused_until_the_first_is_over() {
    let _alone = alone();
    assert_eq!(trace::stop().unwrap_err().kind(), io::ErrorKind::NotFound);
    trace::start_to(io::sink()).unwrap();
    assert_eq!(
        trace::start_to(io::sink()).unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
    trace::stop().unwrap();
    trace::start_to(io::sink()).unwrap();
    trace::stop().unwrap();
}

#[test]
fn a_writer_that_fails_is_told_at_the_end() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let _alone = alone();
    trace::start_to(Full).unwrap();
    assert_eq!(
        trace::stop().unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
}

#[test]
fn runtimes_of_one_process_do_not_mix() {
    let _alone = alone();
    within(PATIENCE, || {
        let file = Shared::default();
        trace::start_to(file.clone()).unwrap();
        let runtimes: Vec<_> = (0..2)
            .map(|_| Runtime::builder().max_procs(1).build().unwrap())
            .collect();
        for runtime in &runtimes {
            runtime
                .block_on(runtime.spawn(async { gosched().await }))
                .unwrap();
        }
        trace::stop().unwrap();
        let trace = Trace::read(&file.0.lock().unwrap());
        assert!(trace.group("Ps").len() >= 2, "each has a P 0 of its own");
    });
}

/// A writer that takes its time, so that the rings run over meanwhile.
struct Slow(Shared);

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        std::thread::sleep(ms(2));
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_trace_that_lost_events_says_so_and_is_well_formed() {
    let _alone = alone();
    within(PATIENCE, || {
        let runtime = Runtime::builder().max_procs(2).build().unwrap();
        let file = Shared::default();
        trace::start_to(Slow(file.clone())).unwrap();
        let program = runtime.spawn(async {
            let yields = |_| {
                go!(async {
                    for _ in 0..2000 {
                        gosched().await;
                    }
                })
            };
            let handles: Vec<_> = (0..200).map(yields).collect();
            for handle in handles {
                handle.await.unwrap();
            }
        });
        runtime.block_on(program).unwrap();
        drop(runtime);
        let summary = trace::stop().unwrap();
        assert!(summary.lost > 0, "{summary:?}");
        Trace::read(&file.0.lock().unwrap()).check();
    });
}
