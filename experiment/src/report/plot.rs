//! Pictures of the report, as inline SVG: colours come from the page, so that they follow light and dark.

mod canvas;
mod rates;
mod spread;
mod timeline;

pub(super) use self::rates::rates;
pub(super) use self::spread::spread;
pub(super) use self::timeline::timeline;
