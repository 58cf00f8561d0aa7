//! The page: one file without any other, readable in light and dark.

use alloy::primitives::U256;

use super::{
    Part, Report, TOP_WORKS,
    svg::{Bar, bars, stacked},
};
use crate::amount;

const STYLE: &str = "\
:root{color-scheme:light dark;--text:#1b1f24;--soft:#59636e;--line:#d1d9e0;--back:#fff;\
--c0:#2f6feb;--c1:#1a7f4b;--c2:#9a6700;--c3:#8250df;--c4:#8c959f}\
@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--soft:#9198a1;--line:#3d444d;--back:#0d1117;\
--c0:#6ea8fe;--c1:#57c98a;--c2:#e0b341;--c3:#b392f0;--c4:#7d8590}}\
body{font:16px/1.5 system-ui,sans-serif;color:var(--text);background:var(--back);max-width:46rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2.2rem}p,td,th{overflow-wrap:anywhere}.soft{color:var(--soft)}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line)}\
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums}code{font-size:.85em}\
svg{width:100%;height:auto;font:13px system-ui,sans-serif}svg text{fill:var(--text)}\
.c0{fill:var(--c0)}.c1{fill:var(--c1)}.c2{fill:var(--c2)}.c3{fill:var(--c3)}.c4{fill:var(--c4)}";

/// The report as a page.
pub(super) fn page(report: &Report) -> String {
    let epoch = report.epoch;
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Epoch {epoch}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>Epoch {epoch}</h1>\n\
         <p class=\"soft\">Listened in from {} to {}. Chain {}, as of block {}.</p>\n\
         {}{}{}{}{}\n</body>\n</html>\n",
        escape(&report.listened.0),
        escape(&report.listened.1),
        report.chain_id,
        report.block,
        revenue(report),
        flow("Where the money came from", &report.inflow),
        flow("Where it went", &report.outflow),
        works(report),
        record(report)
    )
}

/// Text as a page shows it, whatever it says.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn revenue(report: &Report) -> String {
    let rows: String = report
        .tiers
        .iter()
        .map(|tier| {
            format!(
                "<tr><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td></tr>\n",
                escape(&tier.name),
                tier.subscribers,
                tier.submissions,
                rounded(tier.revenue)
            )
        })
        .collect();
    let chart: Vec<_> = report.tiers.iter().map(|tier| bar(&tier.name, tier.revenue)).collect();
    format!(
        "<h2>Revenue by tier</h2>\n{}\n<table><thead><tr><th>tier</th><th class=\"number\">subscribers</th>\
         <th class=\"number\">submissions</th><th class=\"number\">revenue</th></tr></thead><tbody>\n{rows}</tbody></table>\n",
        bars("Revenue by tier", &chart)
    )
}

fn flow(title: &str, parts: &[Part]) -> String {
    let total = parts
        .iter()
        .fold(U256::ZERO, |sum, part| sum.saturating_add(part.amount));
    let chart: Vec<_> = parts.iter().map(|part| bar(&part.name, part.amount)).collect();
    format!(
        "<h2>{}</h2>\n<p>Together {}.</p>\n{}\n",
        escape(title),
        rounded(total),
        stacked(title, &chart)
    )
}

fn works(report: &Report) -> String {
    let count = report.works.len();
    if count == 0 {
        return "<h2>Works</h2>\n<p>No work was paid in this epoch.</p>\n".into();
    }
    let top = &report.works[..count.min(TOP_WORKS)];
    let chart: Vec<_> = top.iter().map(|work| bar(&work.name, work.amount)).collect();
    let rest = match count - top.len() {
        0 => String::new(),
        others => format!("<p class=\"soft\">{others} works more are in the payout list.</p>\n"),
    };
    let too_few = match report.min_reveals {
        0 | 1 => String::new(),
        least => {
            format!(" What was revealed fewer than {least} times in a tier is not listed: its money is carried on.")
        }
    };
    format!(
        "<h2>Top works</h2>\n<p>{count} works are paid.{too_few} Of the creators' money {} was withdrawn.</p>\n{}\n{rest}",
        rounded(report.withdrawn),
        bars("Top works", &chart)
    )
}

fn record(report: &Report) -> String {
    format!(
        "<h2>On chain</h2>\n<table><tbody>\n<tr><th>payout root</th><td><code>{}</code></td></tr>\n\
         <tr><th>hash of the list</th><td><code>{}</code></td></tr>\n</tbody></table>\n\
         <p class=\"soft\">Check it with <code>cwe epoch verify {}</code>.</p>",
        escape(&report.payout_root),
        escape(&report.payouts_hash),
        report.epoch
    )
}

/// CLN with six decimals, rounded down: exact figures are in the table.
fn rounded(wei: U256) -> String {
    let step = U256::from(10_u64.pow(12));
    let shown = wei / step * step;
    match (shown == wei, shown.is_zero()) {
        (true, _) => amount::show(wei),
        (false, true) => "less than 0.000001 CLN".into(),
        (false, false) => amount::show(shown).replace(" CLN", "… CLN"),
    }
}

fn bar(name: &str, amount: U256) -> Bar<'_> {
    Bar {
        name,
        amount,
        number: rounded(amount),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::sample, *};

    #[test]
    fn text_is_text_wherever_it_comes_from() {
        assert_eq!(escape("<a b=\"c\">&'"), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;");
        let page = page(&sample(3));
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"), "{page}");
    }

    #[test]
    fn amounts_are_cut_and_say_so() {
        let rounded = |wei: u64| rounded(U256::from(wei));
        assert_eq!(rounded(0), "0 CLN");
        assert_eq!(rounded(1_500_000_000_000_000_000), "1.5 CLN");
        assert_eq!(rounded(332_666_666_666_666_666), "0.332666… CLN");
        assert_eq!(rounded(7), "less than 0.000001 CLN");
    }

    #[test]
    fn a_page_needs_no_other_file() {
        let page = page(&sample(3));
        for outside in ["src=", "href=", "url(", "@import", "<link", "<script"] {
            assert!(!page.contains(outside), "{outside}");
        }
        // The only address is the name of SVG's vocabulary.
        assert_eq!(
            page.matches("http").count(),
            page.matches("http://www.w3.org/2000/svg").count() + 1,
            "http-equiv"
        );
        assert!(page.contains("prefers-color-scheme:dark"));
    }

    #[test]
    fn only_the_top_works_are_drawn_and_the_others_counted() {
        let page = page(&sample(30));
        assert!(
            page.contains("30 works are paid") && page.contains("10 works more"),
            "{page}"
        );
        assert!(page.contains(&format!("0x00{:062x}", 19)) && !page.contains(&format!("0x00{:062x}", 20)));
    }

    #[test]
    fn an_epoch_without_payouts_has_a_page_too() {
        let page = page(&sample(0));
        assert!(page.contains("No work was paid"));
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    }
}
