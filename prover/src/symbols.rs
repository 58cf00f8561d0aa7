//! Names of a guest's functions, from the ELF as the linker left it (the kept one is stripped).

use object::{Object, ObjectSymbol, SymbolKind};

use crate::error::ProverError;

/// Functions by address, ascending.
#[derive(Debug, Default)]
pub(crate) struct Symbols(Vec<Function>);

/// One function.
#[derive(Debug)]
pub(crate) struct Function {
    start: u32,
    pub(crate) name: String,
}

impl Symbols {
    pub(crate) fn read(elf: &[u8]) -> Result<Self, ProverError> {
        let file = object::File::parse(elf).map_err(|error| ProverError::Load(error.to_string()))?;
        let mut functions: Vec<_> = file
            .symbols()
            .filter(|symbol| matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Unknown))
            .filter_map(|symbol| {
                let start = u32::try_from(symbol.address()).ok()?;
                let name = symbol
                    .name()
                    .ok()
                    .filter(|name| !name.is_empty() && !name.starts_with(['.', '$']))?;
                let name = format!("{:#}", rustc_demangle::demangle(name));
                Some(Function { start, name })
            })
            .collect();
        functions.sort_by_key(|function| function.start);
        functions.dedup_by_key(|function| function.start);
        if functions.is_empty() {
            return Err(ProverError::Load(
                "the ELF has no symbols: build it with scripts/guests.sh".into(),
            ));
        }
        Ok(Self(functions))
    }

    /// Index of the function that holds an address.
    pub(crate) fn find(&self, address: u32) -> usize {
        self.0
            .partition_point(|function| function.start <= address)
            .saturating_sub(1)
    }

    pub(crate) fn get(&self, index: usize) -> &Function {
        &self.0[index]
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
