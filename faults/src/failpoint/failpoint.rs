//! The fault that arms a fail point in another process, and the step that disarms it.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use chaos_core::{
    AllowedDir, Clock, DirIdentity, Evidence, Fault, InjectContext, Injection, Plan, PluginError, Requirement,
    Resource, RunContext, Seconds, Secret, Sighting, Span, Undo, UndoContext, UndoStep, Undone, register_fault,
    register_undo_step,
};
use rand::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::AbortHandle;

use super::bounds::{LeaseSeconds, Share, SiteName, VariableName};
use super::control::{Control, DEFAULT_TOKEN_ENV, Rule, Site, Token, Way};
use super::endpoint::{self, folder_of};
use super::hits::counter;
use super::place::ControlPlace;

/// Arms a fail point of another process over its control endpoints.
///
/// # What it does
/// The site returns its error, after a delay if one is given; with a delay and no `error` it only delays. Which of the
/// hits that meets is up to the other fields. With `pause: true` every caller waits until the hold ends. The process must have been built with fail points and have started its
/// control server (`chaos_failpoints::ControlServer`).
///
/// # What it surfaces
/// Error paths that no test has taken: retries that never retry, budgets that do not bind, work that is lost when a
/// report is lost, clean-up that is forgotten.
///
/// # How it is undone
/// By disarming the site, if it is still ours. The arming carries a lease that this run renews; when the run is killed,
/// the site disarms itself after `lease_seconds`, and at once by a recovery.
///
/// # Limits
/// Plain HTTP over TCP, or over a unix socket of this user or of root, whose folder the policy must allow; not over a unix
/// socket in an experiment, which keeps to its target. The token goes over loopback alone, and recovery needs its variable
/// too. A site that somebody else has armed, or the program itself, is left alone: the injection is refused.
/// A process that ends takes its fail points with it. The counts in the evidence are the process's own.
///
/// # Example
/// ```yaml
/// type: failpoint
/// url: http://127.0.0.1:22381
/// site: worker.heartbeat
/// failure_rate: 0.3
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Failpoint {
    /// Where the control endpoints are: `http://host:port`, or `unix:/path` of a socket.
    pub url: ControlPlace,
    /// The site's name.
    pub site: SiteName,
    /// Share of the hits that fire, 0 to 1; default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_rate: Option<Share>,
    /// The most times that it fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    pub max_failures: Option<NonZeroU32>,
    /// Seconds that the caller is held up first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<Seconds>,
    /// The message of the error that the site returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Hits that pass before the first may fire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    pub skip_first: Option<NonZeroU32>,
    /// Fires on every n-th hit only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    pub every_nth: Option<NonZeroU32>,
    /// Whether callers wait until the hold ends, in place of every other effect.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pause: bool,
    /// Seconds after which the site disarms itself when this run no longer renews it; default 10.
    #[serde(default)]
    pub lease_seconds: LeaseSeconds,
    /// The environment variable that holds the server's token, never the token; default `FAILPOINTS_TOKEN` where set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_env: Option<VariableName>,
}

/// Disarms a fail point, if it is still the arming of this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisarmFailpoint {
    /// Where the control endpoints are.
    pub url: ControlPlace,
    /// The addresses that the policy allowed for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<SocketAddr>,
    /// The socket's folder, which the policy allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<DirIdentity>,
    /// The site's name.
    pub site: String,
    /// Who armed it.
    pub owner: String,
    /// The environment variable that holds the server's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
}

/// How often a site is armed for which a trigger makes room.
const MOST_TRIES: u32 = 10;

/// What every owner of ours begins with.
const OURS: &str = "squall/";

