//! The source that scrapes targets as Prometheus does.

mod exposition;
mod scrape;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chaos_core::{
    BoxFuture, EvidenceKind, HttpUrl, Plan, PluginError, Reach, RunContext, RunningSource, Seconds, Source,
    SourceContext, SourceEnd, register_source,
};
use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use self::exposition::{Exposed, Exposition, parse};
use self::scrape::Target;
use crate::Moment;
use crate::edge_watch::EdgeWatch;
use crate::metric_store::{Reading, Sample};
use crate::recorder::Recorder;
use crate::recording::RecordedBounds;
use crate::sink::{Sink, one_after_another};

/// How long a target that has never answered is left alone, at the most.
const NOT_UP_YET: Duration = Duration::from_millis(200);
/// How long the first scrapes may take in all, of the ten seconds in which a source must be up.
const FIRST: Duration = Duration::from_secs(3);
/// How often one scrape is begun anew because a fault came or went meanwhile.
const MOST_ANEW: u8 = 3;

/// Scrapes targets as Prometheus does, and keeps their samples for the probe `metric`.
///
/// # What it takes in
/// The text format 0.0.4 and OpenMetrics 1.0, whichever a target has: counters, gauges, the buckets, counts and sums of
/// histograms and summaries, each with its labels. A sample belongs to the moment at which its scrape began, or to its own
/// timestamp. Beside the interval, every target is scraped whenever a fault comes into force or is about to be undone, so
/// that what a counter did during a fault is told from what it did before. A scrape that such a moment falls into is begun
/// anew.
///
/// # What it drops
/// A line that can't be read, an answer that breaks off, what is beyond 16 MiB or 200,000 samples of one answer. These are
/// counted, and make what rests on that time unknown where it may matter. A target that does not answer leaves a gap, in which
/// its values are unknown; before its first answer it counts as not started yet.
///
/// # Limits
/// Redirects are not followed, and connections go through no proxy. Where a target's name is that of a node, the probe
/// `metric` leaves it out while a fault acts on that node. With many series name those that you need under `metrics`: the
/// default bound of a million samples is 1,300 series for 13 minutes.
///
/// # Example
/// ```yaml
/// type: prometheus
/// targets:
///   n1: http://127.0.0.1:9090/metrics
///   n2: http://127.0.0.1:9091/metrics
/// interval_seconds: 0.5
/// metrics: [etcd_server_leader_changes_seen_total, etcd_disk_*]
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prometheus {
    /// The URL of each target, by its name; the name of a node where the target is one.
    #[schemars(extend("minProperties" = 1))]
    pub targets: BTreeMap<String, HttpUrl>,
    /// Seconds from one scrape to the next; default 1.
    #[serde(default = "one_second")]
    pub interval_seconds: Seconds,
    /// Seconds that a scrape may take; default 1.
    #[serde(default = "one_second")]
    pub timeout_seconds: Seconds,
    /// The names of the metrics that are kept; a `*` at the end of one stands for any end. All where absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<String>,
    /// How many samples the run keeps at the most, of all its sources; default 1,000,000. Of several, the highest holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_samples: Option<NonZeroU32>,
    /// A file that did not exist, to which all that is taken in is written, for the source `recording`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<PathBuf>,
}

fn one_second() -> Seconds {
    Seconds::from(1)
}

impl Source for Prometheus {
    const GIVES: &'static [EvidenceKind] = &[EvidenceKind::Metrics];

    async fn plan(&self, _: &SourceContext) -> Result<Plan, PluginError> {
        if self.targets.is_empty() {
            return Err(PluginError::refused(
                "`targets` is empty; write one, such as `n1: http://127.0.0.1:9090/metrics`",
            ));
        }
        let mut hosts: Vec<_> = self.targets.values().map(|url| url.host().clone()).collect();
        hosts.dedup();
        let reach = Reach { hosts, ..Reach::default() };
        let plan = Plan::new(self.summary()).reaching(reach);
        Ok(self.record.iter().fold(plan, |plan, path| plan.reaching(Reach::path(path))))
    }

    async fn start(&self, cx: &SourceContext) -> Result<Arc<dyn RunningSource>, PluginError> {
        let mut targets = Vec::with_capacity(self.targets.len());
        for (name, url) in &self.targets {
            targets.push(Target::new(name, url, self.timeout_seconds.get(), cx.cx()).await?);
        }
        let samples = self.max_samples.map(|samples| usize::try_from(samples.get()).unwrap_or(usize::MAX));
        let kept = RecordedBounds { samples, ..RecordedBounds::default() };
        let record = self.record.as_deref().map(|path| Recorder::create(path, Self::GIVES, kept, cx.cx()));
        let sink = Sink::new(cx, record.transpose()?);
        if let Some(samples) = samples {
            sink.stores.metrics.set_bound(samples);
        }
        let (metrics, taken) = (self.metrics.clone(), AtomicU64::new(0));
        let shared = Arc::new(Shared { cx: cx.cx().clone(), sink, metrics, taken });
        let interval = self.interval_seconds.get();
        let begin = |target: Target| {
            shared.sink.expect_target(&target.name);
            let edges = EdgeWatch::new(cx.cx());
            Loop { shared: Arc::clone(&shared), target, edges, interval, answered: false }
        };
        let mut loops: Vec<Loop> = targets.into_iter().map(begin).collect();
        // Those that are up already are known from the start of the run on.
        let first = join_all(loops.iter_mut().map(Loop::once));
        // Those that take longer are scraped again at once.
        let _ = cx.cx().clock().timeout(FIRST, first).await;
        let mut tasks = JoinSet::new();
        for one in loops {
            tasks.spawn(one.run());
        }
        Ok(Arc::new(Scraping { shared, summary: self.summary(), tasks: Mutex::new(tasks) }))
    }
}

