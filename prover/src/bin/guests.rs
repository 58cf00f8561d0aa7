//! Keeps the guests that `scripts/guests.sh` built, or compares them with those that are kept.

use std::{collections::BTreeMap, fs, path::PathBuf};

use clap::Parser;
use cwe_prover::{COMMITMENTS, Commitments, strip};
use eyre::{Result, WrapErr, ensure};

/// Writes ELFs and commitments, or checks them.
#[derive(Debug, Parser)]
struct Arguments {
    /// Compares with what is kept instead of keeping.
    #[arg(long)]
    check: bool,
    /// Folder of the linker's ELFs.
    #[arg(long)]
    built: PathBuf,
    /// Folder of the kept ELFs and their commitments.
    #[arg(long)]
    kept: PathBuf,
    /// The compiler's identity.
    #[arg(long)]
    compiler: String,
    /// Guests, by file name.
    #[arg(required = true)]
    guests: Vec<String>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let elfs = arguments.elfs()?;
    if arguments.check {
        check(&arguments, &elfs)
    } else {
        keep(&arguments, &elfs)
    }
}

impl Arguments {
    fn elfs(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        self.guests
            .iter()
            .map(|name| {
                let path = self.built.join(name);
                let elf = fs::read(&path).wrap_err_with(|| format!("{} can't be read", path.display()))?;
                Ok((name.clone(), strip(&elf)?))
            })
            .collect()
    }
}

fn keep(arguments: &Arguments, elfs: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    fs::create_dir_all(&arguments.kept)?;
    for (name, elf) in elfs {
        let path = arguments.kept.join(name).with_extension("elf");
        fs::write(&path, elf).wrap_err_with(|| format!("{} can't be written", path.display()))?;
        println!("{}: {} KiB", path.display(), elf.len() / 1024);
    }
    let commitments = Commitments::compute(arguments.compiler.clone(), elfs)?;
    let path = arguments.kept.join("commitments.json");
    let json = serde_json::to_string_pretty(&commitments)? + "\n";
    fs::write(&path, &json).wrap_err_with(|| format!("{} can't be written", path.display()))?;
    print!("{json}");
    Ok(())
}

fn check(arguments: &Arguments, elfs: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    let kept: Commitments = serde_json::from_str(COMMITMENTS).wrap_err("prover/elf/commitments.json")?;
    ensure!(
        kept.compiler == arguments.compiler,
        "the kept guests were built by {}, this machine has {}: only the same compiler makes the same bytes",
        kept.compiler,
        arguments.compiler
    );
    for (name, elf) in elfs {
        let path = arguments.kept.join(name).with_extension("elf");
        let bytes = fs::read(&path).wrap_err_with(|| format!("{} can't be read", path.display()))?;
        ensure!(
            bytes == *elf,
            "{} is not what its sources build: run make guests and commit the result",
            path.display()
        );
    }
    let computed = Commitments::compute(arguments.compiler.clone(), elfs)?;
    ensure!(
        computed == kept,
        "commitments differ: kept {kept:?}, computed {computed:?}; run make guests and commit the result"
    );
    println!("guests: {} as their sources build them, commitments hold", elfs.len());
    Ok(())
}
