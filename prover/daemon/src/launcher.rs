//! The thread that starts stages. It lives as long as the program, for a stage is to die with the program and the kernel
//! takes the thread that started it for its parent ([`guard`](crate::guard)).

use std::{io, sync::OnceLock};

use tokio::{
    process::{Child, Command},
    runtime::Handle,
    sync::{mpsc, oneshot},
};

/// Starts that wait for the thread; each is done in milliseconds.
const WAITING: usize = 64;

struct Start {
    command: Command,
    runtime: Handle,
    started: oneshot::Sender<io::Result<Child>>,
}

/// Starts a process.
pub(crate) async fn spawn(command: Command) -> io::Result<Child> {
    let gone = || io::Error::other("the thread that starts stages is gone");
    let (started, result) = oneshot::channel();
    let start = Start {
        command,
        runtime: Handle::current(),
        started,
    };
    launcher()?.send(start).await.map_err(|_| gone())?;
    result.await.map_err(|_| gone())?
}

fn launcher() -> io::Result<mpsc::Sender<Start>> {
    static LAUNCHER: OnceLock<Result<mpsc::Sender<Start>, String>> = OnceLock::new();
    let begin = || {
        let (sender, mut starts) = mpsc::channel::<Start>(WAITING);
        let body = move || {
            while let Some(mut start) = starts.blocking_recv() {
                let _entered = start.runtime.enter();
                // Whoever wanted it may have stopped waiting; the process is killed with its handle then.
                let _ = start.started.send(start.command.spawn());
            }
        };
        let thread = std::thread::Builder::new().name("stages".into()).spawn(body);
        thread.map(|_| sender).map_err(|error| error.to_string())
    };
    LAUNCHER.get_or_init(begin).clone().map_err(io::Error::other)
}
