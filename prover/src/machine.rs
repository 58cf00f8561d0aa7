//! Running guests without proving them.

use std::sync::Arc;

use openvm_sdk::{
    F, StdIn,
    openvm_circuit::{
        arch::{
            ExecutionError, InitFileGenerator, VmExecutor, VmState, execution_mode::MeteredCostCtx,
            instructions::exe::VmExe,
        },
        system::memory::merkle::public_values::extract_public_values,
    },
};
use openvm_sdk_config::{SdkVmConfig, TranspilerConfig};
use openvm_transpiler::{FromElf, elf::Elf, openvm_platform::memory::MEM_SIZE};

use crate::error::ProverError;

/// The configuration that all guests share.
const CONFIG: &str = include_str!("../guests/openvm.toml");

/// More chips than any configuration has. Counting instructions needs no widths, but an entry for every chip.
const MAX_CHIPS: usize = 1024;

/// Bytes of a public value.
const PUBLIC_VALUE: usize = 32;

/// The virtual machine of all guests.
///
/// # Errors
/// [`ProverError::Config`].
pub fn vm_config() -> Result<SdkVmConfig, ProverError> {
    let config = SdkVmConfig::from_toml(CONFIG).map_err(|error| ProverError::Config(error.to_string()))?;
    Ok(config.optimize())
}

/// SHA-256 of the configuration that all guests share, hex.
pub(crate) fn config_sha256() -> String {
    crate::sha256(CONFIG.as_bytes())
}

/// The declarations of the configuration's moduli and curves, as guests include them (`prover/guests/openvm_init.rs`).
pub fn init_file(config: &SdkVmConfig) -> String {
    config.generate_init_file_contents().unwrap_or_default()
}

/// The virtual machine.
#[derive(Clone)]
pub struct Machine {
    config: SdkVmConfig,
    executor: VmExecutor<F, SdkVmConfig>,
}

/// A guest, ready to run.
#[derive(Clone)]
pub struct Program {
    pub(crate) exe: Arc<VmExe<F>>,
}

/// What a run showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Execution {
    /// The revealed value.
    pub public_value: [u8; PUBLIC_VALUE],
    /// Instructions executed, the machine's own included.
    pub instructions: u64,
}

impl Machine {
    /// A machine of the guests' configuration.
    ///
    /// # Errors
    /// [`ProverError::Config`].
    pub fn new() -> Result<Self, ProverError> {
        let config = vm_config()?;
        let executor = VmExecutor::new(config.clone()).map_err(|error| ProverError::Config(error.to_string()))?;
        Ok(Self { config, executor })
    }

    /// Loads an ELF.
    ///
    /// # Errors
    /// [`ProverError::Load`].
    pub fn load(&self, elf: &[u8]) -> Result<Program, ProverError> {
        let memory = u32::try_from(MEM_SIZE).map_err(|error| ProverError::Load(error.to_string()))?;
        let elf = Elf::decode(elf, memory).map_err(|error| ProverError::Load(error.to_string()))?;
        let exe =
            VmExe::from_elf(elf, self.config.transpiler()).map_err(|error| ProverError::Load(error.to_string()))?;
        Ok(Program { exe: Arc::new(exe) })
    }

    /// Runs a guest on an input.
    ///
    /// # Errors
    /// [`ProverError::Refused`] if the guest refuses the input, [`ProverError::Machine`] if it breaks the machine's
    /// rules.
    pub fn execute(&self, program: &Program, input: &[u8]) -> Result<Execution, ProverError> {
        let chips = vec![0; MAX_CHIPS];
        let instance = self
            .executor
            .metered_cost_instance(&program.exe, &chips)
            .map_err(|error| ProverError::Load(error.to_string()))?;
        let context = MeteredCostCtx::new(vec![0; MAX_CHIPS]);
        let (context, state) = instance
            .execute_metered_cost(StdIn::from_bytes(input), context)
            .map_err(failure)?;
        Ok(Execution {
            public_value: self.public_value(&state)?,
            instructions: context.instret,
        })
    }

    pub(crate) const fn executor(&self) -> &VmExecutor<F, SdkVmConfig> {
        &self.executor
    }

    fn public_value(&self, state: &VmState<F>) -> Result<[u8; PUBLIC_VALUE], ProverError> {
        let values = extract_public_values(self.config.system.config.num_public_values, &state.memory.memory);
        let value = values
            .get(..PUBLIC_VALUE)
            .and_then(|value| <[u8; PUBLIC_VALUE]>::try_from(value).ok())
            .ok_or(ProverError::NoPublicValue)?;
        if value == [0; PUBLIC_VALUE] {
            return Err(ProverError::NoPublicValue);
        }
        Ok(value)
    }
}

pub(crate) fn failure(error: ExecutionError) -> ProverError {
    match error {
        ExecutionError::FailedWithExitCode(code) => ProverError::Refused(code),
        other => ProverError::Machine(other.to_string()),
    }
}
