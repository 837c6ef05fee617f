//! An attribute in twelve bytes.

use std::collections::HashMap;

use crate::span::AttributeValue;
use crate::text::{Text, Texts};

/// An attribute: the number of its key with the kind of its value, and the value, or its number in the texts.
///
/// Three words of four bytes: with an enum of eight-byte values it would take sixteen, and attributes are most of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Packed([u32; 3]);

const TEXT: u32 = 0;
const INT: u32 = 1;
const DOUBLE: u32 = 2;
const BOOL: u32 = 3;
const JSON: u32 = 4;

/// The kind takes the upper three bits, so that many keys can be told apart.
const KIND_BITS: u32 = 29;
const KEY: u32 = (1 << KIND_BITS) - 1;

impl Packed {
    /// Keeps an attribute; `None` where its texts go beyond their bound.
    pub(super) fn keep(key: &str, value: &AttributeValue<'_>, texts: &mut Texts) -> Option<Self> {
        let key = texts.keep(key)?;
        let (kind, bits) = match value {
            AttributeValue::Text(text) => (TEXT, u64::from(texts.keep(text)?.0)),
            AttributeValue::Json(text) => (JSON, u64::from(texts.keep(text)?.0)),
            AttributeValue::Int(int) => (INT, int.cast_unsigned()),
            AttributeValue::Double(double) => (DOUBLE, double.to_bits()),
            AttributeValue::Bool(yes) => (BOOL, u64::from(*yes)),
        };
        if key.0 > KEY {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
        let (low, high) = (bits as u32, (bits >> 32) as u32);
        Some(Self([key.0 | (kind << KIND_BITS), low, high]))
    }

    fn key(self) -> Text {
        Text(self.0[0] & KEY)
    }

    fn bits(self) -> u64 {
        u64::from(self.0[1]) | (u64::from(self.0[2]) << 32)
    }

    /// A byte that is the same for equal attributes.
    pub(super) fn mark(self) -> u8 {
        match self.0[0] >> KIND_BITS {
            INT => number_mark(self.key(), as_number(self.bits())),
            DOUBLE => number_mark(self.key(), f64::from_bits(self.bits())),
            kind => mark(self.key(), kind, self.bits()),
        }
    }

    /// Its value where it is a string.
    fn text(self, texts: &Texts) -> Option<&str> {
        (self.0[0] >> KIND_BITS == TEXT).then(|| texts.get(Text(self.0[1])))
    }
}

/// An integer as the number as which it is compared. Numbers so large that this changes them are rare, and near ones are told
/// apart by sources in the same way.
#[expect(clippy::cast_precision_loss, reason = "as said")]
fn as_number(bits: u64) -> f64 {
    bits.cast_signed() as f64
}

fn mark(key: Text, kind: u32, bits: u64) -> u8 {
    // Fibonacci hashing: the upper bits of a product with the golden ratio hang on all bits of the other factor.
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let mixed = (bits.wrapping_mul(GOLDEN) >> 32) ^ u64::from(key.0) ^ u64::from(kind) << KIND_BITS;
    mixed.wrapping_mul(GOLDEN).to_be_bytes()[0]
}

fn number_mark(key: Text, number: f64) -> u8 {
    // Both zeros are equal.
    mark(key, DOUBLE, (number + 0.0).to_bits())
}

/// The string that an attribute of that key has.
pub(super) fn text_of<'t>(attributes: &[Packed], key: &str, texts: &'t Texts) -> Option<&'t str> {
    let key = texts.find(key)?;
    attributes.iter().find(|attribute| attribute.key() == key)?.text(texts)
}

/// An attribute that is looked for, in the numbers of one segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// The mark of every attribute that is it.
    pub(super) mark: u8,
    key: Text,
    value: WantedValue,
}

#[derive(Debug, Clone, Copy)]
enum WantedValue {
    /// A kind and its bits.
    Bits(u32, u64),
    /// A number, whole or not.
    Number(f64),
}

impl Wanted {
    /// `None` where no attribute of the segment can be it.
    pub(super) fn find(key: &str, value: &AttributeValue<'_>, texts: &Texts) -> Option<Self> {
        let key = texts.find(key)?;
        let value = match value {
            AttributeValue::Text(text) => WantedValue::Bits(TEXT, u64::from(texts.find(text)?.0)),
            AttributeValue::Json(text) => WantedValue::Bits(JSON, u64::from(texts.find(text)?.0)),
            AttributeValue::Bool(yes) => WantedValue::Bits(BOOL, u64::from(*yes)),
            AttributeValue::Int(int) => WantedValue::Number(as_number(int.cast_unsigned())),
            AttributeValue::Double(double) => WantedValue::Number(*double),
        };
        let mark = match value {
            WantedValue::Bits(kind, bits) => mark(key, kind, bits),
            WantedValue::Number(number) => number_mark(key, number),
        };
        Some(Self { mark, key, value })
    }

    /// Whether one of the attributes is it.
    pub(super) fn is_in(self, attributes: &[Packed]) -> bool {
        attributes.iter().any(|attribute| attribute.key() == self.key && self.value.is(*attribute))
    }
}

impl WantedValue {
    #[expect(clippy::float_cmp, reason = "exactly the number that was asked for")]
    fn is(self, attribute: Packed) -> bool {
        let (kind, bits) = (attribute.0[0] >> KIND_BITS, attribute.bits());
        match self {
            Self::Bits(wanted, value) => (kind, bits) == (wanted, value),
            Self::Number(number) if kind == INT => as_number(bits) == number,
            Self::Number(number) => kind == DOUBLE && f64::from_bits(bits) == number,
        }
    }
}

/// Lists of attributes, each kept once: resources, of which few send all spans.
#[derive(Debug, Default)]
pub(super) struct Lists {
    numbers: HashMap<Box<[Packed]>, u32>,
    all: Vec<Box<[Packed]>>,
    bytes: usize,
}

impl Lists {
    /// Keeps a list.
    pub(super) fn keep(&mut self, list: Vec<Packed>) -> Option<u32> {
        if let Some(number) = self.numbers.get(list.as_slice()) {
            return Some(*number);
        }
        let number = u32::try_from(self.all.len()).ok()?;
        let list = list.into_boxed_slice();
        // Twice the list, and about as much again for handles and the table.
        self.bytes += 2 * size_of_val(&*list) + 64;
        self.all.push(list.clone());
        self.numbers.insert(list, number);
        Some(number)
    }

    /// All lists, in the order of their numbers.
    pub(super) fn all(&self) -> &[Box<[Packed]>] {
        &self.all
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
