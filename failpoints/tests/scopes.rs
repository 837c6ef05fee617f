//! 200 tests' worth of scopes in one binary, at the same time, on one site.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    sync::{Arc, Barrier as Gather},
    time::Duration,
};

use chaos_failpoints::{
    Barrier, HitCounts, Rule, Scope, arm, arm_thread, counts, fail_check, fail_point, fail_return, inherit_call, reset,
    sites,
};

/// The site that every scope arms in its own way.
fn shared() -> Option<u64> {
    fail_check!(
        /// Armed by two hundred scopes at once.
        "scopes.shared"
    )
    .map(|fired| fired.argument().map_or(u64::MAX, |text| text.parse().unwrap_or(u64::MAX)))
}

const SCOPES: u64 = 200;
const HITS: u64 = 500;

/// Arms the site as test number `n` and says what it saw.
fn one_of_many(n: u64, together: &Gather) -> (Vec<Option<u64>>, HitCounts) {
    let scope = Scope::new(format!("test {n}"));
    let rule = Rule::value(n).skip(n % 7).every(1 + n % 3).at_most(n);
    let guard = scope.arm("scopes.shared", rule).unwrap();
    together.wait();
    let seen = scope.run(|| (0..HITS).map(|_| shared()).collect());
    together.wait();
    (seen, guard.counts())
}

/// What a scope must see on its own, from the rule's words alone.
fn expected(n: u64) -> Vec<Option<u64>> {
    let mut left = n;
    let fires = |hit: u64| hit >= n % 7 && (hit - n % 7).is_multiple_of(1 + n % 3);
    (0..HITS)
        .map(|hit| {
            let fire = fires(hit) && left > 0;
            left -= u64::from(fire);
            fire.then_some(n)
        })
        .collect()
}

#[test]
fn two_hundred_scopes_at_once_do_not_see_each_other() {
    let together = Arc::new(Gather::new(usize::try_from(SCOPES).unwrap()));
    let threads: Vec<_> = (0..SCOPES)
        .map(|n| {
            let together = Arc::clone(&together);
            std::thread::spawn(move || one_of_many(n, &together))
        })
        .collect();
    for (n, thread) in (0..).zip(threads) {
        let (seen, counts) = thread.join().unwrap();
        let want = expected(n);
        assert_eq!(seen, want, "scope {n}");
        let fires = want.iter().flatten().count() as u64;
        assert_eq!((counts.hits, counts.fires), (HITS, fires), "scope {n}");
    }
}

/// Two hundred real tests, run side by side by the harness: each arms the one site in its own way.
macro_rules! parallel_tests {
    ($($name:ident = $n:expr;)*) => {
        mod each_in_its_own_scope {
            $(
                #[test]
                fn $name() {
                    let scope = super::Scope::new(stringify!($name));
                    let guard = scope.arm("scopes.shared", super::Rule::value($n).at_most($n)).unwrap();
                    for hit in 0..300_u64 {
                        let seen = scope.run(super::shared);
                        assert_eq!(seen, (hit < $n).then_some($n));
                        std::thread::yield_now();
                    }
                    assert_eq!((guard.hits(), guard.fires()), (300, $n));
                }
            )*
        }
    };
}
include!("scopes/two_hundred.rs");

fn inner() -> Option<u64> {
    fail_check!("scopes.nested").map(|fired| fired.hit())
}

#[test]
fn the_innermost_rule_decides_alone() {
    let (outer, middle) = (Scope::new("outer"), Scope::new("middle"));
    let wide = outer.arm("scopes.nested", "return").unwrap();
    let _outer = outer.enter();
    let _middle = middle.enter();
    assert_eq!(inner(), Some(0), "a scope without a rule lets the one around it decide");
    let narrow = middle.arm("scopes.nested", "off").unwrap();
    assert_eq!(inner(), None);
    drop(narrow);
    assert_eq!(inner(), Some(1));
    assert_eq!(wide.disarm().fires, 2);
    assert_eq!(inner(), None);
}

fn elsewhere() -> bool {
    fail_check!("scopes.elsewhere").is_some()
}

#[test]
fn a_thread_sees_its_own_rules_and_those_carried_to_it() {
    let _guard = arm_thread("scopes.elsewhere", "return").unwrap();
    assert!(elsewhere());
    assert!(!std::thread::spawn(elsewhere).join().unwrap(), "another thread");
    assert!(std::thread::spawn(inherit_call(elsewhere)).join().unwrap(), "carried");
}

fn for_all() -> bool {
    fail_check!("scopes.process").is_some()
}

