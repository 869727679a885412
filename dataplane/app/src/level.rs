//! How far one direction of a transaction is. It only goes up.
//!
//! Set by parsers, read by detection: a rule that needs what comes at a level is judged when the direction has reached it. Protocols that have fewer steps leave levels out.

/// Nothing of it is known.
pub const NOTHING: u8 = 0;
/// The first line, or the hello.
pub const LINE: u8 = 1;
/// All headers, or the certificates.
pub const HEADERS: u8 = 2;
/// All of the body.
pub const BODY: u8 = 3;
/// What comes behind the body.
pub const TRAILER: u8 = 4;
/// Everything: nothing more comes.
pub const DONE: u8 = 5;
