//! From the words of a command line to a plan.

use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use chaos_load::{AddressFamily, LoadModel, LoadPlan, Rate, Stop, Warmup};

use crate::flags::{self, Given, Use};
use crate::log::LogLevel;
use crate::refusal::FortioArgError;
use crate::reporting::Reporting;
use crate::values::{self, ValueError};

/// Largest body that `-payload-size` makes unless `-maxpayloadsizekb` says otherwise.
const MAX_PAYLOAD_KB: i64 = 256;

/// Timeout where none, or none above zero, is given.
const TIMEOUT: Duration = Duration::from_secs(3);

/// A `fortio load` command that can be run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FortioCommand {
    /// The plan. Its model is fortio's.
    pub load: LoadPlan,
    /// The target as it was typed.
    pub target: String,
    /// Where the result file goes: a path, or `-` for standard output.
    pub json: Option<String>,
    /// Saves the result under its ID in `data_dir`.
    pub save: bool,
    /// Directory for `save`.
    pub data_dir: PathBuf,
    /// One record for each call goes there.
    pub access_log: Option<AccessLogArgs>,
    /// How much is written.
    pub level: LogLevel,
    /// How the result is labelled, and which failures are logged.
    pub reporting: Reporting,
    /// `-qps` as it was given, for the first line.
    pub qps: f64,
    /// `-n` as it was given.
    pub exactly: i64,
    /// `-gomaxprocs`, or the number of cores.
    pub procs: usize,
    /// What to tell before the run.
    pub warnings: Vec<String>,
}

/// Path and format of an access log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessLogArgs {
    /// Its path; records are appended.
    pub path: String,
    /// `influx` instead of `json`.
    pub influx: bool,
}

/// Parses the words after `fortio` (a leading `fortio` is skipped), touching
/// nothing but the files that `-payload-file` names.
///
/// # Errors
///
/// What fortio refuses, and what only a real fortio can serve.
pub fn parse(argv: &[String]) -> Result<FortioCommand, FortioArgError> {
    let words = match argv {
        [first, rest @ ..] if first == "fortio" => rest,
        words => words,
    };
    let [command, rest @ ..] = words else {
        return Err(FortioArgError::NoCommand);
    };
    match command.as_str() {
        "load" => {}
        "help" | "-h" | "-help" | "--help" => return Err(FortioArgError::Help),
        "server" | "curl" | "report" | "redirect" | "nc" | "tcp-echo" | "udp-echo" | "proxies" | "grpcping"
        | "script" | "version" | "buildinfo" => {
            return Err(FortioArgError::NotServed { what: command.clone() });
        }
        _ => {
            return Err(FortioArgError::UnknownCommand { name: command.clone() });
        }
    }
    let (given, rest) = flags::split(rest)?;
    let draft = Draft::of(&given)?;
    let target = match rest {
        [] => return Err(FortioArgError::NoTarget),
        [target] => target,
        more => {
            let flag_behind = more[1..].iter().any(|word| flags::is_flag(word));
            return Err(FortioArgError::ExtraWords { count: more.len(), flag_behind });
        }
    };
    draft.finish(target)
}

/// The values of the flags, before the target is known.
#[expect(clippy::struct_excessive_bools, reason = "each one is a flag of fortio's, independent of the rest")]
struct Draft {
    command: FortioCommand,
    duration: Option<Duration>,
    duration_given: bool,
    calc_qps: bool,
    percentiles: String,
    payload: Payload,
    uniform: bool,
    jitter: bool,
    nocatchup: bool,
    resolve: Option<String>,
}

/// Where the body comes from: a file beats a size, a size beats a text.
#[derive(Default)]
struct Payload {
    text: Vec<u8>,
    size: i64,
    most_kb: i64,
    file: Option<String>,
}

impl Draft {
    fn of(given: &[Given]) -> Result<Self, FortioArgError> {
        let mut draft = Self::new();
        for flag in given {
            match flag.used {
                Use::Obeyed => draft.set(flag)?,
                Use::Silent => {}
                Use::Ignored => {
                    draft.command.warnings.push(format!("flag -{} has no effect on a load run", flag.name));
                }
                Use::Refused if flag.value == "false" => {}
                Use::Refused => {
                    return Err(FortioArgError::NotServed { what: format!("-{}", flag.name) });
                }
            }
        }
        Ok(draft)
    }

