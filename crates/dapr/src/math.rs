//! Multiplication and division without loss in between.

use alloy_primitives::U256;

/// ⌊a · b / divisor⌋; `None` if it has more than 128 bits or the divisor is 0.
pub(crate) fn mul_div(a: u128, b: u128, divisor: u128) -> Option<u128> {
    // Nearly always: 256 bits are dear in a virtual machine.
    if let Some(product) = a.checked_mul(b) {
        return product.checked_div(divisor);
    }
    let product = U256::from(a) * U256::from(b);
    product.checked_div(U256::from(divisor))?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_does_not_fit_is_none() {
        assert_eq!(mul_div(u128::MAX, u128::MAX, u128::MAX), Some(u128::MAX));
        assert_eq!(mul_div(u128::MAX, 2, 1), None);
        assert_eq!(mul_div(1, 1, 0), None);
        assert_eq!(mul_div(u128::MAX, 2, 0), None);
    }

    proptest! {
        #[test]
        fn both_ways_round_down(a: u128, b: u128, small in 0..=u128::from(u64::MAX), divisor in 1..=u128::MAX) {
            for b in [b, small] {
                let exact = U256::from(a) * U256::from(b) / U256::from(divisor);
                prop_assert_eq!(mul_div(a, b, divisor), u128::try_from(exact).ok());
            }
        }
    }
}
