//! What is read of `/proc` again and again, and changes seldom: for a second it is what it was.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Long enough for the plans of thousands of entries, short enough that nobody acts on what was long ago.
const FRESH: Duration = Duration::from_secs(1);

/// One thing of this machine or this process, read at most once a second. What it says decides nothing by itself: whatever is
/// done to a process is done through its pidfd.
#[derive(Debug)]
pub(crate) struct Remembered<T: ?Sized>(Mutex<Option<(Instant, Arc<T>)>>);

impl<T: ?Sized> Remembered<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// What was read less than a second ago, or is read now. What is not worth keeping is read again the next time, as is what
    /// could not be read.
    pub(crate) fn get(
        &self,
        read: impl FnOnce() -> io::Result<Arc<T>>,
        keep: impl FnOnce(&T) -> bool,
    ) -> io::Result<Arc<T>> {
        // Held while it is read: who comes meanwhile would read the same.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, value)) = kept.as_ref()
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(value));
        }
        let at = Instant::now();
        let value = read()?;
        *kept = keep(&value).then(|| (at, Arc::clone(&value)));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_once_while_it_is_fresh_and_again_where_it_is_not_kept_or_failed() {
        let (kept, mut reads) = (Remembered::new(), 0);
        let mut get = |keep: bool| {
            let read = || {
                reads += 1;
                Ok(Arc::new(reads))
            };
            *kept.get(read, |_| keep).unwrap()
        };
        assert_eq!([get(false), get(true), get(true), get(false)], [1, 2, 2, 2]);
        *kept.0.lock().unwrap() = Some((Instant::now().checked_sub(FRESH).unwrap(), Arc::new(9)));
        let failed = kept.get(|| Err(io::Error::other("no")), |_| true);
        assert_eq!(failed.unwrap_err().to_string(), "no");
        assert_eq!(*kept.get(|| Ok(Arc::new(7)), |_| true).unwrap(), 7);
    }
}