impl Fault for Failpoint {
    const SPAN: Span = Span::Sustained;
    const NEEDS: &'static [Requirement] = &[Requirement::Network];

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        self.check_pause()?;
        endpoint::check_confinement(&self.url, cx)?;
        let reach = endpoint::reach(&self.url)?;
        // Known before anything is said that could hold it.
        let _ = cx.secret(self.token_env());
        let resource = Resource::other("failpoint", format!("{}/{}", self.url, self.site));
        let summary = format!("arm fail point `{}` at {}: {}", self.site, self.url, self.rule());
        Ok(Plan::new(summary).touching(resource).reaching(reach))
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        let control = self.control(cx).await?;
        let owner = format!("{OURS}{}", cx.run_id());
        let step = DisarmFailpoint {
            site: self.site.to_string(),
            owner: owner.clone(),
            token_env: self.token_env.as_ref().map(ToString::to_string),
            ..DisarmFailpoint::at(&self.url, control.way())
        };
        let (clock, rule) = (cx.shared_clock(), if self.pause { Rule::Pause } else { Rule::Fields(self.form(cx)) });
        let (site, lease) = (self.site.to_string(), self.lease_seconds.get());
        let counter = counter(cx.run_id());
        let effect = undo.arm(step).await?;
        let armed = tokio::spawn(async move {
            // The permit goes with the request, wherever the run goes meanwhile.
            let _effect = effect;
            let arm = || control.arm(clock.as_ref(), &site, &owner, &rule, lease);
            make_room(&control, clock.as_ref(), &site, &counter).await?;
            // The trigger may look in between, and arm the site once more.
            let mut left = MOST_TRIES;
            while let Err(refused) = arm().await {
                left -= 1;
                if left == 0 || !make_room(&control, clock.as_ref(), &site, &counter).await? {
                    return Err(refused);
                }
            }
            Ok::<_, PluginError>(Renewal::start(control, clock, site, owner, lease))
        });
        let renewal = armed.await.map_err(|error| PluginError::failed(error.to_string()))??;
        Ok(Injection::in_force_while(renewal))
    }

    async fn witness(&self, cx: &RunContext) -> Sighting {
        let looked = async { self.control(cx).await?.look(cx.clock(), self.site.as_str()).await };
        match looked.await {
            Ok(Some(seen)) => {
                let shown = Evidence::new(seen.summary()).with_data(seen.data().clone());
                let ours = seen.owner().is_some_and(|owner| owner.starts_with(OURS));
                if ours { Sighting::present(shown) } else { Sighting::absent(shown) }
            }
            Ok(None) => Sighting::absent(Evidence::new(format!("nothing listens at {}", self.url))),
            Err(error) => Sighting::unknown(error.to_string()),
        }
    }
}

/// Has a trigger of this run that only counts the hits make room; it reads those of the next arming from here on. Says
/// whether there was one.
async fn make_room(control: &Control, clock: &dyn Clock, site: &str, counter: &str) -> Result<bool, PluginError> {
    let waiting = control.look(clock, site).await?;
    let counts = waiting.as_ref().and_then(Site::owner) == Some(counter);
    if counts {
        control.disarm(clock, site, counter).await?;
    }
    Ok(counts)
}

impl Failpoint {
    async fn control(&self, cx: &RunContext) -> Result<Control, PluginError> {
        endpoint::open(&self.url, self.token_env.as_ref(), cx).await
    }

    fn token_env(&self) -> &str {
        self.token_env.as_ref().map_or(DEFAULT_TOKEN_ENV, VariableName::as_str)
    }

    /// The rule's fields, as the endpoints take them. The seed follows the run's, so that a run repeats.
    fn form(&self, cx: &RunContext) -> String {
        let mut form = super::control::Form::default();
        form.add("failure_rate", self.failure_rate.map(Share::get));
        form.add("max_failures", self.max_failures);
        form.add("delay_seconds", self.delay_seconds.map(f64::from));
        form.add("error", self.error.as_deref());
        form.add("skip_first", self.skip_first);
        form.add("every_nth", self.every_nth);
        form.add("seed", Some(cx.rng().next_u64()));
        form.finish()
    }

    /// A pause of every caller of a site.
    #[cfg(feature = "process")]
    pub(crate) fn pausing(url: ControlPlace, site: SiteName) -> Self {
        let (failure_rate, max_failures, delay_seconds, error, skip_first, every_nth, token_env) = Default::default();
        let (pause, lease_seconds) = (true, LeaseSeconds::default());
        Self {
            url,
            site,
            failure_rate,
            max_failures,
            delay_seconds,
            error,
            skip_first,
            every_nth,
            pause,
            lease_seconds,
            token_env,
        }
    }