    fn new() -> Self {
        let load = LoadPlan::to("http://localhost/").expect("a fixed URL that parses");
        let procs = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            command: FortioCommand {
                load,
                target: String::new(),
                json: None,
                save: false,
                data_dir: PathBuf::from("."),
                access_log: None,
                level: LogLevel::Info,
                reporting: Reporting::default(),
                qps: 8.0,
                exactly: 0,
                procs,
                warnings: Vec::new(),
            },
            duration: Some(Duration::from_secs(5)),
            duration_given: false,
            calc_qps: false,
            percentiles: "50,75,90,99,99.9".to_owned(),
            payload: Payload { most_kb: MAX_PAYLOAD_KB, ..Payload::default() },
            uniform: false,
            jitter: false,
            nocatchup: false,
            resolve: None,
        }
    }

    fn set(&mut self, flag: &Given) -> Result<(), FortioArgError> {
        let (name, value) = (flag.name, flag.value.as_str());
        let on = value == "true";
        let bad = |reason: ValueError| FortioArgError::BadValue { name, value: value.to_owned(), reason };
        let load = &mut self.command.load;
        match name {
            "h" | "help" => return Err(FortioArgError::Help),
            "qps" => self.command.qps = values::float(value).map_err(bad)?,
            "c" => {
                let connections = values::integer(value).map_err(bad)?;
                load.connections = connections_of(connections);
            }
            "t" => {
                self.duration = values::long_duration(value).map_err(bad)?;
                self.duration_given = true;
            }
            "n" => self.command.exactly = values::integer(value).map_err(bad)?,
            "calc-qps" => self.calc_qps = on,
            "p" => value.clone_into(&mut self.percentiles),
            "r" => load.buckets.resolution = values::float(value).map_err(bad)?,
            "offset" => {
                load.buckets.offset = values::duration(value).map_err(bad)?.unwrap_or_default();
            }
            "uniform" => self.uniform = on,
            "jitter" => self.jitter = on,
            "nocatchup" => self.nocatchup = on,
            "timeout" => {
                let timeout = values::duration(value).map_err(bad)?;
                load.timeout = timeout.filter(|timeout| !timeout.is_zero()).unwrap_or(TIMEOUT);
            }
            "H" => load.headers.push(header(value).map_err(bad)?),
            "X" => load.method = (!value.is_empty()).then(|| value.to_owned()),
            "payload" => self.payload.text = value.as_bytes().to_vec(),
            "payload-size" => self.payload.size = values::integer(value).map_err(bad)?,
            "payload-file" => self.payload.file = (!value.is_empty()).then(|| value.to_owned()),
            "maxpayloadsizekb" => self.payload.most_kb = values::integer(value).map_err(bad)?,
            "content-type" => load.content_type = (!value.is_empty()).then(|| value.to_owned()),
            "keepalive" => load.keep_alive = on,
            "connection-reuse" => load.reuse = values::reuse(value).map_err(bad)?,
            "unix-socket" => load.unix_socket = (!value.is_empty()).then(|| PathBuf::from(value)),
            "resolve-ip-type" => load.family = family(value)?,
            "resolve" => self.resolve = (!value.is_empty()).then(|| value.to_owned()),
            _ => return self.set_output(flag),
        }
        Ok(())
    }

    fn set_output(&mut self, flag: &Given) -> Result<(), FortioArgError> {
        let (name, value) = (flag.name, flag.value.as_str());
        let on = value == "true";
        let bad = |reason: ValueError| FortioArgError::BadValue { name, value: value.to_owned(), reason };
        let command = &mut self.command;
        match name {
            "sequential-warmup" if on => command.load.warmup = Warmup::Sequential,
            "sequential-warmup" => command.load.warmup = Warmup::Parallel,
            "allow-initial-errors" => command.load.allow_initial_errors = on,
            "abort-on" => command.load.abort_on = status(values::integer(value).map_err(bad)?),
            "user" => match value.split_once(':') {
                Some((user, password)) => {
                    command.load.user = Some((user.to_owned(), password.to_owned()));
                }
                None => {
                    command.warnings.push("-user has no colon between name and password; it is not sent".to_owned());
                }
            },
            "log-errors" => {
                command.reporting.log_errors = on;
            }
            "no-reresolve" => command.reporting.no_reresolve = on,
            "json" => command.json = (!value.is_empty()).then(|| value.to_owned()),
            "a" => command.save = on,
            "data-dir" => command.data_dir = PathBuf::from(value),
            "labels" => {
                command.reporting.labels = (!value.is_empty()).then(|| value.to_owned());
            }
            "runid" => command.reporting.run_id = values::integer(value).map_err(bad)?,
            "gomaxprocs" => {
                if let Some(procs) =
                    usize::try_from(values::integer(value).map_err(bad)?).ok().and_then(NonZeroUsize::new)
                {
                    command.procs = procs.get();
                    command.load.threads = Some(procs);
                }
            }
            "loglevel" => {
                if let Some(level) = level(value).map_err(bad)? {
                    command.level = level;
                } else {
                    command.warnings.push("SetLogLevel called with level 6 higher than Critical!".to_owned());
                }
            }
            "quiet" if on => command.level = LogLevel::Error,
            "access-log-file" => {
                let influx = command.access_log.as_ref().is_some_and(|log| log.influx);
                command.access_log = Some(AccessLogArgs { path: value.to_owned(), influx });
            }
            "access-log-format" => {
                let influx = match value.to_ascii_lowercase().as_str() {
                    "json" => false,
                    "influx" => true,
                    _ => return Err(bad(ValueError::AccessLogFormat)),
                };
                let path = command.access_log.take().map(|log| log.path).unwrap_or_default();
                command.access_log = Some(AccessLogArgs { path, influx });
            }
            _ => self.set_transport(flag),
        }
        Ok(())
    }

    /// Flags that only the standard client or TLS obey.
    fn set_transport(&mut self, flag: &Given) {
        let (name, value) = (flag.name, flag.value.as_str());
        let on = value == "true";
        let path = || (!value.is_empty()).then(|| PathBuf::from(value));
        let transport = &mut self.command.load.transport;
        match name {
            "stdclient" => transport.standard = on,
            "h2" => transport.h2 = on,
            "L" => transport.follow_redirects = on,
            "compression" => transport.compression = on,
            "http1.0" => transport.http10 = on,
            "halfclose" => transport.half_close = on,
            "k" | "https-insecure" => transport.insecure = on,
            "mtls" => self.command.reporting.mtls = on,
            "cacert" => transport.ca_cert = path(),
            "cert" => transport.cert = path(),
            "key" => transport.key = path(),
            _ => debug_assert!(false, "every flag that is obeyed has a place here: {name}"),
        }
    }

    fn finish(self, target: &str) -> Result<FortioCommand, FortioArgError> {
        let Self { mut command, .. } = self;
        if target.starts_with("udp://") {
            return Err(FortioArgError::NotServed { what: "udp://".to_owned() });
        }
        let url = if target.contains("://") {
            target.to_owned()
        } else {
            command.warnings.push(format!("Assuming http:// on missing scheme for '{target}'"));
            format!("http://{target}")
        };
        let parsed = LoadPlan::to(&url).map_err(FortioArgError::Plan)?;
        command.target = if parsed.user.is_some() { without_user(target) } else { target.to_owned() };
        let load = &mut command.load;
        (load.url, load.path) = (parsed.url, parsed.path);
        load.user = load.user.take().or(parsed.user);
        command.reporting.percentiles =
            values::percentiles(&self.percentiles).map_err(|reason| FortioArgError::BadPercentiles { reason })?;
        let exactly = u64::try_from(command.exactly).unwrap_or(0);
        if self.calc_qps {
            match self.duration {
                #[expect(clippy::cast_precision_loss, reason = "2^52 calls are enough")]
                Some(duration) if exactly > 0 => {
                    command.qps = exactly as f64 / duration.as_secs_f64();
                }
                _ => return Err(FortioArgError::CalcQps),
            }
        }
        load.rate = if command.qps > 0.0 { Rate::Qps(command.qps) } else { Rate::Max };
        load.stop = match (exactly, self.duration) {
            (0, Some(duration)) => Stop::After(duration),
            (0, None) => Stop::Never,
            (calls, _) => Stop::Count(calls),
        };
        load.model = LoadModel::Fortio { uniform: self.uniform, jitter: self.jitter, nocatchup: self.nocatchup };
        if exactly > 0 {
            load.warmup = Warmup::None;
        } else if load.warmup == Warmup::None {
            load.warmup = Warmup::Parallel;
        }
        load.body = self.payload.read(&mut command.warnings)?;
        if let Some(pinned) = &self.resolve {
            let load = &mut command.load;
            let port = load.url.port_or_known_default().unwrap_or(80);
            load.resolve = vec![pin(pinned, port)?];
        }
        if command.access_log.as_ref().is_some_and(|log| log.path.is_empty()) {
            command.access_log = None;
        }
        command.load.check().map_err(FortioArgError::Plan)?;
        Ok(command)
    }
}

