//! Where a guest's instructions go.
//!
//! The guest is stepped instruction by instruction; calls and returns keep a stack of functions, and every instruction
//! counts for the innermost function on it that belongs to a cost centre. What the compiler inlined counts for the
//! function that it was inlined into.

use std::collections::BTreeMap;

use openvm_sdk::StdIn;
use serde::Serialize;

use crate::{
    error::ProverError,
    machine::{Machine, Program, failure},
    symbols::Symbols,
};

/// A part of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Centre {
    /// Recovery of senders and delegators, and `ecrecover`.
    Signature,
    /// Keccak-256, whoever asks for it.
    Keccak,
    /// State trie, and the tries of transactions and receipts.
    Trie,
    /// The EVM: interpreter, journal, handler.
    Interpreter,
    /// Encoding and decoding, outside of tries.
    Rlp,
    /// zstd.
    Decompression,
    /// Evaluation of blobs.
    Blob,
    /// Sums of points times scalars.
    Points,
    /// Reveal proofs, but for sums of points: reading, challenges, equations, openings.
    Proofs,
    /// Everything else.
    Other,
}

impl Centre {
    /// Every centre.
    pub const ALL: [Self; 10] = [
        Self::Signature,
        Self::Keccak,
        Self::Trie,
        Self::Interpreter,
        Self::Rlp,
        Self::Decompression,
        Self::Blob,
        Self::Points,
        Self::Proofs,
        Self::Other,
    ];

    /// The centre of a function, by its name.
    fn of(name: &str) -> Option<Self> {
        const PARTS: [(&str, Centre); 23] = [
            (
                "cwe_reveal_curve::RevealCurve as cwe_halo2_verifier::arithmetic::Curve>::combine",
                Centre::Points,
            ),
            ("cwe_reveal_curve", Centre::Proofs),
            ("cwe_halo2_verifier", Centre::Proofs),
            ("cwe_aggregation::statement::folded", Centre::Proofs),
            ("native_keccak256", Centre::Keccak),
            ("cwe_crypto::secp256k1", Centre::Signature),
            ("alloy_consensus::crypto", Centre::Signature),
            ("recover_signer", Centre::Signature),
            ("recover_authority", Centre::Signature),
            ("ruzstd", Centre::Decompression),
            ("cwe_primitives::codec::decompress", Centre::Decompression),
            ("cwe_statement::blob", Centre::Blob),
            ("cwe_trie", Centre::Trie),
            ("alloy_trie", Centre::Trie),
            ("nybbles", Centre::Trie),
            ("cwe_executor::witness_state", Centre::Trie),
            ("cwe_executor::seal", Centre::Trie),
            ("cwe_executor", Centre::Interpreter),
            ("revm", Centre::Interpreter),
            ("alloy_rlp", Centre::Rlp),
            ("alloy_consensus", Centre::Rlp),
            ("alloy_eips", Centre::Rlp),
            ("cwe_primitives::transaction", Centre::Rlp),
        ];
        // A generic function's name has its arguments in it: what comes first says whose it is.
        PARTS
            .iter()
            .filter_map(|(part, centre)| Some((name.find(part)?, core::cmp::Reverse(part.len()), *centre)))
            .min()
            .map(|(_, _, centre)| centre)
    }

    /// Name for tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Keccak => "keccak",
            Self::Trie => "trie",
            Self::Interpreter => "interpreter",
            Self::Rlp => "rlp",
            Self::Decompression => "decompression",
            Self::Blob => "blob",
            Self::Points => "points",
            Self::Proofs => "proofs",
            Self::Other => "other",
        }
    }
}

/// Instructions of one run.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// All of them.
    pub total: u64,
    /// By centre.
    pub centres: BTreeMap<Centre, u64>,
    /// By function, without what it calls other than copies and comparisons of memory; most first.
    pub functions: Vec<(String, u64)>,
    /// By function, with all that it calls; most first.
    pub inclusive: Vec<(String, u64)>,
    /// Copies and comparisons of memory by where they are called, with the number of calls; most instructions first.
    pub memory: Vec<(String, u64, u64)>,
}

