//! The page that shows what a program does: a few hundred goroutines of several kinds, to be
//! looked at in a browser.
//!
//! `cargo run --release --example debug_page`, then open the address that it prints; another one
//! can be given as an argument. It goes on until it is interrupted, or for as many seconds as a
//! second argument says. In Go: `import _ "net/http/pprof"`, which has no such page.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::sync::Arc;

use marmot::prelude::*;
use marmot::trace::FlightRecorder;
use marmot::{debug, sync::Mutex};

/// Some work: so many microseconds of it.
fn work(us: u64) {
    let until = Instant::now() + Duration::from_micros(us);
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

/// A pipeline of workers with a queue before each stage.
fn shop() {
    let (orders, to_pack) = chan::<u64>(16);
    let (packed, to_ship) = chan::<u64>(16);
    for seller in 0..4_u64 {
        go!([orders], async move {
            for number in 0.. {
                sleep(ms(5 + seller)).await;
                if orders.send(number).await.is_err() {
                    return;
                }
            }
        });
    }
    for _ in 0..8 {
        go!([to_pack, packed], async move {
            while let Some(order) = to_pack.recv().await {
                work(200);
                if packed.send(order).await.is_err() {
                    return;
                }
            }
        });
    }
    go!(async move {
        while let Some(_order) = to_ship.recv().await {
            work(20);
        }
    });
}

/// Many who want the same till, one after another.
fn queue_at_the_till() {
    let till = Arc::new(Mutex::new(0_u64));
    for customer in 0..24_u64 {
        go!([till], async move {
            loop {
                sleep(ms(20 + customer)).await;
                let mut sold = till.lock().await;
                *sold += 1;
                sleep(ms(3)).await;
            }
        });
    }
}

/// Those that wait for something that hardly ever comes.
fn subscribers() {
    let news = Chan::<u64>::new(0);
    for _ in 0..180 {
        go!([news], async move { while news.recv().await.is_some() {} });
    }
    go!(async move {
        for number in 0.. {
            sleep(ms(250)).await;
            news.send(number).await.unwrap();
        }
    });
}

/// Two that a careless author has written: one blocks its thread, one computes for long.
fn trouble() {
    go!(async {
        loop {
            std::thread::sleep(ms(80));
            sleep(ms(40)).await;
        }
    });
    go!(async {
        loop {
            work(30_000);
            sleep(ms(100)).await;
        }
    });
}

#[marmot::main]
async fn main() -> std::io::Result<()> {
    runtime::set_name("main");
    let args: Vec<String> = std::env::args().skip(1).collect();
    let addr = args.first().map_or(":6060", String::as_str);
    let server = debug::page()
        .flight_recorder(FlightRecorder::start()?)
        .serve(addr)?;
    println!("look at http://{}/", server.local_addr());
    shop();
    queue_at_the_till();
    subscribers();
    trouble();
    match args.get(1).and_then(|seconds| seconds.parse().ok()) {
        Some(seconds) => sleep(Duration::from_secs(seconds)).await,
        None => std::future::pending().await,
    }
    Ok(())
}
