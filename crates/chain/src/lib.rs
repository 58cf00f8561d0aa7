//! Mempool, open block, sealing, and derivation of blocks from L1 batches
