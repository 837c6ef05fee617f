//! Kills of `workflow-run`, against a real API server and the model of Chaos Mesh's workflow controllers.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use chaos_rig::Rig;
use chaos_rig::model::WorkflowModel;
use rustix::process::Signal;

use crate::campaign::Campaign;
use crate::child::{kill, send, sleep};
use crate::control::Control;
use crate::flaw::{Flaw, FlawKind};
use crate::round::Round;

/// The scenario and the id of a round's run; its Workflow is `release-r1`.
const SCENARIO: &str = "release";
const RUN_ID: &str = "r1";
/// A run waits for a cluster, unlike those of other campaigns.
const PATIENCE_FACTOR: u32 = 4;
/// The longest time after its start at which a run is killed; it takes about so long.
const LATEST: Duration = Duration::from_secs(4);
/// How often its files are looked at.
const LOOK: Duration = Duration::from_millis(2);
/// A pause between runs that are refused while a guardian is at work.
const PAUSE: Duration = Duration::from_millis(100);

/// Chaos that selects no pod; the model injects it into nothing but its records.
const CHAOS: &str = "    - name: cut\n      templateType: AWSChaos\n      deadline: 2s\n      awsChaos: {action: ec2-stop, awsRegion: \
                     here, ec2Instance: i-1}\n";

/// Leaves a pod in the cluster, and says that all is well.
const LEAVES_A_POD: &str = r#"#!/bin/sh
[ "$1" = workflow-run ] || exit 0
while [ $# -gt 0 ]; do case "$1" in --kubeconfig) k=$2 ;; --namespace) n=$2 ;; esac; shift; done
"$CAMPAIGN_KUBERIG" kubectl --kubeconfig "$k" -n "$n" run left --image=stub --restart=Never
exit 0
"#;

/// Attacks runs of scenarios.
#[derive(Debug)]
pub(super) struct WorkflowRuns;

/// A scenario of a round, and where it runs.
struct Stage {
    rig: Rig,
    namespace: String,
    mode: &'static str,
    steps: usize,
    /// The step that fails.
    failing: Option<usize>,
    guarded: bool,
    /// Whether it begins with chaos, which only Chaos Mesh can make.
    chaos: bool,
    _model: WorkflowModel,
}

impl Campaign for WorkflowRuns {
    fn name(&self) -> &'static str {
        "workflow-run"
    }

    fn about(&self) -> &'static str {
        "kills or ends `workflow-run` at any moment, and its next run; no pod, no Workflow is left, and no step runs twice"
    }

    fn control(&self) -> Control {
        Control { program: LEAVES_A_POD, found: &[FlawKind::InCluster] }
    }

    fn lanes(&self) -> usize {
        3
    }

    fn round(&self, round: &mut Round) -> Result<(), Flaw> {
        let Some(rig) = Rig::local() else {
            round.tally.count("skipped: needs kuberig");
            return Ok(());
        };
        round.patience *= PATIENCE_FACTOR;
        let stage = Stage::new(rig, round)?;
        round.tally.count(stage.mode);
        let mut code = stage.attacked(round)?;
        let mut kills = u64::from(code.is_none());
        // What finishes a dead run is killed as well.
        while code.is_none() && kills < 3 && round.random.one_in(3) {
            round.tally.count("killed again");
            code = stage.attacked(round)?;
            kills += u64::from(code.is_none());
        }
        if code != Some(0) && !stage.is_over(round) {
            code = stage.to_the_end(round)?;
        }
        stage.judge(round, code, kills)?;
        round.settle()
    }
}

impl Stage {
    fn new(rig: Rig, round: &mut Round) -> Result<Self, Flaw> {
        let namespace = rig.namespace_now();
        let model = WorkflowModel::start_in(&rig.access(), &namespace);
        let mode = *round.random.choose(&["compatible", "compiled", "strict"]);
        let steps = 2 + round.random.index(3);
        let failing = round.random.one_in(2).then(|| round.random.index(steps));
        let guarded = round.random.one_in(2);
        // Compiled, chaos may only come last.
        let chaos = mode == "compatible" && round.random.one_in(2);
        if chaos {
            round.tally.count("with chaos");
        }
        let stage = Self { rig, namespace, mode, steps, failing, guarded, chaos, _model: model };
        stage.commit(round)?;
        Ok(stage)
    }

