//! STARKs of an execution, segment by segment.

use openvm_circuit::arch::{ContinuationVmProof, VmInstance};
use openvm_continuations::CommitBytes;
use openvm_sdk::{
    DefaultStarkEngine, SC, StdIn,
    prover::{verify_app_proof, vm::new_local_prover},
};
use openvm_sdk_config::SdkVmCpuBuilder;

use super::{Profile, Progress, Stage, StageError, keys::KeyStore, verify};
use crate::{Program, machine::failure};

/// STARKs of all segments of an execution.
pub type SegmentProofs = ContinuationVmProof<SC>;

/// Runs `program` on `input` and proves every segment.
///
/// # Errors
/// [`StageError::Invalid`] if the guest refuses the input.
pub fn prove(
    keys: &KeyStore,
    profile: Profile,
    program: &Program,
    input: &[u8],
    progress: &mut Progress<'_>,
) -> Result<SegmentProofs, StageError> {
    let failed = |error: &dyn std::fmt::Display| StageError::failed(Stage::Segments, error);
    let key = keys.app_for(profile)?;
    let mut instance: VmInstance<DefaultStarkEngine, SdkVmCpuBuilder> =
        new_local_prover(SdkVmCpuBuilder, &key, program.exe.clone()).map_err(|error| failed(&error))?;
    let total = count(&instance, program, input)?;
    progress.report(0, total);
    let proofs = instance
        .prove_continuations(StdIn::from_bytes(input), |segment, _| {
            if segment > 0 {
                progress.report(segment, total);
            }
        })
        .map_err(|error| failed(&error))?;
    progress.report(proofs.per_segment.len(), proofs.per_segment.len());
    Ok(proofs)
}

/// Checks the proofs of all segments of an execution of the program with a commitment, and returns what it revealed.
///
/// # Errors
/// [`StageError::Invalid`].
pub fn check(keys: &KeyStore, exe: [u8; 32], proofs: &SegmentProofs) -> Result<[u8; 32], StageError> {
    let public_value = verify::public_value(&proofs.user_public_values)?;
    let key = keys.app()?.get_app_vk();
    let found = verify::guarded(std::panic::AssertUnwindSafe(|| {
        verify_app_proof::<DefaultStarkEngine>(&key, proofs)
            .map_err(|error| StageError::Invalid(format!("the segments' proofs are not valid: {error}")))
    }))?;
    let found = *CommitBytes::from(found).as_slice();
    match found == exe {
        true => Ok(public_value),
        false => Err(StageError::Invalid(format!(
            "the proofs are of the program {}, not of {}",
            hex::encode(found),
            hex::encode(exe)
        ))),
    }
}

/// Segments of an execution, by running it once without proving.
fn count(
    instance: &VmInstance<DefaultStarkEngine, SdkVmCpuBuilder>,
    program: &Program,
    input: &[u8],
) -> Result<usize, StageError> {
    let vm = &instance.vm;
    let context = vm.build_metered_ctx(&program.exe);
    let metered = vm
        .metered_interpreter(&program.exe)
        .map_err(|error| StageError::failed(Stage::Segments, error))?;
    let (segments, _) = metered
        .execute_metered(StdIn::from_bytes(input), context)
        .map_err(failure)?;
    Ok(segments.len())
}
