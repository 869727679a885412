//! What rules and records read of a message.

use super::parse::{Message, Values, function};

/// Groups of functions, as the specification divides them (section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// Publicly defined.
    PublicAssigned,
    /// Kept for the public, not defined.
    PublicUnassigned,
    /// Free for everybody's own use.
    UserDefined,
    /// In use by some companies' older products.
    Reserved,
}

impl Category {
    /// The word records use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PublicAssigned => "PUBLIC_ASSIGNED",
            Self::PublicUnassigned => "PUBLIC_UNASSIGNED",
            Self::UserDefined => "USER_DEFINED",
            Self::Reserved => "RESERVED",
        }
    }
}

/// The name records use for a function.
pub const fn function_name(number: u8) -> &'static str {
    match number {
        1 => "RdCoils",
        2 => "RdDiscreteInputs",
        3 => "RdHoldRegs",
        4 => "RdInputRegs",
        5 => "WrSingleCoil",
        6 => "WrSingleReg",
        7 => "RdExcStatus",
        8 => "Diagnostic",
        9 => "Program484",
        10 => "Poll484",
        11 => "GetCommEventCtr",
        12 => "GetCommEventLog",
        13 => "ProgramController",
        14 => "PollController",
        15 => "WrMultCoils",
        16 => "WrMultRegs",
        17 => "ReportServerID",
        18 => "Program884",
        19 => "ResetCommLink",
        20 => "RdFileRec",
        21 => "WrFileRec",
        22 => "MaskWrReg",
        23 => "RdWrMultRegs",
        24 => "RdFIFOQueue",
        43 => "MEI",
        _ => "Unknown",
    }
}

/// What is done to which table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access(pub u8);

impl Access {
    /// Reads.
    pub const READ: u8 = 1;
    /// Writes.
    pub const WRITE: u8 = 2;
    /// Discrete inputs.
    pub const DISCRETES: u8 = 4;
    /// Coils.
    pub const COILS: u8 = 8;
    /// Input registers.
    pub const INPUT: u8 = 16;
    /// Holding registers.
    pub const HOLDING: u8 = 32;
    /// One.
    pub const SINGLE: u8 = 64;
    /// Several.
    pub const MULTIPLE: u8 = 128;

    /// Its words with bars between, as records have them.
    pub fn words(self, mut word: impl FnMut(&'static str)) {
        let names = ["READ", "WRITE", "DISCRETES", "COILS", "INPUT", "HOLDING", "SINGLE", "MULTIPLE"];
        let set = names.iter().enumerate().filter(|(bit, _)| self.0 & (1 << bit) != 0);
        let mut any = false;
        for (_, name) in set {
            if any {
                word(" | ");
            }
            word(name);
            any = true;
        }
        if !any {
            word("NONE");
        }
    }
}

impl Message<'_> {
    /// The group of its function.
    pub fn category(&self) -> Category {
        match (self.function, self.subfunction()) {
            (function::DIAGNOSTICS, Some(0..=4 | 10..=18 | 20)) | (function::DIAGNOSTICS, None) => {
                Category::PublicAssigned
            }
            (function::DIAGNOSTICS, Some(_)) => Category::Reserved,
            (function::ENCAPSULATED, Some(13 | 14) | None) => Category::PublicAssigned,
            (function::ENCAPSULATED, Some(_)) => Category::Reserved,
            (1..=7 | 11 | 12 | 15..=17 | 20..=24, _) => Category::PublicAssigned,
            (9 | 10 | 13 | 14 | 18 | 19 | 40 | 41 | 42 | 90 | 91 | 125..=127, _) => Category::Reserved,
            (65..=72 | 100..=110, _) => Category::UserDefined,
            _ => Category::PublicUnassigned,
        }
    }

    /// What its function does to which table.
    pub const fn access(&self) -> Access {
        Access(match self.function {
            1 => Access::READ | Access::COILS,
            2 => Access::READ | Access::DISCRETES,
            3 => Access::READ | Access::HOLDING,
            4 => Access::READ | Access::INPUT,
            function::WRITE_COIL => Access::WRITE | Access::COILS | Access::SINGLE,
            function::WRITE_REGISTER => Access::WRITE | Access::HOLDING | Access::SINGLE,
            function::WRITE_COILS => Access::WRITE | Access::COILS | Access::MULTIPLE,
            function::WRITE_REGISTERS => Access::WRITE | Access::HOLDING | Access::MULTIPLE,
            function::MASK_WRITE_REGISTER => Access::WRITE | Access::HOLDING,
            function::READ_WRITE_REGISTERS => Access::READ | Access::WRITE | Access::HOLDING | Access::MULTIPLE,
            _ => 0,
        })
    }
}

/// Numbers from `low` to `high`, both inside.
pub type Span = (u32, u32);

/// What `modbus` asks of the function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionTest {
    /// This one, with this sub-function when one is given.
    Code(u8, Option<u16>),
    /// One of these groups, or, negated, none of them.
    Category {
        /// The groups.
        any: Vec<Category>,
        /// The other way round.
        negated: bool,
    },
}

/// What `modbus` asks of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModbusTest {
    /// Of the unit.
    pub unit: Option<Span>,
    /// Of the function.
    pub function: Option<FunctionTest>,
    /// Bits of [`Access`] that must be there.
    pub access: u8,
    /// Of the addresses: one of those read or written is inside. They are counted from 1.
    pub address: Option<Span>,
    /// Of the values written there.
    pub value: Option<Span>,
}

impl ModbusTest {
    /// Whether the request `bytes` is such a one.
    ///
    /// # Cost
    /// At most one step for each value written.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        let Some(message) = Message::of(bytes) else { return false };
        let function = |test: &FunctionTest| match test {
            FunctionTest::Code(code, sub) => {
                message.function == *code && sub.is_none_or(|sub| message.subfunction() == Some(sub))
            }
            FunctionTest::Category { any, negated } => any.contains(&message.category()) != *negated,
        };
        self.unit.is_none_or(|span| inside(span, u32::from(message.unit)))
            && self.function.as_ref().is_none_or(function)
            && message.access().0 & self.access == self.access
            && self.addresses_hold(&message)
    }

    fn addresses_hold(&self, message: &Message) -> bool {
        if self.address.is_none() && self.value.is_none() {
            return true;
        }
        let wanted = self.address.unwrap_or((0, u32::MAX));
        let writes = self.value.is_some() || (self.access & Access::WRITE != 0);
        if !writes {
            return message.read_range().is_some_and(|(first, count)| touches(wanted, first, count));
        }
        let Some(write) = message.write() else { return false };
        let Some(value) = self.value else { return touches(wanted, write.address, write.count) };
        if let Values::Masks(keep, put) = write.values {
            return touches(wanted, write.address, 1) && [keep, put].iter().any(|&mask| inside(value, u32::from(mask)));
        }
        let first = u32::from(write.address);
        (first..first + u32::from(write.count)).any(|address| {
            inside(wanted, address + 1) && write.value_at(address).is_some_and(|found| inside(value, u32::from(found)))
        })
    }
}

const fn inside((low, high): Span, number: u32) -> bool {
    number >= low && number <= high
}

/// Whether one of `count` addresses from `first`, counted from 0, is in `wanted`, counted from 1.
fn touches((low, high): Span, first: u16, count: u16) -> bool {
    let first = u32::from(first) + 1;
    count > 0 && first <= high && first + u32::from(count) > low
}