#[test]
fn a_process_wide_rule_is_seen_everywhere_and_replaced_by_the_next() {
    let first = arm("scopes.process", "return").unwrap();
    assert!(std::thread::spawn(for_all).join().unwrap());
    let second = arm("scopes.process", "off").unwrap();
    assert!(!for_all());
    assert!(!first.is_in_force());
    drop(first);
    assert!(!for_all(), "the old guard leaves the new rule alone");
    assert_eq!(second.disarm().hits, 2);
}

fn left_behind() -> bool {
    fail_check!("scopes.dropped").is_some()
}

#[test]
fn a_guard_dropped_in_a_panic_disarms() {
    let scope = Scope::new("panics");
    let inside = scope.clone();
    let ended = std::thread::spawn(move || {
        let _guard = inside.arm("scopes.dropped", "return").unwrap();
        inside.run(|| fail_point!("scopes.no_such_rule"));
        panic!("on purpose");
    })
    .join();
    assert!(ended.is_err());
    assert!(!scope.run(left_behind));
}

#[test]
fn a_scope_that_goes_takes_its_rules_with_it() {
    let scope = Scope::new("short");
    let guard = scope.arm("scopes.dropped", "return").unwrap();
    drop(scope);
    assert!(!guard.is_in_force());
}

fn reset_site() -> bool {
    fail_check!("scopes.reset").is_some()
}

#[test]
fn a_scope_can_be_reset_and_counts_by_site() {
    let scope = Scope::new("to be reset");
    let guard = scope.arm("scopes.reset", "return").unwrap();
    assert!(scope.run(reset_site));
    assert_eq!(scope.counts("scopes.reset").unwrap().map(|counts| counts.fires), Some(1));
    scope.reset();
    assert!(!scope.run(reset_site));
    assert_eq!(scope.counts("scopes.reset").unwrap(), None);
    drop(guard);
    assert_eq!(counts("scopes.reset").unwrap().fires, 1, "the site's own count stays");
}

#[test]
fn a_pause_holds_until_the_guard_is_dropped() {
    fn paused() {
        fail_point!("scopes.paused");
    }
    let scope = Scope::new("pause");
    let guard = scope.arm("scopes.paused", Rule::pause()).unwrap();
    let inside = scope.clone();
    let thread = std::thread::spawn(move || inside.run(paused));
    assert!(guard.barrier().wait_for(1, Duration::from_mins(2)));
    drop(guard);
    thread.join().unwrap();
}

