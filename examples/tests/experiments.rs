//! Every experiment of `experiments/` is valid, with its placeholders filled, and is recognised as an experiment.

use std::fs;
use std::path::Path;

use squall::prelude::*;

#[test]
fn every_file_is_a_valid_experiment() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let vars = [("TARGET", "127.0.0.1:8080"), ("PID", "4711")];
        let named = vars.into_iter().filter(|(name, _)| text.contains(&format!("{{{{{name}}}}}")));
        let options = named.fold(LoadOptions::default(), |options, (name, value)| options.var(name, value));
        let loaded = load(&text, &path.display().to_string(), &options);
        assert!(loaded.diagnostics.is_empty(), "{}", render(&loaded.diagnostics));
        assert!(matches!(loaded.document, Some(Document::Experiment(_))), "{}", path.display());
        seen += 1;
    }
    assert_eq!(seen, 3);
}
