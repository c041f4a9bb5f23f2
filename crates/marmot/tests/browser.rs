//! The page in a real browser, where there is one: `chromium`, or what `BROWSER` names.
//!
//! `cargo xtask page` runs it and fails without a browser; otherwise it is left out with a notice.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use marmot::debug;
use marmot::prelude::*;
use marmot_testing::within;

const PATIENCE: Duration = Duration::from_secs(120);

/// What a browser needs to be run by a test: no window, no network but the page, a new profile.
const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
];

fn browser() -> Option<String> {
    let named = std::env::var("BROWSER").ok();
    let mut names = named
        .into_iter()
        .chain(["chromium", "chromium-browser", "google-chrome"].map(String::from));
    let found = names.find(|name| {
        Command::new(name)
            .arg("--version")
            .output()
            .is_ok_and(|o| o.status.success())
    });
    if found.is_none() {
        assert!(
            std::env::var_os("MARMOT_BROWSER").is_none(),
            "there is no browser"
        );
        eprintln!("there is no chromium here: the page is not opened in a browser");
    }
    found
}

/// Lets the browser have the page for some seconds of its own time; what it says.
fn open(browser: &str, url: &str, profile: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(browser);
    command
        .args(FLAGS)
        .arg("--virtual-time-budget=6000")
        .arg("--timeout=20000");
    command.arg(format!("--user-data-dir={}", profile.display()));
    command.args(more).arg(url).output().unwrap()
}

fn profile() -> PathBuf {
    let path = std::env::temp_dir().join(format!("marmot-browser-{}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn the_page_shows_the_program_in_a_browser() {
    let Some(browser) = browser() else { return };
    within(PATIENCE, move || {
        let runtime = Runtime::builder().max_procs(2).build().unwrap();
        // A name that would do harm if it were put into the page as markup.
        let named = runtime.spawn(async {
            runtime::set_name("<img src=x onerror=alert(1)>");
            std::future::pending::<()>().await;
        });
        let line = line!() + 2;
        let waiting: Vec<_> = (0..137)
            .map(|_| runtime.spawn(std::future::pending::<()>()))
            .collect();
        let server = debug::page().runtime(runtime.handle()).serve(":0").unwrap();
        let url = format!("http://{}/", server.local_addr());
        let profile = profile();
        let told = open(&browser, &url, &profile, &["--dump-dom"]);
        if let Some(picture) = std::env::var_os("MARMOT_SCREENSHOT") {
            let to = format!("--screenshot={}", Path::new(&picture).display());
            open(&browser, &url, &profile, &[&to, "--window-size=1320,1500"]);
        }
        drop(std::fs::remove_dir_all(&profile));
        let page = String::from_utf8_lossy(&told.stdout);
        let log = String::from_utf8_lossy(&told.stderr);
        let console: Vec<_> = log
            .lines()
            .filter(|line| line.contains("CONSOLE"))
            .collect();
        assert!(console.is_empty(), "the page complains: {console:#?}");
        for wanted in [
            "live",
            &format!("browser.rs:{line}"),
            "137",
            "P 0",
            "P 1",
            "&lt;img src=x",
        ] {
            assert!(page.contains(wanted), "no {wanted:?} in the page:\n{page}");
        }
        assert!(!page.contains("<img"), "text became markup:\n{page}");
        drop((waiting, named));
    });
}
