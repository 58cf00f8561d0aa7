//! The table: one row an amount, in CLN wei.

use super::Report;

/// The whole report as CSV: `kind,name,amount_wei`, kinds `revenue`, `inflow`, `outflow`, `withdrawn` and `payout`.
pub(super) fn table(report: &Report) -> String {
    let mut text = String::from("kind,name,amount_wei\n");
    let tiers = report.tiers.iter().map(|tier| ("revenue", &tier.name, tier.revenue));
    let parts = [
        ("inflow", &report.inflow),
        ("outflow", &report.outflow),
        ("payout", &report.works),
    ];
    let parts = parts
        .into_iter()
        .flat_map(|(kind, parts)| parts.iter().map(move |part| (kind, &part.name, part.amount)));
    for (kind, name, amount) in tiers.chain(parts) {
        text.push_str(&format!("{kind},{},{amount}\n", field(name)));
    }
    text.push_str(&format!("withdrawn,creators,{}\n", report.withdrawn));
    text
}

/// A field that means what it says: quoted where it must be, and no formula to a spreadsheet.
fn field(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::sample, *};

    #[test]
    fn every_amount_has_a_row() {
        let table = table(&sample(30));
        let rows: Vec<_> = table.lines().collect();
        assert_eq!(rows[0], "kind,name,amount_wei");
        assert_eq!(rows.len(), 1 + 2 + 2 + 3 + 30 + 1);
        assert!(rows.contains(&"outflow,eco-reserve,5"));
        assert!(rows.contains(&"withdrawn,creators,4"));
        assert!(rows.iter().all(|row| row.split(',').count() == 3), "{table}");
    }

    #[test]
    fn fields_are_quoted_and_no_formulas() {
        assert_eq!(field("light"), "light");
        assert_eq!(field("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(field("=1+1"), "'=1+1");
        assert_eq!(field("-x\ny"), "\"'-x\ny\"");
    }
}
