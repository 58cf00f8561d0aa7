//! How many connections are open, altogether and from one address.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use metrics::{counter, gauge};
use parking_lot::Mutex;

use crate::config::RpcConfig;

/// Counts open connections. Its memory is bounded by the number of connections.
#[derive(Clone)]
pub(crate) struct Connections {
    max: usize,
    max_per_ip: usize,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    total: usize,
    by_ip: HashMap<IpAddr, usize>,
}

/// An open connection; dropping it makes room.
pub(crate) struct Connection {
    ip: IpAddr,
    connections: Connections,
}

impl Connections {
    /// No connection yet.
    pub(crate) fn new(config: &RpcConfig) -> Self {
        Self {
            max: config.max_connections as usize,
            max_per_ip: config.max_connections_per_ip as usize,
            open: Arc::default(),
        }
    }

    /// Admits a connection from `ip`, unless a limit is reached. Loopback has no limit of its own: a proxy may be there.
    pub(crate) fn open(&self, ip: IpAddr) -> Option<Connection> {
        let ip = ip.to_canonical();
        let mut open = self.open.lock();
        let of_ip = open.by_ip.get(&ip).copied().unwrap_or(0);
        if open.total >= self.max || (of_ip >= self.max_per_ip && !ip.is_loopback()) {
            counter!("cwe_rpc_connections_refused_total").increment(1);
            return None;
        }
        open.total += 1;
        open.by_ip.insert(ip, of_ip + 1);
        gauge!("cwe_rpc_connections").increment(1.0);
        Some(Connection {
            ip,
            connections: self.clone(),
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock();
        open.total = open.total.saturating_sub(1);
        if let Some(count) = open.by_ip.get_mut(&self.ip) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.by_ip.remove(&self.ip);
            }
        }
        gauge!("cwe_rpc_connections").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_can_not_take_all_connections() {
        let config = RpcConfig {
            max_connections: 4,
            max_connections_per_ip: 2,
            ..RpcConfig::default()
        };
        let connections = Connections::new(&config);
        let (one, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let held: Vec<_> = (0..2).map(|_| connections.open(one).unwrap()).collect();
        assert!(connections.open(one).is_none());
        let _other = connections.open(other).unwrap();
        drop(held);
        assert!(connections.open(one).is_some());
        assert_eq!(
            connections.open.lock().by_ip.len(),
            1,
            "closed connections are forgotten"
        );
    }

    #[test]
    fn the_total_binds_loopback_too() {
        let config = RpcConfig {
            max_connections: 2,
            max_connections_per_ip: 1,
            ..RpcConfig::default()
        };
        let connections = Connections::new(&config);
        let loopback: IpAddr = "127.0.0.1".parse().unwrap();
        let _held = [connections.open(loopback).unwrap(), connections.open(loopback).unwrap()];
        assert!(connections.open(loopback).is_none());
    }
}
