//! Whether a stage fits into this machine, known before it starts.

use std::{fs, path::Path};

use serde::Serialize;

use super::{Profile, Stage, StageError, keys::Part};

const MIB: u64 = 1 << 20;

/// What a stage needs, measured on two cores (`docs/PERFORMANCE.md` §Proving).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// The stage.
    pub stage: Stage,
    /// Largest resident set, in bytes.
    pub memory_bytes: u64,
    /// Typical duration in seconds.
    pub seconds: u64,
}

/// The needs of every stage.
pub fn needs(profile: Profile) -> [Need; 6] {
    Stage::ALL.map(|stage| need(stage, profile))
}

/// The need of a stage.
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

/// Memory that a new process can take, in bytes: what the system has, and what the control group leaves.
pub fn available() -> Option<u64> {
    let system = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| meminfo(&text))?;
    Some(control_group(Path::new("/sys/fs/cgroup")).map_or(system, |group| group.min(system)))
}

/// `MemAvailable` of `/proc/meminfo`.
fn meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// What a control group (version 2, as a container sees its own) leaves: its limit less what it holds for good.
fn control_group(folder: &Path) -> Option<u64> {
    let number = |name: &str| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
    let limit = number("memory.max")?;
    let cached = fs::read_to_string(folder.join("memory.stat"))
        .ok()
        .and_then(|text| {
            text.lines()
                .find_map(|line| line.strip_prefix("file ")?.trim().parse().ok())
        })
        .unwrap_or(0);
    Some(limit.saturating_sub(number("memory.current")?.saturating_sub(cached)))
}

pub(crate) fn gibibytes(bytes: u64) -> String {
    format!("{}.{}", bytes >> 30, ((bytes % (1 << 30)) * 10) >> 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_what_the_system_has_available() {
        let text = "MemTotal:       24000000 kB\nMemFree: 1 kB\nMemAvailable:   2097152 kB\n";
        assert_eq!(meminfo(text), Some(2 << 30));
        assert_eq!(meminfo("MemTotal: 1 kB"), None);
    }

    #[test]
    fn a_control_group_lowers_it_and_its_page_cache_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("memory.max", "1000\n");
        write("memory.current", "700\n");
        write("memory.stat", "anon 400\nfile 300\n");
        assert_eq!(control_group(folder.path()), Some(600));
        write("memory.max", "max\n");
        assert_eq!(control_group(folder.path()), None);
    }

    #[test]
    fn figures_in_errors_have_one_decimal() {
        assert_eq!(gibibytes(3 << 29), "1.5");
        assert_eq!(gibibytes(0), "0.0");
    }

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