#[test]
fn a_barrier_holds_two_sites_and_lets_them_go_one_by_one() {
    fn left() {
        fail_point!("scopes.left");
    }
    fn right() {
        fail_point!("scopes.right");
    }
    let barrier = Barrier::new();
    let scope = Scope::new("two sites");
    let _left = scope.arm("scopes.left", Rule::barrier(&barrier)).unwrap();
    let _right = scope.arm("scopes.right", Rule::barrier(&barrier)).unwrap();
    let threads = [left as fn(), right].map(|site| {
        let scope = scope.clone();
        std::thread::spawn(move || scope.run(site))
    });
    assert!(barrier.wait_for(2, Duration::from_mins(2)));
    barrier.release(2);
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Never called: its site must be listed all the same.
#[expect(dead_code, reason = "the list must not need the code to run")]
fn never_called() -> u16 {
    fail_return!(
        /// A value that nobody ever asks for.
        ///
        /// More of it.
        "scopes.never_called",
        u16
    );
    0
}

/// Never instantiated: likewise.
#[expect(dead_code, reason = "the list must not need the code to run")]
fn never_instantiated<T>(_: T) {
    fail_point!("scopes.generic");
}

#[test]
fn every_site_is_listed_before_its_code_has_run() {
    let sites = sites();
    let site = sites.iter().find(|site| site.name == "scopes.never_called").unwrap();
    assert_eq!(site.summary(), "A value that nobody ever asks for.");
    assert!(site.file.ends_with("tests/scopes.rs"), "{}", site.file);
    assert!(site.line > 1 && site.module == "scopes", "{site:?}");
    assert!(sites.iter().any(|site| site.name == "scopes.generic"));
    assert!(sites.is_sorted_by_key(|site| site.name));
}

#[test]
fn a_mistyped_name_gets_a_suggestion_and_a_wrong_action_its_place() {
    let unknown = arm("scopes.never_caled", "off").unwrap_err().to_string();
    assert_eq!(unknown, "unknown fail point `scopes.never_caled`; did you mean `scopes.never_called`?");
    let wrong = arm("scopes.never_called", "return(70000)").unwrap_err().to_string();
    assert!(wrong.contains("tests/scopes.rs:") && wrong.contains("it returns a `u16`"), "{wrong}");
    let nothing = arm("scopes.generic", "return").unwrap_err().to_string();
    assert!(nothing.contains("it returns nothing; use sleep"), "{nothing}");
}

#[test]
fn the_site_of_one_name_may_stand_in_two_places_and_shares_its_rule() {
    fn initial() -> bool {
        fail_check!("scopes.twice").is_some()
    }
    fn periodic() -> bool {
        fail_check!("scopes.twice").is_some()
    }
    let _guard = arm_thread("scopes.twice", "1*return").unwrap();
    assert_eq!([initial(), periodic(), initial()], [true, false, false]);
    assert_eq!(sites().iter().filter(|site| site.name == "scopes.twice").count(), 2);
}

#[test]
fn callbacks_see_the_hit_and_panics_carry_their_message() {
    fn site() {
        fail_point!("scopes.effects");
    }
    let (send, receive) = std::sync::mpsc::channel();
    let guard = arm_thread("scopes.effects", Rule::callback(move |fired| send.send(fired.hit()).unwrap())).unwrap();
    site();
    site();
    drop(guard);
    assert_eq!(receive.iter().collect::<Vec<_>>(), [0, 1]);
    for (rule, want) in [("panic", "failpoint scopes.effects panic"), ("panic(boom)", "boom")] {
        let _guard = arm_thread("scopes.effects", rule).unwrap();
        let payload = std::panic::catch_unwind(site).unwrap_err();
        assert_eq!(payload.downcast_ref::<String>().map(String::as_str), Some(want));
    }
}

/// Set for a test that runs again in a process of its own.
const ALONE: &str = "SCOPES_ALONE";

fn is_alone() -> bool {
    std::env::var_os(ALONE).is_some()
}

/// Runs one test of this binary in a process of its own, and returns what it told.
fn alone(test: &str, variables: &[(&str, &str)]) -> String {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(ALONE, "1").envs(variables.iter().copied());
    let ended = command.output().unwrap();
    let printed = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(ended.status.success(), "{printed}");
    printed.lines().find_map(|line| line.strip_prefix("told: ")).unwrap_or(&printed).to_owned()
}

#[test]
fn reset_ends_everything() {
    if !is_alone() {
        // It would end the armings of every other test in this process, too.
        assert_eq!(alone("reset_ends_everything", &[]), "everything was reset");
        return;
    }
    let scope = Scope::new("any");
    let guards = [arm("scopes.process", "return").unwrap(), scope.arm("scopes.nested", "return").unwrap()];
    reset();
    assert!(guards.iter().all(|guard| !guard.is_in_force()));
    assert!(!for_all() && scope.run(inner).is_none());
    println!("\ntold: everything was reset");
}

fn contended() -> bool {
    fail_check!("scopes.contended").is_some()
}

#[test]
fn eight_threads_never_pass_a_bound_and_lose_no_hit() {
    let scope = Scope::new("contended");
    let guard = scope.arm("scopes.contended", Rule::fail().at_most(1000)).unwrap();
    let fired: usize = std::thread::scope(|threads| {
        let threads: Vec<_> =
            (0..8).map(|_| threads.spawn(|| scope.run(|| (0..1000).filter(|_| contended()).count()))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((fired, guard.hits(), guard.fires()), (1000, 8000, 1000));
}

fn from_variable() -> Option<String> {
    fail_check!("scopes.from_variable").map(|fired| fired.message())
}

/// Tells what a process of its own makes of its variables.
fn told(variables: &[(&str, &str)]) -> String {
    alone("the_variable_arms_a_process_and_a_mistake_in_it_is_told", variables)
}

#[test]
fn the_variable_arms_a_process_and_a_mistake_in_it_is_told() {
    if is_alone() {
        match chaos_failpoints::arm_from_environment() {
            Ok(_guards) => println!("\ntold: {:?}", [from_variable(), from_variable(), from_variable()]),
            Err(error) => println!("\ntold: {error}"),
        }
        return;
    }
    let told = |text: &str| told(&[("FAILPOINTS", text)]);
    assert_eq!(told("scopes.from_variable=1*off->return(here)"), "[None, Some(\"here\"), Some(\"here\")]");
    let mistyped = told("scopes.from_varable=off");
    assert!(mistyped.contains("did you mean `scopes.from_variable`?"), "{mistyped}");
}

#[test]
fn the_seed_of_a_process_repeats_its_rates() {
    let told = |seed: &str| told(&[("FAILPOINTS", "scopes.from_variable=50%return(x)"), ("FAILPOINTS_SEED", seed)]);
    assert_eq!(told("7"), told("7"));
    assert!((1..20).any(|seed| told(&seed.to_string()) != told("7")), "another seed draws otherwise");
}