/// Bytes of a payload file: every connection sends them, so more would be no test of a service.
const LARGEST_PAYLOAD: u64 = 64 << 20;

impl Payload {
    fn read(self, warnings: &mut Vec<String>) -> Result<Vec<u8>, FortioArgError> {
        if let Some(path) = self.file {
            let checked = File::open(&path).and_then(|file| {
                let mut bytes = Vec::new();
                // A device may have no end.
                file.take(LARGEST_PAYLOAD + 1).read_to_end(&mut bytes)?;
                let too_large = format!("it is larger than {LARGEST_PAYLOAD} bytes");
                let fits = bytes.len() as u64 <= LARGEST_PAYLOAD;
                if fits { Ok(bytes) } else { Err(io::Error::new(io::ErrorKind::FileTooLarge, too_large)) }
            });
            return checked.map_err(|source| FortioArgError::File { path, source });
        }
        if self.size <= 0 {
            return Ok(self.text);
        }
        let most = self.most_kb.saturating_mul(1024).max(0);
        if self.size > most {
            warnings.push(format!("Requested payload size {} capped to {most} (see -maxpayloadsizekb)", self.size));
        }
        let size = usize::try_from(self.size.min(most)).unwrap_or(0);
        // Xorshift (Marsaglia, 2003): the same bytes each time, which compress badly.
        let mut state = size as u64;
        // Letters and digits only: the bytes go into the result file too.
        let letter = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            b"abcdefghijklmnopqrstuvwxyz012345"[usize::try_from(state >> 59).unwrap_or(0)]
        };
        Ok((0..size).map(letter).collect())
    }
}

