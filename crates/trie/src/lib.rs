//! Merkle-Patricia trie over a database or a witness