    /// How many callers the site holds up, and what it says in one clause; `None` where it is not armed by a run of ours.
    #[cfg(feature = "process")]
    pub(crate) async fn held(&self, cx: &RunContext) -> Result<(Option<u64>, String), PluginError> {
        let Some(site) = self.control(cx).await?.look(cx.clock(), self.site.as_str()).await? else {
            return Ok((None, format!("nothing listens at {}", self.url)));
        };
        let ours = site.owner().is_some_and(|owner| owner.starts_with(OURS));
        Ok((ours.then(|| site.waiting()), site.summary()))
    }

    /// Refuses a pause that is to do something else, too.
    fn check_pause(&self) -> Result<(), PluginError> {
        let others = [
            ("failure_rate", self.failure_rate.is_some()),
            ("max_failures", self.max_failures.is_some()),
            ("delay_seconds", self.delay_seconds.is_some()),
            ("error", self.error.is_some()),
            ("skip_first", self.skip_first.is_some()),
            ("every_nth", self.every_nth.is_some()),
        ];
        match others.iter().find(|(_, given)| *given && self.pause) {
            Some((key, _)) => Err(PluginError::refused(format!("`pause` and `{key}` exclude each other; keep one"))),
            None => Ok(()),
        }
    }

    /// The rule in words.
    fn rule(&self) -> String {
        if self.pause {
            return "hold up every caller".to_owned();
        }
        let effect = match (&self.error, self.delay_seconds) {
            (None, Some(delay)) => format!("delay by {} s", f64::from(delay)),
            (None, None) => "fail".to_owned(),
            (Some(error), None) => format!("fail with `{error}`"),
            (Some(error), Some(delay)) => format!("delay by {} s and fail with `{error}`", f64::from(delay)),
        };
        let rate = self.failure_rate.map_or_else(String::new, |share| format!(" on {} % of hits", share.get() * 100.0));
        let most = self.max_failures.map_or_else(String::new, |most| format!(", {most} times at the most"));
        format!("{effect}{rate}{most}")
    }
}

/// Renews the lease until it is dropped.
struct Renewal(AbortHandle);

impl Renewal {
    fn start(control: Control, clock: Arc<dyn Clock>, site: String, owner: String, lease: Duration) -> Self {
        let renew = async move {
            loop {
                // Two renewals may be lost before the site lapses.
                clock.sleep(lease / 3).await;
                // One that fails is tried again at its time; the looks show whether the site has lapsed.
                let _ = control.renew(clock.as_ref(), &site, &owner, lease).await;
            }
        };
        Self(tokio::spawn(renew).abort_handle())
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl UndoStep for DisarmFailpoint {
    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        let gone = || Undone::NothingToDo(format!("nothing listens at {}: the process is gone", self.url));
        let Some(way) = self.way()? else { return Ok(gone()) };
        let secret = |name: &str| cx.env(name).map(Secret::new);
        let token = Token::find_for_undo(self.token_env.as_deref(), secret, &way)?;
        let control = Control::new(&self.url, way, token);
        let Some(before) = control.look(cx.clock(), &self.site).await? else {
            return Ok(gone());
        };
        if !self.is_ours(&before) {
            return Ok(Undone::NothingToDo(format!("{}, not by us", before.summary())));
        }
        control.disarm(cx.clock(), &self.site, &self.owner).await?;
        match control.look(cx.clock(), &self.site).await? {
            None => Ok(gone()),
            Some(after) if self.is_ours(&after) => {
                Err(PluginError::failed(format!("fail point `{}` is still armed", self.site)))
            }
            Some(_) => Ok(Undone::Reverted(format!("disarmed; before, {}", before.summary()))),
        }
    }

    fn describe(&self) -> String {
        format!("disarm fail point `{}` at {}", self.site, self.url)
    }
}

impl DisarmFailpoint {
    /// A step without a site and an owner.
    fn at(url: &ControlPlace, way: &Way) -> Self {
        let (site, owner, token_env) = Default::default();
        let (url, addresses, folder) = match way {
            Way::Tcp(addresses) => (url.clone(), addresses.clone(), None),
            Way::Unix(folder, name) => (ControlPlace::Unix(folder.path().join(name)), vec![], Some(folder.identity())),
        };
        Self { url, addresses, folder, site, owner, token_env }
    }

