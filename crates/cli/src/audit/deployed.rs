//! The verifier on L1 against the one that this repository publishes.

use alloy::{
    primitives::{Address, Bytes},
    providers::{DynProvider, Provider},
};
use cwe_bindings::{
    contracts::{BatchVerifier, Rollup},
    verifier::{HALO2_VERIFIER_CODE, PublishedVerifier},
};
use eyre::{Result, WrapErr};
use serde::Serialize;

use super::{NOT_CHECKED, OK, local::LocalVerifier};

/// What the audit says of the verifier that `Rollup` calls. Each check is `ok`, `not checked`, or what is wrong.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct VerifierReport {
    /// Where it is; null if none is set, and then nothing can be final.
    pub address: Option<Address>,
    /// Where the generated contract is.
    pub halo2_address: Option<Address>,
    /// Name of the reference string that it says it was made with.
    pub srs: Option<String>,
    /// Whether the published reference string is a ceremony's.
    pub safe: bool,
    /// Runtime code, immutables included, is what the repository's source and pinned values give.
    pub code: String,
    /// Runtime code of the generated contract is the repository's.
    pub halo2_code: String,
    /// The program's commitment is the published one.
    pub program: String,
    /// The virtual machine's commitment is the published one.
    pub machine: String,
    /// The reference string is the published one.
    pub setup: String,
}

impl VerifierReport {
    /// Whether nothing is wrong; no verifier is nothing wrong.
    pub(crate) fn passed(&self) -> bool {
        self.address.is_none() || self.checks().iter().all(|(_, result)| *result == OK)
    }

