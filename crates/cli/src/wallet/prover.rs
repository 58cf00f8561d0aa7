use cwe_wallet::proving::*;
use eyre::Result;
#[derive(Debug, clap::Args)]
pub(super) struct ProverArgs {}
impl ProverArgs { pub(super) fn load(&self) -> Result<Prover> { Ok(Prover) } }
pub(super) struct Prover;
impl UsageProver for Prover {
    fn prove_split(&self, _: SplitWitness<'_>, _: &mut dyn FnMut(u32)) -> Result<Vec<u8>, ProverError> { Err(ProverError("x".into())) }
    fn prove_reveal(&self, _: RevealWitness<'_>) -> Result<Vec<u8>, ProverError> { Err(ProverError("x".into())) }
}
