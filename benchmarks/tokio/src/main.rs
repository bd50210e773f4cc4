//! Tokio's current_thread runtime in the cases that bench_*.c measures of
//! bide's core: the same operations, the same names, the same JSON.

use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, Mutex};
use tokio::task::{self, JoinHandle};

const QUICK: u128 = 20_000_000; // ns a run should last
const FULL: u128 = 100_000_000;
const REPEATS: usize = 3;

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

async fn join(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        task.await.expect("no task panics");
    }
}

/// The time of `tasks` tasks that yield until all together did it `n` times.
fn switches(tasks: u64, n: u64) -> u128 {
    block_on(async move {
        let start = Instant::now();
        let each = n / tasks;
        let all = (0..tasks)
            .map(|_| {
                tokio::spawn(async move {
                    for _ in 0..each {
                        task::yield_now().await;
                    }
                })
            })
            .collect();
        join(all).await;
        start.elapsed().as_nanos()
    })
}

fn spawn_join(n: u64) -> u128 {
    block_on(async move {
        let start = Instant::now();
        for _ in 0..n {
            tokio::spawn(async {}).await.expect("no task panics");
        }
        start.elapsed().as_nanos()
    })
}

fn mutex_free(n: u64) -> u128 {
    block_on(async move {
        let lock = Arc::new(Mutex::new(0u64));
        let start = Instant::now();
        let task = tokio::spawn(async move {
            for _ in 0..n {
                *lock.lock().await += 1;
            }
        });
        task.await.expect("no task panics");
        start.elapsed().as_nanos()
    })
}

fn mutex_contended(n: u64) -> u128 {
    const TASKS: u64 = 100;
    block_on(async move {
        let lock = Arc::new(Mutex::new(0u64));
        let start = Instant::now();
        let all = (0..TASKS)
            .map(|_| {
                let lock = lock.clone();
                tokio::spawn(async move {
                    for _ in 0..n / TASKS {
                        let mut held = lock.lock().await;
                        task::yield_now().await;
                        *held += 1;
                    }
                })
            })
            .collect();
        join(all).await;
        start.elapsed().as_nanos()
    })
}

fn channel(capacity: usize, n: u64) -> u128 {
    block_on(async move {
        let (sender, mut receiver) = mpsc::channel::<u64>(capacity);
        let start = Instant::now();
        let send = tokio::spawn(async move {
            for i in 0..n {
                sender.send(i).await.expect("the receiver is there");
            }
        });
        let receive = tokio::spawn(async move {
            while let Some(i) = receiver.recv().await {
                black_box(i);
            }
        });
        join(vec![send, receive]).await;
        start.elapsed().as_nanos()
    })
}

/// Two tasks play ping-pong: each settles the other's oneshot, awaits its own.
fn future(n: u64) -> u128 {
    type Slot = std::sync::Mutex<Option<oneshot::Sender<()>>>;

    async fn play(slots: Arc<[Slot; 2]>, me: usize, count: u64) {
        let settle = || {
            let theirs = slots[1 - me].lock().expect("not poisoned").take();
            theirs.map(|sender| sender.send(()))
        };
        for _ in 0..count {
            let (sender, mine) = oneshot::channel();
            *slots[me].lock().expect("not poisoned") = Some(sender);
            settle();
            mine.await.expect("the other settles it");
        }
        settle();
    }

    block_on(async move {
        let slots = Arc::new([Slot::default(), Slot::default()]);
        let start = Instant::now();
        let a = tokio::spawn(play(slots.clone(), 0, n / 2));
        let b = tokio::spawn(play(slots, 1, n / 2));
        join(vec![a, b]).await;
        start.elapsed().as_nanos()
    })
}

/// CPU time of this process, ns.
fn cpu() -> u128 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    stat.split(' ')
        .next()
        .and_then(|s| s.parse().ok())
        .unwrap_or(0)
}

fn timers(n: u64) -> u128 {
    block_on(async move {
        let (start, now) = (cpu(), tokio::time::Instant::now());
        let all = (0..n)
            .map(|i| {
                let spread = Duration::from_micros(i * 7919 % n);
                let until = now + Duration::from_millis(100) + spread;
                tokio::spawn(tokio::time::sleep_until(until))
            })
            .collect();
        join(all).await;
        cpu() - start
    })
}

struct Case {
    bench: &'static str,
    name: &'static str,
    run: fn(u64) -> u128,
    fixed: u64, // not 0: n is part of the case
}

const CASES: &[Case] = &[
    Case {
        bench: "switch",
        name: "1 task",
        run: |n| switches(1, n),
        fixed: 0,
    },
    Case {
        bench: "switch",
        name: "1000 tasks",
        run: |n| switches(1000, n),
        fixed: 0,
    },
    Case {
        bench: "spawn_join",
        name: "one at a time",
        run: spawn_join,
        fixed: 0,
    },
    Case {
        bench: "mutex",
        name: "free",
        run: mutex_free,
        fixed: 0,
    },
    Case {
        bench: "mutex",
        name: "100 tasks",
        run: mutex_contended,
        fixed: 0,
    },
    Case {
        bench: "channel",
        name: "capacity 1",
        run: |n| channel(1, n),
        fixed: 0,
    },
    Case {
        bench: "channel",
        name: "capacity 128",
        run: |n| channel(128, n),
        fixed: 0,
    },
    Case {
        bench: "channel",
        name: "capacity 1024",
        run: |n| channel(1024, n),
        fixed: 0,
    },
    Case {
        bench: "future",
        name: "settle and await",
        run: future,
        fixed: 0,
    },
    Case {
        bench: "timers",
        name: "100k sleeping",
        run: timers,
        fixed: 100_000,
    },
];

fn measure(case: &Case, budget: u128) {
    let mut n = if case.fixed > 0 { case.fixed } else { 1000 };
    while case.fixed == 0 {
        let elapsed = (case.run)(n).max(1);
        if elapsed >= budget / 2 {
            break;
        }
        n *= (budget / elapsed).clamp(2, 10) as u64;
    }
    let mut samples: Vec<u128> = (0..REPEATS).map(|_| (case.run)(n)).collect();
    samples.sort_unstable();
    println!(
        "{{\"lang\": \"c\", \"bench\": \"{}\", \"case\": \"{}\", \
         \"impl\": \"tokio\", \"ns\": {:.2}, \"n\": {}}}",
        case.bench,
        case.name,
        samples[REPEATS / 2] as f64 / n as f64,
        n
    );
}

/// bench_tokio [BENCH] [--full] [--case PART]
fn main() {
    let mut args = std::env::args().skip(1);
    let (mut budget, mut bench, mut part) = (QUICK, None, String::new());
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--full" => budget = FULL,
            "--case" => part = args.next().unwrap_or_default(),
            _ => bench = Some(arg),
        }
    }
    for case in CASES {
        if bench.as_deref().is_none_or(|b| b == case.bench) && case.name.contains(&part) {
            measure(case, budget);
        }
    }
}
