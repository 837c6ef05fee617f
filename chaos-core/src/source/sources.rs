//! The run service that knows the sources of a run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::kind::RunningSource;
use super::need::{EvidenceKind, EvidenceNeed};
use crate::{PluginError, suggestion};

/// The sources of a run, by name.
#[derive(Debug, Default)]
pub struct Sources(Mutex<BTreeMap<String, Known>>);

#[derive(Debug)]
struct Known {
    gives: Vec<EvidenceKind>,
    running: Option<Arc<dyn RunningSource>>,
}

impl Sources {
    /// Makes a source known before it is started.
    pub fn declare(&self, name: &str, gives: &[EvidenceKind]) {
        self.lock().insert(name.to_owned(), Known { gives: gives.to_vec(), running: None });
    }

    /// Says that a declared source takes in now.
    pub fn started(&self, name: &str, running: Arc<dyn RunningSource>) {
        if let Some(known) = self.lock().get_mut(name) {
            known.running = Some(running);
        }
    }

    /// Says that none takes in any more.
    pub fn stopped(&self) {
        self.lock().values_mut().for_each(|known| known.running = None);
    }

    /// Whether any source takes in this kind.
    pub fn gives(&self, kind: EvidenceKind) -> bool {
        self.lock().values().any(|known| known.gives.contains(&kind))
    }

    /// The variables with which a node sends to the sources that are up. Of two sources the one whose name sorts first wins.
    pub fn node_environment(&self, node: &str) -> BTreeMap<String, String> {
        let running: Vec<_> = self.lock().values().filter_map(|known| known.running.clone()).collect();
        let mut all = BTreeMap::new();
        for source in running.iter().rev() {
            all.extend(source.node_environment(node));
        }
        all
    }

    /// Asks whether a source is declared that gives what is needed.
    ///
    /// # Errors
    /// [`PluginError::Refused`] with the name that is missing, or how to declare one.
    pub fn check(&self, need: &EvidenceNeed) -> Result<(), PluginError> {
        let known = self.lock();
        let (kind, fitting) = (need.kind, |known: &Known| known.gives.contains(&need.kind));
        let Some(name) = &need.source else {
            if known.values().any(fitting) {
                return Ok(());
            }
            return Err(PluginError::refused(format!("no source takes in {kind}: declare one under `evidence`")));
        };
        match known.get(name) {
            Some(known) if fitting(known) => Ok(()),
            Some(_) => Err(PluginError::refused(format!("the source `{name}` takes in no {kind}"))),
            None => {
                let near = suggestion(name, known.keys().map(String::as_str));
                let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                Err(PluginError::refused(format!("no source is called `{name}` under `evidence`{near}")))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        // The map stays usable whatever panicked while holding it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BoxFuture, SourceEnd};

    #[derive(Debug)]
    struct At(&'static str);

    impl RunningSource for At {
        fn describe(&self) -> String {
            self.0.to_owned()
        }

        fn node_environment(&self, node: &str) -> BTreeMap<String, String> {
            [("ENDPOINT".to_owned(), self.0.to_owned()), (format!("NAME_{}", self.0), node.to_owned())].into()
        }

        fn stop(&self) -> BoxFuture<'_, SourceEnd> {
            Box::pin(std::future::ready(SourceEnd::default()))
        }
    }

    #[test]
    fn what_is_needed_is_declared_by_name_or_by_kind() {
        let sources = Sources::default();
        let why = |kind, source: Option<&str>| {
            let need = EvidenceNeed { kind, source: source.map(str::to_owned) };
            sources.check(&need).err().map(|error| error.to_string())
        };
        let none = "no source takes in spans: declare one under `evidence`";
        assert_eq!(why(EvidenceKind::Spans, None).as_deref(), Some(none));
        sources.declare("traces", &[EvidenceKind::Spans]);
        assert_eq!(why(EvidenceKind::Spans, None), None);
        assert_eq!(why(EvidenceKind::Spans, Some("traces")), None);
        let rows = [
            (EvidenceKind::Logs, "traces", "the source `traces` takes in no logs"),
            (EvidenceKind::Spans, "trace", "no source is called `trace` under `evidence`; did you mean `traces`?"),
        ];
        for (kind, source, want) in rows {
            assert_eq!(why(kind, Some(source)).as_deref(), Some(want));
        }
    }

    #[test]
    fn a_node_gets_the_variables_of_every_source_that_is_up() {
        let sources = Sources::default();
        sources.declare("b", &[EvidenceKind::Spans]);
        sources.declare("a", &[EvidenceKind::Spans]);
        assert!(sources.node_environment("n1").is_empty());
        sources.started("b", Arc::new(At("b")));
        sources.started("a", Arc::new(At("a")));
        let env = sources.node_environment("n1");
        let of = |name: &str| env.get(name).map(String::as_str);
        assert_eq!([of("ENDPOINT"), of("NAME_a"), of("NAME_b")], [Some("a"), Some("n1"), Some("n1")]);
        sources.stopped();
        assert!(sources.node_environment("n1").is_empty());
    }
}
