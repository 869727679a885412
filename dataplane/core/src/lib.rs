//! Words every stage shares.
#![forbid(unsafe_code)]
