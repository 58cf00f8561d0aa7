//! Keccak-256 of several inputs at once.
//!
//! A node's children are hashed together: with AVX-512, eight permutations in vector registers take about as long as one
//! in ordinary ones. Elsewhere, and for one or two inputs, it is Keccak one by one.

use alloc::vec::Vec;

use alloy_primitives::{B256, keccak256};

/// Hashes of all inputs, in their order.
pub(crate) fn keccak256_each<T: AsRef<[u8]>>(inputs: &[T]) -> Vec<B256> {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    if inputs.len() >= avx512::WORTH_IT && std::arch::is_x86_feature_detected!("avx512f") {
        return inputs.chunks(avx512::LANES).flat_map(avx512::hash_chunk).collect();
    }
    inputs.iter().map(keccak256).collect()
}

#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod avx512 {
    use core::arch::x86_64::{
        __m512i, _mm256_extract_epi64, _mm512_castsi512_si256, _mm512_extracti64x4_epi64, _mm512_rol_epi64,
        _mm512_set_epi64, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_ternarylogic_epi64, _mm512_xor_si512,
    };

    use super::{B256, Vec, keccak256};

    /// Inputs in one vector.
    pub(super) const LANES: usize = 8;

    /// Fewer are hashed one by one.
    pub(super) const WORTH_IT: usize = 3;

    /// Bytes that Keccak-256 takes between two permutations.
    const BLOCK: usize = 136;
    const BLOCK_WORDS: usize = BLOCK / 8;

    const ROUND_CONSTANTS: [u64; 24] = [
        0x0000_0000_0000_0001,
        0x0000_0000_0000_8082,
        0x8000_0000_0000_808a,
        0x8000_0000_8000_8000,
        0x0000_0000_0000_808b,
        0x0000_0000_8000_0001,
        0x8000_0000_8000_8081,
        0x8000_0000_0000_8009,
        0x0000_0000_0000_008a,
        0x0000_0000_0000_0088,
        0x0000_0000_8000_8009,
        0x0000_0000_8000_000a,
        0x0000_0000_8000_808b,
        0x8000_0000_0000_008b,
        0x8000_0000_0000_8089,
        0x8000_0000_0000_8003,
        0x8000_0000_0000_8002,
        0x8000_0000_0000_0080,
        0x0000_0000_0000_800a,
        0x8000_0000_8000_000a,
        0x8000_0000_8000_8081,
        0x8000_0000_0000_8080,
        0x0000_0000_8000_0001,
        0x8000_0000_8000_8008,
    ];

    /// Hashes at most [`LANES`] inputs. The processor must have AVX-512F.
    pub(super) fn hash_chunk<T: AsRef<[u8]>>(inputs: &[T]) -> Vec<B256> {
        if inputs.len() < WORTH_IT {
            return inputs.iter().map(keccak256).collect();
        }
        let lanes: [Lane<'_>; LANES] = core::array::from_fn(|index| match inputs.get(index) {
            Some(input) => Lane::new(input.as_ref()),
            None => Lane::new(&[]),
        });
        // SAFETY: the only caller has asked the processor for AVX-512F.
        #[allow(
            unsafe_code,
            reason = "functions for one kind of processor are called after asking for it"
        )]
        let mut hashes = unsafe { hash_lanes(&lanes) };
        hashes.truncate(inputs.len());
        hashes
    }

    /// An input in blocks.
    struct Lane<'i> {
        whole: &'i [[u8; BLOCK]],
        /// The last block, with its padding.
        tail: [u8; BLOCK],
    }

    impl<'i> Lane<'i> {
        fn new(input: &'i [u8]) -> Self {
            let (whole, rest) = input.as_chunks();
            let mut tail = [0; BLOCK];
            tail[..rest.len()].copy_from_slice(rest);
            tail[rest.len()] ^= 0x01;
            tail[BLOCK - 1] ^= 0x80;
            Self { whole, tail }
        }

        /// A word of a block; those behind the last block don't matter.
        fn word(&self, block: usize, word: usize) -> u64 {
            let block = self.whole.get(block).unwrap_or(&self.tail);
            let bytes = block.as_chunks().0.get(word).copied().unwrap_or_default();
            u64::from_le_bytes(bytes)
        }
    }

    #[target_feature(enable = "avx512f")]
    fn hash_lanes(lanes: &[Lane<'_>; LANES]) -> Vec<B256> {
        let mut state = [_mm512_setzero_si512(); 25];
        let mut hashes = alloc::vec![B256::ZERO; LANES];
        let longest = lanes.iter().map(|lane| lane.whole.len()).max().unwrap_or_default();
        for block in 0..=longest {
            for (index, word) in state.iter_mut().take(BLOCK_WORDS).enumerate() {
                *word = _mm512_xor_si512(*word, gather(|lane| lanes[lane].word(block, index)));
            }
            permute(&mut state);
            if lanes.iter().any(|lane| lane.whole.len() == block) {
                let words: [[u64; LANES]; 4] = core::array::from_fn(|index| scatter(state[index]));
                for (index, hash) in hashes.iter_mut().enumerate() {
                    if lanes[index].whole.len() == block {
                        for (bytes, word) in hash.0.as_chunks_mut().0.iter_mut().zip(&words) {
                            *bytes = word[index].to_le_bytes();
                        }
                    }
                }
            }
        }
        hashes
    }

    #[target_feature(enable = "avx512f")]
    fn gather(word: impl Fn(usize) -> u64) -> __m512i {
        let word = |lane| word(lane).cast_signed();
        _mm512_set_epi64(word(7), word(6), word(5), word(4), word(3), word(2), word(1), word(0))
    }

    #[target_feature(enable = "avx512f")]
    fn scatter(words: __m512i) -> [u64; LANES] {
        let (low, high) = (_mm512_castsi512_si256(words), _mm512_extracti64x4_epi64::<1>(words));
        [
            _mm256_extract_epi64::<0>(low),
            _mm256_extract_epi64::<1>(low),
            _mm256_extract_epi64::<2>(low),
            _mm256_extract_epi64::<3>(low),
            _mm256_extract_epi64::<0>(high),
            _mm256_extract_epi64::<1>(high),
            _mm256_extract_epi64::<2>(high),
            _mm256_extract_epi64::<3>(high),
        ]
        .map(i64::cast_unsigned)
    }

    /// Keccak-f[1600] in every lane; `state[x + 5 * y]`.
    #[target_feature(enable = "avx512f")]
    fn permute(state: &mut [__m512i; 25]) {
        /// a ^ b ^ c
        const XOR: i32 = 0x96;
        /// a ^ (!b & c)
        const CHI: i32 = 0xd2;
        let mut a = *state;
        for constant in ROUND_CONSTANTS {
            let mut c = [_mm512_setzero_si512(); 5];
            for x in 0..5 {
                let upper = _mm512_ternarylogic_epi64::<XOR>(a[x], a[x + 5], a[x + 10]);
                c[x] = _mm512_ternarylogic_epi64::<XOR>(upper, a[x + 15], a[x + 20]);
            }
            for x in 0..5 {
                let (left, right) = (c[(x + 4) % 5], _mm512_rol_epi64::<1>(c[(x + 1) % 5]));
                for y in 0..5 {
                    a[x + 5 * y] = _mm512_ternarylogic_epi64::<XOR>(a[x + 5 * y], left, right);
                }
            }
            let mut moved = a[1];
            macro_rules! rotate_and_move {
                ($($to:literal $by:literal),*) => {$({
                    let next = a[$to];
                    a[$to] = _mm512_rol_epi64::<$by>(moved);
                    moved = next;
                })*};
            }
            rotate_and_move!(
                10 1, 7 3, 11 6, 17 10, 18 15, 3 21, 5 28, 16 36, 8 45, 21 55, 24 2, 4 14, 15 27, 23 41, 19 56, 13 8,
                12 25, 2 43, 20 62, 14 18, 22 39, 9 61, 6 20, 1 44
            );
            let _ = moved;
            for y in [0, 5, 10, 15, 20] {
                let row: [__m512i; 5] = [a[y], a[y + 1], a[y + 2], a[y + 3], a[y + 4]];
                for x in 0..5 {
                    a[y + x] = _mm512_ternarylogic_epi64::<CHI>(row[x], row[(x + 1) % 5], row[(x + 2) % 5]);
                }
            }
            a[0] = _mm512_xor_si512(a[0], _mm512_set1_epi64(constant.cast_signed()));
        }
        *state = a;
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn inputs_around_the_length_of_a_block_hash_as_alone() {
        let inputs: Vec<Vec<u8>> = [0, 1, 135, 136, 137, 271, 272, 273, 532]
            .map(|length: u16| (0..length).map(|byte| byte.to_le_bytes()[0]).collect())
            .to_vec();
        let alone: Vec<_> = inputs.iter().map(keccak256).collect();
        assert_eq!(keccak256_each(&inputs), alone);
    }

    proptest! {
        #[test]
        fn inputs_hash_together_as_alone(
            inputs in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..600), 0..20),
        ) {
            let alone: Vec<_> = inputs.iter().map(keccak256).collect();
            prop_assert_eq!(keccak256_each(&inputs), alone);
        }
    }
}
