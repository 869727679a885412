//! Defragmentation of IPv4 and IPv6: fragments in, whole datagrams out.
//!
//! Called by `sluice-worker` for every frame whose innermost layer is a fragment, before it is judged. Bounded and allocated at the start: no clock, no I/O,
//! no lock; time is handed in. It never judges: what became of a fragment is said in [`Inserted`], what becomes of the frames is decided by the caller.
//!
//! - `key`: which datagram a fragment belongs to
//! - `piece`: the fragment fields of one layer, read and checked
//! - `policy`: whose data count where fragments overlap, by the target's way
//! - `arena`: bytes in chunks
//! - `list`, `sources`: who holds how much, and who goes first
//! - `store`: datagrams that are not whole, found by key
//! - `defragmenter`: what is done with a fragment
//! - `whole`: a datagram put together
//!
//! Sources: RFC 791 section 3.2, RFC 8200 section 4.5, RFC 5722 (overlapping IPv6 fragments), RFC 6946 (atomic fragments: the decoder's), RFC 7112 (the first fragment
//! holds all headers), Novak, "Target-Based Fragmentation Reassembly" (2005), Shankar and Paxson, "Active Mapping" (2003).

mod arena;
mod defragmenter;
mod key;
mod list;
mod piece;
mod policy;
#[cfg(test)]
mod reference;
mod sources;
mod store;
#[cfg(test)]
mod tests;
mod whole;

pub use defragmenter::{DefragCounts, Defragmenter, Fragment, Inserted, Load, Taken, Why};
pub use key::owner_hash;
pub use policy::{Policies, Policy, Prefix};
pub use store::{DefragSettings, Gone};
pub use whole::Whole;
