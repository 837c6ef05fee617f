//! `fortio load` command lines, from their words to exit code, text and file.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use chaos_fortio::{FortioDocument, HttpPart, Interrupt, Part, parse, run_with};
use chaos_load::target::{Behaviour, Target, serve};
use chaos_load::{LoadPlan, Rate, Stop, start};

/// Keys of an HTTP result in fortio's order.
const KEYS: &str = "RunType Labels StartTime RequestedQPS RequestedDuration ActualQPS ActualDuration NumThreads Version \
    DurationHistogram ErrorsDurationHistogram Exactly Jitter Uniform NoCatchUp RunID AccessLoggerInfo ID RetCodes \
    IPCountMap Insecure MTLS CACert Cert Key UnixDomainSocket URL NumConnections Compression DisableFastClient HTTP10 H2 \
    DisableKeepAlive AllowHalfClose FollowRedirects Resolve HTTPReqTimeOut UserCredentials ContentType Payload \
    MethodOverride LogErrors SequentialWarmup ConnReuseRange NoResolveEachConn Offset Resolution Sizes HeaderSizes Sockets \
    SocketCount ConnectionStats AbortOn ChaosLoad";

struct Ran {
    code: u8,
    out: String,
    err: String,
}

impl Ran {
    fn document(&self) -> FortioDocument {
        FortioDocument::read(&self.out).unwrap()
    }

    fn http(&self) -> HttpPart {
        match self.document().part {
            Part::Http(http) => *http,
            other => panic!("not an HTTP result: {other:?}"),
        }
    }

    fn has_line(&self, line: &str) -> bool {
        self.err.lines().any(|found| found == line)
    }
}

fn server(behaviour: Behaviour) -> Target {
    serve(SocketAddr::from(([127, 0, 0, 1], 0)), behaviour).unwrap()
}

/// Where nobody listens: the kernel gives no such port to anybody.
fn closed() -> String {
    "http://127.0.0.1:1/".to_owned()
}

