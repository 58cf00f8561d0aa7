//! `cwe demo`: the main job from end to end, on this machine.
//!
//! The story itself is a program of the repository, `test/demo/story.mjs`: it deploys by `forge script` and drives the
//! commands and daemons that people use. This command finds it and becomes it.

use std::{
    env,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use eyre::{Result, WrapErr, eyre};

/// Where a checkout has the story.
const STORY: &str = "test/demo/story.mjs";

/// Play the main job from end to end: publish, subscribe, listen, prove, settle, withdraw, audit
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Leave out the proofs of programs: minutes, and nothing becomes final on L1
    #[arg(long)]
    quick: bool,
    /// Leave out the proofs of batches only: they take hours per epoch without a GPU, and without them nothing becomes final on L1
    #[arg(long, conflicts_with = "quick")]
    not_final: bool,
    /// Keep everything in this folder, and go on from there when interrupted; default: cwe/demo in the user's data folder
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Throw away what the folder holds and begin anew
    #[arg(long)]
    fresh: bool,
    /// Leave everything running at the end, until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Kill each daemon once, at random moments: the end must be the same
    #[arg(long)]
    kill_daemons: bool,
    /// End standard output with one line of JSON, and nothing else on it
    #[arg(long)]
    json: bool,
    /// Program of the prover's stages (`make prover` prints its folder); needed without --quick
    #[arg(long, value_name = "PROGRAM", env = "STAGE_PROGRAM")]
    stage_program: Option<PathBuf>,
    /// Checkout of the repository, after `make setup`; default: the one around this folder or this program
    #[arg(long, value_name = "DIR")]
    repository: Option<PathBuf>,
}

/// Runs `cwe demo`; returns only when the story can't be started.
pub(crate) fn run(args: &DemoArgs) -> Result<()> {
    let own = env::current_exe().wrap_err("finding this program")?;
    let repository = repository(args, &own)?;
    let mut story = Command::new("node");
    story.arg(repository.join(STORY)).env("CWE", &own);
    for (flag, given) in [
        ("--quick", args.quick),
        ("--not-final", args.not_final),
        ("--fresh", args.fresh),
        ("--keep", args.keep),
        ("--kill-daemons", args.kill_daemons),
        ("--json", args.json),
    ] {
        if given {
            story.arg(flag);
        }
    }
    if let Some(folder) = &args.data {
        story.arg("--data").arg(folder);
    }
    if let Some(program) = &args.stage_program {
        story.env("STAGE_PROGRAM", program);
    }
    let error = story.exec();
    Err(error).wrap_err("starting node; install Node 20 or newer, then run make setup")
}

fn repository(args: &DemoArgs, own: &Path) -> Result<PathBuf> {
    let here = env::current_dir().wrap_err("finding the current folder")?;
    let holds_story = |folder: &&Path| folder.join(STORY).is_file();
    if let Some(given) = &args.repository {
        return Some(given.as_path())
            .filter(holds_story)
            .map(Path::to_path_buf)
            .ok_or_else(|| eyre!("{} is no checkout: it has no {STORY}", given.display()));
    }
    here.ancestors()
        .chain(own.ancestors())
        .find(holds_story)
        .map(Path::to_path_buf)
        .ok_or_else(|| eyre!("the demo needs a checkout of the repository: run it there, or give --repository"))
}
