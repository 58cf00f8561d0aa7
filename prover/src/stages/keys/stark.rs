//! Keys of the STARKs: the machine's, aggregation's, the root's.

use std::sync::Arc;

use openvm_continuations::CommitBytes;
use openvm_sdk::{
    CpuSdk, DefaultStarkEngine, SC,
    config::{AggregationSystemParams, AggregationTreeConfig, AppConfig},
    keygen::{AggProvingKey, AppProvingKey, RootProvingKey},
    prover::{AggProver, StarkProver, vm::types::VmProvingKey},
};
use openvm_sdk_config::{SdkVmConfig, SdkVmCpuBuilder};
use openvm_stark_backend::keygen::types::{MultiStarkProvingKey, MultiStarkVerifyingKey};
use openvm_stark_sdk::config::{MAX_APP_LOG_STACKED_HEIGHT, app_params_with_100_bits_security};
use openvm_verify_stark_host::vk::{VerificationBaseline, VmStarkVerifyingKey};
use serde::{Deserialize, Serialize};

use super::{KeyError, KeyStore, Part};
use crate::{
    Program,
    machine::vm_config,
    stages::{Profile, aggregate::CHILDREN},
};

pub(super) const APP: &str = "app.key";
pub(super) const AGGREGATION: &str = "aggregation.key";
pub(super) const VERIFIER: &str = "stark-verifier.key";
pub(super) const ROOT: &str = "root.key";

/// Everything that checking an aggregated STARK needs but the guest's commitment.
#[derive(Clone, Serialize, Deserialize)]
pub struct StarkVerifier {
    key: MultiStarkVerifyingKey<SC>,
    baseline: VerificationBaseline,
}

impl StarkVerifier {
    /// The verifying key for proofs of the guest with a commitment.
    ///
    /// # Errors
    /// The commitment is not a canonical one.
    pub fn for_guest(&self, exe: [u8; 32]) -> Result<VmStarkVerifyingKey, KeyError> {
        let exe = CommitBytes::try_new(exe).map_err(|error| KeyError::generation(Part::Aggregation, error))?;
        let baseline = VerificationBaseline {
            app_exe_commit: exe.into(),
            ..self.baseline.clone()
        };
        Ok(VmStarkVerifyingKey {
            mvk: self.key.clone(),
            baseline,
        })
    }
}

impl KeyStore {
    /// The machine's proving key.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn app(&self) -> Result<AppProvingKey<SdkVmConfig>, KeyError> {
        let failed = |error: &dyn std::fmt::Display| KeyError::generation(Part::App, error);
        let config = vm_config().map_err(|error| failed(&error))?;
        let key: MultiStarkProvingKey<SC> = self.load_or(Part::App, APP, || {
            let params = app_params_with_100_bits_security(MAX_APP_LOG_STACKED_HEIGHT);
            let key = AppProvingKey::keygen(AppConfig::new(config.clone(), params)).map_err(|error| failed(&error))?;
            let key = key.app_vm_pk.vm_pk.clone();
            Arc::try_unwrap(key).or_else(|key| Ok(key.as_ref().clone()))
        })?;
        Ok(AppProvingKey {
            app_vm_pk: Arc::new(VmProvingKey {
                vm_config: config,
                vm_pk: Arc::new(key),
            }),
        })
    }

    /// The machine's proving key, with segments cut for a profile.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn app_for(&self, profile: Profile) -> Result<Arc<VmProvingKey<SdkVmConfig>>, KeyError> {
        let key = self.app()?.app_vm_pk;
        let mut config = key.vm_config.clone();
        config.system.config.segmentation_max_memory = profile.segment_bytes();
        Ok(Arc::new(VmProvingKey {
            vm_config: config,
            vm_pk: key.vm_pk.clone(),
        }))
    }

    /// The prover of aggregation.
    ///
    /// # Errors
    /// [`KeyError`], in particular if the machine is not the one that the kept commitments name.
    pub fn aggregation(&self) -> Result<Arc<AggProver>, KeyError> {
        Ok(self.aggregation_sdk()?.agg_prover())
    }

    /// Checker of aggregated STARKs.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn stark_verifier(&self) -> Result<StarkVerifier, KeyError> {
        match self.load(Part::Aggregation, VERIFIER) {
            Err(KeyError::Missing(_) | KeyError::Damaged(_) | KeyError::Foreign { .. }) => {
                self.make_aggregation()?;
                self.load(Part::Aggregation, VERIFIER)
            }
            loaded => loaded,
        }
    }

    pub(super) fn make_aggregation(&self) -> Result<(), KeyError> {
        let prover = self.aggregation()?;
        let config = vm_config().map_err(|error| KeyError::generation(Part::Aggregation, error))?;
        let system = &config.system.config;
        let recursive = &prover.internal_recursive_prover;
        let verifier = StarkVerifier {
            key: recursive.get_vk().as_ref().clone(),
            baseline: VerificationBaseline {
                app_exe_commit: Default::default(),
                memory_dimensions: system.memory_config.memory_dimensions(),
                num_user_pvs: system.num_public_values,
                app_vk_commit: prover.leaf_prover.get_vk_commit(false),
                leaf_vk_commit: prover.internal_for_leaf_prover.get_vk_commit(false),
                internal_for_leaf_vk_commit: recursive.get_vk_commit(false),
                internal_recursive_vk_commit: recursive.get_vk_commit(true),
                expected_def_hook_commit: None,
            },
        };
        self.save(Part::Aggregation, VERIFIER, &verifier)
    }

    fn aggregation_sdk(&self) -> Result<CpuSdk, KeyError> {
        let failed = |error: &dyn std::fmt::Display| KeyError::generation(Part::Aggregation, error);
        let app = self.app()?;
        let tree = AggregationTreeConfig {
            num_children_leaf: CHILDREN,
            num_children_internal: CHILDREN,
        };
        let builder = || CpuSdk::builder().app_pk(app.clone()).agg_tree_config(tree);
        let key: AggProvingKey = self.load_or(Part::Aggregation, AGGREGATION, || {
            let sdk = builder().agg_params(AggregationSystemParams::default()).build();
            Ok(sdk.map_err(|error| failed(&error))?.agg_pk())
        })?;
        let sdk = builder().agg_pk(key).build().map_err(|error| failed(&error))?;
        let found = hex::encode(CommitBytes::from(sdk.agg_prover().vm_or_hook_commit()).as_slice());
        if found != self.commitments().vm {
            return Err(KeyError::OtherMachine {
                expected: self.commitments().vm.clone(),
                found,
            });
        }
        Ok(sdk)
    }

    /// Everything up to the root prover.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn root(&self) -> Result<CpuSdk, KeyError> {
        let failed = |error: &dyn std::fmt::Display| KeyError::generation(Part::Root, error);
        let without = self.aggregation_sdk()?;
        let key: RootProvingKey = self.load_or(Part::Root, ROOT, || Ok(without.root_pk()))?;
        CpuSdk::builder()
            .app_pk(without.app_pk().clone())
            .agg_pk(without.agg_pk())
            .root_pk(key)
            .build()
            .map_err(|error| failed(&error))
    }

    /// The commitment to a program.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn commit(&self, program: &Program) -> Result<[u8; 32], KeyError> {
        let sdk = self.aggregation_sdk()?;
        let prover: StarkProver<DefaultStarkEngine, SdkVmCpuBuilder> = sdk
            .prover(program.exe.clone())
            .map_err(|error| KeyError::generation(Part::App, error))?;
        Ok(*CommitBytes::from(prover.generate_baseline().app_exe_commit).as_slice())
    }
}
