//! Bins for values of one size.

/// Sizes in descending order with their running sums.
pub(in crate::pack) struct Sizes {
    pub(super) values: Vec<u64>,
    sums: Vec<u128>,
}

impl Sizes {
    pub(in crate::pack) fn new(mut values: Vec<u64>) -> Sizes {
        values.sort_unstable_by(|a, b| b.cmp(a));
        let mut sums = Vec::with_capacity(values.len() + 1);
        sums.push(0);
        let mut sum = 0;
        for value in &values {
            sum += u128::from(*value);
            sums.push(sum);
        }
        Sizes { values, sums }
    }

    pub(super) fn total(&self) -> u128 {
        self.sums[self.values.len()]
    }

    /// How many values are above `size`.
    fn above(&self, size: u64) -> usize {
        self.values.partition_point(|value| *value > size)
    }

    /// The best of the bounds below: bins of `capacity` that the values need at least.
    pub(super) fn within(&self, capacity: u64) -> usize {
        self.bins(capacity).max(self.bins_by_count(capacity)).max(self.bins_by_parts(capacity))
    }

    /// Bins that are needed even if each held as many as fit of the smallest values: of all values,
    /// and of the largest ones alone (the pigeonhole).
    pub(super) fn bins_by_count(&self, capacity: u64) -> usize {
        let mut best = 0;
        // The `fits` values before `end` fit one bin; the further down the list, the more do.
        let mut fits = 0;
        for end in 1..=self.values.len() {
            let sum = |count: usize| self.sums[end] - self.sums[end - count];
            while fits < end && sum(fits + 1) <= u128::from(capacity) {
                fits += 1;
            }
            best = best.max(end.div_ceil(fits.max(1)));
        }
        best
    }

    /// L2: bins of `capacity` that the values need at least. For every threshold, values above
    /// `capacity − threshold` are alone, those above half of the capacity are in different bins,
    /// and the smaller ones down to the threshold fill what is left.
    pub(in crate::pack) fn bins(&self, capacity: u64) -> usize {
        if capacity == 0 {
            return if self.total() == 0 { 0 } else { usize::MAX };
        }
        let whole = u128::from(capacity);
        let mut best = usize::try_from(self.total().div_ceil(whole)).unwrap_or(usize::MAX);
        let half = self.above(capacity / 2);
        // As the threshold falls, `alone` falls and `end` rises: two pointers.
        let (mut alone, mut end) = (half, half);
        while end < self.values.len() && self.values[end] > 0 {
            let threshold = self.values[end];
            while end < self.values.len() && self.values[end] == threshold {
                end += 1;
            }
            while alone > 0 && self.values[alone - 1] <= capacity - threshold {
                alone -= 1;
            }
            let spare = whole * (half - alone) as u128 - (self.sums[half] - self.sums[alone]);
            let small = self.sums[end] - self.sums[half];
            if small > spare {
                let more = usize::try_from((small - spare).div_ceil(whole)).unwrap_or(usize::MAX);
                best = best.max(half.saturating_add(more));
            }
        }
        best.max(half)
    }

    /// Bins by Fekete and Schepers' dual feasible functions (2001): a value counts as the share of a bin
    /// that it takes when no bin holds more than `parts` like it, larger ones as whole bins.
    pub(super) fn bins_by_parts(&self, capacity: u64) -> usize {
        const PARTS_MAX: u128 = 24;
        if capacity == 0 {
            return 0;
        }
        let whole = u128::from(capacity);
        let mut best = 0;
        for parts in 1..=PARTS_MAX {
            // In units of one bin ÷ (parts × capacity), so that nothing is rounded.
            let share = |value: u64| {
                let scaled = u128::from(value) * (parts + 1);
                if scaled.is_multiple_of(whole) { u128::from(value) * parts } else { scaled / whole * whole }
            };
            let count = self.values.partition_point(|value| u128::from(*value) * (parts + 1) >= whole);
            let mut sums = Vec::with_capacity(count + 1);
            sums.push(0u128);
            for value in &self.values[..count] {
                sums.push(sums[sums.len() - 1] + share(*value));
            }
            // As the threshold falls, fewer values are whole bins and more values count.
            let mut alone = count;
            for end in 1..=count {
                let threshold = self.values[end - 1].min(capacity / 2);
                while alone > 0 && self.values[alone - 1] <= capacity - threshold {
                    alone -= 1;
                }
                let next = self.values.get(end).copied().unwrap_or(0);
                if next == self.values[end - 1] {
                    continue;
                }
                let shares = sums[end] - sums[alone.min(end)];
                let bins = shares.div_ceil(parts * whole) + alone.min(end) as u128;
                best = best.max(usize::try_from(bins).unwrap_or(usize::MAX));
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_bounded() {
        let check = |values: &[u64], capacity: u64, expect: usize| {
            assert_eq!(Sizes::new(values.to_vec()).bins(capacity), expect, "{values:?} in {capacity}");
        };
        check(&[60, 60, 60], 100, 3);
        check(&[50, 50, 50], 100, 2);
        check(&[99, 97, 94, 93, 8, 5, 4, 2], 100, 5);
        check(&[70, 60, 50, 40, 40], 100, 3);
        check(&[0, 0], 100, 0);
        check(&[1], 0, usize::MAX);
        check(&[34; 6], 100, 3);
        assert_eq!(
            Sizes::new(vec![40, 40, 40, 40, 1, 1]).bins_by_count(119),
            2,
            "two of four, whatever else"
        );
        assert_eq!(Sizes::new(vec![34, 34, 34, 26, 26, 26, 26]).bins_by_parts(100), 3, "four quarters a bin");
        let by_count = |values: &[u64], capacity| Sizes::new(values.to_vec()).bins_by_count(capacity);
        assert_eq!((by_count(&[4; 10], 15), by_count(&[4; 10], 16), by_count(&[2, 1, 1], 2)), (4, 3, 2));
    }
}
