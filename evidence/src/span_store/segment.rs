//! Spans that came one after the other, in columns, with their strings.

use std::time::Duration;

use super::packed::{Lists, Packed, Wanted, text_of};
use super::query::{Asked, Sender, SpanQuery, SpanSeen};
use crate::moment::Moment;
use crate::span::{Attributes, SpanId, SpanRecord, TraceId};
use crate::text::{Text, Texts};

/// A stretch of the store. Its strings go with it, so that a store which forgets its oldest spans forgets their strings, too.
#[derive(Debug)]
pub(super) struct Segment {
    texts: Texts,
    resources: Lists,
    trace: Vec<TraceId>,
    span: Vec<SpanId>,
    parent: Vec<SpanId>,
    start: Vec<Moment>,
    duration: Vec<u64>,
    arrival: Vec<Moment>,
    name: Vec<Text>,
    resource: Vec<u32>,
    /// Kind and status, four bits each.
    kinds: Vec<u8>,
    links: Vec<u16>,
    /// Where the attributes of each span end.
    ends: Vec<u32>,
    attributes: Vec<Packed>,
    /// A byte of each attribute: where none is that of a wanted one, nobody looks at the span.
    marks: Vec<u8>,
    first_start: Moment,
    last_start: Moment,
    first_arrival: Moment,
    last_arrival: Moment,
}

/// What a span costs in all columns but that of the attributes.
const ROW: usize = 16 + 8 + 8 + 8 + 8 + 8 + 4 + 4 + 1 + 2 + 4;

impl Segment {
    /// An empty one, whose strings take no more than `text_bytes`.
    pub(super) fn new(text_bytes: usize) -> Self {
        Self {
            texts: Texts::new(text_bytes),
            resources: Lists::default(),
            trace: Vec::new(),
            span: Vec::new(),
            parent: Vec::new(),
            start: Vec::new(),
            duration: Vec::new(),
            arrival: Vec::new(),
            name: Vec::new(),
            resource: Vec::new(),
            kinds: Vec::new(),
            links: Vec::new(),
            ends: Vec::new(),
            attributes: Vec::new(),
            marks: Vec::new(),
            first_start: Moment(i64::MAX),
            last_start: Moment(i64::MIN),
            first_arrival: Moment(i64::MAX),
            last_arrival: Moment(i64::MIN),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.start.len()
    }

    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        let columns =
            self.start.capacity() * ROW + self.attributes.capacity() * size_of::<Packed>() + self.marks.capacity();
        columns + self.texts.bytes() + self.resources.bytes()
    }

    /// From when to when its spans began.
    pub(super) fn starts(&self) -> (Moment, Moment) {
        (self.first_start, self.last_start)
    }

    /// The number of a resource; `None` where there is no room for its strings.
    pub(super) fn resource(&mut self, attributes: &Attributes<'_>) -> Option<u32> {
        let packed = attributes.iter().map(|(key, value)| Packed::keep(key, value, &mut self.texts));
        self.resources.keep(packed.collect::<Option<Vec<_>>>()?)
    }

    /// Keeps a span; `None`, and nothing kept, where there is no room for its strings.
    pub(super) fn push(&mut self, span: &SpanRecord<'_>, resource: u32, arrival: Moment) -> Option<()> {
        let name = self.texts.keep(&span.name)?;
        let before = self.attributes.len();
        for (key, value) in &span.attributes {
            let Some(packed) = Packed::keep(key, value, &mut self.texts) else {
                self.attributes.truncate(before);
                return None;
            };
            self.attributes.push(packed);
        }
        let Ok(end) = u32::try_from(self.attributes.len()) else {
            self.attributes.truncate(before);
            return None;
        };
        self.marks.extend(self.attributes[before..].iter().map(|attribute| attribute.mark()));
        self.ends.push(end);
        self.trace.push(span.trace_id);
        self.span.push(span.span_id);
        self.parent.push(span.parent);
        self.start.push(span.start);
        self.duration.push(u64::try_from(span.duration.as_nanos()).unwrap_or(u64::MAX));
        self.arrival.push(arrival);
        self.name.push(name);
        self.resource.push(resource);
        self.kinds.push((span.kind as u8) << 4 | span.status as u8);
        self.links.push(u16::try_from(span.links).unwrap_or(u16::MAX));
        self.first_start = self.first_start.min(span.start);
        self.last_start = self.last_start.max(span.start);
        self.first_arrival = self.first_arrival.min(arrival);
        self.last_arrival = self.last_arrival.max(arrival);
        Some(())
    }

    /// Gives back what its columns have in reserve, once no more spans come.
    pub(super) fn seal(&mut self) {
        self.trace.shrink_to_fit();
        self.span.shrink_to_fit();
        self.parent.shrink_to_fit();
        self.start.shrink_to_fit();
        self.duration.shrink_to_fit();
        self.arrival.shrink_to_fit();
        self.name.shrink_to_fit();
        self.resource.shrink_to_fit();
        self.kinds.shrink_to_fit();
        self.links.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.attributes.shrink_to_fit();
        self.marks.shrink_to_fit();
    }

