//! Inputs of the guest `aggregation`. What the guest will do is done here first, natively: an input that it would refuse,
//! or whose pairing the contract would not accept, is never proven.

use alloy::primitives::{B256, Bytes, keccak256};
use cwe_aggregation::{AggregationInput, EpochContext, Record, aggregate};
use cwe_halo2_verifier::{Accumulator, G2Point, NativeCurve, Word};
use cwe_usage_circuits::{REVEAL_INPUTS, VerifyingKeys, g2_words};
use eyre::{OptionExt, Result, WrapErr};

use crate::{
    maker::{AggregateMaker, Made, MakeError, Request},
    store::Reveal,
};

/// Makes inputs for one Reveal circuit.
pub struct GuestMaker {
    verifying_key: Bytes,
    s_g2: G2Point,
}

impl GuestMaker {
    /// A maker for these keys.
    ///
    /// # Errors
    /// The circuit can't be described to the guest.
    pub fn new(keys: &VerifyingKeys) -> Result<Self> {
        let portable = keys.reveal.portable(REVEAL_INPUTS);
        let portable = portable.wrap_err("the Reveal circuit can't be described to the guest")?;
        let words = g2_words(&keys.reveal.srs);
        Ok(Self {
            verifying_key: portable.encode().into(),
            s_g2: G2Point::from_words(&words).ok_or_eyre("the reference string's second point is none")?,
        })
    }

    /// Hash of the circuit's key, which the chain's verifier has too.
    pub fn key_hash(&self) -> B256 {
        keccak256(&self.verifying_key)
    }

    fn input(&self, request: &Request<'_>) -> Result<AggregationInput, MakeError> {
        let terms = request.terms;
        let context = EpochContext {
            chain_id: request.chain_id,
            epoch: request.epoch,
            epoch_key: terms.key.into(),
            note_root: terms.note_root.into(),
            registry_commitment: terms.registry.commitment(),
            tiers: terms.tiers.clone(),
        };
        let records: Vec<_> = request.reveals.iter().map(record).collect();
        let state = request.base.to_epoch_state();
        let key = self.verifying_key.clone();
        let input = state.input(&context, &terms.registry, key, request.coordinator, &records);
        input.map_err(|_| MakeError::Refused("a nullifier, tier or work of theirs does not fit the state"))
    }

    /// What the contract checks of the accumulator.
    fn pairing_holds(&self, accumulator: &[Word; 4]) -> bool {
        Accumulator::from_words(accumulator).is_some_and(|accumulator| accumulator.check(&self.s_g2))
    }
}

fn record(reveal: &Reveal) -> Record {
    let Reveal { record, proof } = reveal;
    Record {
        work: record.work.into(),
        tier: record.tier.into(),
        units: record.units,
        nullifier: record.nullifier.into(),
        proof: Bytes::copy_from_slice(proof),
    }
}

impl AggregateMaker for GuestMaker {
    fn make(&self, request: &Request<'_>) -> Result<Made, MakeError> {
        let input = self.input(request)?;
        let shown = aggregate::<NativeCurve>(&input);
        let shown = shown.map_err(|_| MakeError::Refused("run natively, it refuses them"))?;
        if !self.pairing_holds(&shown.accumulator) {
            return Err(MakeError::Refused("a Reveal proof does not hold"));
        }
        Ok(Made {
            after: shown.aggregate.after.into(),
            units: shown.aggregate.units,
            public_value: B256::from(shown.public_value),
            input: input.encode(),
            head: shown.accumulator.concat(),
        })
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::Address;

    use super::*;
    use crate::{
        ingress::tests::real,
        record::Record,
        state::{Roots, State},
        testing::EPOCH,
    };

    fn reveals() -> Vec<Reveal> {
        let bodies = real().2.iter();
        bodies
            .map(|body| Reveal {
                record: Record::parse(body).unwrap(),
                proof: body.proof.to_vec(),
            })
            .collect()
    }

    fn make(base: &State, reveals: &[Reveal]) -> Result<Made, MakeError> {
        let (keys, view, _) = real();
        let request = Request {
            chain_id: 7,
            epoch: EPOCH,
            terms: view.epochs[&EPOCH].terms.as_ref().unwrap(),
            base,
            reveals,
            coordinator: Address::repeat_byte(1),
        };
        GuestMaker::new(keys).unwrap().make(&request)
    }

    #[test]
    fn accepted_reveals_make_an_input_that_leads_where_the_states_do() {
        let reveals = reveals();
        let mut base = State::default();
        let first = make(&base, &reveals[..2]).unwrap();
        base.add(&State::of_records(reveals[..2].iter().map(|reveal| &reveal.record)).unwrap())
            .unwrap();
        assert_eq!(first.after, base.roots());
        assert_ne!(first.after, Roots::EMPTY);
        assert_eq!(first.units, [0, 2], "by tier");
        assert_eq!(first.head.len(), 128);
        let second = make(&base, &reveals[2..]).unwrap();
        let input = AggregationInput::decode(&second.input).unwrap();
        assert_eq!(Roots::from(input.before), first.after);
        assert_ne!(second.public_value, first.public_value);
    }

    #[test]
    fn what_the_guest_or_the_contract_would_refuse_is_not_proven() {
        let reveals = reveals();
        let base = State::of_records([&reveals[0].record]).unwrap();
        assert!(
            matches!(make(&base, &reveals[..1]), Err(MakeError::Refused(_))),
            "replayed"
        );
        let mut foreign = reveals[1].clone();
        foreign.proof = reveals[2].proof.clone();
        let refused = make(&base, &[reveals[3].clone(), foreign]);
        assert!(
            matches!(refused, Err(MakeError::Refused(_))),
            "a proof of another record"
        );
    }
}