    /// The checks by name.
    pub(crate) fn checks(&self) -> [(&'static str, &str); 5] {
        [
            ("BatchVerifier's code", &self.code),
            ("Halo2Verifier's code", &self.halo2_code),
            ("program commitment", &self.program),
            ("machine commitment", &self.machine),
            ("reference string", &self.setup),
        ]
    }

    const fn none(safe: bool) -> Self {
        Self {
            address: None,
            halo2_address: None,
            srs: None,
            safe,
            code: String::new(),
            halo2_code: String::new(),
            program: String::new(),
            machine: String::new(),
            setup: String::new(),
        }
    }
}

/// Reads the verifier that `Rollup` points at and compares; gives also the repository's, at the same addresses.
///
/// # Errors
/// The L1 endpoint fails. A contract that answers nonsense is a finding, not an error.
pub(crate) async fn check(l1: &DynProvider, rollup: Address) -> Result<(VerifierReport, LocalVerifier)> {
    let published = PublishedVerifier::read().wrap_err("reading what this build publishes")?;
    let address = Rollup::new(rollup, l1)
        .verifier()
        .call()
        .await
        .wrap_err("reading the verifier from Rollup")?;
    if address.is_zero() {
        let local = LocalVerifier::new(&published, Address::with_last_byte(1), Address::with_last_byte(2))?;
        return Ok((VerifierReport::none(published.is_safe()), local));
    }
    let code = l1.get_code_at(address).await.wrap_err("reading the verifier's code")?;
    let claims = Claims::read(l1, address).await;
    let halo2_code = match claims.halo2 {
        Ok(halo2) => l1
            .get_code_at(halo2)
            .await
            .wrap_err("reading the generated verifier's code")?,
        Err(_) => Bytes::new(),
    };
    let halo2 = claims.halo2.as_ref().copied().unwrap_or_default();
    let local = LocalVerifier::new(&published, halo2, address)?;
    let report = compare(address, &claims, &published, &local, &code, &halo2_code);
    Ok((report, local))
}

/// What the contract says of itself, or why that can't be read.
struct Claims {
    halo2: Result<Address, String>,
    exe: Result<String, String>,
    vm: Result<String, String>,
    srs: Result<String, String>,
}

impl Claims {
    async fn read(l1: &DynProvider, verifier: Address) -> Self {
        let contract = BatchVerifier::new(verifier, l1);
        let unreadable = |error: alloy::contract::Error| format!("can't be read: {error}");
        Self {
            halo2: contract.halo2Verifier().call().await.map_err(unreadable),
            exe: contract
                .exeCommitment()
                .call()
                .await
                .map(|exe| exe.to_string())
                .map_err(unreadable),
            vm: contract
                .vmCommitment()
                .call()
                .await
                .map(|vm| vm.to_string())
                .map_err(unreadable),
            srs: contract.srs().call().await.map_err(unreadable),
        }
    }
}

fn compare(
    address: Address,
    claims: &Claims,
    published: &PublishedVerifier,
    local: &LocalVerifier,
    code: &Bytes,
    halo2_code: &Bytes,
) -> VerifierReport {
    VerifierReport {
        address: Some(address),
        halo2_address: claims.halo2.clone().ok(),
        srs: claims.srs.clone().ok(),
        safe: published.is_safe(),
        code: same_code(code, local.code()),
        halo2_code: if claims.halo2.is_ok() {
            same_code(halo2_code, HALO2_VERIFIER_CODE)
        } else {
            NOT_CHECKED.into()
        },
        program: same(&claims.exe, &published.exe.to_string()),
        machine: same(&claims.vm, &published.vm.to_string()),
        setup: same(&claims.srs, &published.srs),
    }
}

fn same_code(found: &Bytes, published: &Bytes) -> String {
    if found == published {
        return OK.into();
    }
    let first = found.iter().zip(published.iter()).take_while(|(a, b)| a == b).count();
    format!(
        "not this build's: {} bytes, published are {}, they differ from byte {first} on",
        found.len(),
        published.len()
    )
}

fn same(claim: &Result<String, String>, published: &str) -> String {
    match claim {
        Ok(found) if found == published => OK.into(),
        Ok(found) => format!("{found}, published is {published}"),
        Err(problem) => problem.clone(),
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;

    use super::*;

    const HALO2: Address = Address::repeat_byte(1);
    const BATCH: Address = Address::repeat_byte(2);

    struct Case {
        claims: Claims,
        published: PublishedVerifier,
        code: Bytes,
        halo2_code: Bytes,
    }

    impl Case {
        /// An L1 with what `deployed` pins, seen by an auditor who has the kept values.
        fn of(deployed: &PublishedVerifier) -> Self {
            let on_l1 = LocalVerifier::new(deployed, HALO2, BATCH).unwrap();
            Self {
                claims: Claims {
                    halo2: Ok(HALO2),
                    exe: Ok(deployed.exe.to_string()),
                    vm: Ok(deployed.vm.to_string()),
                    srs: Ok(deployed.srs.clone()),
                },
                published: PublishedVerifier::read().unwrap(),
                code: on_l1.code().clone(),
                halo2_code: HALO2_VERIFIER_CODE.clone(),
            }
        }

        fn report(&self) -> VerifierReport {
            let local = LocalVerifier::new(&self.published, HALO2, BATCH).unwrap();
            compare(
                BATCH,
                &self.claims,
                &self.published,
                &local,
                &self.code,
                &self.halo2_code,
            )
        }
    }

    fn kept() -> PublishedVerifier {
        PublishedVerifier::read().unwrap()
    }

    #[test]
    fn the_published_verifier_passes() {
        let report = Case::of(&kept()).report();
        assert!(report.passed(), "{report:?}");
    }

    #[test]
    fn no_verifier_is_no_fault() {
        assert!(VerifierReport::none(false).passed());
    }

    #[test]
    fn another_program_machine_or_setup_is_found_by_name_and_by_code() {
        let other = B256::with_last_byte(9);
        let exe = PublishedVerifier { exe: other, ..kept() };
        let vm = PublishedVerifier { vm: other, ..kept() };
        let srs = PublishedVerifier {
            srs: "unsafe-other".into(),
            ..kept()
        };
        for (position, deployed) in [(2, exe), (3, vm), (4, srs)] {
            let report = Case::of(&deployed).report();
            assert!(!report.passed());
            for (index, (name, result)) in report.checks().into_iter().enumerate() {
                assert_eq!(result != OK, index == 0 || index == position, "{name}: {result}");
            }
        }
    }

    /// What a contract says of itself convinces nobody: the code decides.
    #[test]
    fn a_contract_that_lies_about_what_it_pins_is_found() {
        let mut case = Case::of(&PublishedVerifier {
            exe: B256::with_last_byte(9),
            ..kept()
        });
        case.claims.exe = Ok(kept().exe.to_string());
        let report = case.report();
        assert_eq!(report.program, OK);
        assert!(report.code.contains("not this build's"));
        assert!(!report.passed());
    }

    #[test]
    fn one_changed_byte_of_either_code_is_found() {
        let flip = |code: &Bytes, at: usize| {
            let mut bytes = code.to_vec();
            bytes[at] ^= 1;
            Bytes::from(bytes)
        };
        let mut case = Case::of(&kept());
        case.halo2_code = flip(&case.halo2_code, 77);
        let report = case.report();
        assert!(
            report.halo2_code.ends_with("differ from byte 77 on"),
            "{}",
            report.halo2_code
        );
        assert!(!report.passed());
        let mut case = Case::of(&kept());
        case.code = flip(&case.code, case.code.len() - 1);
        assert!(!case.report().passed());
        case.code = Bytes::new();
        assert!(!case.report().passed());
    }

    #[test]
    fn a_contract_that_is_no_batch_verifier_is_a_finding() {
        let mut case = Case::of(&kept());
        case.claims.halo2 = Err("can't be read".into());
        let report = case.report();
        assert_eq!(report.halo2_code, NOT_CHECKED);
        assert!(!report.passed());
    }
}
