//! Cutting a span of L1 blocks into requests that an endpoint accepts.

use std::ops::RangeInclusive;

/// Walks a span of blocks in ranges of bounded size that shrink when the endpoint finds them too large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ranges {
    next: u64,
    end: u64,
    size: u64,
    max_size: u64,
}

impl Ranges {
    /// All blocks of `span`, at most `max_size` (at least 1) at a time.
    pub(crate) fn new(span: RangeInclusive<u64>, max_size: u64) -> Self {
        let max_size = max_size.max(1);
        Self {
            next: *span.start(),
            end: *span.end(),
            size: max_size,
            max_size,
        }
    }

    /// The range to ask for now; `None` when all is done.
    pub(crate) fn current(&self) -> Option<RangeInclusive<u64>> {
        (self.next <= self.end).then(|| self.next..=self.end.min(self.next.saturating_add(self.size - 1)))
    }

    /// The current range was answered. Sizes recover slowly, so that a busy stretch does not slow the whole way.
    pub(crate) fn advance(&mut self) {
        if let Some(range) = self.current() {
            // `u64::MAX` as the last block would never end; no chain gets there.
            self.next = range.end().saturating_add(1);
            self.size = self.size.saturating_mul(2).min(self.max_size);
        }
    }

    /// The endpoint finds the current range too large. Returns whether a smaller one is left to try.
    pub(crate) fn shrink(&mut self) -> bool {
        let smaller = self.size / 2;
        if smaller == 0 {
            return false;
        }
        self.size = smaller;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(mut ranges: Ranges) -> Vec<RangeInclusive<u64>> {
        let mut all = Vec::new();
        while let Some(range) = ranges.current() {
            all.push(range);
            ranges.advance();
        }
        all
    }

    #[test]
    fn ranges_cover_every_block_once() {
        assert_eq!(walk(Ranges::new(3..=10, 3)), [3..=5, 6..=8, 9..=10]);
        assert_eq!(walk(Ranges::new(3..=3, 100)), [3..=3]);
        assert_eq!(walk(Ranges::new(RangeInclusive::new(4, 3), 100)), []);
        assert_eq!(walk(Ranges::new(0..=1, 0)), [0..=0, 1..=1]);
    }

    #[test]
    fn a_range_shrinks_to_one_block_and_recovers() {
        let mut ranges = Ranges::new(0..=100, 8);
        assert!(ranges.shrink() && ranges.shrink() && ranges.shrink());
        assert_eq!(ranges.current(), Some(0..=0));
        assert!(!ranges.shrink());
        ranges.advance();
        assert_eq!(ranges.current(), Some(1..=2));
        ranges.advance();
        ranges.advance();
        ranges.advance();
        assert_eq!(ranges.current(), Some(15..=22));
    }
}
