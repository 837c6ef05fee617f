//! Where the parts of a document stand.

use std::fmt;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
#[cfg(feature = "validate")]
use crate::diagnostic::TextSpan;
use crate::pointer;
#[cfg(feature = "validate")]
use crate::text::{Places, Source};

/// Where a part of a document stands: its JSON pointer, and lines and columns where the document was a text.
#[derive(Clone, Default)]
pub struct Positions {
    name: Arc<str>,
    at: String,
    #[cfg(feature = "validate")]
    text: Option<(Arc<Source>, Arc<Places>)>,
}

impl Positions {
    /// A whole document of that name that was no text.
    pub fn of(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// A whole document of a text, which may hold several.
    #[cfg(feature = "validate")]
    pub(crate) fn in_text(source: impl Into<Arc<Source>>, places: Places) -> Self {
        let source = source.into();
        Self { name: source.name.as_str().into(), at: String::new(), text: Some((source, Arc::new(places))) }
    }

    /// The part under that key or index.
    #[must_use]
    pub fn inside(&self, segment: &str) -> Self {
        Self { at: pointer::join(&self.at, segment), ..self.clone() }
    }

    /// The name of the document.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The JSON pointer of the part.
    pub fn pointer(&self) -> &str {
        &self.at
    }

    /// The bytes of the part's value, and of its key where it has one; `None` where there is no text. What an alias stands
    /// for has the bytes of the alias.
    #[cfg(feature = "validate")]
    pub fn spans(&self) -> Option<(TextSpan, Option<TextSpan>)> {
        let (_, places) = self.text.as_ref()?;
        places.exactly(&self.at).map(|place| (place.value, place.key))
    }

    /// Gives a diagnostic, whose pointer counts from this part, its place in the document.
    pub fn placed(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        diagnostic.pointer.insert_str(0, &self.at);
        self.name.as_ref().clone_into(&mut diagnostic.file);
        #[cfg(feature = "validate")]
        if let Some((source, places)) = &self.text {
            let place = places.nearest(&diagnostic.pointer);
            let at_key = diagnostic.code.is_of_key();
            let span = place.map(|place| if at_key { place.key.unwrap_or(place.value) } else { place.value });
            if let Some(span) = diagnostic.span.or(span) {
                source.put(&mut diagnostic, span);
            }
        }
        diagnostic
    }
}

impl fmt::Debug for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, self.at)
    }
}
