//! Has the API server throttle a user: 429 with `Retry-After`, by its own priority and fairness.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use chaos_kube::{Cluster, ClusterAccess};
use chaos_rig::AuditedRequest;
use k8s_openapi::api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::Api;
use kube::api::{DeleteParams, GetParams, PostParams};
use kube::client::Body;
use kube::core::Request;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::stage::Stage;

/// How often it is looked whether something has come about.
const LOOK: Duration = Duration::from_millis(50);
/// What has not come about by then never will.
const PATIENCE: Duration = Duration::from_mins(2);
/// So many refusals of one kind show that they were tried again.
const SEVERAL: usize = 3;

/// A user who may do everything that a run needs, and who can be throttled: administrators are exempt.
pub(crate) async fn somebody(stage: &Stage) -> ClusterAccess {
    let may = |group: &str, resources: &[&str]| PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(resources.iter().map(|&word| word.to_owned()).collect()),
        verbs: vec!["*".to_owned()],
        ..PolicyRule::default()
    };
    let rules = vec![may("chaos-mesh.org", &["*"]), may("", &["pods", "pods/log", "configmaps", "events"])];
    stage.rig.restricted_to(&stage.namespace, rules).await
}

/// Requests of a user that the API server refuses for now, since one of them is under way and only one may be.
pub(crate) struct Throttle<'a> {
    stage: &'a Stage,
    user: &'a ClusterAccess,
    name: String,
    /// How the request that is under way gets there, and that request.
    proxy: Child,
    _held: TcpStream,
}

impl<'a> Throttle<'a> {
    /// Refuses these; returns when it does. It holds for less than a minute.
    pub(crate) async fn begin(stage: &'a Stage, user: &'a ClusterAccess, verbs: &[&str], resources: &[&str]) -> Self {
        let file = user.kubeconfig.as_ref().unwrap();
        let account = file.file_name().unwrap().to_str().unwrap().strip_prefix("kubeconfig-").unwrap();
        let name = format!("throttles-{account}");
        let limited = json!({
            "nominalConcurrencyShares": 0, "lendablePercent": 0, "borrowingLimitPercent": 0, "limitResponse": {"type": "Reject"},
        });
        let level = json!({"metadata": {"name": name}, "spec": {"type": "Limited", "limited": limited}});
        levels(stage).create(&PostParams::default(), &serde_json::from_value(level).unwrap()).await.unwrap();
        let rule = |verbs: &[&str], resources: &[&str], namespace: &str| json!({"verbs": verbs, "apiGroups": ["*"], "resources": resources, "namespaces": [namespace]});
        let own = &stage.namespace;
        // Beside what is asked for: what is held, and what is looked at.
        let rules = [
            rule(verbs, resources, own),
            rule(&["create"], &["configmaps"], own),
            rule(&["get"], &["configmaps"], "default"),
        ];
        let subject = json!({"kind": "ServiceAccount", "serviceAccount": {"namespace": "rig-users", "name": account}});
        let schema = json!({"metadata": {"name": name}, "spec": {
            "priorityLevelConfiguration": {"name": name}, "matchingPrecedence": 2,
            "rules": [{"subjects": [subject], "resourceRules": rules}],
        }});
        let schema =
            schemas(stage).create(&PostParams::default(), &serde_json::from_value(schema).unwrap()).await.unwrap();
        until("the schema is in force", async || answer(user).await.schema == schema.metadata.uid).await;
        let (proxy, port) = proxy(stage, file).await;
        let held = held(stage, user, port).await;
        Self { stage, user, name, proxy, _held: held }
    }

    /// Ends it; returns when requests are served again.
    pub(crate) async fn end(mut self) {
        schemas(self.stage).delete(&self.name, &DeleteParams::default()).await.unwrap();
        levels(self.stage).delete(&self.name, &DeleteParams::default()).await.unwrap();
        self.proxy.kill().await.unwrap();
        until("the throttle is over", async || answer(self.user).await.code == 403).await;
    }

    /// Waits until several requests of the run were refused.
    pub(crate) async fn until_felt(&self, verb: &str, resource: &str) {
        until("requests are throttled", async || refusals(self.stage, verb, resource).len() >= SEVERAL).await;
    }
}

fn levels(stage: &Stage) -> Api<PriorityLevelConfiguration> {
    Api::all(stage.cluster.client())
}

fn schemas(stage: &Stage) -> Api<FlowSchema> {
    Api::all(stage.cluster.client())
}

/// A way to the API server as that user, without TLS, and its port.
async fn proxy(stage: &Stage, kubeconfig: &Path) -> (Child, u16) {
    let mut kubectl = Command::from(stage.rig.kubectl());
    kubectl.args(["proxy", "--port=0", "--kubeconfig"]).arg(kubeconfig).kill_on_drop(true);
    let mut proxy = kubectl.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(proxy.stdout.take().unwrap()).read_line(&mut said).await.unwrap();
    let port = said.trim().rsplit(':').next().unwrap().parse().unwrap_or_else(|_| panic!("{said}"));
    (proxy, port)
}

/// A request whose end does not come, so that it keeps the one place that there is. A request without a place is answered at once.
async fn held(stage: &Stage, user: &ClusterAccess, port: u16) -> TcpStream {
    let path = format!("/api/v1/namespaces/{}/configmaps", stage.namespace);
    let head = "Host: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 10";
    loop {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(format!("POST {path} HTTP/1.1\r\n{head}\r\n\r\n").as_bytes()).await.unwrap();
        let others_are_refused = async {
            until("others are refused", async || answer(user).await.code == 429 && answer(user).await.code == 429)
                .await;
        };
        tokio::select! {
            biased;
            _ = stream.read_u8() => tokio::time::sleep(LOOK).await,
            () = others_are_refused => return stream,
        }
    }
}

/// What the API server answers to that user.
struct Answer {
    code: u16,
    schema: Option<String>,
    pause: Option<String>,
}

async fn answer(user: &ClusterAccess) -> Answer {
    let cluster = Cluster::connect(user).await.unwrap();
    let request = Request::new("/api/v1/namespaces/default/configmaps").get("none", &GetParams::default()).unwrap();
    let answer = cluster.client().send(request.map(Body::from)).await.unwrap();
    let header = |name: &str| Some(answer.headers().get(name)?.to_str().unwrap().to_owned());
    Answer {
        code: answer.status().as_u16(),
        schema: header("x-kubernetes-pf-flowschema-uid"),
        pause: header("retry-after"),
    }
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let held = async {
        while !holds().await {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, held).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// What of ours was refused with 429.
pub(crate) fn refusals(stage: &Stage, verb: &str, resource: &str) -> Vec<AuditedRequest> {
    let is = |one: &AuditedRequest| one.code == 429 && one.verb == verb && one.resource == resource;
    stage.asked().into_iter().filter(is).collect()
}

/// That the server asked for a pause, and that it was kept: the same request came again no sooner.
pub(crate) async fn pauses_are_kept(user: &ClusterAccess, refused: &[AuditedRequest]) {
    let asked_for: Option<u64> = answer(user).await.pause.map(|pause| pause.parse().unwrap());
    assert!(asked_for.is_some_and(|seconds| seconds >= 1), "{asked_for:?}");
    let pauses: Vec<_> = refused.windows(2).map(|two| two[1].at.duration_since(two[0].at).as_millis()).collect();
    assert!(pauses.iter().all(|pause| *pause >= 1000), "{pauses:?}");
}
