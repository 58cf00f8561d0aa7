//! The input of the guest `settlement`.
//!
//! | part | bytes |
//! |---|---|
//! | chain id, epoch, `endsAt` | 8 each |
//! | totals root, registry commitment | 32 each |
//! | `ecoPpm`, `infraPpm`, `diminishingPpm`, `minReveals`, half-life (0 or 1) | 4 each |
//! | carried root, `carriedIn`, `unclaimedIn`, `eco`, `infra` | 32 each |
//! | tiers, at most 16: id, fee, revenue | 96 each |
//! | totals: work, tier, units, reveals | 80 each |
//! | carried: work, tier, reveals, amount | 88 each |
//! | opening of the registry (0 or 1) | 4 |
//! | if 1: works: position, work, `registeredAt`, `fromEpoch`, price, rule, previous price, previous rule | 132 each |
//! | then siblings; region rules: rule, factor | 32, 36 each |
//!
//! Integers are little-endian, lists begin with their length in 4 bytes, every part begins at a multiple of 4.

use alloc::vec::Vec;

use alloy_primitives::U256;

use crate::{
    CarriedEntry, InputError, MAX_TIERS, Parameters, RegionFactor, RegistryOpening, SettlementData, SettlementInputs,
    Tier, TotalsEntry, WorkRecord, reader::Reader,
};

/// Bytes of list entries.
const TIER_BYTES: usize = 96;
const TOTALS_BYTES: usize = 80;
const CARRIED_BYTES: usize = 88;
const WORK_BYTES: usize = 132;
const SIBLING_BYTES: usize = 32;
const REGION_BYTES: usize = 36;
/// Bytes of everything that is always there, about.
const FRAME_BYTES: usize = 512;

/// All that a settlement's proof is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettlementProofInput {
    /// Chain id of the L2.
    pub chain_id: u64,
    /// What the contract knows.
    pub inputs: SettlementInputs,
    /// The lists behind its roots.
    pub data: SettlementData,
}

impl SettlementProofInput {
    /// As the guest reads it. At most [`MAX_TIERS`] tiers and 2³² − 1 entries of any list can be read again.
    pub fn encode(&self) -> Vec<u8> {
        let data = &self.data;
        let size = data.totals().len() * TOTALS_BYTES + data.carried().len() * CARRIED_BYTES;
        let mut out = Writer(Vec::with_capacity(FRAME_BYTES + size));
        out.put(&self.chain_id.to_le_bytes());
        write_inputs(&mut out, &self.inputs);
        out.list(data.totals(), |out, entry| {
            out.put(entry.work.as_slice());
            out.put(entry.tier.as_slice());
            out.put(&entry.units.to_le_bytes());
            out.put(&entry.reveals.to_le_bytes());
        });
        out.list(data.carried(), |out, entry| {
            out.put(entry.work.as_slice());
            out.put(entry.tier.as_slice());
            out.put(&entry.reveals.to_le_bytes());
            out.put(&entry.amount.to_le_bytes());
        });
        out.flag(data.registry().is_some());
        if let Some(opening) = data.registry() {
            write_opening(&mut out, opening);
        }
        out.0
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`InputError`]; any bytes are allowed.
    pub fn decode(bytes: &[u8]) -> Result<Self, InputError> {
        let mut reader = Reader::new(bytes);
        let chain_id = reader.u64()?;
        let inputs = read_inputs(&mut reader)?;
        let totals = reader.list(TOTALS_BYTES, usize::MAX, |reader| {
            Ok(TotalsEntry {
                work: reader.hash()?,
                tier: reader.hash()?,
                units: reader.u64()?,
                reveals: reader.u64()?,
            })
        })?;
        let carried = reader.list(CARRIED_BYTES, usize::MAX, |reader| {
            Ok(CarriedEntry {
                work: reader.hash()?,
                tier: reader.hash()?,
                reveals: reader.u64()?,
                amount: reader.u128()?,
            })
        })?;
        let registry = if reader.flag()? {
            Some(read_opening(&mut reader)?)
        } else {
            None
        };
        reader.finish()?;
        Ok(Self {
            chain_id,
            inputs,
            data: SettlementData::from_sorted(totals, carried, registry)?,
        })
    }
}

