//! A source as it stands in a document.

use super::kind::DynSource;
use crate::Configured;

/// A source in a document.
pub type DeclaredSource = Configured<dyn DynSource>;