    /// Tells who sent its spans: service and instance of each resource.
    pub(super) fn senders(&self) -> impl Iterator<Item = Sender<'_>> {
        let of = |list: &[Packed], key| text_of(list, key, &self.texts);
        let sender =
            move |list| Sender { service: of(list, "service.name"), instance: of(list, "service.instance.id") };
        self.resources.all().iter().map(move |list| sender(list))
    }

    /// Looks for spans that fit.
    pub(super) fn find(&self, asked: &Asked<'_>) -> Hits {
        let window = asked.query.window;
        if self.last_start < window.from || window.to < self.first_start {
            return Hits::default();
        }
        let wanted = asked.query.attributes.iter().map(|(key, value)| Wanted::find(key, value, &self.texts));
        let Some(wanted) = wanted.collect::<Option<Vec<_>>>() else { return Hits::default() };
        let resources = self.judged_resources(asked, &wanted);
        if resources.iter().all(|resource| resource.out) {
            return Hits::default();
        }
        // An attribute that no resource has is one that the span itself must have.
        let own = (0..wanted.len()).find(|at| !resources.iter().any(|resource| resource.has[*at]));
        match own {
            Some(at) => self.among(self.marked(wanted[at].mark), asked, &wanted, &resources),
            None => self.among(0..self.len(), asked, &wanted, &resources),
        }
    }

    /// Those of some spans that fit.
    fn among(
        &self,
        rows: impl Iterator<Item = usize>,
        asked: &Asked<'_>,
        wanted: &[Wanted],
        resources: &[JudgedResource],
    ) -> Hits {
        let mut hits = Hits::default();
        let query = &asked.query;
        let mut names = vec![None; if query.name.is_some() { self.texts.all().count() } else { 0 }];
        let within = |from, to| query.window.contains(from) && query.window.contains(to);
        let all_started = within(self.first_start, self.last_start);
        let all_arrived = within(self.first_arrival, self.last_arrival);
        let (mut first, mut last) = (Moment(i64::MAX), Moment(i64::MIN));
        for row in rows {
            if !all_started && !query.window.contains(self.start[row]) {
                continue;
            }
            if let Some(fits) = query.name {
                let name = self.name[row];
                if !*names[name.0 as usize].get_or_insert_with(|| fits(self.texts.get(name))) {
                    continue;
                }
            }
            let resource = &resources[self.resource[row] as usize];
            if resource.out
                || !(all_arrived || query.window.contains(self.arrival[row]))
                || !self.fits(row, query)
                || !self.has(row, wanted, resource)
            {
                continue;
            }
            if resource.injected {
                hits.from_injected += 1;
                continue;
            }
            hits.count += 1;
            let start = self.start[row];
            if hits.first.is_none() || start < first {
                (hits.first, first) = (Some(row), start);
            }
            if hits.last.is_none() || start >= last {
                (hits.last, last) = (Some(row), start);
            }
        }
        hits
    }

    /// The spans that have an attribute of that mark.
    fn marked(&self, mark: u8) -> impl Iterator<Item = usize> {
        let (mut row, mut last) = (0, None);
        memchr::memchr_iter(mark, &self.marks).filter_map(move |at| {
            row += self.ends[row..].iter().take_while(|end| **end as usize <= at).count();
            (last.replace(row) != Some(row)).then_some(row)
        })
    }

    fn fits(&self, row: usize, query: &SpanQuery<'_>) -> bool {
        let duration = || Duration::from_nanos(self.duration[row]);
        query.status.is_none_or(|status| status as u8 == self.kinds[row] & 0xf)
            && query.duration_above.is_none_or(|above| duration() > above)
            && query.duration_below.is_none_or(|below| duration() < below)
    }

    fn has(&self, row: usize, wanted: &[Wanted], resource: &JudgedResource) -> bool {
        if wanted.is_empty() {
            return true;
        }
        let from = row.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        let own = &self.attributes[from..self.ends[row] as usize];
        wanted.iter().zip(&resource.has).all(|(wanted, has)| *has || wanted.is_in(own))
    }

    fn judged_resources(&self, asked: &Asked<'_>, wanted: &[Wanted]) -> Vec<JudgedResource> {
        let judge = |(number, sender): (usize, Sender<'_>)| JudgedResource {
            out: asked.query.service.is_some_and(|fits| !sender.service.is_some_and(fits)),
            injected: asked.is_injected(sender),
            has: wanted.iter().map(|wanted| wanted.is_in(&self.resources.all()[number])).collect(),
        };
        self.senders().enumerate().map(judge).collect()
    }

    /// The span of that row.
    pub(super) fn seen(&self, row: usize) -> SpanSeen {
        let list = &self.resources.all()[self.resource[row] as usize];
        let service = text_of(list, "service.name", &self.texts).unwrap_or_default().to_owned();
        SpanSeen {
            trace_id: self.trace[row],
            span_id: self.span[row],
            parent: self.parent[row],
            start: self.start[row],
            arrival: self.arrival[row],
            service,
            name: self.texts.get(self.name[row]).to_owned(),
        }
    }
}

/// What a segment has for a query: counts, and the rows of the spans that began first and last.
#[derive(Debug, Default)]
pub(super) struct Hits {
    pub(super) count: u64,
    pub(super) from_injected: u64,
    pub(super) first: Option<usize>,
    pub(super) last: Option<usize>,
}

/// What a query makes of a resource.
struct JudgedResource {
    /// None of its spans fits.
    out: bool,
    /// It is a node on which the fault acts.
    injected: bool,
    /// Which of the wanted attributes it has.
    has: Vec<bool>,
}