fn load_with(interrupt: &Interrupt, flags: &str, url: &str) -> Ran {
    let words = format!("load {flags} {url}");
    let argv: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = run_with(&argv, &mut out, &mut err, interrupt);
    Ran { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

fn load(flags: &str, url: &str) -> Ran {
    load_with(&Interrupt::new(), flags, url)
}

#[test]
fn what_fortio_refuses_ends_with_its_exit_code_and_reason() {
    let cases = [
        ("", "", 1, "Error: fortio load/curl needs a URL or destination"),
        ("-foo", "http://h/", 2, "flag provided but not defined: -foo"),
        ("-qps abc", "http://h/", 2, "invalid value \"abc\" for flag -qps: parse error"),
        ("-c 1.5", "http://h/", 2, "invalid value \"1.5\" for flag -c: parse error"),
        ("-t 30", "http://h/", 2, "invalid value \"30\" for flag -t: missing unit in duration 30"),
        ("-t 5x", "http://h/", 2, "invalid value \"5x\" for flag -t: unknown unit x in duration 5x"),
        ("-timeout 5", "http://h/", 2, "invalid value \"5\" for flag -timeout: parse error"),
        (
            "-H nocolon",
            "http://h/",
            2,
            "invalid value \"nocolon\" for flag -H: invalid extra header 'nocolon', expecting Key: Value",
        ),
        ("-keepalive=maybe", "http://h/", 2, "invalid boolean value \"maybe\" for -keepalive: parse error"),
        ("-keepalive false", "http://h/", 1, "At most 1 argument expected, got 2"),
        ("", "http://h/ -qps 5", 1, "At most 1 argument expected, got 3; flags end at the URL, so put them before it"),
        ("", "http://h/ http://h/", 1, "At most 1 argument expected, got 2"),
        ("-p 50,101", "http://h/", 1, "Unable to extract percentiles from -p: percentile 101 must be > 0 and < 100"),
        ("-calc-qps", "http://h/", 1, "Error: can't use `-calc-qps` without also specifying `-n` and `-t`"),
        (
            "-grpc",
            "http://h/",
            1,
            "`-grpc` needs a real fortio: this engine only makes load (`load`) over http, https and tcp",
        ),
        (
            "",
            "udp://h:1",
            1,
            "`udp://` needs a real fortio: this engine only makes load (`load`) over http, https and tcp",
        ),
        ("-qps Inf", "http://h/", 2, "invalid value \"Inf\" for flag -qps: it must be a finite number"),
        ("-h", "http://h/", 0, "Flags end at the URL."),
        (
            "",
            "no-such-host.invalid",
            1,
            "Aborting because of the host `no-such-host.invalid` has no address; check the name or pin one with `resolve`",
        ),
        (
            "",
            "ftp://h/",
            1,
            "Aborting because of the URL `ftp://h/` cannot be loaded: the scheme `ftp` is not one of http, https, tcp",
        ),
    ];
    for (flags, url, code, last) in cases {
        let ran = load(flags, url);
        assert_eq!((ran.code, ran.err.lines().last()), (code, Some(last)), "{flags} {url}");
        assert_eq!(ran.out, "", "{flags} {url}");
    }
}

#[test]
fn the_file_has_the_keys_of_fortio_and_one_of_ours() {
    let server = server(Behaviour::new());
    let ran = load("-qps 0 -n 20 -c 2 -json -", &server.url());
    let keys: Vec<&str> = ran.out.lines().filter_map(|line| line.strip_prefix("  \"")?.split('"').next()).collect();
    assert_eq!(keys.join(" "), KEYS.split_whitespace().collect::<Vec<_>>().join(" "));
    let document = ran.document();
    assert_eq!(document.common.requested_qps, "max");
    assert_eq!(document.common.requested_duration, "exactly 20 calls");
    let errors = &document.common.errors_duration_histogram;
    assert_eq!((errors.count, errors.data.as_ref(), errors.percentiles.as_ref()), (0, None, None));
    assert!(ran.out.contains("    \"Data\": null\n"), "an empty histogram has no buckets");
    let shown: Vec<String> =
        document.common.duration_histogram.percentiles.unwrap().iter().map(|row| row.percentile.to_string()).collect();
    assert_eq!(shown, ["50", "75", "90", "99", "99.9"]);
    assert!(ran.out.contains("\"Percentile\": 50,") && ran.out.contains("\"Percentile\": 99.9,"));
}

#[test]
fn warm_up_sends_one_request_on_each_connection_and_none_with_n() {
    let server = server(Behaviour::new());
    let ran = load("-qps 20 -c 2 -t 1s -json -", &server.url());
    assert_eq!((ran.code, server.requests()), (0, 22));
    assert_eq!(ran.http().ret_codes.into_iter().collect::<Vec<_>>(), [("200".to_owned(), 20)]);
    assert!(ran.err.contains("All done 20 calls (plus 2 warmup)"), "{}", ran.err);
    let ran = load("-qps 0 -c 2 -n 6 -sequential-warmup -json -", &server.url());
    assert_eq!((server.requests(), ran.http().sockets), (28, vec![1, 1]));
    assert!(ran.err.contains("All done 6 calls (plus 0 warmup)"), "{}", ran.err);
}

#[test]
fn a_bad_first_answer_aborts_without_a_file() {
    let server = server(Behaviour::new().status(503));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.json");
    let ran = load(&format!("-t 1s -c 2 -json {}", path.display()), &server.url());
    let size = "HTTP/1.1 503 Answer\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\nok\n".len();
    let last = format!("Aborting because of error 503 for {} ({size} bytes)", server.url());
    assert_eq!((ran.code, ran.err.lines().last(), path.exists()), (1, Some(last.as_str()), false));
    let ran = load("-t 1s -c 1 -sequential-warmup", &server.url());
    let last = format!("Aborting because of error 503 for {} ({size} body bytes), thread# 0", server.url());
    assert_eq!((ran.code, ran.err.lines().last()), (1, Some(last.as_str())));
    let ran = load("-qps 10 -c 2 -t 1s -allow-initial-errors -json -", &server.url());
    assert_eq!((ran.code, ran.http().ret_codes.into_iter().collect::<Vec<_>>()), (0, vec![("503".to_owned(), 10)]));
    assert_eq!(ran.http().sockets, [6, 6]);
}

#[test]
fn a_closed_port_gives_code_minus_one_and_exit_zero_with_n() {
    let url = closed();
    let ran = load("-n 4 -c 1 -qps 0 -json -", &url);
    assert_eq!((ran.code, ran.has_line("Code  -1 : 4 (100.0 %)")), (0, true), "{}", ran.err);
    let http = ran.http();
    assert_eq!((http.ret_codes.get("-1"), http.sockets, http.connection_stats.count), (Some(&4), vec![4], 4));
    assert_eq!(ran.document().common.errors_duration_histogram.count, 4);
    assert!(ran.err.contains("\"msg\":\"Unable to connect\""), "{}", ran.err);
    let ran = load("-t 1s", &url);
    let last = format!("Aborting because of error -1 for {url} (0 bytes)");
    assert_eq!((ran.code, ran.err.lines().last()), (1, Some(last.as_str())));
}

#[test]
fn statuses_are_errors_but_for_200_to_299_and_418() {
    for (status, errors) in [(200, 0), (204, 0), (299, 0), (418, 0), (301, 2), (304, 2), (404, 2), (999, 2)] {
        let server = server(Behaviour::new().status(status));
        let ran = load("-n 2 -c 1 -qps 0 -json -", &server.url());
        let document = ran.document();
        let counts = (document.common.duration_histogram.count, document.common.errors_duration_histogram.count);
        assert_eq!(counts, (2, errors), "{status}");
        assert!(ran.has_line(&format!("Code {status:3} : 2 (100.0 %)")), "{status}");
    }
}

#[test]
fn connections_are_kept_replaced_and_limited_as_asked() {
    let cases = [
        (Behaviour::new(), "-n 20 -c 2 -qps 0", vec![1, 1], 20),
        (Behaviour::new().requests_per_connection(10), "-n 100 -c 1 -qps 0", vec![10], 100),
        (Behaviour::new().status(503), "-n 6 -c 2 -qps 0", vec![3, 3], 6),
        (Behaviour::new(), "-n 4 -c 1 -qps 0 -keepalive=false", vec![4], 4),
        (Behaviour::new(), "-n 20 -c 1 -qps 0 -connection-reuse 5:5", vec![4], 20),
        (Behaviour::new(), "-n 3 -c 1 -qps 0 -keepalive=false -halfclose", vec![3], 3),
        (Behaviour::new(), "-n 3 -c 1 -qps 0 -http1.0", vec![1], 3),
    ];
    for (behaviour, flags, sockets, requests) in cases {
        let server = server(behaviour);
        let ran = load(&format!("{flags} -json -"), &server.url());
        let http = ran.http();
        assert_eq!((ran.code, http.socket_count, http.sockets), (0, sockets.iter().sum(), sockets), "{flags}");
        assert_eq!(server.requests(), requests, "{flags}");
    }
}

#[test]
fn abort_on_stops_the_run_and_still_gives_the_result() {
    let server = server(Behaviour::new().status(503));
    let ran = load("-n 50 -c 1 -qps 0 -abort-on 503 -json -", &server.url());
    let common = ran.document().common;
    assert_eq!((ran.code, server.requests()), (0, 1));
    assert_eq!(common.requested_duration, "exactly 50 calls, interrupted after 1");
    let ran = load("-n 50 -c 1 -qps 0 -abort-on -1 -json -", &closed());
    assert_eq!((ran.code, ran.http().ret_codes.get("-1"), ran.http().abort_on), (0, Some(&1), -1));
}

#[test]
fn an_interrupt_gives_the_partial_result_and_exit_zero() {
    let server = server(Behaviour::new());
    let interrupt = Interrupt::new();
    let handle = interrupt.clone();
    let ran = thread::scope(|scope| {
        let run = scope.spawn(|| load_with(&interrupt, "-qps 50 -c 2 -n 5000 -json -", &server.url()));
        while server.requests() < 10 {
            thread::yield_now();
        }
        handle.trigger();
        run.join().unwrap()
    });
    let document = ran.document();
    let made = document.common.duration_histogram.count;
    assert_eq!(ran.code, 0);
    assert_eq!(
        (made, document.common.requested_duration),
        (server.requests(), format!("exactly 5000 calls, interrupted after {made}"))
    );
    assert!(document.extension.unwrap().interrupted);
}

#[test]
fn an_interrupt_before_the_start_gives_an_error_in_the_file() {
    let server = server(Behaviour::new().delay(Duration::from_millis(200)));
    let interrupt = Interrupt::new();
    interrupt.trigger();
    let ran = load_with(&interrupt, "-qps 50 -c 2 -t 5s -json -", &server.url());
    let common = ran.document().common;
    assert_eq!(
        (ran.code, common.error, common.message.as_deref()),
        (0, Some(true), Some("Aborted before even starting"))
    );
    assert_eq!((common.actual_duration, common.duration_histogram.data), (0, None));
    assert!(ran.err.contains("All done 0 calls (plus 2 warmup) 0.000 ms avg, 0.0 qps"), "{}", ran.err);
    assert!(!ran.err.contains("Code "), "{}", ran.err);
}

#[test]
fn standard_output_holds_the_file_alone_and_the_text_ends_as_fortio_ends() {
    let server = server(Behaviour::new());
    let ran = load("-n 10 -c 1 -qps 0 -json -", &server.url());
    assert!(serde_json::from_str::<serde_json::Value>(&ran.out).unwrap().is_object());
    let mut lines = ran.err.lines().rev();
    assert_eq!(
        lines.next(),
        Some(format!("Successfully wrote {} bytes of Json data to stdout", ran.out.len()).as_str())
    );
    let done = lines.next().unwrap();
    let words: Vec<&str> = done.split_whitespace().collect();
    assert_eq!(words[..8], ["All", "done", "10", "calls", "(plus", "0", "warmup)", words[7]], "{done}");
    assert_eq!(words[8..10], ["ms", "avg,"], "{done}");
    assert!(words[7].parse::<f64>().is_ok() && words[10].parse::<f64>().is_ok() && words[11] == "qps", "{done}");
}

#[test]
fn a_result_is_saved_under_its_id() {
    let server = server(Behaviour::new());
    let folder = tempfile::tempdir().unwrap();
    let ran = load(
        &format!("-n 2 -c 1 -qps 0 -a -runid 42 -labels my/test -data-dir {}", folder.path().display()),
        &server.url(),
    );
    let entries: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let document = FortioDocument::read(&std::fs::read_to_string(&entries[0]).unwrap()).unwrap();
    let id = document.common.id;
    assert_eq!((ran.code, entries.len()), (0, 1));
    assert_eq!(entries[0].file_name().unwrap().to_str(), Some(format!("{id}.json").as_str()));
    assert!(id.ends_with("_42_my_test"), "{id}");
}

#[test]
fn a_file_that_cannot_be_made_is_fatal_after_the_report() {
    let server = server(Behaviour::new());
    let ran = load("-n 2 -c 1 -qps 0 -json /nonexistent/x.json", &server.url());
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("All done 2 calls"), "{}", ran.err);
    assert!(ran.err.contains("\"level\":\"fatal\",\"msg\":\"Unable to create /nonexistent/x.json"), "{}", ran.err);
}

#[test]
fn the_access_log_has_one_record_for_each_call() {
    let server = server(Behaviour::new());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    let ran = load(&format!("-n 6 -c 2 -qps 0 -json - -access-log-file {}", path.display()), &server.url());
    let text = std::fs::read_to_string(&path).unwrap();
    let mut seen: Vec<(u64, u64)> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|row| (row["thread"].as_u64().unwrap(), row["iter"].as_u64().unwrap()))
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
    assert_eq!(ran.document().common.access_logger_info, format!("mode json to {}", path.display()));
    let ran = load("-n 2 -access-log-file /nonexistent/a.log", &server.url());
    assert_eq!((ran.code, ran.err.contains("Unable to open access log /nonexistent/a.log")), (1, true));
}

