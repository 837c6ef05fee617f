//! One function with a site and the same one without, for `tests/assembly.rs` to compare.

/// The site is in the middle, so that the code around it must not change either.
#[inline(never)]
pub fn with_site(values: &[u64]) -> Result<u64, u64> {
    let mut sum = values.len() as u64;
    for value in values {
        chaos_failpoints::fail_error!("assembly.site", |fired: chaos_failpoints::FiredSite| fired
            .hit());
        sum = sum.rotate_left(5) ^ value;
    }
    Ok(sum)
}

/// The same without. The constant differs, or the compiler would make one function of the two.
#[inline(never)]
pub fn without_site(values: &[u64]) -> Result<u64, u64> {
    let mut sum = values.len() as u64;
    for value in values {
        sum = sum.rotate_left(6) ^ value;
    }
    Ok(sum)
}
