//! Metrics of the RPC server. Labels are bounded: a method that does not exist counts as `unknown`.
//!
//! | name | kind | unit |
//! |---|---|---|
//! | `cwe_rpc_request_seconds` | histogram | seconds of one request, label `method` |
//! | `cwe_rpc_errors_total` | counter | requests answered with an error, label `method` |
//! | `cwe_rpc_connections` | gauge | open connections |
//! | `cwe_rpc_connections_refused_total` | counter | connections closed because of a limit |
//! | `cwe_rpc_heavy_refused_total` | counter | heavy calls refused because too many wait |

use std::{collections::HashMap, time::Duration};

use metrics::{Counter, Histogram, counter, histogram};

/// Metrics of each method, made once: the hot path looks up no labels.
pub(crate) struct MethodMetrics {
    known: HashMap<&'static str, MethodMetric>,
    unknown: MethodMetric,
}

/// Metrics of one method.
pub(crate) struct MethodMetric {
    seconds: Histogram,
    errors: Counter,
}

impl MethodMetrics {
    /// Metrics for these methods, and for all others together.
    pub(crate) fn new(methods: impl Iterator<Item = &'static str>) -> Self {
        Self {
            known: methods.map(|name| (name, MethodMetric::new(name))).collect(),
            unknown: MethodMetric::new("unknown"),
        }
    }

    /// The metrics that a request for `method` counts in.
    pub(crate) fn of(&self, method: &str) -> &MethodMetric {
        self.known.get(method).unwrap_or(&self.unknown)
    }

    /// Whether there is such a method.
    pub(crate) fn knows(&self, method: &str) -> bool {
        self.known.contains_key(method)
    }
}

impl MethodMetric {
    fn new(method: &'static str) -> Self {
        Self {
            seconds: histogram!("cwe_rpc_request_seconds", "method" => method),
            errors: counter!("cwe_rpc_errors_total", "method" => method),
        }
    }

    /// Counts one answered request.
    pub(crate) fn record(&self, elapsed: Duration, success: bool) {
        self.seconds.record(elapsed);
        if !success {
            self.errors.increment(1);
        }
    }
}
