//! How programs end that nobody can go on with: each runs as a process that has no threads but
//! the runtime's, so that a deadlock is certain. (Hence no test harness: it has threads.)

#![expect(
    clippy::print_stdout,
    clippy::print_in_format_impl,
    reason = "the parent reads it, and one program prints where one should not"
)]

use std::fmt;
use std::process::{Command, ExitCode, Output};
use std::sync::Arc;

use marmot::__private::{Options, main as run};
use marmot::net::{TcpListener, TcpStream};
use marmot::prelude::*;

const CHILD: &str = "MARMOT_TEST_PROGRAM";
const DEADLOCK: &str = "fatal error: all goroutines are asleep - deadlock!";

/// A program, and what its end has to look like.
struct Program {
    /// What is promised.
    name: &'static str,
    main: fn(),
    status: i32,
    /// On stderr, in this order.
    says: &'static [&'static str],
}

const PROGRAMS: &[Program] = &[
    Program {
        name: "a_receive_without_a_sender_is_a_deadlock",
        main: || {
            run(Options::new(), async {
                let (_tx, rx) = chan::<()>(0);
                rx.recv().await;
            })
        },
        status: 2,
        says: &[DEADLOCK, "\n\ngoroutine 1 [chan receive]:", "ends.rs:"],
    },
    Program {
        name: "goroutines_that_wait_on_their_threads_are_asleep_too",
        main: || {
            run(Options::new(), async {
                let (_tx, rx) = chan::<()>(0);
                let keeper = go!(move || rx.recv_blocking());
                drop(keeper.await);
            })
        },
        status: 2,
        says: &[DEADLOCK, "goroutine 1 [", "goroutine 2 [chan receive]:"],
    },
    Program {
        name: "main_that_waits_on_its_thread_is_asleep_too",
        main: || {
            run(Options::new(), async {
                let (tx, _rx) = chan::<()>(0);
                go!([tx], async move { tx.send(()).await });
                tx.send_blocking(()).unwrap();
            })
        },
        status: 2,
        says: &[
            DEADLOCK,
            "goroutine 1 [chan send]:",
            "goroutine 2 [chan send]:",
        ],
    },
    Program {
        name: "nil_channels_and_empty_selects_are_told_as_what_they_are",
        main: || {
            run(Options::new(), async {
                go!(async {
                    let () = select! {};
                });
                go!(async { Chan::<u8>::nil().recv().await });
                Chan::<u8>::nil().send(1).await.unwrap();
            })
        },
        status: 2,
        says: &[DEADLOCK, "goroutine 1 [chan send (nil chan)]:"],
    },
    Program {
        name: "a_lock_that_is_held_is_waited_for_until_the_deadlock_is_told",
        main: || {
            run(Options::new(), async {
                let mutex = Mutex::new(0);
                let _held = mutex.lock().await;
                *mutex.lock().await += 1;
            })
        },
        status: 2,
        says: &[DEADLOCK, "goroutine 1 [sync.Mutex.Lock]:"],
    },
    Program {
        name: "a_wait_group_that_is_never_done_is_a_deadlock",
        main: || {
            run(Options::new(), async {
                let wg = WaitGroup::new();
                wg.add(2);
                go!([wg], async move { wg.done() });
                wg.wait().await;
            })
        },
        status: 2,
        says: &[DEADLOCK, "goroutine 1 [sync.WaitGroup.Wait]:"],
    },
    Program {
        name: "too_many_dones_end_the_process_with_gos_text",
        main: || {
            run(Options::new(), async {
                WaitGroup::new().done();
            })
        },
        status: 2,
        says: &["panic: sync: negative WaitGroup counter", "ends.rs:"],
    },
    Program {
        name: "who_sleeps_is_no_deadlock",
        main: || {
            run(Options::new(), async {
                let (tx, rx) = chan::<()>(0);
                go!(async move {
                    sleep(ms(30)).await;
                    tx.send(()).await
                });
                rx.recv().await;
            })
        },
        status: 0,
        says: &[],
    },
    Program {
        name: "goexit_in_main_is_a_deadlock_once_the_others_have_ended",
        main: || {
            run(Options::new(), async {
                go!(async { sleep(ms(5)).await });
                runtime::goexit().await;
            })
        },
        status: 2,
        says: &["fatal error: no goroutines (main called runtime.Goexit) - deadlock!"],
    },
    Program {
        name: "goexit_in_main_is_a_deadlock_if_the_others_wait_for_ever",
        main: || {
            run(Options::new(), async {
                go!(async {
                    let () = select! {};
                });
                runtime::goexit().await;
            })
        },
        status: 2,
        says: &[DEADLOCK, "goroutine 2 [select (no cases)]:"],
    },
    Program {
        name: "a_panic_after_goexit_in_main_still_ends_the_process",
        main: || {
            run(Options::new(), async {
                go!(async {
                    sleep(ms(5)).await;
                    panic!("after goexit")
                });
                runtime::goexit().await;
            })
        },
        status: 2,
        says: &["panic: after goexit", "goroutine 2 [running]:"],
    },
    Program {
        name: "a_caught_panic_does_not_cancel_a_goexit",
        main: || {
            struct Catches;
            impl Drop for Catches {
                fn drop(&mut self) {
                    assert!(std::panic::catch_unwind(|| panic!("caught")).is_err());
                }
            }
            run(Options::new(), async {
                let left = go!(async {
                    let _catches = Catches;
                    runtime::goexit().await;
                    unreachable!("it has ended");
                });
                assert!(left.await.unwrap_err().is_goexit());
            })
        },
        status: 0,
        says: &[],
    },
    Program {
        name: "a_panic_in_main_names_goroutine_1",
        main: || {
            run(Options::new(), async {
                gosched().await;
                panic!("test");
            })
        },
        status: 2,
        says: &["panic: test\n", "\ngoroutine 1 [running]:", "ends.rs:"],
    },
    Program {
        name: "a_pending_timer_is_no_goroutine_in_a_dump",
        main: || {
            run(Options::new(), async {
                let _timer = after_func(secs(600), || {});
                let _after = after(secs(600));
                assert_eq!(runtime::num_goroutine(), 1);
                eprint!("{}", runtime::stack());
            })
        },
        status: 0,
        says: &["goroutine 1 [running]:"],
    },
    Program {
        name: "a_panic_whose_text_yields_and_prints_is_told_whole",
        main: || {
            struct Restless;
            impl fmt::Display for Restless {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    println!("printed while panicking");
                    marmot::block_on(gosched());
                    std::thread::sleep(ms(5));
                    f.write_str("1\nsecond line")
                }
            }
            run(Options::new().max_procs(1), async {
                drop(go!(async { panic!("{}", Restless) }));
                sleep(secs(60)).await;
            })
        },
        status: 2,
        says: &["panic: 1\n\tsecond line\n", "goroutine 2 [running]:"],
    },
    Program {
        name: "a_connection_that_was_served_does_not_hide_a_deadlock",
        main: || {
            run(Options::new(), async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                let (tx, rx) = chan::<TcpStream>(0);
                let server = go!(async move {
                    let (mut served, _) = listener.accept().await.unwrap();
                    let mut buffer = [0; 4];
                    futures::AsyncReadExt::read_exact(&mut served, &mut buffer)
                        .await
                        .unwrap();
                    tx.send(served).await.unwrap();
                });
                let mut client = TcpStream::connect(address).await.unwrap();
                futures::AsyncWriteExt::write_all(&mut client, b"ping")
                    .await
                    .unwrap();
                let kept = rx.recv().await.unwrap();
                server.await.unwrap();
                // Both ends are open, and nobody waits for them.
                let (_never, wait) = chan::<()>(0);
                wait.recv().await;
                drop((kept, client));
            })
        },
        status: 2,
        says: &[DEADLOCK, "goroutine 1 [chan receive]:"],
    },
    Program {
        name: "the_end_of_main_waits_for_nobody",
        main: || {
            run(Options::new(), async {
                go!(async { sleep(secs(60)).await });
                go!(|| std::thread::sleep(secs(60)));
                let held = Arc::new(Mutex::new(()));
                std::mem::forget(held.lock_owned().await);
            })
        },
        status: 0,
        says: &[],
    },
];

