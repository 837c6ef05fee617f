//! What one call of a site costs, beside `fail` 0.5, on one thread and on two.
//!
//! `cargo bench -p chaos-failpoints --bench call`; the figures that it gave are in `benches/README.md`.

use std::{
    hint::black_box,
    sync::Barrier,
    time::{Duration, Instant},
};

use chaos_failpoints::{Scope, arm};
use criterion::{Criterion, criterion_group, criterion_main};

/// A function with a site in it.
type Call = fn(u64) -> u64;

/// The function under test without a site: what the loop and the call cost.
#[inline(never)]
fn bare(value: u64) -> u64 {
    black_box(value)
}

/// Makes one function with a site of ours and one with a site of `fail`'s, each its own.
macro_rules! sites {
    ($ours:ident, $theirs:ident, $name:literal) => {
        #[inline(never)]
        fn $ours(value: u64) -> u64 {
            chaos_failpoints::fail_point!($name, |_| 0);
            black_box(value)
        }

        #[inline(never)]
        fn $theirs(value: u64) -> u64 {
            fail::fail_point!($name, |_| 0);
            black_box(value)
        }
    };
}
sites!(idle, fail_idle, "bench.idle");
sites!(beside, fail_beside, "bench.beside");
sites!(elsewhere, fail_elsewhere, "bench.elsewhere");
sites!(quiet, fail_quiet, "bench.quiet");
sites!(fires, fail_fires, "bench.fires");

/// Times `iterations` calls on each of so many threads, begun together; the slowest thread counts.
fn time(threads: usize, iterations: u64, scope: Option<&Scope>, call: Call) -> Duration {
    let start = Barrier::new(threads);
    let run = || {
        let _entered = scope.map(Scope::enter);
        start.wait();
        let begun = Instant::now();
        for value in 0..iterations {
            black_box(call(black_box(value)));
        }
        begun.elapsed()
    };
    if threads == 1 {
        return run();
    }
    std::thread::scope(|spawn| {
        let running: Vec<_> = (0..threads).map(|_| spawn.spawn(run)).collect();
        let times = running.into_iter().map(|thread| thread.join().expect("the loop does not panic"));
        times.max().unwrap_or_default()
    })
}

fn measure(criterion: &mut Criterion, case: &str, scope: Option<&Scope>, calls: &[(&str, Call)]) {
    let mut group = criterion.benchmark_group(case);
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(20);
    for threads in [1, 2] {
        for (name, call) in calls {
            group.bench_function(format!("{name}/{threads}"), |bencher| {
                bencher.iter_custom(|iterations| time(threads, iterations, scope, *call));
            });
        }
    }
    group.finish();
}

fn nothing_armed(criterion: &mut Criterion) {
    measure(criterion, "idle", None, &[("no site", bare), ("ours", idle), ("fail", fail_idle)]);
}

fn another_armed(criterion: &mut Criterion) {
    let _ours = arm("bench.beside", "return").expect("the site is in this file");
    fail::cfg("bench.beside", "return").expect("it parses");
    black_box((beside(1), fail_beside(1)));
    measure(criterion, "another site armed", None, &[("ours", idle), ("fail", fail_idle)]);
    fail::remove("bench.beside");
}

fn same_armed_elsewhere(criterion: &mut Criterion) {
    let other = Scope::new("other");
    let _ours = other.arm("bench.elsewhere", "return").expect("the site is in this file");
    black_box(fail_elsewhere(1));
    measure(criterion, "same site armed in another scope", None, &[("ours, in no scope", elsewhere)]);
    let own = Scope::new("own");
    measure(criterion, "same site armed in another scope", Some(&own), &[("ours, in a scope", elsewhere)]);
    let _busy = own.arm("bench.beside", "return").expect("the site is in this file");
    measure(criterion, "same site armed in another scope", Some(&own), &[("ours, in a scope with rules", elsewhere)]);
}

fn armed_and_quiet(criterion: &mut Criterion) {
    let _ours = arm("bench.quiet", "0%return").expect("the site is in this file");
    fail::cfg("bench.quiet", "0%return").expect("it parses");
    measure(criterion, "armed, not firing (rate 0)", None, &[("ours", quiet), ("fail", fail_quiet)]);
    let _ours = arm("bench.quiet", "off").expect("the site is in this file");
    fail::cfg("bench.quiet", "off").expect("it parses");
    measure(criterion, "armed, off", None, &[("ours", quiet), ("fail", fail_quiet)]);
    fail::remove("bench.quiet");
}

fn firing(criterion: &mut Criterion) {
    let ours = arm("bench.fires", "return").expect("the site is in this file");
    fail::cfg("bench.fires", "return").expect("it parses");
    measure(criterion, "firing", None, &[("ours", fires), ("fail", fail_fires)]);
    drop(ours);
    fail::remove("bench.fires");
    let scope = Scope::new("firing");
    let _ours = scope.arm("bench.fires", "return").expect("the site is in this file");
    measure(criterion, "firing", Some(&scope), &[("ours, in a scope", fires)]);
}

criterion_group!(calls, nothing_armed, another_armed, same_armed_elsewhere, armed_and_quiet, firing);
criterion_main!(calls);
