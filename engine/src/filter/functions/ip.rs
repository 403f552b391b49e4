//! Addresses of the internet protocol, versions 4 and 6.

use super::text_function::{Compiled, Gives, Spec};
use crate::parse::columns::ColumnType;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bits that stay of an address that is made anonymous, if nobody says how many: one of some 256 customers, one of some sites.
const ANONYMOUS_BITS: (u32, u32) = (24, 48);

/// Whether an address is in one of some networks.
pub(super) static IN_CIDR: Spec = Spec {
    name: "ip_in_cidr",
    num_arguments: 2..=2,
    constants: "networks such as `10.0.0.0/8`, separated by commas",
    gives: Gives::One(ColumnType::Boolean),
    compile: |constants| {
        let networks: Vec<Network> = constants[0].split(',').map(Network::parse).collect::<Result<_, _>>()?;
        Ok(Compiled::Boolean(Box::new(move |text| {
            let address = address_of(text)?;
            Some(networks.iter().any(|network| network.holds(address)))
        })))
    },
};

/// An address with its last bits zero.
pub(super) static ANONYMIZE: Spec = Spec {
    name: "ip_anonymize",
    num_arguments: 1..=3,
    constants: "the bits to keep of version 4, and of version 6",
    gives: Gives::One(ColumnType::String),
    compile: |constants| {
        let bits = |index: usize, default: u32, most: u32| match constants.get(index) {
            None => Ok(default),
            Some(text) => match text.parse() {
                Ok(bits) if bits <= most => Ok(bits),
                _ => Err(format!("`{text}` is no number of bits from 0 to {most}")),
            },
        };
        let (v4_bits, v6_bits) = (bits(0, ANONYMOUS_BITS.0, 32)?, bits(1, ANONYMOUS_BITS.1, 128)?);
        Ok(Compiled::Text(Box::new(move |text, out| {
            let Some(address) = address_of(text) else { return false };
            let masked = match address {
                IpAddr::V4(_) => masked(address, v4_bits),
                IpAddr::V6(_) => masked(address, v6_bits),
            };
            write!(out, "{masked}").expect("a String takes all text");
            true
        })))
    },
};

/// 4 or 6.
pub(super) static VERSION: Spec = Spec {
    name: "ip_version",
    num_arguments: 1..=1,
    constants: "none",
    gives: Gives::One(ColumnType::Long),
    compile: |_| {
        Ok(Compiled::Long(Box::new(|text| {
            address_of(text).map(|address| if address.is_ipv4() { 4 } else { 6 })
        })))
    },
};

/// An address; one of version 4 that is written in version 6 is of version 4.
fn address_of(text: &str) -> Option<IpAddr> {
    text.trim().parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// The first `bits` of an address, the others zero.
fn masked(address: IpAddr, bits: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

struct Network {
    /// The bits after the first `bits` are zero.
    address: IpAddr,
    bits: u32,
}

impl Network {
    fn parse(text: &str) -> Result<Network, String> {
        let text = text.trim();
        let (address, bits) = text.split_once('/').unwrap_or((text, ""));
        let parsed = address.parse::<IpAddr>().ok().and_then(|address| {
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = match bits {
                "" if !text.contains('/') => most,
                bits => bits.parse().ok().filter(|bits| *bits <= most)?,
            };
            Some(Network {
                address: masked(address, bits),
                bits,
            })
        });
        parsed.ok_or_else(|| format!("`{text}` is no network, such as `10.0.0.0/8` or `2001:db8::/32`"))
    }

    fn holds(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && masked(address, self.bits) == self.address
    }
}