/// What is wrong with the end of a program, if anything.
fn judge(program: &Program, ended: &Output) -> Result<(), String> {
    let text = String::from_utf8_lossy(&ended.stderr);
    let told = |what: &str| format!("{what}\n{text}");
    if ended.status.code() != Some(program.status) {
        return Err(told(&format!("ended with {}", ended.status)));
    }
    let mut rest = &*text;
    for says in program.says {
        let Some(at) = rest.find(says) else {
            return Err(told(&format!("does not say {says:?}")));
        };
        rest = &rest[at + says.len()..];
    }
    let begins = |line: &&str| line.starts_with("panic: ") || line.starts_with("fatal error: ");
    let last_words = text.lines().filter(begins).count();
    match (program.status, last_words) {
        (0, 0) | (2, 1) => Ok(()),
        _ => Err(told(&format!("{last_words} lines of last words"))),
    }
}

fn main() -> ExitCode {
    if let Ok(name) = std::env::var(CHILD) {
        let program = PROGRAMS.iter().find(|program| program.name == name);
        (program.expect("the parent knows the names").main)();
        return ExitCode::SUCCESS;
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--list") {
        // None is ignored.
        let listed = !args.iter().any(|arg| arg == "--ignored");
        PROGRAMS
            .iter()
            .filter(|_| listed)
            .for_each(|program| println!("{}: test", program.name));
        return ExitCode::SUCCESS;
    }
    let words: Vec<_> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let mut failed = 0;
    for program in PROGRAMS {
        let wanted = words.iter().any(|word| program.name.contains(*word));
        if !words.is_empty() && !wanted {
            continue;
        }
        let ended = Command::new(std::env::current_exe().expect("a test knows its own file"))
            .env(CHILD, program.name)
            .env("RUST_BACKTRACE", "0")
            .env_remove("MARMOT_PANIC")
            .output()
            .expect("the test can be started again");
        match judge(program, &ended) {
            Ok(()) => println!("test {} ... ok", program.name),
            Err(why) => {
                failed += 1;
                println!("test {} ... FAILED: {why}", program.name);
            }
        }
    }
    ExitCode::from(u8::from(failed > 0))
}
