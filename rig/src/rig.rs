//! The cluster that a test gets.
#![expect(
    clippy::missing_panics_doc,
    reason = "a test asks, and must fail where the cluster can't; the type says it once"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chaos_kube::{Cluster, ClusterAccess};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::Api;
use kube::api::PostParams;
use rustix::process::Signal;
use serde_json::json;

use crate::audit::{self, AuditedRequest};
use crate::error::{RigError, explained};
use crate::part::RigPart;
use crate::plane::{Plane, block_on};
use crate::programs::Programs;
use crate::{resources, users};

/// Names a kubeconfig whose cluster takes the place of a rig.
const EXTERNAL: &str = "SQUALL_TEST_KUBECONFIG";
/// A line of the audit log that shows that all before it is written.
const MARKER: &str = "/version?marker=";
/// How often it is looked for, and how often at most: 60 s in all, for a machine that is busy.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS: usize = 6000;

/// The rig of this process. A static, since the harness gives tests no other thing in common; what ends it is the end of the process.
static LOCAL: OnceLock<Rig> = OnceLock::new();
/// The same for a cluster from outside.
static OUTSIDE: OnceLock<Rig> = OnceLock::new();
static NUMBERS: AtomicUsize = AtomicUsize::new(1);

/// A cluster for tests. Clones are the same cluster; a rig of a test's own ends with the last of them.
///
/// # Panics
/// All methods but `access` where the cluster can't do what is asked: it is a test that asks, and must fail then.
#[derive(Debug, Clone)]
pub struct Rig(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    Local(Plane),
    External { access: ClusterAccess, folder: tempfile::TempDir },
}

impl Rig {
    /// The cluster of the kubeconfig that `SQUALL_TEST_KUBECONFIG` names, or else [`Rig::local`].
    ///
    /// An external cluster can't be killed, and has no audit log that could be read: the methods for that need [`Rig::local`] or [`Rig::alone`].
    pub fn start() -> Option<Self> {
        match std::env::var_os(EXTERNAL) {
            Some(path) => Some(OUTSIDE.get_or_init(|| Self::external(path.into()).expect(EXTERNAL)).clone()),
            None => Self::local(),
        }
    }

    /// The rig that the tests of this process share, each in a namespace of its own; the first one starts it, in about 3 s.
    /// Without its programs it says so, in the words by which skipped tests are counted.
    pub fn local() -> Option<Self> {
        let programs = installed()?;
        Some(LOCAL.get_or_init(|| Self::started(&programs)).clone())
    }

    /// A rig that nobody else uses, for tests that kill or freeze a part of it.
    pub fn alone() -> Option<Self> {
        installed().map(|programs| Self::started(&programs))
    }

    /// Whether a rig can be started; says so where not, as the others do.
    pub fn installed() -> bool {
        installed().is_some()
    }

    fn started(programs: &Programs) -> Self {
        let plane = Plane::start(programs).map_err(|error| explained(&error)).expect("a control plane starts");
        Self(Arc::new(Kind::Local(plane)))
    }

    fn external(kubeconfig: PathBuf) -> Result<Self, RigError> {
        let temp = std::env::temp_dir();
        let folder = tempfile::tempdir().map_err(RigError::file(&temp))?;
        let access = ClusterAccess { kubeconfig: Some(kubeconfig), context: None };
        block_on(|| async {
            let cluster = Cluster::connect(&access).await?;
            // A cluster with Chaos Mesh keeps its own definitions.
            match resources::get(&cluster, "/apis/chaos-mesh.org/v1alpha1").await {
                Ok(_) => Ok(()),
                Err(_) => resources::kinds(&cluster).await,
            }
        })?;
        Ok(Self(Arc::new(Kind::External { access, folder })))
    }

    /// How it is reached, as a user who may do everything.
    pub fn access(&self) -> ClusterAccess {
        match &*self.0 {
            Kind::Local(plane) => plane.access(),
            Kind::External { access, .. } => access.clone(),
        }
    }

    /// Makes a namespace, and returns its name when pods can be created in it. It is never removed: that takes 5 s.
    pub async fn namespace(&self) -> String {
        self.new_namespace().await.map_err(|error| explained(&error)).expect("a namespace")
    }