    /// `None` where the socket's folder is gone, or is another one, and the socket with it.
    fn way(&self) -> Result<Option<Way>, PluginError> {
        let (ControlPlace::Unix(path), Some(identity)) = (&self.url, self.folder) else {
            return Ok(Some(Way::Tcp(self.addresses.clone())));
        };
        let (folder, name) = folder_of(path)?;
        let opened = AllowedDir::reopen(folder, identity);
        let opened = opened.map_err(|error| PluginError::io(&format!("open `{}`", folder.display()), &error))?;
        Ok(opened.map(|folder| Way::Unix(Arc::new(folder), name.to_owned())))
    }

    fn is_ours(&self, seen: &Site) -> bool {
        seen.owner() == Some(&self.owner)
    }
}

register_fault!(Failpoint, "failpoint");
register_undo_step!(DisarmFailpoint, "disarm_failpoint");

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chaos_core::{Journal, Presence, RealClock, UndoLog, parse};
    use chaos_failpoints::{ControlServer, arm, fail_check};
    use chaos_test::run_context;
    use serde_json::{Value, json};

    use super::*;

    chaos_test::contract_subject!(Failpoint, |subjects| {
        // A site is known once it was hit.
        fail_check!("faults.contract");
        let server = server();
        let fault = fault(&server, "faults.contract", json!({}));
        subjects.keep(server);
        Ok(fault)
    });

    fn context(run: &str) -> RunContext {
        run_context().run_id(run).build()
    }

    fn undo_context() -> UndoContext {
        UndoContext::new(Arc::new(RealClock::new()), Duration::from_secs(10))
    }

    fn server() -> ControlServer {
        ControlServer::tcp("127.0.0.1:0".parse().unwrap()).unwrap()
    }

    fn fault(server: &ControlServer, site: &str, more: Value) -> Failpoint {
        let mut value = json!({"url": format!("http://{}/", server.address().unwrap()), "site": site});
        if let (Value::Object(all), Value::Object(more)) = (&mut value, more) {
            all.extend(more);
        }
        parse(&value).unwrap()
    }