#[test]
fn credentials_never_reach_text_or_file() {
    let server = server(Behaviour::new());
    let url = server.url().replace("http://", "http://bob:hunter2@");
    for (flags, url) in [("-user alice:s3cret", server.url()), ("", url)] {
        let ran = load(&format!("-n 1 -c 1 -qps 0 -json - {flags}"), &url);
        let all = format!("{}{}", ran.out, ran.err);
        assert_eq!((ran.code, all.contains("s3cret"), all.contains("hunter2")), (0, false, false), "{all}");
        assert_eq!(ran.http().user_credentials, "***");
    }
}

#[test]
fn levels_leave_out_what_fortio_leaves_out() {
    let server = server(Behaviour::new());
    let quiet = load("-n 4 -c 1 -qps 40 -quiet", &server.url());
    for gone in
        ["Starting at", "Ended after", "Sleep times", "Connection time", "Response Header", "\"level\"", "# range"]
    {
        assert!(!quiet.err.contains(gone), "{gone}: {}", quiet.err);
    }
    assert!(quiet.has_line("Error cases : count 0 avg 0 +/- 0 min 0 max 0 sum 0"), "{}", quiet.err);
    for kept in ["Aggregated Function Time", "# target 99.9%", "Code 200 : 4 (100.0 %)", "Sockets used: 1"] {
        assert!(quiet.err.contains(kept), "{kept}: {}", quiet.err);
    }
    let verbose = load("-n 4 -c 1 -qps 40 -loglevel Verbose", &server.url());
    assert!(verbose.err.contains("Response Header Sizes Histogram : count 4"), "{}", verbose.err);
    let warning = load("-n 4 -c 1 -qps 40 -loglevel warning", &server.url());
    assert!(warning.err.contains("Connection time (s) : count 1 "), "{}", warning.err);
}

