//! Fifteen hundred policies and entries: what is refused is never injected, what is allowed is, and nothing leaves.
#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the generator's numbers are small and positive"
)]
#[path = "support/closed_network.rs"]
#[expect(dead_code, reason = "nobody listens and no name is looked up here")]
mod closed_network;
#[path = "policy/model.rs"]
mod model;
#[path = "support/seeded.rs"]
mod seeded;

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use chaos_core::{
    BoxFuture, CeilingKind, Evidence, Fault, HostPort, InjectContext, Injection, Outcome, Permission, Plan,
    PluginError, Policy, PolicyRequest, Reach, Resolve, RunContext, Sighting, Span, Task, Undo, parse, register_fault,
};
use chaos_test::Bench;
use model::{FAULT, Folders, Host, NAMED, Side, Wish, allowed, writable};
use schemars::JsonSchema;
use seeded::Seeded;
use serde::{Deserialize, Serialize};
use serde_json::json;
use squall as _;

const CASES: usize = 1500;
const KINDS: [CeilingKind; 4] =
    [CeilingKind::Qps, CeilingKind::DurationSeconds, CeilingKind::Concurrency, CeilingKind::Bytes];
/// What the default policy allows of each.
const DEFAULTS: [f64; 4] = [1000.0, 600.0, 64.0, 1_073_741_824.0];

/// The plan of the case that is being tried, which may hold numbers that JSON does not.
static PLAN: Mutex<Option<Plan>> = Mutex::new(None);

/// Does what its plan says, and leaves a mark.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PolicyCase {
    mark: PathBuf,
}

impl Fault for PolicyCase {
    const SPAN: Span = Span::Finite;

    async fn plan(&self, _cx: &RunContext) -> Result<Plan, PluginError> {
        Ok(PLAN.lock().unwrap().clone().unwrap())
    }

    async fn inject(&self, cx: &InjectContext, _undo: &Undo) -> Result<Injection, PluginError> {
        fs::write(&self.mark, "").unwrap();
        let Reach { hosts, paths, .. } = self.plan(cx).await?.reach;
        for host in &hosts {
            for address in cx.allowed_addresses(host).await.unwrap() {
                let to = SocketAddr::new(address.ip().to_canonical(), address.port());
                let sent = UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"injected", to);
                // The first and the last address of loopback take none.
                assert!(sent.is_ok() || to.ip().is_loopback(), "{to}: {sent:?}");
            }
        }
        for path in &paths {
            if let Ok(dir) = cx.open_dir(path) {
                dir.create_new("made").unwrap();
            }
        }
        Ok(Injection::Finished(Outcome::landed(Evidence::new("the mark was made"))))
    }

    async fn witness(&self, _cx: &RunContext) -> Sighting {
        Sighting::unknown("its evidence is in its outcome")
    }
}

register_fault!(PolicyCase, "squall_policy_case");

/// Gives every name one address.
#[derive(Debug)]
struct OneAddress;

impl Resolve for OneAddress {
    fn resolve(&self, host: HostPort) -> BoxFuture<'_, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(vec![SocketAddr::new(IpAddr::V4(NAMED.into()), host.port)]) })
    }
}

