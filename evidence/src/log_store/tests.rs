use super::*;

fn line(origin: &str, earliest: i64, at: i64, text: &str) -> LogLine {
    LogLine {
        source: "app".into(),
        origin: origin.into(),
        earliest: Moment(earliest),
        at: Moment(at),
        text: text.into(),
        ..LogLine::default()
    }
}

fn ask(store: &LogStore, from: i64, to: i64, without: &[String]) -> LogAnswer {
    let window = Window { from: Moment(from), to: Moment(to) };
    store.ask(&LogQuery { source: None, origin: None, without, window }, |line| line.text.contains('x'))
}

#[test]
fn a_line_that_may_have_been_written_before_the_window_is_only_possible() {
    let store = LogStore::default();
    store.record(line("n1", 0, 10, "x 1"));
    store.record(line("n1", 10, 20, "x 2"));
    store.record(line("n2", 20, 30, "x 3"));
    store.record(line("n2", 20, 30, "y"));
    let seen = ask(&store, 15, 30, &[]);
    assert_eq!((seen.certain, seen.possible), (1, 1));
    assert_eq!(seen.first.as_ref().map(|line| &*line.text), Some("x 3"));
    let seen = ask(&store, 0, 25, &[]);
    assert_eq!((seen.certain, seen.possible, seen.holes.len()), (2, 0, 0));
    assert_eq!(ask(&store, 0, 30, &["n1".to_owned()]).certain, 1);
    let window = Window { from: Moment(0), to: Moment(30) };
    let of = |source, origin| store.ask(&LogQuery { source, origin, without: &[], window }, |_| true).certain;
    assert_eq!((of(Some("app"), Some("n2")), of(Some("other"), None)), (2, 0));
}

#[test]
fn the_oldest_lines_go_first_and_leave_a_hole() {
    let store = LogStore::default();
    store.set_bound(3 * (EACH + 1));
    for at in 0..5 {
        store.record(line("n1", at, at + 1, "x"));
    }
    assert_eq!((store.len(), store.bytes()), (3, 3 * (EACH + 1)));
    let seen = ask(&store, i64::MIN, 10, &[]);
    assert_eq!(seen.certain, 3);
    assert_eq!(seen.holes, ["the source `app` lost 2 lines: the oldest lines were dropped to make room"]);
    assert_eq!(ask(&store, 3, 10, &[]).holes.len(), 0);
    assert_eq!(store.losses("app").count(), 2);
}

#[test]
fn a_long_line_is_cut_at_a_character() {
    let store = LogStore::default();
    store.record(line("n1", 0, 1, &format!("x{}", "é".repeat(LONGEST_LINE))));
    let first = ask(&store, 0, 1, &[]).first.unwrap();
    assert_eq!((first.text.len(), first.is_cut), (LONGEST_LINE - 1, true));
}

#[test]
fn more_lines_than_one_lock_hands_out_are_all_asked() {
    let store = LogStore::default();
    for at in 0..i64::try_from(CHUNK * 2 + 1).unwrap() {
        store.record(line("n1", at, at, "x"));
    }
    assert_eq!(ask(&store, 0, i64::MAX, &[]).certain, CHUNK as u64 * 2 + 1);
}
