//! Looking a work up without saying which: buckets of the index, and matching them on the listener's side.
