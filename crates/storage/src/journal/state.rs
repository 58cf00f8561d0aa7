//! What all groups of a journal add up to.

use std::collections::{BTreeMap, VecDeque};

use alloy_primitives::{B256, Bytes};

use super::{AcceptedTransaction, ExecutedItem, JournalContents, JournalGroup, OpenBlock};

/// Transactions are written anew in groups of about this many bytes.
const REWRITTEN_GROUP_BYTES: usize = 1 << 20;

/// A block that may not be in the database: all that it takes to build it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournaledBlock {
    /// How it was opened.
    pub opened: OpenBlock,
    /// What it executed, in order.
    pub executed: Vec<ExecutedItem>,
    /// Its hash, once it is sealed.
    pub sealed: Option<B256>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Ascending; all but the last are sealed.
    blocks: VecDeque<JournaledBlock>,
    accepted: BTreeMap<u64, Bytes>,
    /// Bytes of the accepted transactions.
    accepted_bytes: u64,
}

impl State {
    pub(super) const fn accepted_bytes(&self) -> u64 {
        self.accepted_bytes
    }

    pub(super) fn contents(&self) -> JournalContents {
        let accepted = self.accepted.iter().map(|(sequence, raw)| AcceptedTransaction {
            sequence: *sequence,
            raw: raw.clone(),
        });
        JournalContents {
            blocks: self.blocks.iter().cloned().collect(),
            accepted: accepted.collect(),
            next_sequence: self
                .accepted
                .last_key_value()
                .map_or(0, |(sequence, _)| sequence.saturating_add(1)),
        }
    }

    pub(super) fn next_message(&self) -> Option<u64> {
        let mut executed = self.blocks.iter().rev().flat_map(|block| block.executed.iter().rev());
        executed.find_map(|item| match item {
            ExecutedItem::Message(index) => Some(index.saturating_add(1)),
            ExecutedItem::Transaction(_) => None,
        })
    }

    /// Whether a block is open once `group` has opened its own and forgotten what it forgets.
    pub(super) fn is_open_after(&self, group: &JournalGroup) -> bool {
        let forgotten = |number| group.forget_through.is_some_and(|last| number <= last);
        let last = self.blocks.back();
        group.opened.is_some() || last.is_some_and(|block| block.sealed.is_none() && !forgotten(block.opened.number))
    }

    pub(super) fn apply(&mut self, group: &JournalGroup) {
        if let Some(last) = group.forget_through {
            self.forget_through(last);
        }
        if let Some(opened) = group.opened {
            // One that was open is opened anew; its transactions are accepted still.
            self.blocks.pop_back_if(|block| block.sealed.is_none());
            self.blocks.push_back(JournaledBlock {
                opened,
                executed: Vec::new(),
                sealed: None,
            });
        }
        for AcceptedTransaction { sequence, raw } in &group.accepted {
            self.remove(*sequence);
            self.accepted_bytes += raw.len() as u64;
            self.accepted.insert(*sequence, raw.clone());
        }
        for sequence in &group.dropped {
            self.remove(*sequence);
        }
        if let Some(open) = self.blocks.back_mut() {
            open.executed.extend_from_slice(&group.executed);
            open.sealed = open.sealed.or(group.sealed);
        }
    }

    fn forget_through(&mut self, last: u64) {
        while let Some(block) = self.blocks.pop_front_if(|block| block.opened.number <= last) {
            for item in block.executed {
                if let ExecutedItem::Transaction(sequence) = item {
                    self.remove(sequence);
                }
            }
        }
    }

    fn remove(&mut self, sequence: u64) {
        if let Some(raw) = self.accepted.remove(&sequence) {
            self.accepted_bytes = self.accepted_bytes.saturating_sub(raw.len() as u64);
        }
    }

    /// Groups that add up to this state.
    pub(super) fn groups(&self) -> Vec<JournalGroup> {
        let blocks = self.blocks.iter().map(|block| JournalGroup {
            opened: Some(block.opened),
            executed: block.executed.clone(),
            sealed: block.sealed,
            ..JournalGroup::default()
        });
        let mut groups: Vec<_> = blocks.collect();
        let mut bytes = 0;
        for (sequence, raw) in &self.accepted {
            if bytes == 0 || bytes + raw.len() > REWRITTEN_GROUP_BYTES {
                groups.push(JournalGroup::default());
                bytes = 0;
            }
            bytes += raw.len();
            if let Some(group) = groups.last_mut() {
                group.accepted.push(AcceptedTransaction {
                    sequence: *sequence,
                    raw: raw.clone(),
                });
            }
        }
        groups
    }
}
