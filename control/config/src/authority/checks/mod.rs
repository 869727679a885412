//! The validator: the checks of section 4 of the specification, each a function of its own.
//!
//! [`validate`] runs them all and tells all. [`finding`] holds what a check says and what it knows of the machine; [`words`], [`services`], [`tenants`], [`profiles`],
//! [`routers`] and [`machine`] hold the checks by what they look at. A check never stops another, and none changes anything.
//!
//! Four of the numbers say nothing: 28 (an address without a mask is taken as one host) and 29 (any name is taken) are done where values are read, 33 (prefixes of tenants beside
//! routing protocols) and the words of 9 and 27 where the schema is asked; each has its test in [`words`].
//!
//! Source: `spec/ssr-idp.md` section 4.

pub mod finding;
mod machine;
mod profiles;
mod routers;
#[cfg(test)]
mod sample;
mod services;
mod tenants;
mod validate;
mod words;

pub use finding::{Facts, Fips, Partner};
pub use validate::validate;
