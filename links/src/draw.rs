//! Seeded draws that depend on nothing but what they are for: no draw moves another.

/// A source of numbers for one purpose. The n-th number is a function of the key and n, so that the order in which
/// connections and toxics come does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Draw(u64);

impl Draw {
    /// The draws of one seed.
    pub(crate) fn of_seed(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// The draws for one thing that has a number.
    pub(crate) fn of(self, number: u64) -> Self {
        Self(mix(self.0 ^ number.wrapping_mul(0xD1B5_4A32_D192_ED03)))
    }

    /// The draws for one thing that has a name (FNV-1a).
    pub(crate) fn named(self, name: &str) -> Self {
        let hash = name
            .bytes()
            .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3));
        self.of(hash)
    }

    /// The n-th number.
    pub(crate) fn number(self, n: u64) -> u64 {
        mix(self.0.wrapping_add(n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    /// The n-th number from 0 up to, but without, 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub(crate) fn unit(self, n: u64) -> f64 {
        (self.number(n) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The n-th number of a normal distribution of mean 0 and deviation 1 (Box and Muller, 1958).
    pub(crate) fn normal(self, n: u64) -> f64 {
        let radius = (-2.0 * (1.0 - self.of(1).unit(n)).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.of(2).unit(n)).cos()
    }
}

/// The mix of `SplitMix64` (Steele, Lea and Flood, 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_stream_and_streams_differ() {
        let draw = |seed, name| Draw::of_seed(seed).named(name).unit(7);
        assert_eq!(draw(1, "a").to_bits(), draw(1, "a").to_bits());
        assert_ne!(draw(1, "a").to_bits(), draw(1, "b").to_bits());
        assert_ne!(draw(1, "a").to_bits(), draw(2, "a").to_bits());
    }

    #[test]
    fn numbers_stay_within_their_bounds_and_spread() {
        let draw = Draw::of_seed(3).named("spread");
        let units: Vec<f64> = (0..10_000).map(|n| draw.unit(n)).collect();
        assert!(units.iter().all(|unit| (0.0..1.0).contains(unit)));
        let mean = units.iter().sum::<f64>() / 10_000.0;
        assert!((0.48..0.52).contains(&mean), "{mean}");
        let square = (0..10_000).map(|n| draw.normal(n).powi(2)).sum::<f64>() / 10_000.0;
        assert!((0.9..1.1).contains(&square), "{square}");
    }
}