    /// Injects, and hands over the steps.
    async fn inject(
        fault: &Failpoint,
        cx: &RunContext,
    ) -> Result<(Injection, Vec<chaos_core::ArmedStep>), PluginError> {
        let log = UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None);
        let injection = fault.inject(&cx.clone().into(), &log.handle()).await?;
        Ok((injection, log.newest_first()))
    }

    fn counted() -> Option<String> {
        fail_check!("faults.counted").map(|fired| fired.message())
    }

    #[tokio::test]
    async fn it_arms_shows_the_hits_and_disarms() {
        let (server, cx) = (server(), context("run-1"));
        let fault = fault(&server, "faults.counted", json!({"error": "no & more", "max_failures": 2, "skip_first": 1}));
        assert_eq!(fault.witness(&cx).await.presence, Presence::Absent);
        let (injection, steps) = inject(&fault, &cx).await.unwrap();
        let seen: Vec<_> = (0..4).map(|_| counted()).collect();
        assert_eq!(seen, [None, Some("no & more".into()), Some("no & more".into()), None]);
        let sighting = fault.witness(&cx).await;
        assert_eq!(sighting.presence, Presence::Present);
        assert_eq!(
            sighting.evidence.summary,
            "fail point `faults.counted` is armed by squall/run-1 with `skip 1 2*return(no & more)`: 4 hits, 2 fires"
        );
        assert_eq!(sighting.evidence.data["hits"], 4);
        drop(injection);
        let undone = steps[0].step.undo(&undo_context()).await.unwrap();
        assert!(matches!(&undone, Undone::Reverted(detail) if detail.contains("4 hits, 2 fires")), "{undone:?}");
        assert_eq!(fault.witness(&cx).await.presence, Presence::Absent);
        let again = steps[0].step.undo(&undo_context()).await.unwrap();
        assert!(matches!(again, Undone::NothingToDo(_)), "{again:?}");
        assert_eq!(counted(), None);
    }

    fn locked() -> bool {
        fail_check!("faults.locked").is_some()
    }

    #[tokio::test]
    async fn the_token_is_sent_from_the_variable_and_stands_nowhere() {
        let token = "t0ken-of-this-test";
        let server = ControlServer::tcp_with_token("127.0.0.1:0".parse().unwrap(), token).unwrap();
        assert!(!locked());
        for (variable, more) in [("FAILPOINTS_TOKEN", json!({})), ("OTHER_TOKEN", json!({"token_env": "OTHER_TOKEN"}))]
        {
            let fault = fault(&server, "faults.locked", more);
            let with = |value| run_context().run_id("run-7").env([(variable, value)]).build();
            let unset = fault.witness(&context("run-7")).await.evidence.summary;
            assert!(unset.contains(&format!("`{variable}`")) && unset.contains("set"), "{unset}");
            let wrong = inject(&fault, &with("an0ther")).await.unwrap_err().to_string();
            assert!(wrong.contains(&format!("another token than the one in `{variable}`")), "{wrong}");
            assert!(!wrong.contains("an0ther") && !locked(), "{wrong}");

            let (injection, steps) = inject(&fault, &with(token)).await.unwrap();
            assert!(locked());
            assert!(!format!("{fault:?}{injection:?}{:?}", steps[0].step).contains(token));
            let step = DisarmFailpoint {
                url: fault.url.clone(),
                addresses: vec![server.address().unwrap()],
                folder: None,
                site: "faults.locked".into(),
                owner: "squall/run-7".into(),
                token_env: fault.token_env.as_ref().map(ToString::to_string),
            };
            let kept = serde_json::to_string(&step).unwrap();
            assert!(!kept.contains(token), "{kept}");
            let step: DisarmFailpoint = serde_json::from_str(&kept).unwrap();
            let refused = step.undo(&undo_context()).await.unwrap_err().to_string();
            assert!(refused.contains(&format!("asks for a token; set `{variable}`")) && locked(), "{refused}");
            let env = [(variable.to_owned(), token.to_owned())].into();
            let undone = step.undo(&undo_context().with_env(Arc::new(env))).await.unwrap();
            assert!(matches!(undone, Undone::Reverted(_)) && !locked(), "{undone:?}");
        }
    }

    #[test]
    fn a_token_is_sent_to_this_machine_alone() {
        let [here, elsewhere] = ["127.0.0.1:1", "192.0.2.1:1"].map(|address| Way::Tcp(vec![address.parse().unwrap()]));
        let env = |_: &str| Some(Secret::new("t0ken"));
        assert!(Token::find(Some("A"), env, &here).is_ok());
        let refused = Token::find(Some("A"), env, &elsewhere).unwrap_err().to_string();
        assert!(refused.contains("loopback") && !refused.contains("t0ken"), "{refused}");
        assert!(!Token::find(None, env, &elsewhere).unwrap().is_sent());
        for wrong in ["", "a b", "a\r\nx: y"] {
            assert!(Token::find(None, |_| Some(Secret::new(wrong)), &here).is_err(), "{wrong:?}");
        }
    }

    fn six() -> bool {
        fail_check!("faults.six").is_some()
    }

    #[tokio::test]
    async fn localhost_finds_a_server_that_listens_on_ipv6_alone() {
        let Ok(server) = ControlServer::tcp("[::1]:0".parse().unwrap()) else {
            println!("skipped: needs IPv6 on loopback");
            return;
        };
        let port = server.address().unwrap().port();
        let value = json!({"url": format!("http://localhost:{port}/"), "site": "faults.six"});
        let fault: Failpoint = parse(&value).unwrap();
        let cx = context("run-six");
        let (_injection, steps) = inject(&fault, &cx).await.unwrap();
        assert!(six());
        let undone = steps[0].step.undo(&undo_context()).await.unwrap();
        assert!(matches!(undone, Undone::Reverted(_)) && !six(), "{undone:?}");
    }

    fn foreign() -> bool {
        fail_check!("faults.foreign").is_some()
    }

    #[tokio::test]
    async fn what_somebody_else_has_armed_is_left_alone() {
        let (server, cx) = (server(), context("run-2"));
        let fault = fault(&server, "faults.foreign", json!({}));
        let guard = arm("faults.foreign", "off").unwrap();
        let refused = inject(&fault, &cx).await.unwrap_err().to_string();
        assert!(refused.contains("status 409") && refused.contains("is armed by"), "{refused}");
        let step = DisarmFailpoint {
            url: fault.url.clone(),
            addresses: vec![server.address().unwrap()],
            folder: None,
            site: "faults.foreign".into(),
            owner: "squall/run-2".into(),
            token_env: None,
        };
        let undone = step.undo(&undo_context()).await.unwrap();
        assert!(matches!(&undone, Undone::NothingToDo(why) if why.contains("not by us")), "{undone:?}");
        assert!(guard.is_in_force() && !foreign());
    }

    fn leased() -> bool {
        fail_check!("faults.leased").is_some()
    }

    #[tokio::test]
    async fn the_guard_renews_the_lease_and_without_it_the_site_lapses() {
        let (server, cx) = (server(), context("run-3"));
        let fault = fault(&server, "faults.leased", json!({"lease_seconds": 6}));
        let (injection, _) = inject(&fault, &cx).await.unwrap();
        // Real time: the lease is one of real seconds.
        tokio::time::sleep(Duration::from_secs(7)).await;
        assert!(leased(), "renewed");
        drop(injection);
        while fault.witness(&cx).await.presence == Presence::Present {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(!leased(), "lapsed");
    }

    #[tokio::test]
    async fn a_process_that_is_gone_needs_no_undo_and_takes_no_arming() {
        let (server, cx) = (server(), context("run-4"));
        let fault = fault(&server, "faults.gone", json!({}));
        let _ = fail_check!("faults.gone");
        let (injection, steps) = inject(&fault, &cx).await.unwrap();
        drop((injection, server));
        let undone = steps[0].step.undo(&undo_context()).await.unwrap();
        assert!(matches!(&undone, Undone::NothingToDo(why) if why.contains("the process is gone")), "{undone:?}");
        let sighting = fault.witness(&cx).await;
        assert_eq!(sighting.presence, Presence::Absent, "{sighting:?}");
        let refused = inject(&fault, &cx).await.unwrap_err().to_string();
        assert!(refused.contains("nothing listens at"), "{refused}");
    }

    #[tokio::test]
    async fn a_mistyped_site_is_told_with_the_processs_suggestion() {
        let (server, cx) = (server(), context("run-5"));
        let _ = fail_check!("faults.spelt_right");
        let refused = inject(&fault(&server, "faults.spelt_wright", json!({})), &cx).await.unwrap_err().to_string();
        assert!(refused.contains("did you mean `faults.spelt_right`?"), "{refused}");
        let unknown = fault(&server, "faults.spelt_wright", json!({})).witness(&cx).await;
        assert_eq!(unknown.presence, Presence::Unknown);
    }

    #[test]
    fn parameters_out_of_bounds_are_refused_where_they_stand() {
        for (key, value, part) in [
            ("failure_rate", json!(1.5), "a number from 0 to 1"),
            ("max_failures", json!(0), "nonzero"),
            ("every_nth", json!(0), "nonzero"),
            ("delay_seconds", json!(0), "0.001 to 86400"),
            ("lease_seconds", json!(0), "1 to 3600"),
            ("lease_seconds", json!(3601), "1 to 3600"),
            ("site", json!("a b"), "letters, digits"),
            ("site", json!(""), "letters, digits"),
            ("token_env", json!("a-token"), "letters, digits and `_`"),
            ("token_env", json!(""), "letters, digits and `_`"),
            ("sight", json!("x"), "unknown field"),
        ] {
            let mut document = json!({"url": "http://127.0.0.1:1", "site": "a"});
            document[key] = value;
            let error = parse::<Failpoint>(&document).unwrap_err();
            assert!(error.message.contains(part), "{key}: {}", error.message);
        }
    }

    #[tokio::test]
    async fn a_plan_says_what_and_where_and_asks_nobody() {
        let fault: Failpoint = parse(&json!({
            "url": "http://127.0.0.1:1/base", "site": "a.b", "failure_rate": 0.25, "delay_seconds": 2, "error": "e",
        }))
        .unwrap();
        let plan = fault.plan(&context("run-6")).await.unwrap();
        assert_eq!(plan.summary, "arm fail point `a.b` at 127.0.0.1:1: delay by 2 s and fail with `e` on 25 % of hits");
        assert_eq!(plan.touches[0].to_string(), "failpoint:127.0.0.1:1/a.b");
        let tls: Failpoint = parse(&json!({"url": "https://127.0.0.1:1", "site": "a"})).unwrap();
        assert!(tls.plan(&context("run-6")).await.unwrap_err().to_string().contains("plain http"));
    }
}
