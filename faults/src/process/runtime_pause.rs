//! A pause of the async runtime of one process, by a fail point at which its threads wait.

#[cfg(feature = "failpoint")]
pub(super) use with_fail_points::{inject, plan, witness};
#[cfg(not(feature = "failpoint"))]
pub(super) use without::{NoSite, inject, plan, without_fail_points, witness};

#[cfg(feature = "failpoint")]
mod with_fail_points {
    use std::time::Duration;

    use chaos_core::Fault as _;
    use chaos_core::{
        Evidence, FaultTarget, InjectContext, Injection, PauseMethod, Plan, PluginError, ProcessAct, ProcessState,
        RunContext, Sighting, Undo,
    };

    use super::super::targeted;
    use crate::RuntimeSite;

    /// How long a thread of the runtime may take to come by.
    const REACHED_WITHIN: Duration = Duration::from_secs(5);
    /// Between two questions whether one has.
    const ASK_AGAIN: Duration = Duration::from_millis(5);

    /// What it would touch: the process, and the fail point.
    pub(crate) async fn plan(target: &FaultTarget, site: &RuntimeSite, cx: &RunContext) -> Result<Plan, PluginError> {
        if target.resolve(cx)?.len() != 1 {
            let why = format!("`runtime` holds one process at its own fail point, and {target} is several");
            return Err(PluginError::refused(why));
        }
        // What may not be stopped may not be held, either.
        let process = targeted::plan(target, ProcessAct::Pause(PauseMethod::Signal), "hold the runtime of", cx).await?;
        let mut plan = site.pause().plan(cx).await?;
        plan.summary = format!("{} at fail point `{}`", process.summary, site.site);
        plan.touches.extend(process.touches);
        plan.permissions.extend(process.permissions);
        plan.reach = plan.reach.and(process.reach);
        Ok(plan)
    }

    /// Arms the fail point, and waits until a thread of the runtime waits at it.
    pub(crate) async fn inject(
        target: &FaultTarget,
        site: &RuntimeSite,
        cx: &InjectContext,
        undo: &Undo,
    ) -> Result<Injection, PluginError> {
        plan(target, site, cx).await?;
        let fault = site.pause();
        let injection = fault.inject(cx, undo).await?;
        let clock = cx.clock();
        let until = clock.now() + REACHED_WITHIN;
        while fault.held(cx).await?.0 == Some(0) {
            if clock.now() >= until {
                let seconds = REACHED_WITHIN.as_secs();
                let why = format!("no thread came by fail point `{}` within {seconds} s", site.site);
                return Err(PluginError::failed(format!("{why}: name a site that the runtime passes often")));
            }
            if !cx.sleep(ASK_AGAIN).await {
                return Err(PluginError::Cancelled);
            }
        }
        Ok(injection)
    }

    /// What the kernel says of the process, and its own fail points of their callers.
    pub(crate) async fn witness(target: &FaultTarget, site: &RuntimeSite, cx: &RunContext) -> Sighting {
        let looked = async {
            let statuses = targeted::statuses(target, cx).await?;
            let gone = statuses.iter().all(|status| status.state == ProcessState::Gone);
            let texts: Vec<String> = statuses.iter().map(|one| format!("{} ({})", one.label, one.detail)).collect();
            if gone {
                return Ok(Sighting::absent(Evidence::new(texts.join("; "))));
            }
            let (waiting, said) = site.pause().held(cx).await?;
            let texts = texts.join("; ");
            let running = statuses.iter().all(|status| status.state == ProcessState::Running);
            Ok::<_, PluginError>(match waiting {
                Some(waiting @ 1..) if running => {
                    let held = format!("{texts}: {waiting} of its callers wait; {said}");
                    Sighting::present(Evidence::new(held).with_data(serde_json::json!({ "waiting": waiting })))
                }
                Some(1..) => Sighting::unknown(format!("{texts}: it is not only its runtime that is held; {said}")),
                Some(0) => Sighting::unknown(format!("{texts}: no caller waits; {said}")),
                None => Sighting::absent(Evidence::new(format!("{texts}: {said}"))),
            })
        };
        match looked.await {
            Ok(sighting) => sighting,
            Err(PluginError::NotYet(why)) => Sighting::absent(Evidence::new(why)),
            Err(error) => Sighting::unknown(error.to_string()),
        }
    }
}

#[cfg(not(feature = "failpoint"))]
mod without {
    use chaos_core::{FaultTarget, InjectContext, Injection, Plan, PluginError, RunContext, Sighting, Undo};

    /// The fail point that can't be named here.
    pub(crate) enum NoSite {}

    pub(crate) fn without_fail_points() -> PluginError {
        let why = "`method: runtime` needs the client of fail points, which this build lacks: build with `failpoint`";
        PluginError::refused(why)
    }

    pub(crate) async fn plan(_: &FaultTarget, site: &NoSite, _: &RunContext) -> Result<Plan, PluginError> {
        match *site {}
    }

    pub(crate) async fn inject(
        _: &FaultTarget,
        site: &NoSite,
        _: &InjectContext,
        _: &Undo,
    ) -> Result<Injection, PluginError> {
        match *site {}
    }

    pub(crate) async fn witness(_: &FaultTarget, site: &NoSite, _: &RunContext) -> Sighting {
        match *site {}
    }
}

#[cfg(test)]
#[cfg(feature = "failpoint")]
mod tests;
