//! Keys of the two halo2 circuits, and the root proof that the first one's are made with.

use std::io::Read;

use openvm_continuations::RootSC;
use openvm_sdk::{
    DefaultStarkEngine,
    keygen::{dummy::generate_dummy_root_proof, static_verifier::keygen_static_verifier},
};
use openvm_sdk_config::SdkVmCpuBuilder;
use openvm_stark_backend::{
    codec::{Decode, Encode},
    proof::Proof,
};
use openvm_static_verifier::{Halo2ProvingPinning, StaticVerifierProvingKey};

use super::{KeyError, KeyStore, Part};
use crate::stages::{StageError, static_verifier, verify::Protocol, wrapper};

/// A root proof; which one makes no difference for the keys.
const REPRESENTATIVE: &str = "representative-root.proof";
pub(super) const INNER: &str = "halo2.key";
pub(super) const INNER_VERIFIER: &str = "halo2-verifier.key";
pub(super) const WRAPPER: &str = "wrapper.key";
pub(super) const WRAPPER_VERIFIER: &str = "wrapper-verifier.key";

/// Key of the circuit that verifies a root proof.
pub type InnerKey = StaticVerifierProvingKey;

/// Size and columns of the circuit that a key belongs to.
pub(super) fn shape(name: &str) -> Option<String> {
    match name {
        INNER | INNER_VERIFIER => Some(format!("k={}", static_verifier::K)),
        WRAPPER | WRAPPER_VERIFIER => Some(format!("k={} over k={}", wrapper::K, static_verifier::K)),
        _ => None,
    }
}

impl KeyStore {
    /// Proving key of the circuit that verifies a root proof.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn inner(&self) -> Result<InnerKey, KeyError> {
        self.decode(Part::Halo2, INNER)
    }

    /// What verifying a proof of that circuit takes.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn inner_protocol(&self) -> Result<Protocol, KeyError> {
        self.read_json(Part::Halo2, INNER_VERIFIER)
    }

    /// Proving key of the circuit that L1 verifies.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn wrapper(&self) -> Result<Halo2ProvingPinning, KeyError> {
        self.decode(Part::Wrapper, WRAPPER)
    }

    /// What verifying a proof of that circuit takes.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn wrapper_protocol(&self) -> Result<Protocol, KeyError> {
        self.read_json(Part::Wrapper, WRAPPER_VERIFIER)
    }

    /// Keeps a root proof, if none is kept: making the halo2 key is then minutes shorter.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn keep_representative(&self, proof: &Proof<RootSC>) -> Result<(), KeyError> {
        match self.representative() {
            Ok(_) => Ok(()),
            Err(_) => self.write(REPRESENTATIVE, |mut writer| proof.encode(&mut writer)),
        }
    }

    fn representative(&self) -> Result<Proof<RootSC>, KeyError> {
        self.decode(Part::Halo2, REPRESENTATIVE)
    }

    fn representative_or_dummy(&self) -> Result<Proof<RootSC>, KeyError> {
        if let Ok(proof) = self.representative() {
            return Ok(proof);
        }
        tracing::info!("proving an empty program up to the root: the key of the halo2 stage is made with that");
        let sdk = self.root()?;
        let proof = generate_dummy_root_proof::<DefaultStarkEngine, SdkVmCpuBuilder>(
            SdkVmCpuBuilder,
            &sdk.app_pk().app_vm_pk,
            sdk.agg_prover(),
            Default::default(),
            sdk.root_prover(),
        );
        self.keep_representative(&proof)?;
        Ok(proof)
    }

    pub(super) fn make_inner(&self) -> Result<(), StageError> {
        let proof = self.representative_or_dummy()?;
        let (recursive, root) = {
            let sdk = self.root()?;
            let root = sdk.root_prover().0.get_vk().as_ref().clone();
            (sdk.agg_vk(), root)
        };
        let params = self.srs().params(static_verifier::K)?;
        let key = keygen_static_verifier(&params, static_verifier::shape(), &recursive, &root, &proof);
        let protocol = static_verifier::protocol(&params, &key);
        self.write_json(INNER_VERIFIER, &protocol)?;
        self.write(INNER, |mut writer| key.encode(&mut writer))?;
        Ok(())
    }

    pub(super) fn make_wrapper(&self) -> Result<(), StageError> {
        let inner = self.inner_protocol()?;
        let params = self.srs().params(wrapper::K)?;
        let (key, protocol) = wrapper::keygen(&params, inner)?;
        self.write_json(WRAPPER_VERIFIER, &protocol)?;
        self.write(WRAPPER, |mut writer| key.encode(&mut writer))?;
        Ok(())
    }

    fn decode<T: Decode>(&self, part: Part, name: &str) -> Result<T, KeyError> {
        let mut content = self.open_file(name)?;
        T::decode(&mut content).map_err(|error| KeyError::generation(part, error))
    }

    fn read_json(&self, part: Part, name: &str) -> Result<Protocol, KeyError> {
        let mut bytes = Vec::new();
        self.open_file(name)?
            .read_to_end(&mut bytes)
            .map_err(KeyError::io(&self.path(name)))?;
        serde_json::from_slice(&bytes).map_err(|error| KeyError::generation(part, error))
    }

    fn write_json(&self, name: &str, protocol: &Protocol) -> Result<(), KeyError> {
        self.write(name, |writer| Ok(serde_json::to_writer(writer, protocol)?))
    }
}
