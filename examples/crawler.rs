//! A crawler: every page is fetched once, at most four at a time, and the first error ends it all.
//!
//! In Go: `errgroup.WithContext`, `g.SetLimit(4)`, and a mutex around what has been seen. Look at how
//! it ends: nobody counts pages. Each page's goroutine starts those of its links before it ends, so
//! the group is done when the last page is. Pages fetch within the group's context, so an error
//! cuts off those that are under way.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use marmot::prelude::*;
use marmot::sync::errgroup::Group;

#[marmot::main]
async fn main() {
    for web in [
        Web {
            pages: 500,
            broken: None,
        },
        Web {
            pages: 500,
            broken: Some(77),
        },
    ] {
        match crawl(&Context::background(), web).await {
            Ok(pages) => println!("{pages} pages"),
            Err(error) => println!("given up: {error}"),
        }
    }
}

/// A small web: page *n* links to the pages 2*n*, 2*n* + 1 and *n* / 3.
#[derive(Clone, Copy)]
pub(crate) struct Web {
    pub(crate) pages: usize,
    /// A page that can't be fetched.
    pub(crate) broken: Option<usize>,
}

impl Web {
    async fn fetch(self, page: usize) -> Result<Vec<usize>, String> {
        sleep(ms(1)).await;
        if self.broken == Some(page) {
            return Err(format!("page {page}: not found"));
        }
        let links = [2 * page, 2 * page + 1, page / 3];
        Ok(links
            .into_iter()
            .filter(|&link| link < self.pages)
            .collect())
    }
}

struct Crawler {
    web: Web,
    ctx: Context,
    group: Group,
    seen: Mutex<HashSet<usize>>,
}

/// How many pages can be reached from page 1.
pub(crate) async fn crawl(
    ctx: &Context,
    web: Web,
) -> Result<usize, Arc<dyn std::error::Error + Send + Sync>> {
    let (group, ctx) = Group::with_context(ctx);
    group.set_limit(4);
    let crawler = Arc::new(Crawler {
        web,
        ctx,
        group: group.clone(),
        seen: Mutex::default(),
    });
    crawler.visit(1);
    group.wait().await?;
    Ok(crawler
        .seen
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .len())
}

impl Crawler {
    /// Fetches a page that has not been seen, and visits its links.
    fn visit(self: &Arc<Self>, page: usize) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = seen.insert(page);
        drop(seen);
        if !is_new {
            return;
        }
        let this = Arc::clone(self);
        self.group.go(async move {
            let links = this.ctx.run(this.web.fetch(page)).await??;
            links.into_iter().for_each(|link| this.visit(link));
            Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
        });
    }
}
