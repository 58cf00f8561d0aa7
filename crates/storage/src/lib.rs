//! Blocks, state and trie in MDBX, with history and atomic block commits
