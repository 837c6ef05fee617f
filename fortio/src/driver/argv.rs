//! The command line of a real fortio for a plan.

use std::ffi::OsString;
use std::path::Path;

use chaos_load::{AddressFamily, LoadError, LoadModel, LoadPlan, Rate, Stop, Warmup};

use crate::go_duration;
use crate::go_number::shortest;

/// Turns a plan into one that fortio can run: an open schedule becomes fortio's
/// own, with connections staggered.
pub(crate) fn adapted(mut load: LoadPlan) -> Result<LoadPlan, LoadError> {
    if load.user.is_some() {
        let expected = "a real fortio would show credentials in the process table; use the embedded engine";
        return Err(LoadError::BadPlan { field: "user", given: "set".to_owned(), expected });
    }
    if load.model == LoadModel::Open {
        load.model = LoadModel::Fortio { uniform: true, jitter: false, nocatchup: false };
    }
    Ok(load)
}

/// The words after `fortio`, with its files in a folder.
pub(crate) fn of(load: &LoadPlan, folder: &Path) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["load", "-quiet", "-log-errors=false"].map(OsString::from).to_vec();
    let mut flag = |name: &str, value: &dyn AsRef<std::ffi::OsStr>| {
        words.push(format!("-{name}").into());
        words.push(value.as_ref().to_owned());
    };
    flag(
        "qps",
        &match load.rate {
            Rate::Qps(qps) => shortest(qps),
            Rate::Max => "0".to_owned(),
        },
    );
    flag("c", &load.connections.to_string());
    match load.stop {
        Stop::After(time) => flag("t", &go_duration::format(time)),
        Stop::Count(calls) => flag("n", &calls.to_string()),
        Stop::Never => flag("t", &"0"),
    }
    flag("timeout", &go_duration::format(load.timeout));
    flag("json", &folder.join("result"));
    flag("access-log-file", &folder.join("access"));
    flag("r", &shortest(load.buckets.resolution));
    flag("offset", &go_duration::format(load.buckets.offset));
    for (name, value) in &load.headers {
        flag("H", &format!("{name}: {value}"));
    }
    for (name, value) in [("X", &load.method), ("content-type", &load.content_type)] {
        if let Some(value) = value {
            flag(name, value);
        }
    }
    if !load.body.is_empty() {
        flag("payload-file", &folder.join("body"));
    }
    if let Some(address) = load.resolve.first() {
        flag("resolve", &address.ip().to_string());
    }
    let family = match load.family {
        AddressFamily::PreferIpv4 => None,
        AddressFamily::Ipv4 => Some("ip4"),
        AddressFamily::Ipv6 => Some("ip6"),
        AddressFamily::Any => Some("ip"),
    };
    if let Some(family) = family {
        flag("resolve-ip-type", &family);
    }
    if let Some(path) = &load.unix_socket {
        flag("unix-socket", path);
    }
    let transport = &load.transport;
    for (name, path) in [("cacert", &transport.ca_cert), ("cert", &transport.cert), ("key", &transport.key)] {
        if let Some(path) = path {
            flag(name, path);
        }
    }
    if let Some((least, most)) = load.reuse {
        flag("connection-reuse", &format!("{least}:{most}"));
    }
    if let Some(status) = load.abort_on {
        flag("abort-on", &status.to_string());
    }
    words.extend(switches(load).into_iter().map(OsString::from));
    words.push(load.typed_url().into());
    words
}

fn switches(load: &LoadPlan) -> Vec<&'static str> {
    let (uniform, jitter, nocatchup) = match load.model {
        LoadModel::Fortio { uniform, jitter, nocatchup } => (uniform, jitter, nocatchup),
        LoadModel::Open => (true, false, false),
    };
    let transport = &load.transport;
    let all = [
        (uniform, "-uniform"),
        (jitter, "-jitter"),
        (nocatchup, "-nocatchup"),
        (!load.keep_alive, "-keepalive=false"),
        // fortio always warms up; a plan that does not want to must not fail by it.
        (load.allow_initial_errors || load.warmup == Warmup::None, "-allow-initial-errors"),
        (load.warmup == Warmup::Sequential, "-sequential-warmup"),
        (transport.standard, "-stdclient"),
        (transport.h2, "-h2"),
        (transport.follow_redirects, "-L"),
        (transport.compression, "-compression"),
        (transport.http10, "-http1.0"),
        (transport.half_close, "-halfclose"),
        (transport.insecure, "-k"),
    ];
    all.into_iter().filter(|(set, _)| *set).map(|(_, word)| word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_plan_becomes_the_command_that_makes_it() {
        let mut load = LoadPlan::to("http://h:1/p?a=b").unwrap();
        load.rate = Rate::Qps(300.0);
        load.stop = Stop::After(Duration::from_secs(90));
        load.headers = vec![("A".to_owned(), "b c".to_owned())];
        load.resolve = vec!["127.0.0.1:1".parse().unwrap()];
        load.family = AddressFamily::Any;
        load.transport.ca_cert = Some("/ca".into());
        let words = of(&adapted(load).unwrap(), Path::new("/d"));
        let line: Vec<String> = words.into_iter().map(|word| word.into_string().unwrap()).collect();
        let expected = "load -quiet -log-errors=false -qps 300 -c 4 -t 1m30s -timeout 3s -json /d/result \
            -access-log-file /d/access -r 0.001 -offset 0s -H A:_b_c -resolve 127.0.0.1 -resolve-ip-type ip \
            -cacert /ca -uniform -allow-initial-errors http://h:1/p?a=b";
        let line: Vec<String> = line.iter().map(|word| word.replace(' ', "_")).collect();
        assert_eq!(line.join(" "), expected);
    }

    #[test]
    fn credentials_never_reach_the_process_table() {
        let load = LoadPlan::to("http://a:b@h/").unwrap();
        assert!(matches!(adapted(load).unwrap_err(), LoadError::BadPlan { field: "user", .. }));
    }
}
