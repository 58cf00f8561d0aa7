//! Where each part of the work lies in the encrypted file: an order that only the key tells.

use super::key::{ContentKey, mac};

/// Places of parts and parts of places.
pub(super) struct Order {
    place_of: Vec<u32>,
}

impl Order {
    /// Part `i` has the place that HMAC-SHA256(order key, i as four bytes) has among those of all parts.
    pub(super) fn new(key: &ContentKey, parts: u32) -> Self {
        let order_key = key.derive(b"cwe-content-v1 order");
        let mut tagged: Vec<_> = (0..parts)
            .map(|part| (mac(&order_key, &part.to_be_bytes()), part))
            .collect();
        tagged.sort_unstable();
        let mut place_of = vec![0; tagged.len()];
        for (place, (_, part)) in (0..parts).zip(tagged) {
            if let Some(entry) = usize::try_from(part).ok().and_then(|part| place_of.get_mut(part)) {
                *entry = place;
            }
        }
        Self { place_of }
    }

    /// Place of a part in the encrypted file.
    pub(super) fn place(&self, part: u32) -> Option<usize> {
        let place = self.place_of.get(usize::try_from(part).ok()?)?;
        usize::try_from(*place).ok()
    }

    pub(super) fn parts(&self) -> u32 {
        u32::try_from(self.place_of.len()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn every_part_has_a_place_of_its_own_that_depends_on_the_key() {
        let places = |byte, parts| {
            let order = Order::new(&ContentKey::from_bytes(Zeroizing::new([byte; 32])), parts);
            (0..parts).map(|part| order.place(part).unwrap()).collect::<Vec<_>>()
        };
        let mut sorted = places(1, 500);
        assert_ne!(sorted, places(2, 500));
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..500));
        assert_eq!(places(1, 1), [0]);
    }

    #[test]
    fn neighbours_in_the_work_are_not_neighbours_in_the_file() {
        let order = Order::new(&ContentKey::from_bytes(Zeroizing::new([3; 32])), 1000);
        let follows = |part: &u32| order.place(part + 1).unwrap() == order.place(*part).unwrap() + 1;
        // By chance one of a thousand; five or more are unlikelier than 1 in 200.
        assert!((0..999).filter(follows).count() < 5);
    }
}