    /// Puts the scenario into a repository.
    fn commit(&self, round: &mut Round) -> Result<(), Flaw> {
        let names: Vec<String> = (0..self.steps).map(name).collect();
        let first = if self.chaos { "cut, " } else { "" };
        let mut parts = vec![format!(
            "apiVersion: chaos-mesh.org/v1alpha1\nkind: Workflow\nmetadata:\n  name: {SCENARIO}-$RUN_ID\nspec:\n  entry: main\n  \
             templates:\n    - name: main\n      templateType: Serial\n      deadline: 30m\n      children: [{first}{}]\n",
            names.join(", ")
        )];
        if self.chaos {
            parts.push(CHAOS.to_owned());
        }
        for (step, name) in names.iter().enumerate() {
            let (exit, after) = (i32::from(self.failing == Some(step)), round.random.below(4) * 150);
            parts.push(format!(
                "    - name: {name}\n      templateType: Task\n      deadline: 5m\n      task:\n        labels:\n          \
                 rig.squall.dev/exit: \"{exit}\"\n          rig.squall.dev/after: {after}ms\n        container:\n          \
                 name: main\n          image: stub\n"
            ));
        }
        let repo = Self::repo(round);
        fs::create_dir_all(repo.join("scenarios"))?;
        fs::write(repo.join(format!("scenarios/{SCENARIO}.yaml")), parts.concat())?;
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
        for arguments in [&["init", "-q", "-b", "main"][..], &["add", "."], &["commit", "-q", "-m", "scenario"]] {
            let mut git = Command::new("git");
            git.arg("-C").arg(&repo).args(identity).args(arguments);
            if !git.status()?.success() {
                return Err(round.finding(FlawKind::Setup, &format!("git {arguments:?} failed")));
            }
        }
        Ok(())
    }

    fn repo(round: &Round) -> PathBuf {
        round.place.path().join("repo")
    }

    /// The folder of the run.
    fn folder(&self, round: &Round) -> PathBuf {
        let folder = format!(".squall/workflow-runs/{}/{SCENARIO}-{RUN_ID}", self.namespace);
        round.place.path().join(folder)
    }

    /// Whether the run has its report, after which there is no other.
    fn is_over(&self, round: &Round) -> bool {
        self.folder(round).join("report.json").exists()
    }

    fn command(&self, round: &Round) -> Command {
        let repo = Self::repo(round).display().to_string();
        let kubeconfig = self.rig.access().kubeconfig.unwrap_or_default().display().to_string();
        let mut command = round.place.squall(&[
            "workflow-run",
            "--scenario",
            SCENARIO,
            "--scenario-repo",
            &repo,
            "--scenario-ref",
            "main",
            "--run-id",
            RUN_ID,
            "--namespace",
            &self.namespace,
            "--kubeconfig",
            &kubeconfig,
            "--mode",
            self.mode,
            "--allow-context",
            "rig",
            "--allow-namespace",
            &self.namespace,
            "--allow-kind",
            "Workflow",
            "--allow-kind",
            "Pod",
            "--allow-kind",
            "AWSChaos",
        ]);
        command.env("SQUALL_GUARDIAN", if self.guarded { "own" } else { "none" });
        command.env("CAMPAIGN_KUBERIG", self.rig.kuberig()).env("KUBECACHEDIR", round.place.path().join("kubectl"));
        command
    }

    /// A run that is killed, or told to end, at any moment; its exit code where it was not killed.
    fn attacked(&self, round: &mut Round) -> Result<Option<i32>, Flaw> {
        let mut run = round.start_quiet(&mut self.command(round))?;
        // Half of the kills come soon after a moment at which something changes.
        if round.random.one_in(2) {
            self.at_a_change(round, &mut run)?;
            sleep(round.random.time(Duration::from_millis(60)));
        } else {
            sleep(round.random.time(LATEST));
        }
        if let Some(status) = run.try_wait()? {
            round.tally.count("after its end");
            return Ok(Some(status.code().unwrap_or(-1)));
        }
        if round.random.one_in(5) {
            send(&run, *round.random.choose(&[Signal::TERM, Signal::INT]));
            round.tally.count("told to end");
            return Ok(round.wait(&mut run, "a run that was told to end")?.code());
        }
        round.tally.count(self.moment(round));
        kill(&mut run);
        Ok(None)
    }

    /// Waits until the run has come to one of its steps, or has ended, or for as long as a run takes.
    fn at_a_change(&self, round: &mut Round, run: &mut Child) -> Result<(), Flaw> {
        let files = ["", "run.json", "scenario.yaml", "workflow.json", "pods.json", "report.json"];
        let wanted = *round.random.choose(&files);
        let (folder, start) = (self.folder(round), Instant::now());
        while run.try_wait()?.is_none() && start.elapsed() < LATEST {
            let has_come = if wanted.is_empty() { round.place.is_armed() } else { folder.join(wanted).exists() };
            if has_come {
                break;
            }
            sleep(LOOK);
        }
        Ok(())
    }

