//! Which processes a rig has, and how each is started.

use std::fmt;
use std::fs::File;
use std::process::{Command, Stdio};

use crate::error::RigError;
use crate::folder::Folder;
use crate::ports::Ports;
use crate::programs::Programs;

/// A process of a rig.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RigPart {
    /// The store.
    Etcd,
    /// kube-apiserver.
    Api,
    /// kube-controller-manager.
    Controllers,
    /// kube-scheduler.
    Scheduler,
    /// kwok, which plays the nodes and their pods.
    Kwok,
}

/// The controllers that run; each name ends in `-controller`. Without node-lifecycle no new node is ever ready, without
/// clusterrole-aggregation the roles `view`, `edit` and `admin` are empty.
const CONTROLLERS: &[&str] = &[
    "clusterrole-aggregation",
    "cronjob",
    "daemonset",
    "deployment",
    "disruption",
    "endpoints",
    "endpointslice",
    "garbage-collector",
    "job",
    "namespace",
    "node-lifecycle",
    "pod-garbage-collector",
    "replicaset",
    "root-ca-certificate-publisher",
    "serviceaccount",
    "serviceaccount-token",
    "statefulset",
    "taint-eviction",
];

impl RigPart {
    /// All of them, in the order in which they are started.
    pub const ALL: [Self; 5] = [Self::Etcd, Self::Api, Self::Controllers, Self::Scheduler, Self::Kwok];

    /// Its name, as that of its log and of its program.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::Api => "kube-apiserver",
            Self::Controllers => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Kwok => "kwok",
        }
    }

    /// The command that starts it, which writes to its log.
    pub(crate) fn command(self, programs: &Programs, folder: &Folder, ports: Ports) -> Result<Command, RigError> {
        let mut command = Command::new(&programs.kuberig);
        match self {
            Self::Kwok => command.arg("hold").arg(&programs.kwok),
            _ => command.arg(self.name()),
        };
        command.args(match self {
            Self::Etcd => etcd(folder, ports),
            Self::Api => api(folder, ports),
            Self::Controllers => controllers(folder),
            Self::Scheduler => with(&own(folder, "rig:scheduler"), &["--leader-elect=false", "--secure-port=0"]),
            Self::Kwok => kwok(folder, ports),
        });
        let path = folder.root().join(format!("{}.log", self.name()));
        let log = File::options().create(true).append(true).open(&path).map_err(RigError::file(&path))?;
        let both = log.try_clone().map_err(RigError::file(&path))?;
        // Its folder is ours to remove, and nobody's kubeconfig is to be found by accident.
        command.current_dir(folder.root()).env_remove("KUBECONFIG");
        command.stdin(Stdio::null()).stdout(log).stderr(both);
        Ok(command)
    }
}

impl fmt::Display for RigPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn with(first: &[String], rest: &[&str]) -> Vec<String> {
    first.iter().cloned().chain(rest.iter().map(ToString::to_string)).collect()
}

/// What it is to the API server.
fn own(folder: &Folder, user: &str) -> Vec<String> {
    let path = folder.access(user).kubeconfig.unwrap_or_default();
    vec![format!("--kubeconfig={}", path.to_string_lossy())]
}

fn etcd(folder: &Folder, ports: Ports) -> Vec<String> {
    let (client, peer) = (url("http", ports.etcd), url("http", ports.peer));
    let arguments = [
        "--name=rig".to_owned(),
        format!("--data-dir={}", folder.path("etcd")),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=rig={peer}"),
    ];
    // The folder is thrown away; a power cut is not what is tested.
    with(&arguments, &["--unsafe-no-fsync", "--log-level=warn"])
}

fn url(scheme: &str, port: u16) -> String {
    format!("{scheme}://127.0.0.1:{port}")
}

fn api(folder: &Folder, ports: Ports) -> Vec<String> {
    let arguments = [
        format!("--etcd-servers={}", url("http", ports.etcd)),
        format!("--secure-port={}", ports.api),
        format!("--tls-cert-file={}", folder.path("api.crt")),
        format!("--tls-private-key-file={}", folder.path("api.key")),
        format!("--client-ca-file={}", folder.path("ca.crt")),
        format!("--cert-dir={}", folder.path("certificates")),
        format!("--token-auth-file={}", folder.path("tokens.csv")),
        format!("--service-account-signing-key-file={}", folder.path("sa.key")),
        format!("--service-account-key-file={}", folder.path("sa.pub")),
        format!("--audit-policy-file={}", folder.path("audit-policy.yaml")),
        format!("--audit-log-path={}", folder.path("audit.log")),
    ];
    let fixed = [
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=Node,RBAC",
        "--anonymous-auth=false",
        "--allow-privileged=true",
        "--kubelet-preferred-address-types=InternalIP",
        // Each line is written before its answer is sent off whole, and the log is one file.
        "--audit-log-mode=blocking",
        "--audit-log-maxsize=100000",
    ];
    with(&arguments, &fixed)
}

fn controllers(folder: &Folder) -> Vec<String> {
    let list: Vec<_> = CONTROLLERS.iter().map(|name| format!("{name}-controller")).collect();
    let arguments = [
        own(folder, "rig:controllers").concat(),
        format!("--service-account-private-key-file={}", folder.path("sa.key")),
        format!("--root-ca-file={}", folder.path("ca.crt")),
        format!("--controllers={}", list.join(",")),
    ];
    let fixed = [
        "--leader-elect=false",
        "--secure-port=0",
        "--node-monitor-period=500ms",
        // A node that is frozen is lost after some seconds; the rig's own outages of the API server must not lose any.
        "--node-monitor-grace-period=20s",
    ];
    with(&arguments, &fixed)
}

fn kwok(folder: &Folder, ports: Ports) -> Vec<String> {
    let arguments = [
        own(folder, "rig:kwok").concat(),
        format!("--config={}", folder.path("kwok.yaml")),
        format!("--server-address=127.0.0.1:{}", ports.kwok),
        format!("--node-port={}", ports.kwok),
        format!("--tls-cert-file={}", folder.path("api.crt")),
        format!("--tls-private-key-file={}", folder.path("api.key")),
    ];
    let fixed =
        ["--manage-all-nodes=true", "--cidr=10.0.0.0/16", "--node-ip=127.0.0.1", "--node-lease-duration-seconds=10"];
    with(&arguments, &fixed)
}