fn write_inputs(out: &mut Writer, inputs: &SettlementInputs) {
    out.put(&inputs.epoch.to_le_bytes());
    out.put(&inputs.ends_at.to_le_bytes());
    out.put(inputs.totals_root.as_slice());
    out.put(inputs.registry_commitment.as_slice());
    let parameters = inputs.parameters;
    for figure in [
        parameters.eco_ppm,
        parameters.infra_ppm,
        parameters.diminishing_ppm,
        parameters.min_reveals,
    ] {
        out.put(&figure.to_le_bytes());
    }
    out.flag(parameters.half_life);
    out.put(inputs.carried_root_in.as_slice());
    for amount in [inputs.carried_in, inputs.unclaimed_in, inputs.eco, inputs.infra] {
        out.amount(amount);
    }
    out.list(&inputs.tiers, |out, tier| {
        out.put(tier.id.as_slice());
        out.amount(tier.fee);
        out.amount(tier.revenue);
    });
}

fn read_inputs(reader: &mut Reader<'_>) -> Result<SettlementInputs, InputError> {
    Ok(SettlementInputs {
        epoch: reader.u64()?,
        ends_at: reader.u64()?,
        totals_root: reader.hash()?,
        registry_commitment: reader.hash()?,
        parameters: Parameters {
            eco_ppm: reader.u32()?,
            infra_ppm: reader.u32()?,
            diminishing_ppm: reader.u32()?,
            min_reveals: reader.u32()?,
            half_life: reader.flag()?,
        },
        carried_root_in: reader.hash()?,
        carried_in: reader.u256()?,
        unclaimed_in: reader.u256()?,
        eco: reader.u256()?,
        infra: reader.u256()?,
        tiers: reader.list(TIER_BYTES, MAX_TIERS, |reader| {
            Ok(Tier {
                id: reader.hash()?,
                fee: reader.u256()?,
                revenue: reader.u256()?,
            })
        })?,
    })
}

fn write_opening(out: &mut Writer, opening: &RegistryOpening) {
    out.list(&opening.works, |out, (position, record)| {
        out.put(&position.to_le_bytes());
        out.put(record.work.as_slice());
        out.put(&record.registered_at.to_le_bytes());
        out.put(&record.from_epoch.to_le_bytes());
        out.put(&record.price_per_min.to_le_bytes());
        out.put(record.region_rule.as_slice());
        out.put(&record.previous_price_per_min.to_le_bytes());
        out.put(record.previous_region_rule.as_slice());
    });
    out.list(&opening.siblings, |out, sibling| out.put(sibling.as_slice()));
    out.list(&opening.regions, |out, region| {
        out.put(region.rule.as_slice());
        out.put(&region.factor_ppm.to_le_bytes());
    });
}

fn read_opening(reader: &mut Reader<'_>) -> Result<RegistryOpening, InputError> {
    Ok(RegistryOpening {
        works: reader.list(WORK_BYTES, usize::MAX, |reader| {
            let position = reader.u32()?;
            let record = WorkRecord {
                work: reader.hash()?,
                registered_at: reader.u64()?,
                from_epoch: reader.u64()?,
                price_per_min: reader.u64()?,
                region_rule: reader.hash()?,
                previous_price_per_min: reader.u64()?,
                previous_region_rule: reader.hash()?,
            };
            Ok((position, record))
        })?,
        siblings: reader.list(SIBLING_BYTES, usize::MAX, Reader::hash)?,
        regions: reader.list(REGION_BYTES, usize::MAX, |reader| {
            Ok(RegionFactor {
                rule: reader.hash()?,
                factor_ppm: reader.u32()?,
            })
        })?,
    })
}

/// Writes what [`Reader`] reads.
struct Writer(Vec<u8>);

impl Writer {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn flag(&mut self, flag: bool) {
        self.put(&u32::from(flag).to_le_bytes());
    }

    fn amount(&mut self, amount: U256) {
        self.put(&amount.to_le_bytes::<32>());
    }

    /// A list that is longer than any can be would be cut in its length, and the reader would refuse it.
    fn list<T>(&mut self, entries: &[T], mut write: impl FnMut(&mut Self, &T)) {
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        self.put(&count.to_le_bytes());
        entries.iter().for_each(|entry| write(self, entry));
    }
}
