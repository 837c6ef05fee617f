//! A connected cluster and its objects.

use std::path::PathBuf;

use chaos_manifests::chaos_plural;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, ApiResource, DynamicObject};
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::{Client, Config};

use crate::access::ClusterAccess;
use crate::throttle::Throttled;

/// What the audit log of a cluster calls us.
const USER_AGENT: &str = concat!("squall/", env!("CARGO_PKG_VERSION"));

/// What the context is called where no kubeconfig names one.
const IN_CLUSTER: &str = "in-cluster";

/// The one file that holds the kubeconfig, where nobody names it.
fn default_kubeconfig() -> Option<PathBuf> {
    match std::env::var_os("KUBECONFIG") {
        Some(list) => {
            let mut paths = std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty());
            paths.next().filter(|_| paths.next().is_none())
        }
        None => std::env::home_dir().map(|home| home.join(".kube/config")).filter(|path| path.exists()),
    }
}

/// Why a cluster can't be reached.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// What names it can't be read, or names nothing.
    #[error("no cluster: {0}")]
    Config(String),
    /// No client can be made of it.
    #[error("no client for context `{context}`: {why}")]
    Client {
        /// The context.
        context: String,
        /// What was wrong.
        why: String,
    },
}

impl ClusterAccess {
    /// The name of the context, as the kubeconfig says it; nothing is asked of the cluster.
    ///
    /// # Errors
    /// A kubeconfig that is named and can't be read.
    pub fn context_name(&self) -> Result<String, ClusterError> {
        if let Some(context) = &self.context {
            return Ok(context.clone());
        }
        Ok(self.file()?.map_or_else(|| IN_CLUSTER.to_owned(), |file| file.current_context.unwrap_or_default()))
    }

    /// The kubeconfig; `None` where there is none, and nobody names one.
    fn file(&self) -> Result<Option<Kubeconfig>, ClusterError> {
        match &self.kubeconfig {
            Some(path) => {
                Kubeconfig::read_from(path).map(Some).map_err(|error| ClusterError::Config(error.to_string()))
            }
            None => Ok(Kubeconfig::read().ok()),
        }
    }
}

/// A connected cluster.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    access: ClusterAccess,
    context: String,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("access", &self.access).field("context", &self.context).finish_non_exhaustive()
    }
}

impl Cluster {
    /// Makes a client; nothing is asked of the cluster yet.
    ///
    /// # Errors
    /// A kubeconfig that can't be read, a context that is not in it, credentials that can't be used.
    pub async fn connect(access: &ClusterAccess) -> Result<Self, ClusterError> {
        let wrong = |error: &dyn std::fmt::Display| ClusterError::Config(error.to_string());
        let options = KubeConfigOptions { context: access.context.clone(), ..KubeConfigOptions::default() };
        let (context, mut config) = match access.file()? {
            Some(file) => {
                let context = access.context.clone().or_else(|| file.current_context.clone()).unwrap_or_default();
                (context, Config::from_custom_kubeconfig(file, &options).await.map_err(|error| wrong(&error))?)
            }
            None => (IN_CLUSTER.to_owned(), Config::incluster().map_err(|error| wrong(&error))?),
        };
        // The library would go on trying for hours; here each caller says for how long.
        config.default_retry = false;
        config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(USER_AGENT)));
        let builder = ClientBuilder::try_from(config)
            .map_err(|error| ClusterError::Client { context: context.clone(), why: error.to_string() })?;
        let client = builder.with_layer(&Throttled).build();
        Ok(Self { client, access: access.clone(), context })
    }

    /// A cluster behind a client that is there already, under the name `context`; nobody else can reach it by reference.
    pub fn with_client(client: Client, context: impl Into<String>) -> Self {
        Self { client, access: ClusterAccess::default(), context: context.into() }
    }

    /// How it was named.
    pub fn access(&self) -> &ClusterAccess {
        &self.access
    }

    /// The same by reference, wherever it is read: the kubeconfig by its full path, and the context by its name. Where
    /// `KUBECONFIG` names several files, whoever reads it needs that variable.
    pub fn reference(&self) -> ClusterAccess {
        let named = self.access.kubeconfig.clone().or_else(default_kubeconfig);
        let kubeconfig = named.and_then(|path| std::path::absolute(path).ok());
        let in_cluster = kubeconfig.is_none() && self.context == IN_CLUSTER;
        ClusterAccess { kubeconfig, context: (!in_cluster).then(|| self.context.clone()) }
    }

    /// The context that it was reached by.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// The client, for whatever has no method here.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The pods of a namespace.
    pub fn pods(&self, namespace: &str) -> Api<Pod> {
        Api::namespaced(self.client(), namespace)
    }

    /// The `ConfigMaps` of a namespace.
    pub fn config_maps(&self, namespace: &str) -> Api<ConfigMap> {
        Api::namespaced(self.client(), namespace)
    }

    /// Objects of Chaos Mesh of that kind and plural in a namespace: `Workflow` and `workflows`.
    pub fn chaos_mesh(&self, kind: &str, plural: &str, namespace: &str) -> Api<DynamicObject> {
        let resource =
            ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("chaos-mesh.org", "v1alpha1", kind), plural);
        Api::namespaced_with(self.client(), namespace, &resource)
    }

    /// Chaos objects of that kind, or Schedules, in a namespace.
    pub fn chaos(&self, kind: &str, namespace: &str) -> Api<DynamicObject> {
        self.chaos_mesh(kind, &chaos_plural(kind), namespace)
    }
}
