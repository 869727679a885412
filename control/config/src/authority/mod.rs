//! What stands below `authority`, typed, checked and summed up.
//!
//! - [`model`], [`value`]: the typed model; [`de`]: serde's way from a tree to it
//! - [`view`]: what the checks and the decision about the mode ask of the model
//! - [`mode`]: hub, spoke or disabled, with the reason
//! - [`checks`]: the validator
//!
//! Called by whoever loads a configuration, behind `tree`. Opens no file, changes nothing.

pub mod checks;
pub mod de;
pub mod mode;
pub mod model;
pub mod value;
pub mod view;

pub use checks::{Facts, validate};
pub use de::ModelError;
pub use mode::{Decision, Mode, decide};
pub use model::Authority;
pub use view::View;
