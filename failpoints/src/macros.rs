//! The macros that put a site into code. With the feature `sites` off each of them expands to nothing.

/// Declares the static behind a site and enters it in the list of sites.
#[doc(hidden)]
#[macro_export]
macro_rules! __fail_point_site {
    ($site:ident, [$($doc:literal)*], $name:literal, $form:expr) => {
        static $site: $crate::__private::Site =
            $crate::__private::Site::new($crate::__private::SiteInfo::new(
                $name,
                concat!("", $($doc, "\n"),*),
                $form,
                (file!(), line!(), module_path!()),
            ));
        $crate::__private::inventory::submit! { $crate::__private::Entry(&$site) }
    };
}

/// Evaluates a site: `Some(FiredSite)` when its rule says `return`.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "sites")]
macro_rules! __fail_point_fired {
    ([$($doc:literal)*], blocking, $name:literal, $form:expr) => {{
        $crate::__fail_point_site!(__FAIL_POINT, [$($doc)*], $name, $form);
        if __FAIL_POINT.armed() {
            $crate::__private::unlikely();
            $crate::__private::evaluate(&__FAIL_POINT)
        } else {
            None
        }
    }};
    ([$($doc:literal)*], awaited, $name:literal, $form:expr) => {{
        $crate::__fail_point_site!(__FAIL_POINT, [$($doc)*], $name, $form);
        if __FAIL_POINT.armed() {
            $crate::__private::unlikely();
            $crate::__private::evaluate_async(&__FAIL_POINT).await
        } else {
            None
        }
    }};
}

