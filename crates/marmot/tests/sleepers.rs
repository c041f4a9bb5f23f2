//! Many that sleep at once: nobody early, and few wake-ups.

use marmot::prelude::*;
use marmot_testing::within;

const LIMIT: Duration = Duration::from_secs(60);

fn runtime_of(procs: usize) -> Runtime {
    let built = Runtime::builder().max_procs(procs).build();
    built.expect("a runtime")
}

/// So many goroutines sleep for up to so long, all at once; none may be early.
async fn sleepers(count: u64, longest: Duration) {
    let wg = WaitGroup::new();
    let mut seed = 1_u64;
    for _ in 0..count {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let span = longest * u32::try_from(seed >> 48).expect("16 bits") / 65_536;
        wg.go(async move {
            let start = Instant::now();
            sleep(span).await;
            assert!(start.elapsed() >= span, "early");
        });
    }
    wg.wait().await;
}

#[test]
fn a_crowd_of_sleepers_is_woken_together_and_nobody_early() {
    for procs in [1, 2] {
        within(LIMIT, move || {
            let rt = runtime_of(procs);
            let handle = rt.handle();
            let began = Instant::now();
            rt.block_on(async {
                let task = go!(sleepers(20_000, ms(250)));
                task.await.expect("nobody was early");
            });
            let took_ms = usize::try_from(began.elapsed().as_millis()).expect("a short time");
            let parks = usize::try_from(handle.metrics().total().parks).expect("few");
            // Two in a millisecond for each P, and as many again for whatever else there is. One
            // for each sleeper would be eighty.
            let bound = 200 + 4 * procs * took_ms;
            assert!(
                parks < bound,
                "{parks} parks in {took_ms} ms with {procs} Ps"
            );
        });
    }
}