/// Runs `program` on `input` and counts. `elf` is the same program with its symbols.
///
/// # Errors
/// As [`Machine::execute`], or the ELF has no symbols.
pub fn profile(machine: &Machine, program: &Program, elf: &[u8], input: &[u8]) -> Result<Profile, ProverError> {
    let symbols = Symbols::read(elf)?;
    let code = Code::read(elf)?;
    let instance = machine
        .executor()
        .instance(&program.exe)
        .map_err(|error| ProverError::Load(error.to_string()))?;
    let mut state = instance.create_initial_vm_state(StdIn::from_bytes(input));
    let mut counter = Counter::new(&symbols, state.pc());
    loop {
        let pc = state.pc();
        counter.count(pc);
        let kind = code.kind(pc);
        if kind == Kind::Terminate {
            break;
        }
        state = instance.execute_from_state(state, Some(1)).map_err(failure)?;
        counter.follow(kind, pc, state.pc());
    }
    Ok(counter.finish())
}

/// What an instruction does to the stack of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Jump,
    Call,
    Return,
    Terminate,
}

/// The guest's machine code.
struct Code {
    base: u32,
    words: Vec<u32>,
}

impl Code {
    fn read(elf: &[u8]) -> Result<Self, ProverError> {
        use object::{Object, ObjectSection};
        let load = |reason: String| ProverError::Load(reason);
        let file = object::File::parse(elf).map_err(|error| load(error.to_string()))?;
        let text = file
            .section_by_name(".text")
            .ok_or_else(|| load("the ELF has no code".into()))?;
        let bytes = text.data().map_err(|error| load(error.to_string()))?;
        Ok(Self {
            base: u32::try_from(text.address()).map_err(|error| load(error.to_string()))?,
            words: bytes
                .as_chunks::<4>()
                .0
                .iter()
                .map(|word| u32::from_le_bytes(*word))
                .collect(),
        })
    }

    fn kind(&self, pc: u32) -> Kind {
        const RETURN_ADDRESS: u32 = 1;
        let word = self
            .words
            .get((pc.wrapping_sub(self.base) / 4) as usize)
            .copied()
            .unwrap_or_default();
        let (opcode, target, source) = (word & 0x7f, word >> 7 & 0x1f, word >> 15 & 0x1f);
        match (opcode, target) {
            (0x6f | 0x67, RETURN_ADDRESS) => Kind::Call,
            (0x67, 0) if source == RETURN_ADDRESS => Kind::Return,
            (0x6f | 0x67, _) => Kind::Jump,
            // `terminate` of the machine's system opcode.
            (0x0b, _) if word >> 12 & 0x7 == 0 => Kind::Terminate,
            _ => Kind::Plain,
        }
    }
}

/// Functions that the compiler calls by itself.
const MEMORY: [&str; 5] = [
    "memcpy",
    "memset",
    "memcmp",
    "memmove",
    "compiler_builtins::mem::memmove",
];

/// A call that has not returned.
struct Frame {
    function: usize,
    returns_to: u32,
    centre: Centre,
}

struct Counter<'a> {
    symbols: &'a Symbols,
    centres: Vec<Option<Centre>>,
    stack: Vec<Frame>,
    profile: Profile,
    own: Vec<u64>,
    memory: BTreeMap<u32, (u64, u64)>,
    inclusive: Vec<u64>,
    depth: Vec<u32>,
    entered: Vec<u64>,
}

impl<'a> Counter<'a> {
    fn new(symbols: &'a Symbols, pc: u32) -> Self {
        let centres = (0..symbols.len())
            .map(|index| Centre::of(&symbols.get(index).name))
            .collect();
        let zeros = vec![0; symbols.len()];
        let mut counter = Self {
            symbols,
            centres,
            stack: Vec::new(),
            profile: Profile::default(),
            own: zeros.clone(),
            memory: BTreeMap::new(),
            inclusive: zeros.clone(),
            depth: vec![0; symbols.len()],
            entered: zeros,
        };
        counter.enter(pc, u32::MAX);
        counter
    }

