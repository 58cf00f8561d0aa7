//! The daemon as a process.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::node;

/// A running daemon; dropping it kills it, as `kill -9` does.
pub(crate) struct Daemon {
    process: Child,
    /// Where it takes reveals.
    pub(crate) url: String,
    /// Where its log goes.
    pub(crate) log: PathBuf,
}

impl Daemon {
    /// Starts the program with its store and its chain's addresses in `folder`.
    pub(crate) fn start(program: &Path, node: SocketAddr, folder: &Path) -> Self {
        Self::start_with(program, node, folder, &[])
    }

    /// The same, with more settings.
    pub(crate) fn start_with(program: &Path, node: SocketAddr, folder: &Path, more: &[&str]) -> Self {
        let log = folder.join("log");
        let settings = [
            "serve.listen=127.0.0.1:0".to_owned(),
            "ops.listen=127.0.0.1:0".into(),
            format!("serve.database=sqlite:{}", folder.join("store/reveals.db").display()),
            format!("l2.rpc_url=http://{node}"),
            format!("l2.economy={}", folder.join("economy.json").display()),
            format!("l2.chain_id={}", node::CHAIN_ID),
            "l2.poll_interval_ms=200".into(),
            "limits.per_second=1000000".into(),
            "limits.burst=1000000".into(),
            "limits.network_per_second=0".into(),
            "limits.waiting=65536".into(),
        ];
        let mut command = Command::new(program);
        for setting in settings.iter().map(String::as_str).chain(more.iter().copied()) {
            command.arg("--set").arg(setting);
        }
        let mut process = command
            .arg("--json")
            .env("CWE_ACCOUNT__PRIVATE_KEY", format!("0x{:064x}", 1))
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let Ok(serving) = serde_json::from_str::<serde_json::Value>(&line) else {
            let _ = process.kill();
            panic!("the daemon does not serve: {}", std::fs::read_to_string(&log).unwrap());
        };
        let url = serving["url"].as_str().unwrap().to_owned();
        Self { process, url, log }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
