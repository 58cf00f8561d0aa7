//! How much is taken at once: a bucket for all senders together and one for each of [`GROUPS`] groups of networks.
//!
//! Nobody is told from anybody else: an address is reduced to its network (/24, or /48 of IPv6), and that, hashed with a
//! key of this process's, to a group number, as soon as a connection is accepted. Only the number goes on.

use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
};

use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Groups of networks: so many numbers are all that the limits remember.
const GROUPS: u64 = 4096;

/// A group of networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Group(u64);

/// Tells networks' groups.
#[derive(Debug, Clone, Default)]
pub struct Groups(RandomState);

impl Groups {
    /// The group of an address's network.
    pub fn of(&self, address: SocketAddr) -> Group {
        let network = match address.ip().to_canonical() {
            IpAddr::V4(ip) => u64::from(u32::from(ip) >> 8),
            // Beyond the numbers of IPv4 networks.
            IpAddr::V6(ip) => (1 << 63) | u64::try_from(u128::from(ip) >> 80).unwrap_or_default(),
        };
        Group(self.0.hash_one(network) % GROUPS)
    }
}

/// How fast the buckets fill, and how much they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Requests a second, all senders together.
    pub per_second: u32,
    /// As many may come at once.
    pub burst: u32,
    /// Requests a second of one group of networks; 0: no bound, behind a proxy.
    pub network_per_second: u32,
    /// As many may come at once.
    pub network_burst: u32,
}

/// The buckets.
pub struct Limits {
    all: DefaultDirectRateLimiter,
    by_group: Option<DefaultKeyedRateLimiter<Group>>,
}

impl Limits {
    /// Buckets, full.
    pub fn new(rates: Rates) -> Self {
        let quota = |per_second, burst| {
            let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
            Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst))
        };
        let by_group = |per_second| RateLimiter::keyed(quota(per_second, rates.network_burst));
        Self {
            all: RateLimiter::direct(quota(rates.per_second, rates.burst)),
            by_group: (rates.network_per_second > 0).then(|| by_group(rates.network_per_second)),
        }
    }

    /// Takes one from the buckets; `false` where one is empty.
    pub fn admit(&self, group: Option<Group>) -> bool {
        let own = match (&self.by_group, group) {
            (Some(limiter), Some(group)) => limiter.check_key(&group).is_ok(),
            _ => true,
        };
        own && self.all.check().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_can_not_take_the_places_of_others() {
        let groups = Groups::default();
        let limits = Limits::new(Rates {
            per_second: 1,
            burst: 10,
            network_per_second: 1,
            network_burst: 2,
        });
        let group = |address: &str| Some(groups.of(address.parse().unwrap()));
        let admitted = (0..10)
            .filter(|host| limits.admit(group(&format!("192.0.2.{host}:80"))))
            .count();
        assert!((2..=3).contains(&admitted), "{admitted}");
        let elsewhere = (0..50)
            .filter(|net| limits.admit(group(&format!("198.51.{net}.1:80"))))
            .count();
        assert!((7..=9).contains(&elsewhere), "all together: {elsewhere}");
    }

    #[test]
    fn an_address_is_its_network_only() {
        let groups = Groups::default();
        let of = |address: &str| groups.of(address.parse().unwrap());
        assert_eq!(of("192.0.2.1:80"), of("192.0.2.255:9"));
        assert_eq!(of("[2001:db8:7::1]:80"), of("[2001:db8:7:ffff::9]:80"));
        assert_eq!(of("[::ffff:192.0.2.1]:80"), of("192.0.2.7:80"));
    }
}
