//! A picture of what ran where: a prime sieve under the flight recorder, as a file for
//! <https://ui.perfetto.dev> and as an SVG.
//!
//! `cargo run --release --example trace_picture` writes `trace.pftrace` and `trace.svg`, or what
//! its arguments name. Look at the lanes of the picture, one for each P, and at the colours, one
//! for each line of the program that starts goroutines. In Go: `go tool trace`.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::fmt::Write as _;
use std::fs::File;
use std::panic::Location;

use marmot::prelude::*;
use marmot::trace::{self, FlightRecorder, Run, Snapshot};

/// The picture's width and the height of a lane, in pixels.
const WIDTH: f64 = 1200.0;
const LANE: f64 = 64.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 46.0;

/// Passes on what no earlier filter has divided.
async fn filter(prime: u64, numbers: Receiver<u64>, rest: Sender<u64>) {
    while let Some(number) = numbers.recv().await {
        if number % prime != 0 && rest.send(number).await.is_err() {
            return;
        }
    }
}

/// The first primes, by a chain of goroutines that grows.
async fn sieve(count: usize) -> Vec<u64> {
    let (first, mut numbers) = chan(0);
    go!(async move {
        for number in 2.. {
            if first.send(number).await.is_err() {
                return;
            }
        }
    });
    let mut primes = Vec::new();
    while primes.len() < count {
        let prime = numbers.recv().await.expect("there are more primes");
        let (rest, next) = chan(0);
        go!(async move { filter(prime, numbers, rest).await });
        primes.push(prime);
        numbers = next;
    }
    primes
}

/// Some seconds' work in little: what burns CPU beside what waits.
async fn sums() -> u64 {
    let parts: Vec<_> = (1..=6_u64)
        .map(|part| {
            go!(async move { (0..part * 60_000).fold(0, |sum: u64, n| sum ^ n.wrapping_mul(n)) })
        })
        .collect();
    let mut sum = 0;
    for part in parts {
        sum ^= part.await.expect("a sum");
        sleep(Duration::from_micros(300)).await;
    }
    sum
}

/// The places that start goroutines, in the order in which they first ran.
fn places(runs: &[Run]) -> Vec<Option<&'static Location<'static>>> {
    let mut places = Vec::new();
    for run in runs {
        if !places.contains(&run.birthplace) {
            places.push(run.birthplace);
        }
    }
    places
}

/// The picture: a lane for each P, a bar for each run.
fn draw(snapshot: &Snapshot) -> String {
    let runs = snapshot.runs();
    let end = runs.iter().map(|run| run.end).max().unwrap_or_default();
    let scale = (WIDTH - LEFT) / end.as_secs_f64().max(1e-9);
    let lanes = runs.iter().filter_map(|run| run.proc).max().unwrap_or(0) + 1;
    let places = places(&runs);
    let height = TOP + f64::from(lanes) * LANE + 20.0 * places.len() as f64 + 10.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"20\">{} runs of goroutines in {:.2?}</text>\n",
        WIDTH + 20.0,
        runs.len(),
        end,
    );
    for lane in 0..lanes {
        let y = TOP + f64::from(lane) * LANE;
        let _ = writeln!(
            svg,
            "<text x=\"12\" y=\"{}\">P {lane}</text><rect x=\"{LEFT}\" y=\"{y}\" width=\"{}\" height=\"{}\" fill=\"#f2f4f7\"/>",
            y + LANE / 2.0,
            WIDTH - LEFT,
            LANE - 12.0,
        );
    }
    for run in &runs {
        let Some(proc) = run.proc else { continue };
        let place = places
            .iter()
            .position(|place| *place == run.birthplace)
            .unwrap_or(0);
        let x = LEFT + run.begin.as_secs_f64() * scale;
        let width = ((run.end - run.begin).as_secs_f64() * scale).max(0.3);
        let y = TOP + f64::from(proc) * LANE;
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.2}\" y=\"{y}\" width=\"{width:.2}\" height=\"{}\" fill=\"{}\"><title>goroutine {}</title></rect>",
            LANE - 12.0,
            colour(place),
            run.goroutine,
        );
    }
    for (at, place) in places.iter().enumerate() {
        let y = TOP + f64::from(lanes) * LANE + 20.0 * at as f64 + 10.0;
        let name = place.map_or("main".to_owned(), |place| {
            format!("{}:{}", place.file(), place.line())
        });
        let _ = writeln!(
            svg,
            "<rect x=\"{LEFT}\" y=\"{y}\" width=\"12\" height=\"12\" fill=\"{}\"/><text x=\"{}\" y=\"{}\">{name}</text>",
            colour(at),
            LEFT + 20.0,
            y + 11.0,
        );
    }
    svg + "</svg>\n"
}

/// Colours that are far from each other, one after the other.
fn colour(place: usize) -> String {
    format!("hsl({:.0} 62% 52%)", (210.0 + place as f64 * 137.5) % 360.0)
}

#[marmot::main]
async fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let file = args.first().map_or("trace.pftrace", String::as_str);
    let picture = args.get(1).map_or("trace.svg", String::as_str);
    let recorder = FlightRecorder::start()?;
    {
        let _region = trace::region("sums");
        assert_ne!(sums().await, 0);
    }
    {
        let _region = trace::region("sieve");
        let primes = sieve(25).await;
        trace::log(format!("the last prime is {:?}", primes.last()));
        assert_eq!(primes.last(), Some(&97));
    }
    let snapshot = recorder.snapshot();
    let bytes = snapshot.write_to(File::create(file)?)?;
    std::fs::write(picture, draw(&snapshot))?;
    println!("{} events, {} lost", snapshot.len(), snapshot.lost());
    println!("{file}: {bytes} bytes, for https://ui.perfetto.dev");
    println!("{picture}: the picture");
    Ok(())
}
