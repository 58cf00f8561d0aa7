//! How much memory a stage needs and how much there is: what the system has, within the limits of our control groups.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::Stage;

/// What a stage needs; a row of `cwe-prover-stage needs --json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// The stage.
    pub stage: Stage,
    /// Most memory at once (resident set), bytes.
    pub memory_bytes: u64,
    /// How long it typically takes, seconds.
    pub seconds: u64,
}

/// What the machine has for us, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Supply {
    /// Free now, or at once when asked for.
    pub available: u64,
    /// If nobody else took anything.
    pub total: u64,
}

/// What the system has; `None` where it doesn't say.
pub fn supply() -> Option<Supply> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let system = Supply {
        available: kibibytes(&meminfo, "MemAvailable:")?,
        total: kibibytes(&meminfo, "MemTotal:")?,
    };
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    Some(within(system, Path::new("/sys/fs/cgroup"), &groups))
}

/// Memory of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessMemory {
    /// Resident now, bytes.
    pub resident_bytes: u64,
    /// Most that was resident at once so far, bytes.
    pub peak_bytes: u64,
}

/// Memory of a process; `None` if it is gone or the system doesn't say.
pub fn of_process(pid: u32) -> Option<ProcessMemory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(ProcessMemory {
        resident_bytes: kibibytes(&status, "VmRSS:")?,
        peak_bytes: kibibytes(&status, "VmHWM:")?,
    })
}

/// Bytes as people read them.
pub fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

/// A figure of `/proc/meminfo` or `/proc/PID/status`, in bytes.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    number.checked_mul(1024)
}

/// The least of what the system and the control groups leave.
fn within(system: Supply, mount: &Path, groups: &str) -> Supply {
    let limits = groups
        .lines()
        .filter_map(|line| Version::of(line, mount))
        .flat_map(|(version, folder)| limits(version, mount, folder));
    limits.fold(system, |least, limit| Supply {
        available: least.available.min(limit.available),
        total: least.total.min(limit.total),
    })
}

/// The two interfaces of Linux's control groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Version {
    /// The memory group that a line of `/proc/self/cgroup` names.
    fn of(line: &str, mount: &Path) -> Option<(Self, PathBuf)> {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let path = path.strip_prefix('/')?;
        match controllers {
            "" => Some((Self::Two, mount.join(path))),
            _ if controllers.split(',').any(|name| name == "memory") => {
                Some((Self::One, mount.join("memory").join(path)))
            }
            _ => None,
        }
    }

    /// Files of limit and use, and the line of `memory.stat` with the page cache that is given back when it is wanted.
    const fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::One => ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "),
            Self::Two => ("memory.max", "memory.current", "inactive_file "),
        }
    }
}

/// Limits of a group and of those above it; a container sees its own as the topmost.
fn limits(version: Version, mount: &Path, folder: PathBuf) -> Vec<Supply> {
    folder
        .ancestors()
        .take_while(|folder| folder.starts_with(mount))
        .filter_map(|folder| limit_of(version, folder))
        .collect()
}

fn limit_of(version: Version, folder: &Path) -> Option<Supply> {
    let (limit, usage, cache) = version.names();
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
    let total = number(limit)?;
    let cached = read("memory.stat")
        .and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix(cache))?;
            line.trim().parse().ok()
        })
        .unwrap_or(0);
    let used = number(usage)?.saturating_sub(cached);
    Some(Supply {
        available: total.saturating_sub(used),
        total,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEM: Supply = Supply {
        available: 5000,
        total: 9000,
    };

    #[test]
    fn figures_are_read_as_the_kernel_writes_them() {
        let text = "MemTotal:       24679384 kB\nMemAvailable:   1024 kB\n";
        assert_eq!(kibibytes(text, "MemAvailable:"), Some(1 << 20));
        assert_eq!(kibibytes(text, "MemFree:"), None);
        assert_eq!(kibibytes("VmRSS: lots kB", "VmRSS:"), None);
        assert_eq!(gibibytes(3 << 29), "1.5 GiB");
    }

    /// A mount with one group of each version, and the lines that name them.
    fn groups(version: Version, limit: &str) -> (tempfile::TempDir, &'static str) {
        let mount = tempfile::tempdir().unwrap();
        let (folder, line) = match version {
            Version::One => (mount.path().join("memory/pod/ours"), "4:cpu,memory:/pod/ours"),
            Version::Two => (mount.path().join("pod/ours"), "0::/pod/ours"),
        };
        fs::create_dir_all(&folder).unwrap();
        let above = folder.parent().unwrap();
        let (limit_file, usage_file, cache) = version.names();
        let write = |name: &str, text: &str| fs::write(above.join(name), text).unwrap();
        write(limit_file, limit);
        write(usage_file, "700\n");
        write("memory.stat", &format!("anon 400\n{cache}300\n"));
        (mount, line)
    }

    #[test]
    fn a_control_group_above_ours_lowers_it_and_its_page_cache_does_not_count() {
        for version in [Version::One, Version::Two] {
            let (mount, line) = groups(version, "1000\n");
            let left = Supply {
                available: 600,
                total: 1000,
            };
            assert_eq!(within(SYSTEM, mount.path(), line), left, "{version:?}");
        }
    }

    #[test]
    fn a_group_without_a_limit_leaves_all() {
        let (mount, line) = groups(Version::Two, "max\n");
        assert_eq!(within(SYSTEM, mount.path(), line), SYSTEM);
        let (mount, line) = groups(Version::One, "9223372036854771712\n");
        assert_eq!(within(SYSTEM, mount.path(), line), SYSTEM);
        assert_eq!(within(SYSTEM, mount.path(), "3:cpuset:/\nnonsense\n"), SYSTEM);
    }

    #[test]
    fn this_machine_has_memory_and_this_process_takes_some() {
        let supply = supply().unwrap();
        assert!(0 < supply.available && supply.available <= supply.total);
        let mine = of_process(std::process::id()).unwrap();
        assert!(0 < mine.resident_bytes && mine.resident_bytes <= mine.peak_bytes);
        assert!(mine.peak_bytes < supply.total);
    }
}
