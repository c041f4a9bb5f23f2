//! Wrong names and types inside the macros.

use marmot::prelude::*;

async fn heads(rx: Receiver<u32>, tx: Sender<u32>, mut slot: Option<u32>) {
    select! { _ = rx./*~ E0599 */recieve() => {} }
    select! { _ = <-rx.clone(), if rx./*~ E0599 */is_ful() => {} }
    select! { /*~ E0425 */nowhere <- 1 => {}, default => {} }
    select! { tx <- /*~ E0308 */"text" => {} }
    select! { Ok(()) = tx.send(/*~ E0308 */"text") => {} }
    select! { Ok(()) = tx.send_from(/*~ E0308 */&slot) => {}, default => slot = None }
    select! { /*~ E0531 */Sone(v) = rx.recv() => drop(v), else => {} }
    select! { /*~ E0308 */Ok(v) = rx.recv() => drop::<()>(v), else => {} }
    select! { _ = /*~ */5 => {} }
}

async fn bodies(rx: Receiver<u32>, other: Receiver<String>) -> u32 {
    select! { v = <-rx => { let _: String = /*~ E0308 */v; } }
    select! { Some(v) = rx.recv() => v./*~ E0599 */no_such_method(), else => {} }
    select! { Some(text) = <-other => drop(text.len() /*~ E0277 */+ "one"), else => {} }
    select! { _ = <-rx => {}, default => /*~ E0425 */nothing_of_that_name() }
    let _ = select! { _ = <-rx => 1, _ = <-other => /*~ E0308 */"two" };
    select! { _ = <-rx => return /*~ E0308 */"not a number", default => 0 }
}

async fn formatted(rx: Receiver<u32>, tx: Sender<u32>) {
    select!(match any {
        _ if rx./*~ E0599 */recieve() => {}
        _ if tx./*~ E0599 */is_ful() && rx.recv() => {}
        Ok(()) if tx.send(/*~ E0308 */"text") => {}
        _ => /*~ E0425 */nothing_of_that_name(),
    });
    select!(match any {
        Some(v) if rx.recv() => v./*~ E0599 */no_such_method(),
        _ => {}
    })
}

async fn goroutines(rx: Receiver<u32>) {
    go!(async move {
        let _: String = /*~ E0308 */rx.recv().await;
    });
    go!([rx], async move { rx./*~ E0599 */recieve().await });
    go!([/*~ E0425 */nowhere], async move { drop(nowhere) });
    go!(move || /*~ E0425 */nothing_of_that_name());
    go!(/*~ E0425 */no_such_function(1));
}
