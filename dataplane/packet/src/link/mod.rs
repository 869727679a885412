//! Link layers: from the first byte of a frame to the IP header, one protocol a file.

pub(crate) mod arp;
pub(crate) mod chdlc;
pub(crate) mod cooked;
pub(crate) mod dce;
pub(crate) mod etag;
pub(crate) mod ethernet;
pub(crate) mod ieee8021ah;
mod link_type;
pub(crate) mod mpls;
pub(crate) mod nsh;
pub(crate) mod null;
pub(crate) mod ppp;
pub(crate) mod pppoe;
pub(crate) mod vlan;
pub(crate) mod vntag;

pub use link_type::LinkType;
