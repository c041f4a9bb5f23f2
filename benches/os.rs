//! Files and processes: what a call costs that finds everything in memory, and what a child does.
//!
//! `cargo bench -p benches --bench os -- [words] [--rounds 9] [--workers 1,2]
//! [--peers marmot,tokio,smol,std] [--scale 1]`
//!
//! "std" makes std's calls in tasks of ours: what there is to be paid to the kernel.

mod peers;

use std::future::Future;
use std::path::Path;
use std::path::PathBuf;

use benches::contest::{Contest, Entrant, Laps};
use benches::interleaved;
use benches::peer::{Kind, Runtime};

use peers::marmot::Marmot;
use peers::smol::Smol;
use peers::tokio::Tokio;

/// What is compared.
trait Calls: Send + Sync + 'static {
    /// What runs the tasks that make them.
    type Runtime: Runtime;
    /// The whole of a file.
    fn read(path: &Path) -> impl Future<Output = Vec<u8>> + Send;
    /// What is known of a file.
    fn length(path: &Path) -> impl Future<Output = u64> + Send;
    /// What `true` writes, which is nothing, to its end.
    fn run_true() -> impl Future<Output = bool> + Send;
}

struct Ours;

impl Calls for Ours {
    type Runtime = Marmot;
    async fn read(path: &Path) -> Vec<u8> {
        peers::marmot::fs::read(path).await.expect("it is there")
    }
    async fn length(path: &Path) -> u64 {
        peers::marmot::fs::metadata(path)
            .await
            .expect("it is there")
            .len()
    }
    async fn run_true() -> bool {
        let output = peers::marmot::Command::new("true").output().await;
        output.expect("started").status.success()
    }
}

struct Std;

impl Calls for Std {
    type Runtime = Marmot;
    async fn read(path: &Path) -> Vec<u8> {
        std::fs::read(path).expect("it is there")
    }
    async fn length(path: &Path) -> u64 {
        std::fs::metadata(path).expect("it is there").len()
    }
    async fn run_true() -> bool {
        let output = std::process::Command::new("true").output();
        output.expect("started").status.success()
    }
}

impl Calls for Tokio {
    type Runtime = Tokio;
    async fn read(path: &Path) -> Vec<u8> {
        tokio::fs::read(path).await.expect("it is there")
    }
    async fn length(path: &Path) -> u64 {
        tokio::fs::metadata(path).await.expect("it is there").len()
    }
    async fn run_true() -> bool {
        let output = tokio::process::Command::new("true").output().await;
        output.expect("started").status.success()
    }
}

impl Calls for Smol {
    type Runtime = Smol;
    async fn read(path: &Path) -> Vec<u8> {
        smol::fs::read(path).await.expect("it is there")
    }
    async fn length(path: &Path) -> u64 {
        smol::fs::metadata(path).await.expect("it is there").len()
    }
    async fn run_true() -> bool {
        let output = smol::process::Command::new("true").output().await;
        output.expect("started").status.success()
    }
}

/// What one operation is.
#[derive(Clone, Copy)]
enum What {
    Read(usize),
    Length,
    RunTrue,
}

/// So many tasks do it, one time after the other.
struct Work<C: Calls> {
    rt: C::Runtime,
    what: What,
    tasks: u64,
    lap: u64,
    path: PathBuf,
}

impl<C: Calls> Work<C> {
    fn start(workers: usize, what: What, tasks: u64, lap: u64) -> Work<C> {
        let bytes = if let What::Read(bytes) = what {
            bytes
        } else {
            1
        };
        let path =
            std::env::temp_dir().join(format!("marmot-bench-{}-{bytes}", std::process::id()));
        std::fs::write(&path, vec![7; bytes]).expect("a place for a file");
        Work {
            rt: Runtime::start(workers),
            what,
            tasks,
            lap,
            path,
        }
    }
}

impl<C: Calls> Drop for Work<C> {
    fn drop(&mut self) {
        // Another peer of the same row may have removed it.
        let _gone = std::fs::remove_file(&self.path);
    }
}

impl<C: Calls> Laps for Work<C> {
    fn run(&self, laps: u64) {
        let (what, path) = (self.what, self.path.clone());
        let (tasks, each) = (self.tasks, laps * self.lap / self.tasks);
        self.rt.run(async move {
            let tasks: Vec<_> = (0..tasks)
                .map(|_| {
                    let path = path.clone();
                    C::Runtime::spawn(async move {
                        for _ in 0..each {
                            match what {
                                What::Read(bytes) => assert_eq!(C::read(&path).await.len(), bytes),
                                What::Length => assert_eq!(C::length(&path).await, 1),
                                What::RunTrue => assert!(C::run_true().await),
                            }
                        }
                    })
                })
                .collect();
            for task in tasks {
                C::Runtime::join(task).await;
            }
        });
    }
}

/// The rows: what, by how many tasks, how often in a lap.
macro_rules! rows {
    ($($name:literal $op:literal $what:expr, $tasks:literal, $lap:literal;)*) => {
        vec![$(Contest {
            name: $name,
            op: $op,
            lap: $lap,
            laps: 4,
            entrants: vec![
                rows!(Ours "marmot" $what, $tasks, $lap),
                rows!(Tokio "tokio" $what, $tasks, $lap),
                rows!(Smol "smol" $what, $tasks, $lap),
                rows!(Std "std" $what, $tasks, $lap),
            ],
        },)*]
    };
    ($calls:ident $peer:literal $what:expr, $tasks:literal, $lap:literal) => {
        Entrant {
            name: $peer,
            kind: Kind::Runtime,
            start: |workers| Box::new(Work::<$calls>::start(workers, $what, $tasks, $lap)),
        }
    };
}

fn main() {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let rows = rows! {
        "read_1k" "a read of a file of 1 KiB" What::Read(1 << 10), 1, 1_000;
        "read_1k_8" "a read of a file of 1 KiB; 8 tasks" What::Read(1 << 10), 8, 1_000;
        "read_64k" "a read of a file of 64 KiB" What::Read(1 << 16), 1, 1_000;
        "read_1m" "a read of a file of 1 MiB" What::Read(1 << 20), 1, 64;
        "metadata" "the length of a file" What::Length, 1, 1_000;
        "child" "a child that does nothing, to its end" What::RunTrue, 1, 16;
        "child_8" "a child that does nothing, to its end; 8 tasks" What::RunTrue, 8, 16;
    };
    interleaved::main("os", &rows, scratch);
}