/// fortio's own default is `ip4`; a name that has no such address is reached all the same unless the flag says so.
fn family(text: &str) -> Result<AddressFamily, FortioArgError> {
    match text {
        "ip4" => Ok(AddressFamily::Ipv4),
        "ip6" => Ok(AddressFamily::Ipv6),
        "ip" => Ok(AddressFamily::Any),
        _ => Err(FortioArgError::UnknownNetwork { name: text.to_owned() }),
    }
}

/// fortio takes 0 for its default of 4, and one connection for less.
fn connections_of(given: i64) -> NonZeroUsize {
    let count = if given == 0 { 4 } else { usize::try_from(given).unwrap_or(1) };
    NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN)
}

fn status(given: i64) -> Option<i32> {
    i32::try_from(given).ok().filter(|status| *status != 0)
}

fn header(text: &str) -> Result<(String, String), ValueError> {
    let Some((name, value)) = text.split_once(':') else {
        return Err(ValueError::Header { text: text.to_owned() });
    };
    let (name, value) = (name.trim(), value.trim());
    if !chaos_load::is_header(name, value) {
        return Err(ValueError::HeaderCharacters { text: text.escape_debug().to_string() });
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn level(text: &str) -> Result<Option<LogLevel>, ValueError> {
    Ok(Some(match text.to_ascii_lowercase().as_str() {
        "debug" => LogLevel::Debug,
        "verbose" => LogLevel::Verbose,
        "info" => LogLevel::Info,
        "warning" => LogLevel::Warning,
        "error" => LogLevel::Error,
        "critical" => LogLevel::Critical,
        "fatal" => return Ok(None),
        _ => {
            return Err(ValueError::Level { text: text.to_owned() });
        }
    }))
}

/// A target without the credentials that stand before its host.
fn without_user(target: &str) -> String {
    let (scheme, rest) = target.split_once("://").map_or(("", target), |(scheme, rest)| (scheme, rest));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rfind('@').map_or(rest, |at| &rest[at + 1..]);
    if scheme.is_empty() { host.to_owned() } else { format!("{scheme}://{host}") }
}

fn pin(text: &str, port: u16) -> Result<SocketAddr, FortioArgError> {
    if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, port));
    }
    let reason = ValueError::Address;
    Err(FortioArgError::BadValue { name: "resolve", value: text.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{Takes, obeyed};

    fn command(line: &str) -> FortioCommand {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words).unwrap()
    }

    #[test]
    fn every_flag_that_is_obeyed_changes_the_command() {
        let plain = format!("{:?}", command("load http://h/"));
        // Values that differ from the defaults, where 1 would not do.
        let values = [
            ("H", "a:b"),
            ("t", "7s"),
            ("timeout", "7s"),
            ("offset", "7s"),
            ("loglevel", "debug"),
            ("user", "a:b"),
            ("resolve", "127.0.0.1"),
            ("resolve-ip-type", "ip6"),
            ("p", "42"),
            ("access-log-format", "influx"),
            ("payload-file", "/dev/null"),
            ("keepalive", "false"),
            ("log-errors", "false"),
            ("r", "0.5"),
            ("connection-reuse", "2:3"),
        ];
        for (name, takes) in obeyed() {
            let default = if takes == Takes::Bool { "true" } else { "1" };
            let value = values.iter().find(|(known, _)| *known == name).map_or(default, |(_, value)| value);
            let line = match name {
                "h" | "help" => continue,
                "cert" | "key" => "load -cert=1 -key=1 http://h/".to_owned(),
                "calc-qps" => "load -n 30 -calc-qps http://h/".to_owned(),
                "access-log-format" => "load -access-log-file f -access-log-format influx http://h/".to_owned(),
                "maxpayloadsizekb" => "load -payload-size 2000 -maxpayloadsizekb 1 http://h/".to_owned(),
                "payload-file" => "load -payload-file /proc/self/comm http://h/".to_owned(),
                _ => format!("load -{name}={value} http://h/"),
            };
            assert_ne!(format!("{:?}", command(&line)), plain, "{line}");
        }
    }

    #[test]
    fn a_command_becomes_the_plan_that_it_asks_for() {
        let load =
            command("load -qps 300 -c 4 -t 1m30s -uniform -nocatchup -timeout 200ms -H A:b -user u:p h:81/x").load;
        assert_eq!(
            (load.rate, load.connections.get(), load.stop),
            (Rate::Qps(300.0), 4, Stop::After(Duration::from_secs(90)))
        );
        assert_eq!(load.model, LoadModel::Fortio { uniform: true, jitter: false, nocatchup: true });
        assert_eq!(
            (load.url.as_str(), load.timeout, load.warmup),
            ("http://h:81/x", Duration::from_millis(200), Warmup::Parallel)
        );
        assert_eq!(
            (load.headers, load.user),
            (vec![("A".to_owned(), "b".to_owned())], Some(("u".to_owned(), "p".to_owned())))
        );
        let load = command("load -n 30 -t 10s -calc-qps http://h/").load;
        assert_eq!((load.rate, load.stop, load.warmup), (Rate::Qps(3.0), Stop::Count(30), Warmup::None));
        assert_eq!(command("load -t 0 -qps -1 http://h/").load.stop, Stop::Never);
        assert_eq!(command("load -c 0 -timeout 0 http://h/").load.connections.get(), 4);
        assert_eq!(command("fortio load -quiet http://h/").level, LogLevel::Error);
    }

    #[test]
    fn a_family_of_addresses_is_one_of_three() {
        let family = |name: &str| command(&format!("load -resolve-ip-type {name} http://h/")).load.family;
        assert_eq!(["ip4", "ip6", "ip"].map(family), [AddressFamily::Ipv4, AddressFamily::Ipv6, AddressFamily::Any]);
        assert_eq!(command("load http://h/").load.family, AddressFamily::PreferIpv4);
        let words = ["load", "-resolve-ip-type", "banana", "http://h/"].map(str::to_owned);
        let error = parse(&words).unwrap_err();
        assert_eq!(error.to_string(), "Aborting because of unknown network banana; give ip4, ip6 or ip");
        assert_eq!(error.exit_code(), 1);
    }

    #[test]
    fn a_file_beats_a_size_and_a_size_beats_a_text() {
        let body = |line: &str| command(&format!("load {line} http://h/")).load.body;
        assert_eq!(body("-payload abc"), b"abc");
        assert_eq!(body("-payload abc -payload-size 10").len(), 10);
        assert_eq!(body("-payload-size 300000").len(), 262_144);
        assert_eq!(body("-payload abc -payload-file /dev/null"), b"");
    }

    #[test]
    fn a_target_is_shown_without_its_credentials() {
        for (target, shown) in [("http://a:b@h/p@q", "http://h/p@q"), ("a:b@h", "h"), ("http://h/a@b", "http://h/a@b")]
        {
            assert_eq!(command(&format!("load {target}")).target, shown);
        }
    }
}
