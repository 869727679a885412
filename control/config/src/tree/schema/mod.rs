//! Which words stand where, and what they take.
//!
//! A table of constants: [`kind`] says what a table consists of, [`types`] which values there are, [`authority`] holds what stands below `authority`, [`services`]
//! what stands in Junos' `services`, `applications`, `policy-options` and `interfaces`, [`root`] the outermost level. Read by the readers and by the builder.
//!
//! Sources: `spec/ssr-idp.md` section 1.1, `spec/junos-ids-idp.md` sections 1 and 2.1.

pub mod authority;
pub mod kind;
pub mod root;
pub mod services;
pub mod types;

pub use kind::{Entry, Kind, List, Section};
pub use root::ROOT;
pub use types::Type;
