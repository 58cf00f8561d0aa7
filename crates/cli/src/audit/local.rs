//! The repository's own verifier in an EVM of the audit's: what it accepts does not depend on what L1 runs.

use alloy::{
    primitives::{Address, B256, Bytes},
    sol_types::{SolCall, SolInterface},
};
use cwe_bindings::{
    contracts::BatchVerifier::{BatchVerifierErrors, verifyCall},
    verifier::{HALO2_VERIFIER_CODE, PublishedVerifier},
};
use eyre::{Result, bail, eyre};
use revm::{
    Context, ExecuteEvm, MainBuilder, MainContext,
    bytecode::Bytecode,
    context::{
        TxEnv,
        result::{ExecutionResult, Output},
    },
    database::{CacheDB, EmptyDB},
    primitives::TxKind,
    state::AccountInfo,
};

/// Gas of a creation or a check: the most that a transaction may have (EIP-7825), thirty times what a check takes.
const GAS: u64 = 1 << 24;

type State = CacheDB<EmptyDB>;

/// `BatchVerifier` over `Halo2Verifier`, as this build publishes them, at given addresses.
pub(crate) struct LocalVerifier {
    state: State,
    batch_verifier: Address,
    code: Bytes,
}

impl LocalVerifier {
    /// Runs the constructor, which fills the immutables in. The addresses are those on L1: one is an immutable.
    pub(crate) fn new(published: &PublishedVerifier, halo2_verifier: Address, batch_verifier: Address) -> Result<Self> {
        let mut state = State::default();
        install(&mut state, halo2_verifier, HALO2_VERIFIER_CODE.clone());
        let creation = published.creation_code(halo2_verifier);
        let code = match transact(&mut state, TxKind::Create, creation)? {
            ExecutionResult::Success {
                output: Output::Create(code, _),
                ..
            } => code,
            refused => bail!("this build's BatchVerifier can't be created: {}", reason(&refused)),
        };
        install(&mut state, batch_verifier, code.clone());
        Ok(Self {
            state,
            batch_verifier,
            code,
        })
    }

    /// Runtime code of `BatchVerifier`, immutables filled in.
    pub(crate) const fn code(&self) -> &Bytes {
        &self.code
    }

    /// Whether `proof` shows `public_value`; otherwise why not.
    pub(crate) fn verify(&mut self, public_value: B256, proof: &Bytes) -> Result<(), String> {
        let call = verifyCall {
            publicValue: public_value,
            proof: proof.clone(),
        };
        let to = TxKind::Call(self.batch_verifier);
        let outcome = transact(&mut self.state, to, call.abi_encode().into()).map_err(|error| format!("{error:#}"))?;
        let ExecutionResult::Success {
            output: Output::Call(answer),
            ..
        } = &outcome
        else {
            return Err(reason(&outcome));
        };
        match verifyCall::abi_decode_returns(answer) {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!("the proof does not show public value {public_value}")),
            Err(error) => Err(format!("the verifier's answer can't be read: {error}")),
        }
    }
}

fn install(state: &mut State, address: Address, code: Bytes) {
    state.insert_account_info(address, AccountInfo::from_bytecode(Bytecode::new_raw(code)));
}

fn transact(state: &mut State, kind: TxKind, data: Bytes) -> Result<ExecutionResult> {
    let mut evm = Context::mainnet().with_db(state).build_mainnet();
    let transaction = TxEnv::builder()
        .kind(kind)
        .data(data)
        .gas_limit(GAS)
        .build()
        .map_err(|error| eyre!("a call to the verifier can't be built: {error:?}"))?;
    let outcome = evm
        .transact(transaction)
        .map_err(|error| eyre!("the verifier can't be run: {error}"))?;
    Ok(outcome.result)
}

fn reason(outcome: &ExecutionResult) -> String {
    match outcome {
        ExecutionResult::Revert { output, .. } => BatchVerifierErrors::abi_decode(output)
            .map_or_else(|_| format!("it reverts with {output}"), |error| format!("{error:?}")),
        ExecutionResult::Halt { reason, .. } => format!("it halts: {reason:?}"),
        ExecutionResult::Success { .. } => "it answers what is no answer".into(),
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{U256, hex};
    use serde_json::Value;

    use super::*;

    const HALO2: Address = Address::repeat_byte(1);
    const BATCH: Address = Address::repeat_byte(2);
    const WORD: usize = 32;

    /// The kept proof, and the verifier of the program that it was made with.
    fn kept() -> (LocalVerifier, B256, Vec<u8>) {
        let text = include_str!("../../../../prover/proof/state-transition.proof.json");
        let json: Value = serde_json::from_str(text).unwrap();
        let field = |name: &str| hex::decode(json[name].as_str().unwrap()).unwrap();
        let published = PublishedVerifier {
            exe: B256::from_slice(&field("exe")),
            vm: B256::from_slice(&field("vm")),
            ..PublishedVerifier::read().unwrap()
        };
        let verifier = LocalVerifier::new(&published, HALO2, BATCH).unwrap();
        (verifier, B256::from_slice(&field("publicValue")), field("proof"))
    }

    #[test]
    fn the_kept_proof_is_accepted_and_no_other() {
        let (mut verifier, value, proof) = kept();
        verifier.verify(value, &proof.clone().into()).unwrap();
        let other = B256::from(U256::from_be_bytes(value.0) ^ U256::from(1));
        assert!(verifier.verify(other, &proof.clone().into()).is_err());
        for word in 0..proof.len() / WORD {
            let mut changed = proof.clone();
            changed[word * WORD + WORD - 1] ^= 1;
            assert!(verifier.verify(value, &changed.into()).is_err(), "word {word}");
        }
        assert!(verifier.verify(value, &Bytes::new()).is_err());
    }

    #[test]
    fn a_proof_for_another_program_is_refused() {
        let (_, value, proof) = kept();
        let mut published = PublishedVerifier::read().unwrap();
        published.exe = B256::with_last_byte(1);
        let mut verifier = LocalVerifier::new(&published, HALO2, BATCH).unwrap();
        assert!(verifier.verify(value, &proof.into()).is_err());
    }

    #[test]
    fn every_value_that_is_pinned_is_in_the_code() {
        let published = PublishedVerifier::read().unwrap();
        let code = |published: &PublishedVerifier, halo2| {
            let verifier = LocalVerifier::new(published, halo2, BATCH).unwrap();
            verifier.code().clone()
        };
        let original = code(&published, HALO2);
        let other = B256::with_last_byte(1);
        let changes = [
            PublishedVerifier {
                exe: other,
                ..published.clone()
            },
            PublishedVerifier {
                vm: other,
                ..published.clone()
            },
            PublishedVerifier {
                commitments: published.commitments + 1,
                ..published.clone()
            },
            PublishedVerifier {
                evaluations: published.evaluations + 1,
                ..published.clone()
            },
            PublishedVerifier {
                srs: "ptau-other".into(),
                ..published
            },
        ];
        for changed in changes {
            assert_ne!(code(&changed, HALO2), original, "{changed:?}");
        }
        assert_ne!(code(&published, BATCH), original);
    }

    #[test]
    fn a_refusal_says_why() {
        let (mut verifier, value, mut proof) = kept();
        proof[0] = 0xff;
        let problem = verifier.verify(value, &proof.clone().into()).unwrap_err();
        assert!(problem.contains("NotCanonical"), "{problem}");
        proof.pop();
        let problem = verifier.verify(value, &proof.into()).unwrap_err();
        assert!(problem.contains("ProofLengthInvalid"), "{problem}");
    }
}
