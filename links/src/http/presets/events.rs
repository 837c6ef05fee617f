//! The data of server-sent events, read and replaced.

use serde_json::Value;

pub(super) use crate::http::events::split;

/// Behind the first end of a line: a line feed, a carriage return, or both.
fn end_of_line(text: &[u8]) -> usize {
    match text.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
        Some(at) if text[at] == b'\r' && text.get(at + 1) == Some(&b'\n') => at + 2,
        Some(at) => at + 1,
        None => text.len(),
    }
}

/// A line without its end.
fn text_of(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |at| at + 1);
    &line[..end]
}

fn lines(mut event: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (line, rest) = event.split_at(end_of_line(event));
        event = rest;
        (!line.is_empty()).then_some(line)
    })
}

/// What a line of data says.
fn data_of(line: &[u8]) -> Option<&[u8]> {
    let rest = text_of(line).strip_prefix(b"data")?;
    match rest {
        [] => Some(rest),
        [b':', b' ', data @ ..] | [b':', data @ ..] => Some(data),
        _ => None,
    }
}

/// The data of an event as JSON, where they are.
pub(super) fn json(event: &[u8]) -> Option<Value> {
    let data: Vec<&[u8]> = lines(event).filter_map(data_of).collect();
    serde_json::from_slice(&data.join(&b'\n')).ok()
}

/// The event with other data, its further lines as they were.
pub(super) fn with_json(event: &[u8], json: &Value) -> Vec<u8> {
    let mut changed = Vec::with_capacity(event.len());
    let mut data = Some(json);
    for line in lines(event) {
        if data_of(line).is_none() {
            changed.extend_from_slice(line);
        } else if let Some(json) = data.take() {
            changed.extend_from_slice(format!("data: {json}\n").as_bytes());
        }
    }
    changed
}

/// The body with the JSON of its events changed; `None` where `change` changed nothing.
pub(super) fn changed(body: &[u8], mut change: impl FnMut(&mut Value) -> bool) -> Option<Vec<u8>> {
    let mut is_changed = false;
    let mut whole = Vec::with_capacity(body.len());
    for event in split(body) {
        match json(event).and_then(|mut json| change(&mut json).then_some(json)) {
            Some(json) => {
                is_changed = true;
                whole.extend(with_json(event, &json));
            }
            None => whole.extend_from_slice(event),
        }
    }
    is_changed.then_some(whole)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn data_of_several_lines_are_one() {
        for (event, want) in [
            ("data: {\"a\":\ndata: 1}\n\n", Some(json!({"a": 1}))),
            ("event: message\nid: 7\ndata:[2]\r\n\r\n", Some(json!([2]))),
            ("data: [DONE]\n\n", None),
            ("database: 1\n\n", None),
            (": ping\n\n", None),
            ("data\n\n", None),
        ] {
            assert_eq!(json(event.as_bytes()), want, "{event:?}");
        }
    }

    #[test]
    fn only_the_data_change() {
        let body =
            ": hi\n\nevent: message\r\nid: 7\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\ndata: {\"b\":1}\n\ndata: [DONE]\n\n";
        let change =
            |json: &mut Value| json.get("a").is_some() && std::mem::replace(json, json!({"a": 2})) != json!(null);
        let want = ": hi\n\nevent: message\r\nid: 7\r\ndata: {\"a\":2}\n\r\ndata: {\"b\":1}\n\ndata: [DONE]\n\n";
        assert_eq!(changed(body.as_bytes(), change).unwrap(), want.as_bytes());
        assert_eq!(changed(body.as_bytes(), |_| false), None);
    }
}
