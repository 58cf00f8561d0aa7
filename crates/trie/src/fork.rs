//! Working through the children of a branch, on one thread or on several.

use alloc::boxed::Box;

use alloy_trie::Nibbles;

use crate::update::{Change, Outcome, Trie};
use crate::writer::NodeWriter;
use crate::{NodeSource, TrieError};

/// Changes in a place where nothing was yet that are worth splitting by nibble, and with [`Parallel`] changes under a
/// branch that are worth more threads: a change costs microseconds, waking a thread about as much.
pub(crate) const HEAVY: usize = 64;

/// Outcomes for the children of a branch, by nibble. Boxed: it is passed up through every level, and large.
pub(crate) type Outcomes = Box<[Outcome]>;

/// Outcomes where nothing changed yet.
pub(crate) fn unchanged() -> Outcomes {
    (0..16).map(|_| Outcome::Unchanged).collect()
}

/// How the children of a branch are worked through.
pub(crate) trait Fork<S: NodeSource>: Sized {
    fn children<C: Change>(
        trie: &Trie<'_, S, Self>,
        path: &Nibbles,
        children: &[&[u8]; 16],
        changes: &[C],
        out: &mut NodeWriter,
    ) -> Result<Outcomes, TrieError<S::Error>>;
}

/// One child after the other.
pub(crate) struct Sequential;

impl<S: NodeSource> Fork<S> for Sequential {
    fn children<C: Change>(
        trie: &Trie<'_, S, Self>,
        path: &Nibbles,
        children: &[&[u8]; 16],
        changes: &[C],
        out: &mut NodeWriter,
    ) -> Result<Outcomes, TrieError<S::Error>> {
        trie.children_in_turn(path, children, changes, out)
    }
}

/// Children of heavily changed branches on several threads.
#[cfg(feature = "std")]
pub(crate) struct Parallel;

#[cfg(feature = "std")]
impl<S: NodeSource<Error: Send> + Sync> Fork<S> for Parallel {
    fn children<C: Change>(
        trie: &Trie<'_, S, Self>,
        path: &Nibbles,
        children: &[&[u8]; 16],
        changes: &[C],
        out: &mut NodeWriter,
    ) -> Result<Outcomes, TrieError<S::Error>> {
        use alloc::vec::Vec;

        use rayon::prelude::*;

        if !is_heavy(changes) {
            return trie.children_in_turn(path, children, changes, out);
        }
        let groups: Vec<_> = by_nibble(changes, path.len()).collect();
        let done: Vec<_> = groups
            .into_par_iter()
            .map(|(nibble, group)| {
                let mut fork = out.fork();
                let outcome = trie.child(path, nibble, children[usize::from(nibble)], group, &mut fork)?;
                Ok((nibble, outcome, fork))
            })
            .collect::<Result<_, _>>()?;

        let mut outcomes = unchanged();
        for (nibble, outcome, fork) in done {
            outcomes[usize::from(nibble)] = outcome;
            out.join(fork);
        }
        Ok(outcomes)
    }
}

/// Splits sorted changes by the nibble at `depth`.
pub(crate) fn by_nibble<C: Change>(changes: &[C], depth: usize) -> impl Iterator<Item = (u8, &[C])> {
    let nibble = move |change: &C| change.key().get_unchecked(depth);
    changes
        .chunk_by(move |a, b| nibble(a) == nibble(b))
        .map(move |group| (nibble(&group[0]), group))
}

/// Whether the changes are worth more than [`HEAVY`].
pub(crate) fn is_heavy<C: Change>(changes: &[C]) -> bool {
    changes.iter().map(Change::weight).sum::<usize>() >= HEAVY
}
