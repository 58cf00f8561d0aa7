//! `cwe-prover-stage`: one stage of a validity proof, as a process of its own.
//!
//! Progress goes to standard output, a line of JSON per step; logs go to standard error. Exit codes: 0 done; 2 the input
//! can never be proven, or the proof is not valid; 3 it does not fit into memory; anything else: try again.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use cwe_prover::{
    Machine, Program, guest_elf,
    stages::{
        Profile, Progress, Stage, StageError, aggregate, files,
        keys::{KeyStore, Part},
        memory, root, segments, solidity, static_verifier,
        verify::{self, FinalProof},
        wrapper,
    },
};
use cwe_srs::{Checksum, Setup, SrsStore};
use eyre::{OptionExt, Result, WrapErr, bail};
use serde_json::json;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Memory goes back to the system at once: the next big allocation has another size.
// SAFETY: the name is the one that jemalloc reads, the value a string that ends with a zero, and nothing else has the name.
#[allow(unsafe_code, reason = "jemalloc takes its settings from a symbol")]
#[unsafe(export_name = "_rjem_malloc_conf")]
pub static MALLOC_CONF: &[u8; 36] = b"dirty_decay_ms:0,muzzy_decay_ms:0\0\0\0";

/// One stage of a validity proof.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Action,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Common {
    /// Profile for machines with 24 GiB: smaller segments.
    #[arg(long, global = true)]
    low_memory: bool,
    /// Reference string: `dev` for the unsafe one of development, or a powers-of-tau file.
    #[arg(long, global = true, default_value = "dev")]
    srs: String,
    /// SHA-256 of the powers-of-tau file.
    #[arg(long, global = true)]
    srs_sha256: Option<Checksum>,
    /// Guest program, by the name of its commitment.
    #[arg(long, global = true, default_value = "state-transition")]
    guest: String,
    /// Another program than the guest; its commitment is computed.
    #[arg(long, global = true)]
    elf: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Files {
    /// Folder with keys.
    #[arg(long)]
    keys: PathBuf,
    /// What the stage before wrote.
    #[arg(long)]
    input: PathBuf,
    /// Where the result goes; it appears whole or not at all.
    #[arg(long)]
    output: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Proven {
    /// The aggregated STARK.
    Stark,
    /// The final proof, for the contract.
    Proof,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Makes the keys that are missing or can't be used.
    Keys {
        /// Folder with keys.
        #[arg(long)]
        keys: PathBuf,
        /// Only these; otherwise all of them, each in a process of its own.
        #[arg(long)]
        part: Option<Part>,
    },
    /// Runs the guest without proving.
    Execute(Files),
    /// Proves every segment of an execution.
    Segments(Files),
    /// Makes one STARK of all segments.
    Aggregate(Files),
    /// Makes the root proof.
    Root(Files),
    /// Verifies the root proof in halo2.
    Halo2(Files),
    /// Makes the proof for the contract.
    Wrap {
        #[command(flatten)]
        files: Files,
        /// Where to describe the proof as JSON: public value, commitments, reference string.
        #[arg(long)]
        describe: Option<PathBuf>,
    },
    /// Checks a proof: exit code 0 or 2.
    Verify {
        /// What kind of proof it is.
        #[arg(long)]
        stage: Proven,
        /// Folder with keys.
        #[arg(long)]
        keys: PathBuf,
        /// The proof.
        #[arg(long)]
        input: PathBuf,
        /// What it must show, hex.
        #[arg(long)]
        public_value: Option<String>,
    },
    /// Writes the source of the contract.
    Verifier {
        /// Folder with keys.
        #[arg(long)]
        keys: PathBuf,
        /// Folder for the source.
        #[arg(long)]
        output: PathBuf,
    },
    /// Tells what each stage needs, as JSON.
    Needs {
        /// The only format there is.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| "warn,cwe_prover=info,cwe_srs=info,cwe_prover_stage=info".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(error.downcast_ref().map_or(1, StageError::exit_code))
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let common = &arguments.common;
    match &arguments.command {
        Action::Keys { keys, part } => make_keys(common, keys, *part),
        Action::Execute(files) => execute(common, files),
        Action::Segments(files) => prove(common, files, Stage::Segments, |keys, progress| {
            let input = files::read_bytes(&files.input)?;
            let proofs = segments::prove(keys, common.profile(), &common.program()?, &input, progress)?;
            segments::check(keys, common.exe(keys)?, &proofs)?;
            Ok(proofs)
        }),
        Action::Aggregate(files) => prove(common, files, Stage::Aggregate, |keys, progress| {
            let segments = files::read(&files.input)?;
            let proof = aggregate(keys, segments, progress)?;
            verify::stark(&keys.stark_verifier()?.for_guest(common.exe(keys)?)?, &proof)?;
            Ok(proof)
        }),
        Action::Root(files) => prove(common, files, Stage::Root, |keys, progress| {
            root::prove(keys, files::read(&files.input)?, progress)
        }),
        Action::Halo2(files) => prove(common, files, Stage::Halo2, |keys, progress| {
            static_verifier::prove(keys, &files::read(&files.input)?, progress)
        }),
        Action::Wrap { files, describe } => wrap(common, files, describe.as_deref()),
        Action::Verify {
            stage,
            keys,
            input,
            public_value,
        } => check(common, *stage, keys, input, public_value.as_deref()),
        Action::Verifier { keys, output } => write_contract(common, keys, output),
        Action::Needs { json: _ } => {
            println!("{}", serde_json::to_string(&memory::needs(common.profile()))?);
            Ok(())
        }
    }
}

impl Common {
    const fn profile(&self) -> Profile {
        match self.low_memory {
            true => Profile::LowMemory,
            false => Profile::Standard,
        }
    }

    fn setup(&self) -> Result<Setup> {
        if self.srs == "dev" {
            return Ok(Setup::default());
        }
        Ok(Setup::PowersOfTau {
            file: self.srs.clone().into(),
            checksum: self
                .srs_sha256
                .ok_or_eyre("a powers-of-tau file needs its checksum: --srs-sha256")?,
        })
    }

    fn keys(&self, folder: &Path) -> Result<KeyStore> {
        let srs = SrsStore::new(self.setup()?)?;
        if !srs.setup().is_safe() {
            tracing::warn!(
                srs = srs.setup().name(),
                "reference string of development: proofs convince nobody"
            );
        }
        Ok(KeyStore::open(folder.into(), srs)?)
    }

    fn program(&self) -> Result<Program, StageError> {
        let elf = match &self.elf {
            Some(path) => &files::read_bytes(path)?,
            None => guest_elf(&self.guest)
                .ok_or_else(|| StageError::Invalid(format!("there is no guest `{}`", self.guest)))?,
        };
        Ok(Machine::new()?.load(elf)?)
    }

    /// The commitment that a proof must show.
    fn exe(&self, keys: &KeyStore) -> Result<[u8; 32], StageError> {
        match self.elf {
            Some(_) => Ok(keys.commit(&self.program()?)?),
            None => Ok(keys.commitments().exe(&self.guest)?),
        }
    }
}

fn make_keys(common: &Common, folder: &Path, part: Option<Part>) -> Result<()> {
    let keys = common.keys(folder)?;
    if let Some(part) = part {
        if !keys.has(part) {
            memory::check_part(part)?;
            keys.make(part)?;
        }
        return Ok(());
    }
    for part in Part::ALL {
        tracing::info!(part = part.name(), "making keys");
        let program = std::env::current_exe().wrap_err("this program's own path")?;
        let status = Command::new(program)
            .args(std::env::args_os().skip(1))
            .args(["--part", part.name()])
            .status()
            .wrap_err("starting a process for the keys")?;
        if !status.success() {
            bail!("making the keys {} ended with {status}", part.name());
        }
    }
    Ok(())
}

fn execute(common: &Common, files: &Files) -> Result<()> {
    memory::check(Stage::Execute, common.profile())?;
    let mut progress = Progress::new(Stage::Execute, io::stdout());
    progress.report(0, 1);
    let input = files::read_bytes(&files.input)?;
    let machine = Machine::new().map_err(StageError::from)?;
    let execution = machine.execute(&common.program()?, &input).map_err(StageError::from)?;
    let json = json!({
        "publicValue": hexadecimal(&execution.public_value),
        "instructions": execution.instructions,
    });
    files::write_bytes(&files.output, &[json.to_string().as_bytes(), b"\n"])?;
    progress.report(1, 1);
    Ok(())
}

fn prove<T: files::StageFile>(
    common: &Common,
    files: &Files,
    stage: Stage,
    prove: impl FnOnce(&KeyStore, &mut Progress<'_>) -> Result<T, StageError>,
) -> Result<()> {
    memory::check(stage, common.profile())?;
    let keys = common.keys(&files.keys)?;
    let proof = prove(&keys, &mut Progress::new(stage, io::stdout()))?;
    Ok(files::write(&files.output, &proof)?)
}

fn wrap(common: &Common, files: &Files, describe: Option<&Path>) -> Result<()> {
    memory::check(Stage::Wrap, common.profile())?;
    let keys = common.keys(&files.keys)?;
    let mut progress = Progress::new(Stage::Wrap, io::stdout());
    let proof = wrapper::prove(&keys, files::read(&files.input)?, &mut progress)?;
    verify::final_proof(&keys.wrapper_protocol()?, keys.srs(), &proof)?;
    if let Some(path) = describe {
        let json = json!({
            "publicValue": hexadecimal(&proof.public_value),
            "exe": hexadecimal(&proof.exe),
            "vm": hexadecimal(&proof.vm),
            "proof": hexadecimal(&proof.bytes),
            "srs": keys.srs().setup().name(),
        });
        files::write_bytes(path, &[format!("{json:#}\n").as_bytes()])?;
    }
    Ok(files::write_bytes(&files.output, &[&proof.bytes])?)
}

fn check(common: &Common, stage: Proven, keys: &Path, input: &Path, public_value: Option<&str>) -> Result<()> {
    let keys = common.keys(keys)?;
    let expected = public_value.map(word).transpose()?;
    let exe = common.exe(&keys)?;
    let found = match stage {
        Proven::Stark => verify::stark(&keys.stark_verifier()?.for_guest(exe)?, &files::read(input)?)?,
        Proven::Proof => {
            let public_value = expected.ok_or_eyre("a final proof is checked against a value: --public-value")?;
            let proof = FinalProof {
                exe,
                vm: keys.commitments().vm()?,
                public_value,
                bytes: files::read_bytes(input)?,
            };
            verify::final_proof(&keys.wrapper_protocol()?, keys.srs(), &proof)?;
            public_value
        }
    };
    if expected.is_some_and(|expected| expected != found) {
        let found = hexadecimal(&found);
        return Err(StageError::Invalid(format!("the proof is valid, and shows {found}")).into());
    }
    println!("{}", json!({ "valid": true, "publicValue": hexadecimal(&found) }));
    Ok(())
}

fn write_contract(common: &Common, keys: &Path, output: &Path) -> Result<()> {
    let keys = common.keys(keys)?;
    fs::create_dir_all(output).wrap_err_with(|| output.display().to_string())?;
    let path = output.join(solidity::CONTRACT).with_extension("sol");
    Ok(files::write_bytes(&path, &[solidity::source(&keys)?.as_bytes()])?)
}

fn hexadecimal(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn word(text: &str) -> Result<[u8; 32]> {
    let mut word = [0; 32];
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode_to_slice(digits, &mut word).wrap_err_with(|| format!("`{text}` is not 32 bytes in hexadecimal"))?;
    Ok(word)
}
