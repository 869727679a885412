//! HTTP/2 from bytes to transactions.
//!
//! Called by [`crate::applications`].

use crate::{
    arena::Arena,
    desk::Desk,
    parser::{Fed, Parser},
};

/// One conversation.
#[derive(Debug, Default)]
pub struct Conversation {}

impl Parser for Conversation {
    fn feed(&mut self, _desk: &mut Desk, _bytes: &[u8]) -> Fed {
        Fed::All
    }

    fn gap(&mut self, _desk: &mut Desk, _missing: u32) -> Fed {
        Fed::Over
    }

    fn end(&mut self, _desk: &mut Desk, _waiting: &[u8]) {}

    fn forget(&mut self, _arena: &mut Arena) {}
}
