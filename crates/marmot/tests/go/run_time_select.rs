//! Select over cases that are known only at run time.

use marmot::prelude::*;

use crate::support::{on, on_each};

#[test]
fn a_select_takes_sixty_five_thousand_cases_and_one_more() {
    on(2, || async {
        let chans: Vec<_> = (0..65_536).map(|_| Chan::<usize>::new(0)).collect();
        let ready = Chan::<usize>::new(1);
        let mut select = Select::new();
        for ch in &chans {
            select.recv(ch);
        }
        assert!(select.try_now().is_none());
        let last = select.recv(&ready);
        assert_eq!(select.len(), 65_537);
        ready.send(7).await.unwrap();
        let chosen = select.wait().await;
        assert!(chosen.index() == last && chosen.recv(&ready) == Some(7));

        // It waits on all of them, and any one ends the wait.
        let peer = go!(
            [ch = chans[40_000].clone()],
            async move { ch.send(8).await }
        );
        let chosen = select.wait().await;
        assert_eq!(chosen.recv(&chans[40_000]), Some(8));
        peer.await.unwrap().unwrap();
        assert!(
            chans.iter().all(|ch| ch.try_send(1).is_err()),
            "no waiter is left"
        );
    });
}

#[test]
fn a_select_without_a_case_that_can_go_on_does_nothing() {
    on_each(|| async {
        assert!(Select::new().is_empty());
        assert!(Select::new().try_now().is_none());
        let nil = Chan::<u8>::nil();
        let full = Chan::<String>::new(0);
        let mut select = Select::new();
        select.recv(&nil);
        select.send(&nil, 1);
        select.send(&full, "kept".to_owned());
        assert!(select.try_now().is_none());
        assert!(timeout(ms(2), select.wait()).await.is_err());
        drop(select);
        assert!(full.is_empty() && full.try_recv().is_err());
    });
}

/// What one does with a channel through a select alone: send and receive, trying or waiting.
#[test]
fn a_channel_is_used_whole_through_selects_made_at_run_time() {
    on_each(|| async {
        for capacity in [0, 3] {
            let ch = Chan::<usize>::new(capacity);
            let sender = go!([ch], async move {
                for n in 0..100 {
                    let mut select = Select::new();
                    select.send(&ch, n);
                    let chosen = match select.try_now() {
                        Some(chosen) => chosen,
                        None => select.wait().await,
                    };
                    chosen.sent(&ch).unwrap();
                }
                assert!(ch.close());
            });
            let (mut got, words) = (Vec::new(), Chan::<&str>::new(1));
            words.send("another type").await.unwrap();
            let mut heard = None;
            loop {
                let mut select = Select::new();
                let number = select.recv(&ch);
                let word = select.recv(&words);
                let chosen = select.wait().await;
                if chosen.index() == word {
                    heard = chosen.recv(&words);
                    continue;
                }
                assert_eq!(chosen.index(), number);
                match chosen.recv(&ch) {
                    Some(n) => got.push(n),
                    None => break,
                }
            }
            sender.await.unwrap();
            assert!(got.into_iter().eq(0..100));
            let heard = heard.or(words.try_recv().ok());
            assert_eq!(heard, Some("another type"));
            let mut select = Select::new();
            select.send(&ch, 5);
            let given_back = select.wait().await.sent(&ch).unwrap_err();
            assert_eq!(given_back.0, 5, "it is closed");
        }
    });
}

#[test]
fn random_sets_of_cases_pass_every_value_once() {
    on_each(|| async {
        const CHANNELS: usize = 12;
        const EACH: usize = 200;
        let chans: Vec<_> = (0..CHANNELS).map(|n| Chan::<usize>::new(n % 4)).collect();
        let senders = WaitGroup::new();
        for turn in 0..3 {
            let chans = chans.clone();
            senders.go(async move {
                let mut left = [EACH; CHANNELS];
                while left.iter().any(|&left| left > 0) {
                    let mut select = Select::new();
                    let mut which = Vec::new();
                    for (n, ch) in chans.iter().enumerate() {
                        if left[n] > 0 && (n + left[n] + turn) % 3 != 0 {
                            which.push((select.send(ch, left[n]), n));
                        }
                    }
                    if which.is_empty() {
                        // All that are left would sit this round out.
                        let n = left.iter().position(|&left| left > 0).unwrap();
                        which.push((select.send(&chans[n], left[n]), n));
                    }
                    let chosen = select.wait().await;
                    let (_, n) = which
                        .into_iter()
                        .find(|&(i, _)| i == chosen.index())
                        .unwrap();
                    chosen.sent(&chans[n]).unwrap();
                    left[n] -= 1;
                }
            });
        }
        go!([chans], async move {
            senders.wait().await;
            for ch in &chans {
                ch.close();
            }
        });
        let mut sums = [0; CHANNELS];
        let mut open: Vec<_> = (0..CHANNELS).collect();
        while !open.is_empty() {
            let mut select = Select::new();
            let which: Vec<_> = open.iter().map(|&n| (select.recv(&chans[n]), n)).collect();
            let chosen = select.wait().await;
            let (_, n) = which
                .into_iter()
                .find(|&(i, _)| i == chosen.index())
                .unwrap();
            match chosen.recv(&chans[n]) {
                Some(value) => sums[n] += value,
                None => open.retain(|&other| other != n),
            }
        }
        assert_eq!(sums, [3 * EACH * (EACH + 1) / 2; CHANNELS]);
    });
}
