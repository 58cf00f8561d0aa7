//! How many requests one client may send. Memory is bounded: the least recently seen clients are forgotten first, so an
//! attacker with more networks than [`MAX_CLIENTS`] only gets back what each network had.

use std::{
    net::IpAddr,
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
};

use governor::{DefaultDirectRateLimiter, Quota};
use lru::LruCache;
use parking_lot::Mutex;

use crate::config::RpcConfig;

/// Clients remembered at once.
const MAX_CLIENTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(16_383);

/// Limits requests by client network.
pub(crate) struct RateLimit {
    quota: Quota,
    loopback: bool,
    clients: Mutex<LruCache<IpAddr, Arc<DefaultDirectRateLimiter>>>,
}

impl RateLimit {
    /// The limit that the configuration asks for, if any.
    pub(crate) fn new(config: &RpcConfig) -> Option<Self> {
        let rate = NonZeroU32::new(config.rate_limit_per_s)?;
        let burst = NonZeroU32::new(config.rate_limit_burst).unwrap_or(NonZeroU32::MIN);
        Some(Self {
            quota: Quota::per_second(rate).allow_burst(burst),
            loopback: config.rate_limit_loopback,
            clients: Mutex::new(LruCache::new(MAX_CLIENTS)),
        })
    }

    /// Whether `client` may send `requests` more now; if so they are counted.
    pub(crate) fn allows(&self, client: IpAddr, requests: usize) -> bool {
        let Some(requests) = u32::try_from(requests).ok().and_then(NonZeroU32::new) else {
            return requests == 0;
        };
        let client = client.to_canonical();
        if client.is_loopback() && !self.loopback {
            return true;
        }
        let limiter = self.limiter(network(client));
        matches!(limiter.check_n(requests), Ok(Ok(())))
    }

    fn limiter(&self, network: IpAddr) -> Arc<DefaultDirectRateLimiter> {
        let mut clients = self.clients.lock();
        clients
            .get_or_insert(network, || Arc::new(DefaultDirectRateLimiter::direct(self.quota)))
            .clone()
    }
}

/// What one client is assumed to own: an IPv4 address, or an IPv6 /64.
fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => {
            let mut octets = address.octets();
            octets[8..].fill(0);
            octets.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(loopback: bool) -> RateLimit {
        let config = RpcConfig {
            rate_limit_per_s: 1,
            rate_limit_burst: 3,
            rate_limit_loopback: loopback,
            ..RpcConfig::default()
        };
        RateLimit::new(&config).unwrap()
    }

    #[test]
    fn a_client_is_stopped_after_its_burst_and_others_are_not() {
        let limit = limit(false);
        let (one, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        assert!(limit.allows(one, 3));
        assert!(!limit.allows(one, 1));
        assert!(limit.allows(other, 1));
    }

    #[test]
    fn a_batch_above_the_burst_never_passes() {
        assert!(!limit(false).allows("192.0.2.1".parse().unwrap(), 4));
    }

    #[test]
    fn addresses_of_one_ipv6_network_share_a_limit() {
        let limit = limit(false);
        assert!(limit.allows("2001:db8::1".parse().unwrap(), 3));
        assert!(!limit.allows("2001:db8::2".parse().unwrap(), 1));
        assert!(limit.allows("2001:db8:0:1::1".parse().unwrap(), 1));
    }

    #[test]
    fn loopback_is_free_unless_asked_otherwise() {
        let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
        assert!((0..9).all(|_| limit(false).allows(mapped, 3)));
        let strict = limit(true);
        assert!(strict.allows(mapped, 3));
        assert!(!strict.allows(mapped, 1));
    }

    #[test]
    fn no_rate_means_no_limit() {
        assert!(
            RateLimit::new(&RpcConfig {
                rate_limit_per_s: 0,
                ..RpcConfig::default()
            })
            .is_none()
        );
    }
}
