//! Go's directional types: using one the wrong way does not compile.

use marmot::prelude::*;

async fn directions(tx: Sender<u32>, rx: Receiver<u32>, both: Chan<u32>) {
    let _: Sender<u32> = /*~ E0308 */rx.clone();
    let _: Receiver<u32> = /*~ E0308 */tx.clone();
    let _: Chan<u32> = /*~ E0308 */tx.clone();
    let _: Chan<u32> = /*~ E0308 */rx.clone();
    drop(rx./*~ E0599 */send(1).await);
    drop(rx./*~ E0599 */try_send(1));
    drop(tx./*~ E0599 */recv().await);
    drop(tx./*~ E0599 */try_recv());
    drop(tx./*~ E0599 */iter());
    let number = 7_u8;
    number./*~ E0599 */recv();
    number./*~ E0599 */send(1);
    number./*~ E0599 */close();
    drop(both.send(1).await);
    drop(both.recv().await);
}

async fn in_selects(tx: Sender<u32>, rx: Receiver<u32>) {
    select! { _ = tx./*~ E0599 */recv() => {} }
    select! { _ = rx./*~ E0599 */send(1) => {} }
    select! { _ = /*~ E0277 */<-tx => {} }
    select! { /*~ E0277 */rx <- /*~ E0277 */1 => {} }
}
