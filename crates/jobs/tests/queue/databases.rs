//! The two databases.

use std::{
    fs,
    net::TcpListener,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Account that the server runs under when the tests run as root, which it refuses: nobody.
const NOBODY: u32 = 65_534;
const START_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) fn sqlite(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("queue.db").display())
}

/// A server in a folder of its own, stopped and removed at the end.
pub(crate) struct Postgres {
    server: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let root = fs::metadata(folder.path()).unwrap().uid() == 0;
        if root {
            std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let command = |name: &str| {
            let mut command = Command::new(program(name));
            command.current_dir(folder.path()).env("LC_ALL", "C");
            if root {
                command.uid(NOBODY).gid(NOBODY);
            }
            command
        };
        let made = command("initdb")
            .args(["--auth=trust", "--username=cwe", "--encoding=UTF8", "--no-sync", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = command("postgres")
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-F", "-k"])
            .arg(folder.path())
            .arg("-D")
            .arg(&data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Self { server, port, folder };
        started.wait();
        started
    }

    fn wait(&self) {
        let begun = Instant::now();
        while !self.ready() {
            assert!(begun.elapsed() < START_TIMEOUT, "the PostgreSQL server did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn ready(&self) -> bool {
        let port = self.port.to_string();
        let asked = Command::new(program("pg_isready"))
            .args(["-q", "-h", "127.0.0.1", "-p", &port])
            .status();
        asked.unwrap().success()
    }

    /// The address of a new database.
    pub(crate) async fn database(&self, name: &str) -> String {
        // A name is cut at 63 bytes.
        let name = &name[..name.len().min(60)];
        let port = self.port.to_string();
        let made = Command::new(program("createdb"))
            .args(["-h", "127.0.0.1", "-p", &port, "-U", "cwe", name])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        format!("postgres://cwe@127.0.0.1:{port}/{name}")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(self.folder.path().join("data"));
    }
}

/// A program of PostgreSQL's: Debian keeps the server's outside the search path.
fn program(name: &str) -> PathBuf {
    let packaged = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<_> = packaged.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let found = folders
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|path| path.exists());
    found
        .unwrap_or_else(|| panic!("{name} is missing: install PostgreSQL (Debian, Ubuntu: apt-get install postgresql)"))
}
