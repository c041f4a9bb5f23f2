//! The macros as somebody types them in a hurry; `formatted.rs` is what rustfmt makes of them.

use marmot::prelude::*;

async fn forms(rx: Receiver<u32>,tx: Sender<u32>,ctx: Context) {
    select!(match any {
        Some(v)   if rx.recv()=>drop(v),
    Ok(()) if tx.len()<3&&tx.send(  1 ) => { drop(rx.len( )) }
        _ if ctx.done() => return,
        _=>{}
    });
    select!(match biased { Some(job) if rx.recv() => { worker(job,tx.clone()).await; } _ if a_rather_long_name_of_a_future(rx.clone(), tx.clone(), "and long arguments too") => {} });
    go!(worker(1,tx.clone( )));
    go!(async move { while let Some(n)=rx.recv().await { tx.send(n+1).await.unwrap(); } });
    go!( move||crunch( &data ) );
    go!([tx,wg,n=cfg.n],async move { tx.send(n).await.unwrap();drop(wg); });
}
