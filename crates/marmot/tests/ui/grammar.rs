//! Selects that are not written right.

use marmot::prelude::*;

async fn arms(rx: Receiver<u32>, tx: Sender<u32>) {
    select! {
        v = <-rx => 1
        /*~ expected */w = <-rx => 2
    };
    select! { /*~ expected */<-rx };
    select! { v = <-rx /*~ expected a body */=> };
    select! { /*~ expected `PATTERN = OPERATION` */rx => {} };
    select! { _ = rx.recv()/*~ expected `, if CONDITION` */, rx.len() == 0 => {} };
    select! { default => {}, /*~ a second `default` */default => {} };
    select! { _ = <-rx => {}, else => {}, /*~ a second `else` */else => {} };
    select! { tx /*~ expected a value or a channel */<- => {} };
    select! { /*~ expected an operation */v = => {} };
    select!(match /*~ expected `any` or `biased` */all { _ if rx.recv() => {} });
    select!(match any { /*~ expected `PATTERN if OPERATION` */Some(v) => {} });
    select!(match any { _ if rx.is_full() /*~ put the condition in parentheses */|| true && rx.recv() => {} });
    select!(match any { _ => {}, /*~ a second `_` */_ => {} });
}
