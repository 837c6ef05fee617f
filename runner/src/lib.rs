//! The engine: runs entries, holds, reverts, recovers, reports.
