//! Small safe wrappers over unsafe Rust that the packet path needs and the standard library does not offer.
//!
//! Called by `sluice-flow` and `sluice-worker`. Never allocates, never blocks. Every `unsafe` block of Rust that is not
//! a C call lives here.
#![allow(unsafe_code)]

mod grams;
mod lanes;
mod pages;
mod prefetch;
mod ticks;

pub use grams::{Grams, Search};
pub use lanes::{equal_lanes, first_equal_lane};
pub use pages::advise_huge_pages;
pub use prefetch::{prefetch_element, prefetch_read, prefetch_two_lines};
pub use ticks::timestamp_counter;
