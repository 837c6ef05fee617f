//! The battery under the paused clock: strict, quick, and able to fail.

use std::time::Instant;

use chaos_mini_cluster::{
    Flaw, Pace,
    battery::{CASES, run_all},
};

/// A test for each number, so that a failure has its own name.
macro_rules! numbered {
    ($($name:ident = $number:literal;)*) => {
        $(
            #[test]
            fn $name() {
                let case = &CASES[$number];
                assert_eq!(case.number, $number);
                if let Err(violation) = case.run(Pace::FULL, None) {
                    panic!("{}: {violation}", case.claim);
                }
            }
        )*
    };
}

numbered! {
    t00_smoke = 0;
    t01_dispatch_fails_now_and_then = 1;
    t02_dispatch_always_fails = 2;
    t03_three_heartbeats_lost = 3;
    t04_heartbeats_always_lost = 4;
    t05_reports_always_lost = 5;
    t06_monitor_crashes = 6;
    t07_registration_delayed = 7;
    t08_three_in_a_row = 8;
    t09_all_workers_fail = 9;
    t10_fails_once = 10;
    t11_downloads_fail_now_and_then = 11;
    t12_task_timeout = 12;
    t13_sibling_fails = 13;
    t14_budget_is_exact = 14;
    t15_no_capacity = 15;
    t16_impossible_resources = 16;
    t17_dispatch_delayed = 17;
    t18_quota_error = 18;
    t19_stuck_initializing = 19;
    t20_preempted = 20;
}

#[test]
fn all_twenty_one_pass_within_a_second_of_real_time() {
    let start = Instant::now();
    let failed = run_all(Pace::FULL, None);
    let took = start.elapsed();
    assert_eq!(CASES.len(), 21);
    assert!(failed.is_empty(), "{failed:#?}");
    println!("21 tests in {took:?}");
    // The bar of the battery itself, not a measurement: it needs about a fiftieth of it.
    assert!(took.as_secs_f64() < 1.0, "{took:?}");
}

#[test]
fn each_broken_system_fails_exactly_its_tests() {
    for (letter, flaw) in Flaw::ALL {
        let failed = run_all(Pace::FULL, Some(flaw));
        let numbers: Vec<u8> = failed.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, flaw.breaks(), "system {letter}: {failed:#?}");
    }
}
