//! What this user may do in a namespace: asked of the server, before anything depends on it.

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::api::{Api, PostParams};

use crate::cluster::Cluster;
use crate::patience::{CallError, Patience, patiently};

/// Something to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right<'a> {
    /// What is done, such as `create`.
    pub verb: &'a str,
    /// The API group; empty for the core.
    pub group: &'a str,
    /// The resource, and its subresource after a slash.
    pub resource: &'a str,
}

impl Cluster {
    /// Those of `rights` that this user does not have in `namespace`, in words.
    ///
    /// # Errors
    /// [`CallError`] where the server does not say.
    pub async fn missing_rights(
        &self,
        namespace: &str,
        rights: &[Right<'_>],
        patience: Patience,
    ) -> Result<Vec<String>, CallError> {
        let api: Api<SelfSubjectAccessReview> = Api::all(self.client());
        let mut missing = Vec::new();
        for Right { verb, group, resource } in rights {
            let (resource, subresource) = match resource.split_once('/') {
                Some((resource, sub)) => (resource, Some(sub.to_owned())),
                None => (*resource, None),
            };
            let asked = SelfSubjectAccessReview {
                spec: SelfSubjectAccessReviewSpec {
                    resource_attributes: Some(ResourceAttributes {
                        namespace: Some(namespace.to_owned()),
                        verb: Some((*verb).to_owned()),
                        group: Some((*group).to_owned()),
                        resource: Some(resource.to_owned()),
                        subresource,
                        ..ResourceAttributes::default()
                    }),
                    ..SelfSubjectAccessReviewSpec::default()
                },
                ..SelfSubjectAccessReview::default()
            };
            let what = format!("ask whether `{verb}` of `{resource}` is allowed");
            let answer =
                patiently(&what, patience, || async { api.create(&PostParams::default(), &asked).await }).await?;
            if !answer.status.is_some_and(|status| status.allowed) {
                missing.push(format!("{verb} {resource}"));
            }
        }
        Ok(missing)
    }
}
