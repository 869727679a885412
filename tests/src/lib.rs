//! Whole-system tests of Sluice and the traffic they are made of.
#![forbid(unsafe_code)]
