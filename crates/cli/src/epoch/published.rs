//! Published payout lists: found by their hash among the events, checked against the settlement's root.
//!
//! Whoever proves a settlement has published its list in chunks. Nothing that the events say is trusted but the chunks
//! themselves: the hash of their chain must be the settlement's, and so must the root of the list in them.

use std::collections::HashMap;

use alloy::primitives::{Address, B256, Bytes};
use cwe_bindings::economy::contracts::{
    CWEPayouts::{PayoutsPublished, SettlementProven},
    cwe_payouts::ICWEPayouts::Settlement,
};
use cwe_dapr::{ListError, Payout, PayoutTree, append_to_chain, decode_list};
use eyre::{Result, WrapErr, ensure, eyre};

use crate::economy::snapshot::{Located, Snapshot, of_epoch};

/// An epoch's payout list, which is the settled one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublishedList {
    /// Who published it; nobody an empty one.
    pub publisher: Option<Address>,
    /// By rising work.
    pub payouts: Vec<Payout>,
    /// For proofs.
    pub tree: PayoutTree,
}

impl PublishedList {
    /// The list that `publications` hold with the hash of `settlement`; `None` if none has it.
    ///
    /// # Errors
    /// It is no list, or not the one that the settlement has the root of.
    pub(crate) fn find(
        epoch: u64,
        settlement: &Settlement,
        publications: &[PayoutsPublished],
    ) -> Result<Option<Self>> {
        let Some((publisher, chunks)) = chunks_of(settlement.payoutsHash, publications) else {
            return Ok(None);
        };
        let payouts = decode(&chunks).wrap_err_with(|| format!("the payout list of epoch {epoch} is malformed"))?;
        let tree = PayoutTree::new(epoch, &payouts);
        ensure!(
            tree.root() == settlement.payoutRoot,
            "the payout list of epoch {epoch} has the root {}, the settlement has {}",
            tree.root(),
            settlement.payoutRoot
        );
        Ok(Some(Self {
            publisher,
            payouts,
            tree,
        }))
    }

    /// A work's payout with its Merkle proof.
    pub(crate) fn of(&self, work: B256) -> Option<(&Payout, Vec<B256>)> {
        let index = self.payouts.binary_search_by_key(&work, |payout| payout.work).ok()?;
        Some((self.payouts.get(index)?, self.tree.proof(work)?))
    }
}

/// Reads an epoch's list from the chain.
///
/// # Errors
/// It is not there, is malformed, or not the settled one; or the L2 fails.
pub(crate) async fn read(
    snapshot: &Snapshot<'_>,
    epoch: u64,
    settleable_at_secs: u64,
    settlement: &Settlement,
) -> Result<PublishedList> {
    let mut publications = Vec::new();
    if !settlement.payoutsHash.is_zero() {
        let payouts = snapshot.economy.addresses.payouts;
        let proven_from = snapshot.first_block_at(settleable_at_secs).await?;
        let proofs: Vec<Located<SettlementProven>> = snapshot
            .events(&of_epoch(payouts, epoch), proven_from, snapshot.block)
            .await?;
        let proof = proofs.into_iter().find(|proof| proof.event.settlement == *settlement);
        let proof = proof.ok_or_else(|| eyre!("the L2 has no event of the proof of epoch {epoch}"))?;
        // Only the prover's own: others may publish whatever they like.
        let filter = of_epoch(payouts, epoch).topic2(proof.event.publisher);
        let events: Vec<Located<PayoutsPublished>> = snapshot.events(&filter, 0, proof.block).await?;
        publications = events.into_iter().map(|located| located.event).collect();
    }
    let list = PublishedList::find(epoch, settlement, &publications)?;
    list.ok_or_else(|| {
        eyre!(
            "no published payout list of epoch {epoch} has the hash {}, as the settlement has it",
            settlement.payoutsHash
        )
    })
}

/// The chunks whose chain has this hash, and whose they are.
fn chunks_of(wanted: B256, publications: &[PayoutsPublished]) -> Option<(Option<Address>, Vec<&Bytes>)> {
    if wanted.is_zero() {
        return Some((None, Vec::new()));
    }
    let mut lists: HashMap<Address, (B256, Vec<&Bytes>)> = HashMap::new();
    for event in publications {
        let (hash, chunks) = lists.entry(event.publisher).or_default();
        if event.index == 0 {
            (*hash, *chunks) = (B256::ZERO, Vec::new());
        }
        *hash = append_to_chain(*hash, &event.entries);
        chunks.push(&event.entries);
        if *hash == wanted {
            return Some((Some(event.publisher), std::mem::take(chunks)));
        }
    }
    None
}