register_source!(Prometheus, "prometheus");

impl Prometheus {
    fn summary(&self) -> String {
        let names: Vec<&str> = self.targets.keys().map(String::as_str).collect();
        let seconds = self.interval_seconds.get().as_secs_f64();
        format!("scrape {} every {seconds} s", names.join(", "))
    }
}

/// What all targets of a source share.
#[derive(Debug)]
struct Shared {
    cx: RunContext,
    sink: Sink,
    metrics: Vec<String>,
    taken: AtomicU64,
}

impl Shared {
    fn wants(&self, name: &str) -> bool {
        let fits = |wanted: &String| match wanted.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == wanted,
        };
        self.metrics.is_empty() || self.metrics.iter().any(fits)
    }

    /// Keeps what a target said at that moment.
    fn keep(&self, origin: &str, at: Moment, seen: Exposition<'_>) {
        if let Some((line, why)) = seen.first_unread {
            let why = format!("line {line} of `{origin}` could not be read: {why}");
            self.sink.lost_samples(seen.unread, at, &why);
        }
        let whole = seen.unread == 0;
        let wanted = seen.samples.into_iter().filter(|sample| self.wants(&sample.name));
        let samples = wanted.map(|sample| self.sample(sample)).collect();
        let recorded = self.sink.samples(origin, at, whole, samples);
        self.taken.fetch_add(recorded.taken, Ordering::Relaxed);
    }

    fn sample<'a>(&self, Exposed { name, labels, kind, value, at, began }: Exposed<'a>) -> Sample<'a> {
        let clock = self.cx.clock();
        let moment = |seconds: f64| Moment::of_wall_seconds(seconds, clock);
        Sample { name, labels, kind, reading: Reading::Is(value), at: at.map(moment), began: began.map(moment) }
    }
}

/// The scrapes of one target.
#[derive(Debug)]
struct Loop {
    shared: Arc<Shared>,
    target: Target,
    edges: EdgeWatch,
    interval: Duration,
    answered: bool,
}

impl Loop {
    async fn run(mut self) {
        loop {
            let begun = self.shared.cx.clock().now();
            self.once().await;
            let interval = if self.answered { self.interval } else { self.interval.min(NOT_UP_YET) };
            let took = self.shared.cx.clock().now().saturating_sub(begun);
            let rest = interval.saturating_sub(took);
            tokio::select! {
                () = self.shared.cx.clock().sleep(rest) => {}
                () = self.edges.next() => {}
            }
        }
    }

    /// One scrape, begun anew when a fault comes or goes meanwhile: its figures would be of both sides of that moment.
    async fn once(&mut self) {
        let mut anew = 0;
        let (at, answer) = loop {
            let at = Moment::now(self.shared.cx.clock());
            tokio::select! {
                biased;
                answer = self.target.scrape(self.shared.cx.clock()) => break (at, answer),
                () = self.edges.next(), if anew < MOST_ANEW => anew += 1,
            }
        };
        match answer {
            Ok(answer) => {
                self.answered = true;
                self.shared.keep(&self.target.name, at, parse(&answer.body, answer.is_open));
                if answer.is_cut {
                    let why =
                        format!("an answer of `{}` was longer than {} bytes", self.target.name, scrape::MAX_BYTES);
                    self.shared.sink.lost_samples(1, at, &why);
                }
            }
            Err(why) => self.shared.sink.no_answer(&self.target.name, at, &why.to_string()),
        }
    }
}

/// The source while it scrapes.
#[derive(Debug)]
struct Scraping {
    shared: Arc<Shared>,
    summary: String,
    tasks: Mutex<JoinSet<()>>,
}

impl RunningSource for Scraping {
    fn describe(&self) -> String {
        self.summary.clone()
    }

    fn stop(&self) -> BoxFuture<'_, SourceEnd> {
        Box::pin(async {
            let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
            tasks.shutdown().await;
            let sink = &self.shared.sink;
            let losses = sink.stores.metrics.losses(sink.source());
            SourceEnd {
                taken: self.shared.taken.load(Ordering::Relaxed),
                dropped: losses.count(),
                detail: one_after_another([losses.why().to_owned(), sink.end().unwrap_or_default()]),
            }
        })
    }
}