#[test]
fn server_flags_are_taken_with_a_warning() {
    let server = server(Behaviour::new());
    let ran = load("-http-port 8080 -profile f -n 1 -c 1 -qps 0", &server.url());
    assert_eq!(ran.code, 0);
    for flag in ["http-port", "profile"] {
        assert!(ran.err.contains(&format!("flag -{flag} has no effect on a load run")), "{}", ran.err);
    }
}

#[test]
fn no_words_make_the_parser_panic() {
    let words = [
        "-qps",
        "-c",
        "-t",
        "-n",
        "-p",
        "-H",
        "-timeout",
        "--",
        "-",
        "=",
        "-=",
        "---",
        "-qps=",
        "-keepalive=",
        "http://",
        "::",
        "[",
        "\u{0}",
        "-1",
        "1e999",
        "9223372036854775808",
        "-0x",
        "0x",
        "1w",
        "99999999w",
        "..",
        ",",
        ":",
        "{uuid}",
        "http://[::1",
        "tcp://h",
        "-calc-qps",
        "-n=1",
        "-t=0",
        "-r=0",
        "-connection-reuse",
        "18446744073709551616:1",
        "é",
        "-é",
        "http://h:99999/",
        "-payload-size",
        "-unix-socket",
        "-resolve",
    ];
    let mut state = 2026_u64;
    let mut accepted = 0;
    for _ in 0..20_000 {
        let mut argv = vec!["load".to_owned()];
        for _ in 0..state % 7 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            argv.push(words[usize::try_from(state >> 33).unwrap() % words.len()].to_owned());
        }
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if let Ok(command) = parse(&argv) {
            accepted += 1;
            // Whatever is accepted is a plan that can be run.
            command.load.check().unwrap();
        }
    }
    assert!(accepted > 0, "some of the words make a command");
}

#[test]
fn a_run_that_did_not_keep_up_says_so_in_its_file() {
    let server = server(Behaviour::new().delay(Duration::from_millis(100)));
    let mut plan = LoadPlan::to(&server.url()).unwrap();
    plan.rate = Rate::Qps(100.0);
    plan.stop = Stop::Count(40);
    plan.connections = NonZeroUsize::MIN;
    let text = FortioDocument::of(&start(plan).unwrap().wait_blocking()).to_text().unwrap();
    assert!(text.contains("\"Saturated\": true"), "{text}");
}

#[test]
fn an_echo_run_has_the_keys_of_its_kind() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
        }
    });
    let mut plan = LoadPlan::to(&url).unwrap();
    plan.rate = Rate::Max;
    plan.stop = Stop::Count(4);
    let text = FortioDocument::of(&start(plan).unwrap().wait_blocking()).to_text().unwrap();
    assert!(text.contains("\"RunType\": \"TCP\"") && text.contains("\"OK\": 4"), "{text}");
}
