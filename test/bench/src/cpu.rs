//! Processor time of the programs that are measured: unlike time on the clock, it hardly depends on what else runs on
//! the machine.

use std::time::Duration;

use eyre::{OptionExt, Result, WrapErr};

/// Length of a tick in `/proc`, fixed by the kernel's interface for programs.
const TICKS_PER_SEC: u32 = 100;

/// Time that all threads of a process have run so far, in user and kernel mode; `None` where there is no `/proc`.
pub(crate) fn time_of(pid: u32) -> Result<Option<Duration>> {
    if !cfg!(target_os = "linux") {
        return Ok(None);
    }
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).wrap_err_with(|| format!("reading {path}"))?;
    Ok(Some(parse(&stat).ok_or_eyre("/proc/PID/stat has another layout")?))
}

/// Fields 14 and 15. The name before them is in parentheses and may have spaces.
fn parse(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let user: u32 = times.next()?.parse().ok()?;
    let system: u32 = times.next()?.parse().ok()?;
    Some(Duration::from_secs(1) * user.checked_add(system)? / TICKS_PER_SEC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_kernel_time_are_read_behind_any_name() {
        let stat = "12 (a )b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1 0";
        assert_eq!(parse(stat), Some(Duration::from_secs(3)));
        assert_eq!(parse("12 (short) S 1"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_can_read_its_own() {
        assert!(time_of(std::process::id()).unwrap().is_some());
    }
}
