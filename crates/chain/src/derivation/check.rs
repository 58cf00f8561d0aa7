//! Where a batch begins and what it ends with, against its commitment.

use cwe_executor::{ExecutedBlock, Parent};
use cwe_primitives::{BatchCommitment, QueueHash};
use cwe_storage::Snapshot;

use super::{ApplyError, CommittedField};

/// The block before the batch, checked against the commitment.
pub(super) fn start_of(view: &Snapshot, commitment: &BatchCommitment) -> Result<Parent, ApplyError> {
    let gap = || ApplyError::Gap {
        batch: commitment.index,
        first_block: commitment.first_block,
        latest: view.number(),
    };
    let before = commitment.first_block.checked_sub(1).ok_or_else(gap)?;
    let header = view.header(before)?.ok_or_else(gap)?;
    let queue = view.queue_after(before)?.ok_or_else(gap)?;
    let parent = Parent {
        hash: header.hash(),
        header: header.into_inner(),
        queue,
    };
    let check = Check {
        batch: commitment.index,
    };
    check.equal(
        CommittedField::ParentBlockHash,
        &parent.hash,
        &commitment.parent_block_hash,
    )?;
    check.equal_queue(CommittedField::QueueBefore, parent.queue, commitment.queue_before)?;
    Ok(parent)
}

pub(super) fn check_last(commitment: &BatchCommitment, last: &ExecutedBlock) -> Result<(), ApplyError> {
    let check = Check {
        batch: commitment.index,
    };
    let header = &last.block.header;
    check.equal(
        CommittedField::LastTimestamp,
        &header.timestamp,
        &commitment.last_timestamp,
    )?;
    check.equal_queue(CommittedField::QueueAfter, last.queue, commitment.queue_after)?;
    check.equal(CommittedField::StateRoot, &header.state_root, &commitment.state_root)?;
    check.equal(
        CommittedField::WithdrawalRoot,
        &last.withdrawal_root,
        &commitment.withdrawal_root,
    )?;
    check.equal(CommittedField::BlockHash, &last.hash, &commitment.block_hash)
}

struct Check {
    batch: u64,
}

impl Check {
    fn equal<T: PartialEq + std::fmt::Display>(
        &self,
        field: CommittedField,
        computed: &T,
        committed: &T,
    ) -> Result<(), ApplyError> {
        if computed == committed {
            return Ok(());
        }
        let (computed, committed) = (computed.to_string(), committed.to_string());
        Err(ApplyError::Mismatch {
            batch: self.batch,
            field,
            computed,
            committed,
        })
    }

    fn equal_queue(&self, field: CommittedField, computed: QueueHash, committed: QueueHash) -> Result<(), ApplyError> {
        let show = |queue: QueueHash| format!("{} messages with hash {}", queue.next_index, queue.hash);
        self.equal(field, &show(computed), &show(committed))
    }
}