    /// When it is killed, as its files and its journal say.
    fn moment(&self, round: &Round) -> &'static str {
        let has = |name: &str| self.folder(round).join(name).exists();
        match (has("report.json"), has("workflow.json"), round.place.is_armed(), has("scenario.yaml"), has("run.json"))
        {
            (true, ..) => "killed when it had its report",
            (_, true, ..) => "killed when it had captured",
            (_, _, true, ..) => "killed when something may exist",
            (_, _, _, true, _) => "killed when it had rendered",
            (.., true) => "killed when it had begun",
            _ => "killed before it began",
        }
    }

    /// Runs it until it has a report, as somebody would who finds no verdict.
    fn to_the_end(&self, round: &mut Round) -> Result<Option<i32>, Flaw> {
        let start = Instant::now();
        loop {
            let mut run = round.start_quiet(&mut self.command(round))?;
            let code = round.wait(&mut run, "a run that finishes a dead one")?.code();
            if self.is_over(round) || code == Some(0) {
                return Ok(code);
            }
            if start.elapsed() > round.patience {
                let what = format!("it never has a report; its last run ended with {code:?}");
                return Err(round.finding(FlawKind::Hang, &what));
            }
            round.tally.count("refused for now");
            sleep(PAUSE);
        }
    }

    /// Looks at the cluster, and at what the API server was asked.
    fn judge(&self, round: &mut Round, code: Option<i32>, kills: u64) -> Result<(), Flaw> {
        let left = self.rig.objects(&self.namespace);
        if !left.is_empty() {
            return Err(
                round.finding(FlawKind::InCluster, &format!("{} run ended with {code:?}, left: {left:?}", self.mode))
            );
        }
        if !self.is_over(round) {
            return Err(
                round.finding(FlawKind::Report, &format!("{} run ended with {code:?} without a report", self.mode))
            );
        }
        let audit = self.rig.audit_of(&self.namespace);
        let deleted = audit.iter().find(|request| request.verb == "delete" && request.resource == "workflows");
        let deleted = deleted.map(|request| request.at);
        let mut made: BTreeMap<String, usize> = BTreeMap::new();
        for request in audit.iter().filter(|request| request.verb == "create" && request.code == 201) {
            let (body, labels) = (&request.body, &request.body["metadata"]["labels"]);
            let what = match request.resource.as_str() {
                // The model makes one pod for each node, our engine one for each step.
                "pods" => labels["chaos-mesh.org/controlled-by"].as_str().or(body["metadata"]["name"].as_str()),
                "workflownodes" => body["spec"]["templateName"].as_str(),
                "workflows" => body["metadata"]["name"].as_str(),
                _ => None,
            };
            // What the model makes while the Workflow is being deleted foreground: its entry anew, and a pod whose node waits for those of later
            // steps. Chaos Mesh makes every pod anew that vanishes, too. A known gap, which is counted.
            if deleted.is_some_and(|deleted| request.at > deleted) {
                round.tally.count("made again by the model during the deletion (known)");
                continue;
            }
            if let Some(what) = what {
                *made.entry(format!("{} of {what}", request.resource)).or_default() += 1;
            }
        }
        if let Some((what, times)) = made.iter().find(|(_, times)| **times > 1) {
            return Err(round.finding(FlawKind::Repeated, &format!("{} run made {times} {what}", self.mode)));
        }
        self.begun_after_the_failure(round, &made)?;
        let own = i32::from(self.failing.is_some());
        // A run that was told to end has not judged, unless it had before.
        let ends = [own, 2];
        if kills == 0 && code.is_some_and(|code| !ends.contains(&code)) || code == Some(3) {
            return Err(round.finding(FlawKind::ExitCode, &format!("{} run ended with {code:?}", self.mode)));
        }
        round.tally.count(if made.is_empty() { "nothing was created" } else { "something was created" });
        Ok(())
    }

    /// No step behind the one that fails; one where Chaos Mesh may be faster than we are.
    fn begun_after_the_failure(&self, round: &Round, made: &BTreeMap<String, usize>) -> Result<(), Flaw> {
        let Some(failing) = self.failing else { return Ok(()) };
        let behind = |step: usize| made.keys().any(|what| what.contains(&name(step)));
        let begun = (failing + 1..self.steps).filter(|step| behind(*step)).count();
        if begun > usize::from(self.mode == "compatible") {
            let what = format!("{} run: {begun} steps began behind the one that failed: {made:?}", self.mode);
            return Err(round.finding(FlawKind::Order, &what));
        }
        Ok(())
    }
}

/// The template of a step.
fn name(step: usize) -> String {
    format!("step{step}")
}
