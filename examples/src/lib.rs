//! Task files and small programs that show Squall at work.
