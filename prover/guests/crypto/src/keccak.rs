//! Keccak-256 as `alloy-primitives` links it under its feature `native-keccak`.

#[cfg(target_os = "zkvm")]
mod imp {
    use core::{mem::MaybeUninit, ptr};

    use openvm_keccak256_guest::{KECCAK_OUTPUT_SIZE, KECCAK_RATE, KECCAK_WIDTH_BYTES, native_keccakf, native_xorin};

    const WORD: usize = 4;

    /// The sponge; the machine's instructions take whole words.
    #[repr(C, align(4))]
    struct State([u8; KECCAK_WIDTH_BYTES]);

    /// # Safety
    /// `bytes` is readable for `len` bytes, `output` writable for 32.
    #[no_mangle]
    unsafe extern "C" fn native_keccak256(bytes: *const u8, len: usize, output: *mut u8) {
        let mut state = State([0; KECCAK_WIDTH_BYTES]);
        let sponge = state.0.as_mut_ptr();
        let mut input = bytes;
        let mut rest = len;
        let aligned = input as usize % WORD == 0;
        while rest >= KECCAK_RATE {
            // SAFETY: `rest` bytes are left of the input, which are at least a block.
            unsafe {
                absorb(sponge, input, KECCAK_RATE, aligned);
                native_keccakf(sponge);
                input = input.add(KECCAK_RATE);
            }
            rest -= KECCAK_RATE;
        }
        let words = rest & !(WORD - 1);
        // SAFETY: as above; less than a block is left.
        unsafe {
            absorb(sponge, input, words, aligned);
            for offset in words..rest {
                state.0[offset] ^= *input.add(offset);
            }
        }
        state.0[rest] ^= 0x01;
        state.0[KECCAK_RATE - 1] ^= 0x80;
        // SAFETY: the state is as long as the instruction wants, the output by contract.
        unsafe {
            native_keccakf(state.0.as_mut_ptr());
            ptr::copy_nonoverlapping(state.0.as_ptr(), output, KECCAK_OUTPUT_SIZE);
        }
    }

    /// Absorbs whole words, at most a block.
    ///
    /// # Safety
    /// `input` is readable for `len` bytes, a multiple of the word and at most a block; `sponge` is a [`State`]'s.
    #[inline(always)]
    unsafe fn absorb(sponge: *mut u8, input: *const u8, len: usize, aligned: bool) {
        if aligned {
            // SAFETY: by contract.
            return unsafe { native_xorin(sponge, input, len) };
        }
        let mut block = MaybeUninit::<[u32; KECCAK_RATE / WORD]>::uninit();
        let block = block.as_mut_ptr().cast::<u8>();
        // SAFETY: the buffer holds a block.
        unsafe {
            ptr::copy_nonoverlapping(input, block, len);
            native_xorin(sponge, block, len);
        }
    }
}
