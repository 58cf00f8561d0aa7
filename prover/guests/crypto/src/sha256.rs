//! SHA-256 over the machine's compression.

const BLOCK: usize = 64;

const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Hashes `input`.
pub(crate) fn hash(input: &[u8]) -> [u8; 32] {
    let mut state = INITIAL;
    let blocks = input.chunks_exact(BLOCK);
    let rest = blocks.remainder();
    for block in blocks {
        compress(&mut state, block);
    }
    // A one bit, zeros, and the length in bits: in this block, or in one more.
    let mut tail = [0; 2 * BLOCK];
    tail[..rest.len()].copy_from_slice(rest);
    tail[rest.len()] = 0x80;
    let end = if rest.len() + 9 <= BLOCK { BLOCK } else { 2 * BLOCK };
    tail[end - 8..end].copy_from_slice(&(input.len() as u64 * 8).to_be_bytes());
    for block in tail[..end].chunks_exact(BLOCK) {
        compress(&mut state, block);
    }
    let mut out = [0; 32];
    for (bytes, word) in out.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    out
}

#[cfg(target_os = "zkvm")]
fn compress(state: &mut [u32; 8], block: &[u8]) {
    let before = *state;
    // SAFETY: both states have eight words, the block has 64 bytes.
    unsafe {
        openvm_sha2_guest::zkvm_sha256_impl(before.as_ptr().cast(), block.as_ptr(), state.as_mut_ptr().cast());
    }
}

#[cfg(not(target_os = "zkvm"))]
fn compress(_: &mut [u32; 8], _: &[u8]) {
    unimplemented!("only the virtual machine has the instruction")
}