/// Puts a fail point here: delays, panics, pauses, callbacks, and an early return where a closure makes the value.
///
/// A doc comment inside says what the point stands for. With `async` in front, delays and pauses are awaited (needs
/// the feature `tokio`). The forms without `async` are those of fail-rs and mean the same.
///
/// ```
/// use chaos_failpoints::fail_point;
///
/// fn load(cached: bool) -> u64 {
///     fail_point!(
///         /// The cache is about to be read.
///         "cache.read"
///     );
///     fail_point!("cache.size", |text| text.map_or(0, |text| text.parse().unwrap_or(0)));
///     fail_point!("cache.cold", !cached, |_| 1);
///     7
/// }
///
/// let _guard = chaos_failpoints::arm_thread("cache.size", "return(42)")?;
/// assert_eq!(load(true), 42);
/// # Ok::<(), chaos_failpoints::Error>(())
/// ```
#[macro_export]
#[cfg(feature = "sites")]
macro_rules! fail_point {
    ($(#[doc = $doc:literal])* async $name:literal) => {{
        let _ = $crate::__fail_point_fired!([$($doc)*], awaited, $name, $crate::Form::Effect);
    }};
    ($(#[doc = $doc:literal])* async $name:literal, $value:expr) => {{
        if let Some(fired) = $crate::__fail_point_fired!([$($doc)*], awaited, $name, $crate::Form::Return) {
            return $crate::__private::early(fired, $value);
        }
    }};
    ($(#[doc = $doc:literal])* $name:literal) => {{
        let _ = $crate::__fail_point_fired!([$($doc)*], blocking, $name, $crate::Form::Effect);
    }};
    ($(#[doc = $doc:literal])* $name:literal, $value:expr) => {{
        if let Some(fired) = $crate::__fail_point_fired!([$($doc)*], blocking, $name, $crate::Form::Return) {
            return $crate::__private::early(fired, $value);
        }
    }};
    ($(#[doc = $doc:literal])* $name:literal, $condition:expr, $value:expr) => {{
        if $condition {
            $crate::fail_point!($(#[doc = $doc])* $name, $value);
        }
    }};
}

/// Puts a fail point here that returns an error of the caller's own type, made from what fired.
///
/// ```
/// use chaos_failpoints::fail_error;
///
/// fn append() -> std::io::Result<()> {
///     fail_error!(
///         /// The disk refuses the write.
///         "log.append",
///         |fired| std::io::Error::new(std::io::ErrorKind::StorageFull, fired)
///     );
///     Ok(())
/// }
///
/// let guard = chaos_failpoints::arm_thread("log.append", "1*return(no space)")?;
/// assert_eq!(append().map_err(|error| error.to_string()), Err("no space".to_owned()));
/// assert!(append().is_ok());
/// assert_eq!((guard.hits(), guard.fires()), (2, 1));
/// # Ok::<(), chaos_failpoints::Error>(())
/// ```
#[macro_export]
#[cfg(feature = "sites")]
macro_rules! fail_error {
    ($(#[doc = $doc:literal])* async $name:literal, $error:expr) => {{
        if let Some(fired) = $crate::__fail_point_fired!([$($doc)*], awaited, $name, $crate::Form::Error) {
            return Err($crate::__private::error(fired, $error));
        }
    }};
    ($(#[doc = $doc:literal])* $name:literal, $error:expr) => {{
        if let Some(fired) = $crate::__fail_point_fired!([$($doc)*], blocking, $name, $crate::Form::Error) {
            return Err($crate::__private::error(fired, $error));
        }
    }};
}

/// Puts a fail point here that returns a value of this type, which is checked when the site is armed.
///
/// ```
/// use chaos_failpoints::{Rule, arm_thread, fail_return};
///
/// fn free_bytes() -> u64 {
///     fail_return!("disk.free", u64);
///     1 << 40
/// }
///
/// let _guard = arm_thread("disk.free", Rule::value(512_u64))?;
/// assert_eq!(free_bytes(), 512);
/// assert!(arm_thread("disk.free", "return(plenty)").is_err(), "not a number");
/// # Ok::<(), chaos_failpoints::Error>(())
/// ```
#[macro_export]
#[cfg(feature = "sites")]
macro_rules! fail_return {
    ($(#[doc = $doc:literal])* $name:literal, $type:ty) => {
        $crate::fail_return!($(#[doc = $doc])* $name, $type, |value| value)
    };
    ($(#[doc = $doc:literal])* async $name:literal, $type:ty) => {
        $crate::fail_return!($(#[doc = $doc])* async $name, $type, |value| value)
    };
    ($(#[doc = $doc:literal])* $name:literal, $type:ty, $value:expr) => {{
        let fired = $crate::__fail_point_fired!([$($doc)*], blocking, $name, $crate::__private::value_form::<$type>(stringify!($type)));
        if let Some(value) = $crate::__private::typed::<$type>(fired) {
            return $crate::__private::convert(value, $value);
        }
    }};
    ($(#[doc = $doc:literal])* async $name:literal, $type:ty, $value:expr) => {{
        let fired = $crate::__fail_point_fired!([$($doc)*], awaited, $name, $crate::__private::value_form::<$type>(stringify!($type)));
        if let Some(value) = $crate::__private::typed::<$type>(fired) {
            return $crate::__private::convert(value, $value);
        }
    }};
}

/// Puts a fail point here and gives the surrounding code what fired, as an `Option<FiredSite>`.
///
/// ```
/// use chaos_failpoints::fail_check;
///
/// let batch = if fail_check!("loader.small_batches").is_some() { 1 } else { 1024 };
/// assert_eq!(batch, 1024);
/// ```
#[macro_export]
#[cfg(feature = "sites")]
macro_rules! fail_check {
    ($(#[doc = $doc:literal])* async $name:literal) => {
        $crate::__fail_point_fired!([$($doc)*], awaited, $name, $crate::Form::Check)
    };
    ($(#[doc = $doc:literal])* $name:literal) => {
        $crate::__fail_point_fired!([$($doc)*], blocking, $name, $crate::Form::Check)
    };
}

/// Expands to nothing: the feature `sites` is off.
#[macro_export]
#[cfg(not(feature = "sites"))]
macro_rules! fail_point {
    ($($all:tt)*) => {{}};
}

/// Expands to nothing: the feature `sites` is off.
#[macro_export]
#[cfg(not(feature = "sites"))]
macro_rules! fail_error {
    ($($all:tt)*) => {{}};
}

/// Expands to nothing: the feature `sites` is off.
#[macro_export]
#[cfg(not(feature = "sites"))]
macro_rules! fail_return {
    ($($all:tt)*) => {{}};
}

/// Expands to `None`: the feature `sites` is off.
#[macro_export]
#[cfg(not(feature = "sites"))]
macro_rules! fail_check {
    ($($all:tt)*) => {
        None::<$crate::FiredSite>
    };
}
