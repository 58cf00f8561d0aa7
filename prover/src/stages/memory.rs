//! Whether a stage fits into this machine, known before it starts.

use cwe_prover_stages::{Need, Stage, supply};

use super::{Profile, StageError, keys::Part};

const MIB: u64 = 1 << 20;

/// The needs of every stage.
pub fn needs(profile: Profile) -> [Need; 6] {
    Stage::ALL.map(|stage| need(stage, profile))
}

/// The need of a stage, measured on two cores (`docs/PERFORMANCE.md` §Proving).
pub const fn need(stage: Stage, profile: Profile) -> Need {
    let (mebibytes, seconds) = match (stage, profile) {
        (Stage::Execute, _) => (1_024, 2),
        (Stage::Segments, Profile::Standard) => (15_000, 130),
        // Half the estimate at which a segment is cut.
        (Stage::Segments, Profile::LowMemory) => (8_000, 160),
        (Stage::Aggregate, _) => (7_500, 120),
        (Stage::Root, _) => (3_500, 390),
        (Stage::Halo2, _) => (11_500, 290),
        (Stage::Wrap, _) => (10_500, 230),
    };
    Need {
        stage,
        memory_bytes: mebibytes * MIB,
        seconds,
    }
}

/// Refuses a stage that would be killed half-way.
///
/// # Errors
/// [`StageError::Memory`].
pub fn check(stage: Stage, profile: Profile) -> Result<(), StageError> {
    let hint = match (stage, profile) {
        (Stage::Segments, Profile::Standard) => ", or use --low-memory",
        _ => "",
    };
    let what = || format!("stage {}", stage.name());
    fits(need(stage, profile).memory_bytes, available(), what, hint)
}

/// Refuses to make a key when that would be killed half-way.
///
/// # Errors
/// [`StageError::Memory`].
pub fn check_part(part: Part) -> Result<(), StageError> {
    let mebibytes = match part {
        Part::App | Part::Aggregation => 1_000,
        Part::Root => 3_500,
        Part::Halo2 => 14_200,
        Part::Wrapper => 8_500,
    };
    let what = || format!("making the key {}", part.name());
    fits(mebibytes * MIB, available(), what, "")
}

/// What a new process can take now, in bytes; `None` where the system doesn't say.
fn available() -> Option<u64> {
    supply().map(|supply| supply.available)
}

fn fits(
    needed: u64,
    available: Option<u64>,
    what: impl FnOnce() -> String,
    hint: &'static str,
) -> Result<(), StageError> {
    match available {
        Some(available) if available < needed => Err(StageError::Memory {
            what: what(),
            needed,
            available,
            hint,
        }),
        // Where the system doesn't say, it is tried.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_fit_is_refused_with_both_figures() {
        let check = |available| fits(3 << 30, available, || "stage root".into(), "");
        let error = check(Some(2 << 30)).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        let text = error.to_string();
        assert!(
            text.contains("stage root needs 3.0 GiB") && text.contains("2.0 GiB are available"),
            "{text}"
        );
        assert!(check(Some(3 << 30)).is_ok() && check(None).is_ok());
    }

    #[test]
    fn the_low_memory_profile_never_needs_more() {
        for (low, standard) in needs(Profile::LowMemory).iter().zip(needs(Profile::Standard)) {
            assert!(low.memory_bytes <= standard.memory_bytes);
        }
    }
}
