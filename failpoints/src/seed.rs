//! Seeded decisions: one number in, the same number out, on every machine.

/// Mixes a state into 64 well spread bits (the finaliser of `SplitMix64`, Steele, Lea and Flood 2014).
pub(crate) const fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Hashes a name with FNV-1a, so that a site keeps its stream when others are added or renamed.
pub(crate) const fn hash_name(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixing_is_fixed_for_ever() {
        // The first output of the published SplitMix64 from state 0.
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn names_one_letter_apart_get_different_streams() {
        assert_ne!(mix(hash_name("a.b")), mix(hash_name("a.c")));
        assert_eq!(hash_name(""), 0xcbf2_9ce4_8422_2325);
    }
}
