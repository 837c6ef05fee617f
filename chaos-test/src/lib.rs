//! Fakes and contract suites over every registered plug-in.
