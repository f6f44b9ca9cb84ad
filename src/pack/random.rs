//! Our own generator, so that no library's update can change a plan.

/// SplitMix64 (Steele, Lea, Flood 2014).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform below `n`, which is not 0.
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// Roughly exponential with mean 1, from integer steps and one division: the same on every
    /// machine.
    pub(super) fn exponential(&mut self) -> f64 {
        let bits = self.next();
        let zeros = bits.leading_zeros();
        // Between two powers of two the logarithm is taken as a straight line.
        let rest = (bits << zeros.min(63)) as f64 / (1u64 << 63) as f64;
        (f64::from(zeros) + 2.0 - rest) * std::f64::consts::LN_2
    }
}
