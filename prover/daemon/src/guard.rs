//! Makes a stage die with its daemon, however that dies.
//!
//! The kernel can send a process a signal when its parent ends, but only the process itself can ask for that, before it
//! becomes the stage program. So the daemon starts itself again under the hidden subcommand `guard`, which asks, and then
//! turns into the stage program: the same process, no code between fork and exec.

use std::{
    ffi::OsString,
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

/// Arguments of the hidden subcommand `guard`: the parent's process id, the program, its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardArgs {
    /// Process id of the daemon.
    pub parent: u32,
    /// What to become.
    pub program: PathBuf,
    /// With these arguments.
    pub args: Vec<OsString>,
}

/// Name of the hidden subcommand.
pub const GUARD: &str = "guard";

/// Becomes the program, bound to the parent's life. Returns only if that fails.
pub fn become_guarded(guard: &GuardArgs) -> io::Error {
    if let Err(error) = die_with(guard.parent) {
        return error;
    }
    Command::new(&guard.program).args(&guard.args).exec()
}

#[cfg(target_os = "linux")]
fn die_with(parent: u32) -> io::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before the line above.
    let present = getppid().map(|pid| pid.as_raw_nonzero().get());
    if present.and_then(|pid| u32::try_from(pid).ok()) == Some(parent) {
        Ok(())
    } else {
        Err(io::Error::other("the daemon is gone"))
    }
}

/// Elsewhere a stage outlives a daemon that is killed, at most until it is done.
#[cfg(not(target_os = "linux"))]
fn die_with(_parent: u32) -> io::Result<()> {
    Ok(())
}

/// The command line that starts `program` guarded by this process. Without `guard`, the program by itself.
pub(crate) fn command(guard: Option<&Path>, program: &Path) -> tokio::process::Command {
    let Some(own) = guard else {
        return tokio::process::Command::new(program);
    };
    let mut command = tokio::process::Command::new(own);
    command.arg(GUARD).arg(std::process::id().to_string()).arg(program);
    command
}

/// This program, even after its file was replaced by a newer one.
pub fn own_program() -> PathBuf {
    if cfg!(target_os = "linux") {
        "/proc/self/exe".into()
    } else {
        std::env::current_exe().unwrap_or_else(|_| "cwe-prover".into())
    }
}