/// The places that paths are written from: how, and where it really is.
fn tree(root: &Path) -> (Folders, Vec<(String, PathBuf)>) {
    for dir in ["ws/dir/sub", "out/dir", "home/work", "state/journals", "ws2"] {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    for (to, link) in [("../out", "ws/link"), ("dir", "ws/inner"), ("..", "ws/up"), ("../out/new", "ws/dangling")] {
        symlink(to, root.join(link)).unwrap();
    }
    symlink(root.join("state"), root.join("ws/dir/state")).unwrap();
    symlink("/", root.join("ws/top")).unwrap();
    let whole = |path: &str| root.join(path).display().to_string();
    let mut places = Vec::new();
    for (written, real) in [
        (".", "ws"),
        ("", "ws"),
        ("dir", "ws/dir"),
        ("dir/../dir/sub", "ws/dir/sub"),
        ("inner/sub", "ws/dir/sub"),
        ("inner/../dir", "ws/dir"),
        ("new/deep", "ws/new/deep"),
        ("..", ""),
        ("../ws2", "ws2"),
        ("../out/dir", "out/dir"),
        ("dir/../../out", "out"),
        ("link", "out"),
        ("link/dir", "out/dir"),
        ("link/..", ""),
        ("link/../ws/dir", "ws/dir"),
        ("link/new", "out/new"),
        ("dangling", "out/new"),
        ("dangling/deep", "out/new/deep"),
        ("up/home/work", "home/work"),
        ("up/ws/dir", "ws/dir"),
        ("dir/state", "state"),
        ("dir/state/journals", "state/journals"),
        ("new/../../out", "out"),
        ("./dir//sub/.", "ws/dir/sub"),
    ] {
        places.push((written.to_owned(), root.join(real)));
    }
    for real in ["ws", "ws/dir", "ws2", "out", "home", "home/work", "state", "state/journals", ""] {
        places.push((whole(real), root.join(real)));
        places.push((format!("{}/ws/../{real}", root.display()), root.join(real)));
    }
    places.push((format!("top{}/out", root.display()), root.join("out")));
    places.extend([("/".to_owned(), "/".into()), ("top".to_owned(), "/".into()), ("/../..".to_owned(), "/".into())]);
    let places = places.into_iter().map(|(written, real)| (written, real.components().collect())).collect();
    (Folders { workspace: root.join("ws"), home: root.join("home"), state: root.join("state") }, places)
}

const NAMES: [&str; 8] =
    ["x.test", "a.x.test", "b.a.x.test", "ax.test", "x.test.evil.test", "evil.test", "y.test", "test"];
const PROGRAMS: [&str; 9] = ["date", "/bin/date", "./date", "Date", "date ", "date;id", "../date", "sh", "dat"];
const NAMES_OF_PERMISSIONS: [&str; 6] =
    ["other_user", "root", "net_admin", "irreversible", "outside_paths", "production"];

/// Something that makes a policy wrong.
type Loosened = fn(&mut Policy);

/// A network near which addresses are chosen.
fn network(random: &mut Seeded) -> (u32, u32) {
    let base = random.one(&[0x7f00_0000, 0xc633_6400, 0x0a00_0000, 0xcb00_7100]) + random.below(1024) as u32;
    let bits = random.one(&[8, 16, 24, 25, 30, 31, 32]);
    (base, bits)
}

fn side(random: &mut Seeded, places: &[(String, PathBuf)]) -> Side {
    let mut few = |end: usize| random.below(end);
    let counts = [few(3), few(3), few(3), few(4), few(3)];
    let mut side = Side { ceilings: DEFAULTS, ..Side::default() };
    side.networks = (0..counts[0]).map(|_| network(random)).collect();
    if random.once_in(2) {
        side.networks.push((0x7f00_0000, 8));
    }
    side.names = (0..counts[1]).map(|_| (random.once_in(2), random.one(&NAMES).to_owned())).collect();
    side.commands = (0..counts[2]).map(|_| random.one(&[&PROGRAMS[..], &["*"]].concat()).to_owned()).collect();
    side.permissions = (0..counts[3]).map(|_| random.one(&NAMES_OF_PERMISSIONS)).collect();
    side.paths = (0..counts[4]).map(|_| random.one(places)).collect();
    if random.once_in(6) {
        let list = [vec![FAULT], vec!["pause_process"], vec![], vec!["disk_full", FAULT], vec!["squall_policy_cas"]];
        side.faults = Some(random.one(&list).into_iter().map(str::to_owned).collect());
    }
    for limit in &mut side.ceilings {
        *limit = (*limit / random.one(&[1.0, 2.0, 8.0, 0.5])).floor();
    }
    side
}

/// What an entry wants: one to three things, near the limits of what is allowed.
fn wish(random: &mut Seeded, operator: &Side, places: &[(String, PathBuf)]) -> Wish {
    let mut wish = Wish::default();
    for _ in 0..=random.below(3) {
        match random.below(5) {
            0 | 1 => wish.host = Some(host(random, operator)),
            2 => {
                let kind = random.below(4);
                let limit = operator.ceilings[kind];
                let near = [limit, limit + 1.0, limit - 1.0, limit * 2.0, 0.0, f64::NAN, f64::INFINITY, f64::MAX];
                wish.ceilings[kind] = Some(random.one(&near));
            }
            3 => wish.path = Some(random.one(places)),
            _ if random.once_in(2) => wish.command = Some(random.one(&PROGRAMS).to_owned()),
            _ if random.once_in(4) => wish.irreversible = true,
            _ => wish.permission = Some(random.one(&NAMES_OF_PERMISSIONS)),
        }
    }
    wish
}

fn host(random: &mut Seeded, operator: &Side) -> Host {
    match random.below(6) {
        0 => Host::Odd(
            random
                .one(&[
                    "0x7f000001",
                    "2130706433",
                    "127.1",
                    "0177.0.0.1",
                    "127.0.0.1%2f",
                    "１２７.0.0.1",
                    "127.0.0.01",
                    "::127.0.0.1",
                ])
                .to_owned(),
        ),
        1 | 2 => {
            let name = random.one(&NAMES);
            Host::Name(name.to_owned())
        }
        _ => {
            let (base, bits) = if operator.networks.is_empty() || random.once_in(3) {
                network(random)
            } else {
                random.one(&operator.networks)
            };
            // The network's own bits, its last address, or one beyond.
            let last = base | u32::MAX.checked_shr(bits).unwrap_or(0);
            let address = random.one(&[base, last, last.wrapping_add(1), base.wrapping_sub(1)]);
            let [a, b, c, d] = address.to_be_bytes();
            let spelled = match random.below(5) {
                0 => format!("::ffff:{a}.{b}.{c}.{d}"),
                1 => format!("[::FFFF:{a:X}{b:02x}:{c:x}{d:02x}]"),
                2 => format!("0:0:0:0:0:ffff:{a}.{b}.{c}.{d}"),
                3 => format!("{a}.{b}.{c}.{d}."),
                _ => format!("{a}.{b}.{c}.{d}"),
            };
            Host::Address(address, spelled)
        }
    }
}

fn patterns(side: &Side) -> Vec<String> {
    let networks = side.networks.iter().map(|(base, bits)| format!("{}/{bits}", Ipv4Addr::from(*base)));
    networks.chain(side.names.iter().map(|(under, name)| format!("{}{name}", if *under { "*." } else { "" }))).collect()
}

/// The same as the file of an operator, or the policy of a document.
fn request(side: &Side) -> PolicyRequest {
    let file = json!({
        "allow_hosts": patterns(side), "allow_paths": side.paths.iter().map(|(written, _)| written).collect::<Vec<_>>(),
        "allow_commands": side.commands, "allow_faults": side.faults, "permissions": side.permissions,
        "max_qps": side.ceilings[0], "max_duration_seconds": side.ceilings[1],
        "max_concurrency": side.ceilings[2] as u32, "max_bytes": side.ceilings[3] as u64,
    });
    serde_json::from_value(file).unwrap()
}

fn plan(wish: &Wish) -> Plan {
    let mut plan = Plan::new("a case");
    if let Some(Host::Address(_, text) | Host::Name(text) | Host::Odd(text)) = &wish.host {
        plan = plan.reaching(Reach::host(HostPort::new(text, 9)));
    }
    if let Some(program) = &wish.command {
        plan = plan.reaching(Reach::command(program));
    }
    if let Some((written, _)) = &wish.path {
        plan = plan.reaching(Reach::path(written));
    }
    if let Some(name) = wish.permission {
        plan = plan.needing(name.parse::<Permission>().unwrap(), "the case");
    }
    if wish.irreversible {
        plan = plan.irreversible("the case");
    }
    for (kind, value) in KINDS.into_iter().zip(wish.ceilings) {
        plan = value.into_iter().fold(plan, |plan, value| plan.at_most(kind, value));
    }
    plan
}

/// What became of the cases.
#[derive(Debug, Default)]
struct Tally {
    allowed: usize,
    refused: usize,
    packets: u64,
    distinct: BTreeSet<String>,
    /// Cases where the oracle and the world say different things.
    disagree: Vec<String>,
}

/// Runs that many cases, with policies that `spoil` changed.
fn run(seed: u64, cases: usize, spoil: impl Fn(&mut Policy)) -> Tally {
    let bench = Bench::new().unwrap();
    let root = bench.folder().canonicalize().unwrap();
    let (mut folders, places) = tree(&root);
    let mut random = Seeded::new(seed);
    let mut tally = Tally::default();
    let mark = root.join("mark");
    let made: BTreeSet<PathBuf> = places.iter().map(|(_, real)| real.join("made")).collect();
    for case in 0..cases {
        // A home in the workspace makes it too wide to be implied.
        folders.home = root.join(random.one(&["home", "home", "ws", "ws/dir"]));
        let operator = side(&mut random, &places);
        let document = random.once_in(3).then(|| side(&mut random, &places));
        let wish = wish(&mut random, &operator, &places);
        let shown = format!("{wish:?} {operator:?} {document:?} {:?}", folders.home.display());
        let expected = allowed(&wish, &operator, document.as_ref(), &folders);
        let mut policy = Policy::from(request(&operator));
        spoil(&mut policy);
        let home = HashMap::from([("HOME".to_owned(), folders.home.display().to_string())]);
        let runner =
            bench.runner().workspace(&folders.workspace).env(home).policy(policy).resolver(Arc::new(OneAddress));
        let runner = runner.build().unwrap();
        let entry = json!({"name": "case", "trigger": {"type": "test_now"}, "action": {"type": FAULT, "mark": mark}});
        let task = || Task {
            entries: vec![parse(&entry).unwrap()],
            policy: document.as_ref().map(request).unwrap_or_default(),
            ..Task::default()
        };
        *PLAN.lock().unwrap() = Some(plan(&wish));
        let before = closed_network::packets_out();
        let dry = runner.dry_run(task()).unwrap();
        assert!(!mark.exists() && closed_network::packets_out() == before, "a dry run did something: {shown}");
        let report = runner.run(task()).unwrap();
        let injected = mark.exists();
        let packets = closed_network::packets_out() - before;
        let files: Vec<&PathBuf> = made.iter().filter(|file| file.exists()).collect();
        let outside = files.iter().any(|file| !writable(file, &operator, &folders));
        let away = match &wish.host {
            Some(Host::Address(address, _)) => address >> 24 != 127,
            Some(Host::Name(_)) => true,
            _ => false,
        };
        let told = (injected, dry.allowed(), packets, outside, !injected && !files.is_empty());
        if told != (expected, expected, u64::from(expected && away), false, false) {
            tally.disagree.push(format!(
                "case {case}: expected {expected}, was {told:?}: {shown}: {:?}",
                report.entries[0].error
            ));
        }
        for file in files {
            fs::remove_file(file).unwrap();
        }
        if injected {
            fs::remove_file(&mark).unwrap();
        }
        tally.packets += packets;
        *(if expected { &mut tally.allowed } else { &mut tally.refused }) += 1;
        tally.distinct.insert(shown);
    }
    tally
}

#[test]
fn what_is_refused_is_never_injected_and_what_is_allowed_is() {
    if !closed_network::inside("what_is_refused_is_never_injected_and_what_is_allowed_is") {
        return;
    }
    closed_network::counts_packets();
    let tally = run(12, CASES, |_| {});
    assert!(
        tally.disagree.is_empty(),
        "{} of {CASES}, first {:#?}",
        tally.disagree.len(),
        &tally.disagree[..tally.disagree.len().min(5)]
    );
    assert_eq!(tally.distinct.len(), CASES, "cases that are the same");
    assert!(tally.allowed > 150 && tally.refused > 150 && tally.packets > 0, "one-sided: {tally:?}");
    // An oracle that agrees with every policy would prove nothing.
    let wrong: [(&str, Loosened); 6] = [
        ("hosts", |policy| policy.allow_hosts.push("0.0.0.0/0".parse().unwrap())),
        ("commands", |policy| policy.allow_commands.push("*".into())),
        ("paths", |policy| policy.allow_paths.push("/".into())),
        ("ceilings", |policy| policy.max_qps *= 2.0),
        ("permissions", |policy| policy.permissions.push(Permission::Root)),
        ("faults", |policy| policy.allow_faults = None),
    ];
    for (what, spoil) in wrong {
        assert!(!run(12, 300, spoil).disagree.is_empty(), "wrong {what} are not noticed");
    }
    println!("inside: {} allowed and {} refused policy cases, as expected", tally.allowed, tally.refused);
}