    fn count(&mut self, pc: u32) {
        self.profile.total += 1;
        let function = self.own_function(pc);
        self.own[function] += 1;
        if let Some(call) = self.memory_call() {
            self.memory.entry(call).or_default().0 += 1;
        }
        if let Some(frame) = self.stack.last() {
            *self.profile.centres.entry(frame.centre).or_default() += 1;
        }
    }

    /// The function that an instruction counts for: callers pay for their copies.
    fn own_function(&self, pc: u32) -> usize {
        let function = self.symbols.find(pc);
        let outer = self.stack.iter().rev().map(|frame| frame.function);
        core::iter::once(function)
            .chain(outer)
            .find(|index| !MEMORY.contains(&self.symbols.get(*index).name.as_str()))
            .unwrap_or(function)
    }

    /// Where the outermost copy or comparison that runs now returns to.
    fn memory_call(&self) -> Option<u32> {
        let is_memory = |frame: &&Frame| MEMORY.contains(&self.symbols.get(frame.function).name.as_str());
        let frame = self.stack.iter().rev().take_while(is_memory).last()?;
        Some(frame.returns_to)
    }

    fn follow(&mut self, kind: Kind, from: u32, to: u32) {
        match kind {
            Kind::Call => self.enter(to, from.wrapping_add(4)),
            Kind::Return => {
                if self.stack.iter().any(|frame| frame.returns_to == to) {
                    while self.leave().is_some_and(|returns_to| returns_to != to) {}
                }
            }
            // A jump into another function is a call that returns to where this one would.
            Kind::Jump => {
                let function = self.symbols.find(to);
                if self.stack.last().is_some_and(|frame| frame.function != function)
                    && let Some(returns_to) = self.leave()
                {
                    self.enter(to, returns_to);
                }
            }
            Kind::Plain | Kind::Terminate => {}
        }
    }

    fn enter(&mut self, pc: u32, returns_to: u32) {
        let function = self.symbols.find(pc);
        let outer = self.stack.last().map_or(Centre::Other, |frame| frame.centre);
        self.stack.push(Frame {
            function,
            returns_to,
            centre: self.centres[function].unwrap_or(outer),
        });
        if self.depth[function] == 0 {
            self.entered[function] = self.profile.total;
        }
        self.depth[function] += 1;
        if let Some(call) = self.memory_call() {
            self.memory.entry(call).or_default().1 += 1;
        }
    }

    fn leave(&mut self) -> Option<u32> {
        let frame = self.stack.pop()?;
        self.depth[frame.function] -= 1;
        if self.depth[frame.function] == 0 {
            self.inclusive[frame.function] += self.profile.total - self.entered[frame.function];
        }
        Some(frame.returns_to)
    }

    fn finish(mut self) -> Profile {
        while self.leave().is_some() {}
        let named = |counts: &[u64]| {
            let mut named: Vec<_> = counts
                .iter()
                .enumerate()
                .filter(|(_, count)| **count > 0)
                .map(|(index, count)| (self.symbols.get(index).name.clone(), *count))
                .collect();
            named.sort_by_key(|(_, count)| core::cmp::Reverse(*count));
            named
        };
        let site = |(call, (instructions, calls)): (&u32, &(u64, u64))| {
            let function = self.symbols.get(self.symbols.find(*call));
            (format!("{call:#x} {}", function.name), *instructions, *calls)
        };
        let mut memory: Vec<_> = self.memory.iter().map(site).collect();
        memory.sort_by_key(|(_, instructions, _)| core::cmp::Reverse(*instructions));
        Profile {
            memory,
            functions: named(&self.own),
            inclusive: named(&self.inclusive),
            ..self.profile
        }
    }
}
