//! Keccak-256 as `alloy-primitives` links it under its feature `native-keccak`.

#[cfg(target_os = "zkvm")]
mod imp {
    use core::{mem::MaybeUninit, ptr};

    use openvm_keccak256_guest::{KECCAK_OUTPUT_SIZE, KECCAK_RATE, KECCAK_WIDTH_BYTES, native_keccakf, native_xorin};

    const WORD: usize = 4;

    /// The sponge; the machine's instructions take whole words.
    #[repr(C, align(4))]
    struct State([u8; KECCAK_WIDTH_BYTES]);

    /// Fills a state with zeros, word by word: a call that fills memory takes half as much again.
    ///
    /// # Safety
    /// `state` is writable.
    #[inline(always)]
    unsafe fn clear(state: *mut State) {
        // SAFETY: these are the 50 words of the state, which is aligned.
        unsafe {
            core::arch::asm!(
                ".irp offset, 0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68, 72, 76, 80, 84, 88, 92, \
                 96, 100, 104, 108, 112, 116, 120, 124, 128, 132, 136, 140, 144, 148, 152, 156, 160, 164, 168, 172, 176, \
                 180, 184, 188, 192, 196",
                "sw zero, \\offset({state})",
                ".endr",
                state = in(reg) state,
                options(nostack),
            );
        }
    }

    /// Copies a hash out of a state.
    ///
    /// # Safety
    /// `state` is a [`State`]'s, `output` writable for a hash.
    #[inline(always)]
    unsafe fn copy_hash(state: *const u8, output: *mut u8) {
        if output as usize % WORD != 0 {
            // SAFETY: by contract.
            return unsafe { ptr::copy_nonoverlapping(state, output, KECCAK_OUTPUT_SIZE) };
        }
        for index in 0..KECCAK_OUTPUT_SIZE / WORD {
            // SAFETY: inside of both, which are aligned.
            unsafe {
                let word = state.cast::<u32>().add(index).read();
                output.cast::<u32>().add(index).write_volatile(word);
            }
        }
    }

    /// # Safety
    /// `bytes` is readable for `len` bytes, `output` writable for 32.
    #[no_mangle]
    unsafe extern "C" fn native_keccak256(bytes: *const u8, len: usize, output: *mut u8) {
        let mut state = MaybeUninit::uninit();
        // SAFETY: every byte of it is written.
        let state = unsafe {
            clear(state.as_mut_ptr());
            state.assume_init_mut()
        };
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
            copy_hash(state.0.as_ptr(), output);
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