fn decode(chunks: &[&Bytes]) -> Result<Vec<Payout>, ListError> {
    let chunks: Vec<&[u8]> = chunks.iter().map(|chunk| chunk.as_ref()).collect();
    decode_list(&chunks)
}

#[cfg(test)]
pub(super) mod tests {
    use alloy::primitives::U256;
    use cwe_dapr::{CHUNK_ENTRIES, payouts_hash};

    use super::*;

    const EPOCH: u64 = 3;

    pub(crate) fn payout(number: u64, amount: u128) -> Payout {
        Payout {
            work: U256::from(number).into(),
            amount,
        }
    }

    pub(crate) fn settlement(payouts: &[Payout]) -> Settlement {
        Settlement {
            creators: payouts.iter().map(|payout| U256::from(payout.amount)).sum(),
            carried: U256::ZERO,
            unclaimed: U256::ZERO,
            payoutRoot: PayoutTree::new(EPOCH, payouts).root(),
            carriedRoot: B256::ZERO,
            payoutsHash: payouts_hash(payouts),
        }
    }

    fn publications(publisher: u8, payouts: &[Payout]) -> Vec<PayoutsPublished> {
        (0..)
            .zip(cwe_dapr::chunks(payouts))
            .map(|(index, chunk)| PayoutsPublished {
                epoch: EPOCH,
                publisher: Address::repeat_byte(publisher),
                index,
                entries: chunk.into(),
                // Never looked at.
                payoutsHash: B256::repeat_byte(0xee),
            })
            .collect()
    }

    fn long_list() -> Vec<Payout> {
        (1..=CHUNK_ENTRIES as u64 + 5).map(|number| payout(number, 7)).collect()
    }

    #[test]
    fn the_list_is_the_one_whose_chain_has_the_settled_hash() {
        let (good, other) = (long_list(), [payout(9, 1)]);
        // Another publisher in between, a list begun anew, chunks after it.
        let mut events = publications(1, &good[..CHUNK_ENTRIES]);
        events.extend(publications(2, &other));
        events.extend(publications(1, &good));
        events.extend(publications(1, &other));
        let found = PublishedList::find(EPOCH, &settlement(&good), &events).unwrap().unwrap();
        assert_eq!(found.payouts, good);
        assert_eq!(found.publisher, Some(Address::repeat_byte(1)));
        let (payout, proof) = found.of(good[2].work).unwrap();
        assert!(cwe_dapr::verify_payout(settlement(&good).payoutRoot, EPOCH, payout, &proof));
        assert_eq!(found.of(B256::repeat_byte(9)), None);
    }

    #[test]
    fn a_list_that_was_not_published_is_not_found() {
        let good = long_list();
        let mut events = publications(1, &good);
        events.pop();
        assert_eq!(PublishedList::find(EPOCH, &settlement(&good), &events).unwrap(), None);
        assert_eq!(PublishedList::find(EPOCH, &settlement(&good), &[]).unwrap(), None);
    }

    #[test]
    fn an_empty_list_needs_no_publication() {
        let found = PublishedList::find(EPOCH, &settlement(&[]), &[]).unwrap().unwrap();
        assert_eq!((found.publisher, found.payouts), (None, Vec::new()));
    }

    #[test]
    fn a_list_with_another_root_or_out_of_order_is_refused() {
        let list = [payout(1, 5), payout(2, 6)];
        let mut other_root = settlement(&list);
        other_root.payoutRoot = B256::repeat_byte(1);
        let error = PublishedList::find(EPOCH, &other_root, &publications(1, &list)).unwrap_err();
        assert!(error.to_string().contains("root"), "{error}");
        let unsorted = [payout(2, 6), payout(1, 5)];
        let error = PublishedList::find(EPOCH, &settlement(&unsorted), &publications(1, &unsorted)).unwrap_err();
        assert!(format!("{error:#}").contains("rising order"), "{error:#}");
    }
}
