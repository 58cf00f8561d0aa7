//! Writes what the contracts need of the Split circuit: from a reference string the Solidity contract that checks
//! its proofs (snark-verifier's generator), and one real proof with its public inputs for the contracts' tests.
//! `scripts/usage-verifier.sh` calls it and compares or keeps what it writes.

use std::{fs, path::PathBuf, rc::Rc};

use alloy_primitives::{B256, U256};
use clap::Parser;
use cwe_srs::{Setup, SrsStore};
use cwe_usage::{
    EPOCH_TREE_DEPTH, Element, EpochTerms, SLOTS, Secret, Split, TierId, Tree, Usage, WorkId, poseidon::hash,
};
use cwe_usage_circuits::{
    CircuitVerifyingKey, ProvingKeys, SPLIT_INPUTS, SRS_K, SplitProof, SplitWitness, VerifyingKeys, prove_split,
};
use eyre::{Result, WrapErr, eyre};
use halo2_proofs::{
    halo2curves::bn256::{Bn256, Fq, Fr},
    poly::commitment::ParamsProver,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use snark_verifier::{
    loader::evm::EvmLoader,
    pcs::kzg::{Bdfg21, KzgAs, KzgDecidingKey, LimbsEncoding},
    system::halo2::{Config, compile, transcript::evm::EvmTranscript},
    verifier::{SnarkVerifier, plonk::PlonkVerifier},
};

/// snark-verifier wants to know how accumulators would be encoded; Split has none.
type Encoding = LimbsEncoding<3, 88>;
type Verifier = PlonkVerifier<KzgAs<Bn256, Bdfg21>, Encoding>;

/// Writes the Split circuit's verifier contract and a proof for its tests
#[derive(Debug, Parser)]
struct Args {
    /// Where the contract goes
    #[arg(long, value_name = "FILE")]
    contract: PathBuf,
    /// Where a real proof and its public inputs go, as JSON; none is made without
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let setup = Setup::default();
    let name = setup.name();
    let srs = SrsStore::new(setup)?.params(SRS_K)?;
    let keys = VerifyingKeys::derive(&srs).wrap_err("deriving the verifying keys")?;
    let contract = contract(&keys.split, &name)?;
    fs::write(&args.contract, contract).wrap_err_with(|| format!("writing {}", args.contract.display()))?;
    if let Some(path) = args.proof {
        let keys = ProvingKeys::derive(&srs).wrap_err("deriving the proving keys")?;
        let proof = prove_split(&keys, &witness()?, ChaCha20Rng::from_seed([7; 32]), |_| ())?;
        fs::write(&path, json(&proof, &name)?).wrap_err_with(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// The contract's source, under a name and for compilers of this repository.
fn contract(keys: &CircuitVerifyingKey, srs: &str) -> Result<String> {
    let inputs = vec![SPLIT_INPUTS];
    let protocol = compile(&keys.srs, &keys.key, Config::kzg().with_num_instance(inputs.clone()));
    let generator = keys
        .srs
        .get_g()
        .first()
        .ok_or_else(|| eyre!("the reference string is empty"))?;
    let deciding: KzgDecidingKey<Bn256> = (*generator, keys.srs.g2(), keys.srs.s_g2()).into();
    let loader = EvmLoader::new::<Fq, Fr>();
    let protocol = protocol.loaded(&loader);
    let mut transcript = EvmTranscript::<_, Rc<EvmLoader>, _, _>::new(&loader);
    let instances = transcript.load_instances(inputs);
    let failed = |error| eyre!("the generator failed: {error:?}");
    let proof = Verifier::read_proof(&deciding, &protocol, &instances, &mut transcript).map_err(failed)?;
    Verifier::verify(&deciding, &protocol, &instances, &proof).map_err(failed)?;
    let source = loader.solidity_code();
    let named = source
        .replace("contract Halo2Verifier", "contract Halo2SplitVerifier")
        .replace("pragma solidity 0.8.19;", "pragma solidity ^0.8.19;");
    Ok(format!("{}\n// Reference string: {srs}\n", named.trim_end()))
}

/// A month of five works.
fn witness() -> Result<SplitWitness> {
    let drawn = |seed: u64, index: u64| hash(Element::from(seed), Element::from(index));
    let terms = EpochTerms {
        epoch: 7,
        key: drawn(2, 0),
        tier: TierId::try_from(B256::from(U256::from(0x6c_6967_6874_u64)))?,
        allowance_secs: 108_000,
        diminishing_ppm: 1_000_000,
    };
    let usages = (1..=5_u32).map(|number| -> Result<Usage> {
        Ok(Usage {
            work: WorkId::try_from(B256::from(U256::from(number) << 200))?,
            seconds: 1000 * number,
            plays: 3 * number,
            price: 1500,
            region: 1_000_000,
            credibility: 1_000_000,
        })
    });
    let usages = usages.collect::<Result<Vec<_>>>()?;
    let secret = Secret::try_from(drawn(3, 0))?;
    let blindings: Vec<_> = (0..SLOTS as u64).map(|slot| drawn(5, slot)).collect();
    let split = Split::new(terms, &secret, &usages, &[3, 17, 64, 65, 127], &blindings)?;
    let subscriptions = Tree::with_leaves(EPOCH_TREE_DEPTH, [drawn(4, 0), secret.leaf(&terms)])?;
    Ok(SplitWitness::new(
        split,
        secret,
        subscriptions.path(1)?,
        subscriptions.root(),
    )?)
}

fn json(proof: &SplitProof, srs: &str) -> Result<String> {
    let inputs = proof.inputs.to_elements().map(|input| B256::from(input).to_string());
    let proof =
        serde_json::json!({ "srs": srs, "inputs": inputs, "proof": format!("0x{}", hex::encode(&proof.bytes)) });
    Ok(format!("{}\n", serde_json::to_string_pretty(&proof)?))
}