    async fn new_namespace(&self) -> Result<String, RigError> {
        let cluster = self.cluster().await?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() % 1_000_000;
        let name = format!("t{}-{since}-{}", std::process::id(), NUMBERS.fetch_add(1, Ordering::Relaxed));
        let object = json!({ "metadata": { "name": name, "labels": { "squall.dev/rig": "test" } } });
        let namespaces: Api<Namespace> = Api::all(cluster.client());
        let namespace = serde_json::from_value(object).map_err(|error| RigError::Api(error.to_string()))?;
        namespaces.create(&PostParams::default(), &namespace).await?;
        let mut last = String::new();
        for _ in 0..LOOKS {
            match resources::has_account(&cluster, &name).await {
                Ok(()) => return Ok(name),
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(RigError::Late { what: format!("service account of `{name}`"), seconds: 60, last })
    }

    /// The Workflows, their nodes, status checks, chaos and pods of a namespace, as `workflows/NAME`.
    pub fn objects(&self, namespace: &str) -> Vec<String> {
        let found = block_on(|| async { resources::objects(&self.cluster().await?, namespace).await });
        found.map_err(|error| explained(&error)).expect("a list of objects")
    }

    /// A namespace, for callers without a runtime.
    pub fn namespace_now(&self) -> String {
        block_on(|| self.namespace())
    }

    /// The program `kuberig`, which is also kubectl.
    pub fn kuberig(&self) -> &Path {
        self.plane("a program").kuberig()
    }

    /// kubectl. What it keeps of servers is kept with the rig, and not in the home of whoever runs the tests, where a later rig of the same port would
    /// find it.
    pub fn kubectl(&self) -> Command {
        let mut kubectl = Command::new(self.kuberig());
        kubectl.arg("kubectl").env("KUBECACHEDIR", self.files().join("kubectl"));
        kubectl
    }

    /// What was asked of the API server until now, in the order of its arrival, by all but the rig's own parts. In a shared rig other tests
    /// ask, too: a test looks at its namespace.
    pub fn audit(&self) -> Vec<AuditedRequest> {
        audit::requests(&self.audit_log())
    }

    /// The same for one namespace, which is faster in a rig that has been there for long.
    pub fn audit_of(&self, namespace: &str) -> Vec<AuditedRequest> {
        let (log, mark) = (self.audit_log(), format!("\"namespace\":\"{namespace}\""));
        let lines: Vec<_> = log.lines().filter(|line| line.contains(&mark)).collect();
        audit::requests(&lines.join("\n"))
    }

    fn audit_log(&self) -> String {
        let plane = self.plane("its audit log");
        let path = plane.folder().root().join("audit.log");
        let read = || String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()).into_owned();
        let marker = format!("{MARKER}{}", NUMBERS.fetch_add(1, Ordering::Relaxed));
        let log = block_on(|| async {
            let cluster = Cluster::connect(&plane.own_access()).await?;
            // An answer is on its way before its line is written; one that is killed writes no more.
            if resources::get(&cluster, &marker).await.is_ok() {
                for _ in 0..LOOKS {
                    let log = read();
                    if log.contains(&format!("{marker}\"")) {
                        return Ok(log);
                    }
                    tokio::time::sleep(LOOK).await;
                }
            }
            Ok(read())
        });
        log.map_err(|error: RigError| explained(&error)).expect("an audit log")
    }

    /// A user who may do what these rules say in all namespaces, and what every user may.
    pub async fn restricted(&self, rules: Vec<PolicyRule>) -> ClusterAccess {
        self.user(None, &rules).await
    }

    /// A user who may do what these rules say in one namespace, and what every user may.
    pub async fn restricted_to(&self, namespace: &str, rules: Vec<PolicyRule>) -> ClusterAccess {
        self.user(Some(namespace), &rules).await
    }

    async fn user(&self, namespace: Option<&str>, rules: &[PolicyRule]) -> ClusterAccess {
        let made = async { users::make(&self.cluster().await?, self.files(), namespace, rules).await };
        made.await.map_err(|error| explained(&error)).expect("a user")
    }

    /// Ends the API server by SIGKILL.
    pub fn kill_api(&self) {
        self.kill(RigPart::Api);
    }

    /// Starts the API server again, and returns when it is ready. Watches that begin at an older version of a resource than the newest get 410.
    pub async fn start_api(&self) {
        let rig = self.clone();
        let started = move || {
            let plane = rig.plane("a start");
            plane.spawn(RigPart::Api).and_then(|()| block_on(|| plane.ready())).map_err(|error| explained(&error))
        };
        // In a thread of its own: a test with paused time must not be late at once.
        let started = tokio::task::spawn_blocking(started).await;
        started.expect("no panic").expect("an API server");
    }

    /// Stops etcd by SIGSTOP: writes are not answered.
    pub fn freeze_etcd(&self) {
        self.freeze(RigPart::Etcd);
    }

    /// Ends that.
    pub fn thaw_etcd(&self) {
        self.thaw(RigPart::Etcd);
    }

    /// Ends a part by SIGKILL.
    pub fn kill(&self, part: RigPart) {
        self.plane("a kill").kill(part).map_err(|error| explained(&error)).expect("a part that can be killed");
    }

    /// Starts a part that was killed; whether it is ready is another question.
    pub fn start_again(&self, part: RigPart) {
        self.plane("a start").spawn(part).map_err(|error| explained(&error)).expect("a part that starts");
    }

    /// Stops a part by SIGSTOP.
    pub fn freeze(&self, part: RigPart) {
        self.signalled(part, Signal::STOP);
    }

    /// Has it go on.
    pub fn thaw(&self, part: RigPart) {
        self.signalled(part, Signal::CONT);
    }

    /// The process of a part, where it runs.
    pub fn pid(&self, part: RigPart) -> Option<u32> {
        self.plane("a process").pid(part)
    }

    /// Where the rig keeps its files, logs among them.
    pub fn files(&self) -> &Path {
        match &*self.0 {
            Kind::Local(plane) => plane.folder().root(),
            Kind::External { folder, .. } => folder.path(),
        }
    }

    fn signalled(&self, part: RigPart, signal: Signal) {
        let done = self.plane("a signal").signal(part, signal);
        done.map_err(|error| explained(&error)).expect("a part that runs");
    }

    async fn cluster(&self) -> Result<Cluster, RigError> {
        let access = match &*self.0 {
            Kind::Local(plane) => plane.own_access(),
            Kind::External { access, .. } => access.clone(),
        };
        Ok(Cluster::connect(&access).await?)
    }

    fn plane(&self, what: &str) -> &Plane {
        match &*self.0 {
            Kind::Local(plane) => Some(plane),
            Kind::External { .. } => None,
        }
        .ok_or_else(|| format!("{what} of an external cluster was asked for; `Rig::local` and `Rig::alone` have it"))
        .expect("a rig")
    }
}

fn installed() -> Option<Programs> {
    let programs = Programs::found();
    if programs.is_none() {
        println!("skipped: needs kuberig");
    }
    programs
}
