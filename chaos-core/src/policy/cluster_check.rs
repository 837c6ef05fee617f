//! Checks what a run would touch in a cluster.

use super::cluster::ClusterReach;
use super::permission::{Permission, PermissionNeed};
use super::refusal::Refusal;
use super::rules::Policy;

impl Policy {
    /// Checks what would be touched in a cluster: context, namespace and each kind must be allowed, and what looks like
    /// production needs the permission `production` besides.
    ///
    /// # Errors
    /// The refusal, with all the flags that would allow it.
    pub fn check_cluster(&self, reach: &ClusterReach) -> Result<(), Refusal> {
        let missing = self.clusters.missing(reach);
        if !missing.is_empty() {
            let (what, flags): (Vec<_>, Vec<_>) = missing.into_iter().unzip();
            let are = if what.len() == 1 { "is" } else { "are" };
            return Err(Refusal::new(format!("{} {are} not allowed", what.join(", ")), Some(flags.join(" "))));
        }
        if let Some(why) = self.clusters.like_production(reach) {
            self.check_permission(&PermissionNeed { permission: Permission::Production, why })?;
        }
        match self.within.clusters.as_ref().map(|within| within.missing(reach)) {
            Some(missing) if !missing.is_empty() => Err(Refusal::by_document(&missing[0].0)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(context: &str, namespace: &str) -> ClusterReach {
        ClusterReach {
            context: context.into(),
            namespace: namespace.into(),
            kinds: vec!["Workflow".into(), "Pod".into()],
        }
    }

    fn operator(json: &str) -> Policy {
        Policy::from(serde_json::from_str::<crate::PolicyRequest>(json).unwrap())
    }

    #[test]
    fn by_default_no_cluster_is_touched_and_the_refusal_names_every_flag() {
        let refusal = Policy::default().check_cluster(&reach("kind", "nightly")).unwrap_err();
        let flags = "--allow-context kind --allow-namespace nightly --allow-kind Workflow --allow-kind Pod";
        assert_eq!(refusal.flag.as_deref(), Some(flags));
        assert_eq!(refusal.what, "context `kind`, namespace `nightly`, kind `Workflow`, kind `Pod` are not allowed");
    }

    #[test]
    fn each_of_the_three_is_needed() {
        let all = r#"{"clusters": {"contexts": ["kind*"], "namespaces": ["nightly"], "kinds": ["*"]}}"#;
        assert_eq!(operator(all).check_cluster(&reach("kind-1", "nightly")), Ok(()));
        let rows = [("other", "nightly", "context `other`"), ("kind-1", "default", "namespace `default`")];
        for (context, namespace, what) in rows {
            let refusal = operator(all).check_cluster(&reach(context, namespace)).unwrap_err();
            assert!(refusal.what.starts_with(what), "{refusal}");
        }
        let kinds = r#"{"clusters": {"contexts": ["*"], "namespaces": ["*"], "kinds": ["Workflow"]}}"#;
        let refusal = operator(kinds).check_cluster(&reach("a", "b")).unwrap_err();
        assert_eq!(refusal.flag.as_deref(), Some("--allow-kind Pod"));
    }

    #[test]
    fn what_looks_like_production_needs_a_permission_of_its_own() {
        let any = r#""contexts": ["*"], "namespaces": ["*"], "kinds": ["*"]"#;
        let policy = operator(&format!(r#"{{"clusters": {{{any}}}}}"#));
        for (context, namespace) in [("prod-eu", "nightly"), ("kind", "Production")] {
            let refusal = policy.check_cluster(&reach(context, namespace)).unwrap_err();
            assert_eq!(refusal.flag.as_deref(), Some("--permit production"), "{refusal}");
        }
        let permitted = Policy { permissions: vec![Permission::Production], ..policy.clone() };
        assert_eq!(permitted.check_cluster(&reach("prod-eu", "production")), Ok(()));
        let own = operator(&format!(r#"{{"clusters": {{{any}, "production": ["live-*"]}}}}"#));
        assert_eq!(own.check_cluster(&reach("prod-eu", "a")), Ok(()));
        assert!(own.check_cluster(&reach("live-eu", "a")).is_err());
    }

    #[test]
    fn a_document_narrows_and_widens_only_when_accepted() {
        let any = operator(r#"{"clusters": {"contexts": ["*"], "namespaces": ["*"], "kinds": ["*"]}}"#);
        let request = r#"{"clusters": {"contexts": ["kind"], "namespaces": ["nightly"], "kinds": ["*"]}}"#;
        let request: crate::PolicyRequest = serde_json::from_str(request).unwrap();
        let narrowed = any.narrowed(&request);
        assert_eq!(narrowed.check_cluster(&reach("kind", "nightly")), Ok(()));
        assert_eq!(narrowed.check_cluster(&reach("kind", "other")).unwrap_err().flag, None);
        assert!(Policy::default().narrowed(&request).check_cluster(&reach("kind", "nightly")).is_err());
        assert_eq!(Policy::default().accepting(&request).check_cluster(&reach("kind", "nightly")), Ok(()));
    }
}
