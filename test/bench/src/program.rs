//! Programs under test, stopped when dropped.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use alloy::primitives::Address;
use eyre::{Result, WrapErr, bail, eyre};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

const READY_TIMEOUT: Duration = Duration::from_secs(120);
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// The ready line of `cwe devnet --json`, as far as it is needed here.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Network {
    pub l1_rpc: String,
    pub l2_rpc: String,
    pub l2_chain_id: u64,
    pub contracts: Contracts,
}

/// Contracts of the ready line.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Contracts {
    pub rollup: Address,
}

/// A child process.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
}

impl Program {
    /// Starts a program; its log goes to this one's standard error.
    pub(crate) fn start(binary: &Path, arguments: &[String]) -> Result<Self> {
        let child = command(binary, arguments)
            .stdout(Stdio::null())
            .spawn()
            .wrap_err_with(|| format!("starting {}", binary.display()))?;
        Ok(Self { child })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> Result<u32> {
        self.child.id().ok_or_else(|| eyre!("a program has ended"))
    }

    /// Kills it as `kill -9` does and waits until it is gone.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.wrap_err("killing a program")
    }
}

/// A devnet on free ports.
#[derive(Debug)]
pub(crate) struct Devnet {
    program: Program,
    /// Its ready line.
    pub network: Network,
    /// The ready line as it was printed.
    pub line: String,
}

impl Devnet {
    /// Starts `cwe devnet --json`; port flags not among `extra` take free ports.
    pub(crate) async fn start(cwe: &Path, extra: &[String]) -> Result<Self> {
        let mut arguments: Vec<String> = vec!["devnet".into(), "--json".into()];
        for port in ["--l1-port", "--l2-port", "--node-port", "--ops-port"] {
            if !extra.iter().any(|argument| argument == port) {
                arguments.extend([port.to_owned(), "0".to_owned()]);
            }
        }
        arguments.extend_from_slice(extra);
        let (program, line) = start_until(cwe, &arguments, |line| line.starts_with('{')).await?;
        let network = serde_json::from_str(&line).wrap_err("the devnet's ready line")?;
        Ok(Self { program, network, line })
    }

    /// Process id of `cwe devnet`, which runs the sequencer.
    pub(crate) fn pid(&self) -> Result<u32> {
        self.program.pid()
    }

    /// Halts the devnet's L1 until [`Self::resume_l1`]; the sequencer goes on without it. In earnest an L1 takes its
    /// processor time elsewhere.
    pub(crate) async fn halt_l1(&self) -> Result<()> {
        self.signal_l1("-STOP").await
    }

    /// Lets the L1 go on.
    pub(crate) async fn resume_l1(&self) -> Result<()> {
        self.signal_l1("-CONT").await
    }

    async fn signal_l1(&self, signal: &str) -> Result<()> {
        let processes = descendants(self.pid()?).await?;
        let sent = Command::new("kill")
            .arg(signal)
            .args(processes.iter().map(u32::to_string))
            .status()
            .await
            .wrap_err("signalling the devnet's L1")?;
        if !sent.success() {
            bail!("the devnet's L1 takes no signal {signal}");
        }
        Ok(())
    }

    /// Stops it as Ctrl-C does.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let Some(pid) = self.program.child.id() else {
            return Ok(());
        };
        Command::new("kill")
            .args(["-INT", &pid.to_string()])
            .status()
            .await
            .wrap_err("stopping the devnet")?;
        timeout(STOP_TIMEOUT, self.program.child.wait())
            .await
            .wrap_err("the devnet does not stop")??;
        Ok(())
    }
}

/// An anvil that mines every second; returns its URL too.
pub(crate) async fn start_anvil(gas_limit: u64) -> Result<(Program, String)> {
    let arguments = [
        "--port",
        "0",
        "--block-time",
        "1",
        "--gas-limit",
        &gas_limit.to_string(),
    ]
    .map(String::from);
    let ready = |line: &str| line.trim_start().starts_with("Listening on ");
    let (program, line) = start_until(&anvil()?, &arguments, ready).await?;
    Ok((program, line.trim().replacen("Listening on ", "http://", 1)))
}

/// The anvil itself, not npm's launcher: killing the launcher would leave it running.
fn anvil() -> Result<PathBuf> {
    let name = format!(
        "node_modules/@foundry-rs/anvil-{}-{}/bin/anvil",
        if cfg!(target_os = "macos") { "darwin" } else { "linux" },
        if cfg!(target_arch = "aarch64") {
            "arm64"
        } else {
            "amd64"
        }
    );
    let path = PathBuf::from(name);
    if path.is_file() {
        Ok(path)
    } else {
        Err(eyre!("{} is missing: run make setup", path.display()))
    }
}

fn command(binary: &Path, arguments: &[String]) -> Command {
    let mut command = Command::new(binary);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CWE_")) {
        command.env_remove(name);
    }
    command
}

/// Processes that a process started, directly or not.
async fn descendants(ancestor: u32) -> Result<Vec<u32>> {
    let listed = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().await?;
    let listed = String::from_utf8(listed.stdout)?;
    let pairs: Vec<(u32, u32)> = listed
        .lines()
        .filter_map(|line| {
            let (pid, parent) = line.trim().split_once(' ')?;
            Some((pid.parse().ok()?, parent.trim().parse().ok()?))
        })
        .collect();
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(pairs.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    Ok(found.split_off(1))
}

/// Starts a program and reads its output up to the line that `ready` accepts; the rest is thrown away.
async fn start_until(binary: &Path, arguments: &[String], ready: impl Fn(&str) -> bool) -> Result<(Program, String)> {
    let mut child = command(binary, arguments)
        .stdout(Stdio::piped())
        .spawn()
        .wrap_err_with(|| format!("starting {}", binary.display()))?;
    let stdout = child
        .stdout
        .take()
        .ok_or_else(|| eyre!("{} has no output", binary.display()))?;
    let mut lines = BufReader::new(stdout).lines();
    let found = timeout(READY_TIMEOUT, async {
        while let Some(line) = lines.next_line().await? {
            if ready(&line) {
                return Ok(line);
            }
        }
        bail!("{} ended before it was ready", binary.display())
    });
    let line = found
        .await
        .wrap_err_with(|| format!("{} is not ready in time", binary.display()))??;
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((Program { child }, line))
}
