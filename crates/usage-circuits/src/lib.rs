//! The Split and Reveal circuits.
