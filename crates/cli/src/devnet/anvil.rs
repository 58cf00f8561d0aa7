//! anvil as the devnet's L1: found, started, and stopped even when this process is killed.

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use eyre::{Result, WrapErr, bail};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    task::JoinHandle,
    time::timeout,
};

use crate::keys::DEV_MNEMONIC;

/// Runs anvil (`"$@"`) until standard input closes. The pipe closes when this process ends, however it ends, so no
/// anvil is ever left behind; SIGTERM lets it write its state.
const SUPERVISOR: &str = r#"
exec 3<&0
"$@" 3<&- < /dev/null &
anvil=$!
(cat <&3 > /dev/null; kill -TERM $anvil 2> /dev/null) &
watcher=$!
wait $anvil
status=$?
kill $watcher 2> /dev/null
exit $status
"#;

/// How long anvil may take to listen; it reads its state first.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How long anvil may take to write its state.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
/// Lines of output kept for an error message.
const KEPT_LINES: usize = 20;

/// How to start anvil.
#[derive(Debug)]
pub(crate) struct AnvilOptions<'a> {
    /// Port on loopback; 0 takes a free one.
    pub port: u16,
    /// Chain id.
    pub chain_id: u64,
    /// Funded accounts of the development phrase.
    pub accounts: u32,
    /// File to read the state from and to write it to at the end.
    pub state: &'a Path,
}

/// A running anvil.
#[derive(Debug)]
pub(crate) struct Anvil {
    supervisor: Child,
    // Closing it is what stops anvil.
    lifeline: Option<ChildStdin>,
    output: JoinHandle<()>,
    /// JSON-RPC URL.
    pub url: String,
}

impl Anvil {
    /// Starts anvil without interval mining: every transaction is mined at once.
    ///
    /// # Errors
    /// It is not installed, or ends before it listens; its last lines are in the error.
    pub(crate) async fn start(options: &AnvilOptions<'_>) -> Result<Self> {
        let binary = find()?;
        let mut supervisor = Command::new("sh")
            .args(["-c", SUPERVISOR, "anvil-supervisor"])
            .arg(&binary)
            .args(["--host", "127.0.0.1", "--port", &options.port.to_string()])
            .args(["--chain-id", &options.chain_id.to_string()])
            .args(["--accounts", &options.accounts.to_string(), "--mnemonic", DEV_MNEMONIC])
            // `safe` and `finalized` follow one and two blocks behind the head.
            .args(["--slots-in-an-epoch", "1"])
            .arg("--state")
            .arg(options.state)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            // A process group of its own: Ctrl-C reaches this process only, which then stops things in order.
            .process_group(0)
            .spawn()
            .wrap_err_with(|| format!("starting {}", binary.display()))?;
        let lifeline = supervisor.stdin.take();
        let Some(stdout) = supervisor.stdout.take() else {
            bail!("anvil has no output to read")
        };
        let mut lines = BufReader::new(stdout).lines();
        let mut last_lines = VecDeque::new();
        let address = match timeout(START_TIMEOUT, listening_address(&mut lines, &mut last_lines)).await {
            Ok(Some(address)) => address,
            Ok(None) => bail!("anvil ended before it listened:\n{}", Vec::from(last_lines).join("\n")),
            Err(_) => bail!("anvil did not listen within {} s", START_TIMEOUT.as_secs()),
        };
        let output = tokio::spawn(drain(lines));
        Ok(Self {
            supervisor,
            lifeline,
            output,
            url: format!("http://{address}"),
        })
    }

    /// Completes when anvil has ended by itself.
    pub(crate) async fn ended(&mut self) {
        // An error means that there is no such process any more, which is what is waited for.
        let _ = self.supervisor.wait().await;
    }

    /// Stops anvil and waits until it has written its state.
    ///
    /// # Errors
    /// It does not end in time.
    pub(crate) async fn stop(mut self) -> Result<()> {
        drop(self.lifeline.take());
        let status = timeout(STOP_TIMEOUT, self.supervisor.wait()).await;
        self.output.abort();
        match status {
            Ok(result) => result.map(drop).wrap_err("waiting for anvil"),
            Err(_) => bail!("anvil did not end within {} s", STOP_TIMEOUT.as_secs()),
        }
    }
}

/// Reads output up to the line that says where anvil listens.
async fn listening_address(lines: &mut Lines<BufReader<ChildStdout>>, kept: &mut VecDeque<String>) -> Option<String> {
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(address) = line.trim().strip_prefix("Listening on ") {
            return Some(address.to_owned());
        }
        if kept.len() == KEPT_LINES {
            kept.pop_front();
        }
        kept.push_back(line);
    }
    None
}

/// anvil logs every request; unread output would block it.
async fn drain(mut lines: Lines<BufReader<ChildStdout>>) {
    while let Ok(Some(_)) = lines.next_line().await {}
}

/// The anvil to run: `$ANVIL`, the one on PATH, or the one in `node_modules` of this folder or one above it.
pub(crate) fn find() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("ANVIL") {
        let path = PathBuf::from(path);
        if path.is_file() {
            return Ok(native(&path).unwrap_or(path));
        }
        bail!("ANVIL names {}, which is no file", path.display());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("anvil"));
    let here = std::env::current_dir().unwrap_or_default();
    let near: Vec<_> = here
        .ancestors()
        .map(|folder| folder.join("node_modules/.bin/anvil"))
        .collect();
    match on_path.chain(near).find(|candidate| candidate.is_file()) {
        Some(found) => Ok(native(&found).unwrap_or(found)),
        None => bail!(
            "anvil is not installed: run `make setup`, or install Foundry (https://getfoundry.sh), or set ANVIL to its path"
        ),
    }
}

/// npm installs a script that starts the real program, which a signal to the script would not reach; this finds the real
/// one beside it.
fn native(launcher: &Path) -> Option<PathBuf> {
    let launcher = fs::canonicalize(launcher).ok()?;
    let package = launcher
        .ancestors()
        .find(|folder| folder.ends_with("@foundry-rs/anvil"))?;
    let platform = format!("anvil-{}-{}", npm_os(), npm_architecture());
    let program = package.parent()?.join(platform).join("bin/anvil");
    program.is_file().then_some(program)
}

const fn npm_os() -> &'static str {
    if cfg!(target_os = "macos") { "darwin" } else { "linux" }
}

const fn npm_architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_npm_launcher_leads_to_the_program_itself() {
        let root = tempfile::tempdir().unwrap();
        let scope = root.path().join("node_modules/@foundry-rs");
        let platform = format!("anvil-{}-{}", npm_os(), npm_architecture());
        let launcher = scope.join("anvil/bin.mjs");
        let program = scope.join(platform).join("bin/anvil");
        for file in [&launcher, &program] {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let found = native(&launcher).unwrap();
        assert_eq!(found, fs::canonicalize(program).unwrap());
        assert_eq!(native(Path::new("/bin/sh")), None);
    }
}
