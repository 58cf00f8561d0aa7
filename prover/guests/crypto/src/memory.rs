//! Memory. Comparison goes word by word: the compiler's own goes byte by byte, and hash maps compare a hash a lookup.
//! Copies and fills are a third of a block's instructions, so they are written by hand (`memory.s`); the linker puts them
//! in the place of the `openvm` crate's (`scripts/guests.sh`).

#[cfg(target_os = "zkvm")]
core::arch::global_asm!(include_str!("memory.s"));

#[cfg(target_os = "zkvm")]
mod imp {
    const WORD: usize = 4;

    /// # Safety
    /// Both are readable for `len` bytes.
    #[no_mangle]
    unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, len: usize) -> i32 {
        // SAFETY: by contract.
        unsafe { memcmp(left, right, len) }
    }

    /// # Safety
    /// Both are readable for `len` bytes.
    #[no_mangle]
    unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, len: usize) -> i32 {
        let mut at = 0;
        if (left as usize | right as usize) % WORD == 0 {
            while at + WORD <= len {
                // SAFETY: aligned, and inside of both.
                if unsafe { left.add(at).cast::<u32>().read() != right.add(at).cast::<u32>().read() } {
                    break;
                }
                at += WORD;
            }
        }
        while at < len {
            // SAFETY: inside of both.
            let (a, b) = unsafe { (left.add(at).read(), right.add(at).read()) };
            if a != b {
                return i32::from(a) - i32::from(b);
            }
            at += 1;
        }
        0
    }
}
