//! Bytes to one message: header, function, and what the function carries.

use crate::{
    event::AppEvent,
    pdu::{Framed, u8_at, u16_be},
};
use sluice_core::Direction;

/// Bytes in front of the unit identifier: transaction, protocol, length.
const PREFIX: usize = 6;

/// Marks a function in an exception response.
const EXCEPTION: u8 = 0x80;

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Chosen by the client, given back by the server.
    pub transaction: u16,
    /// Must be 0.
    pub protocol: u16,
    /// Bytes behind the length.
    pub length: u16,
    /// The unit asked.
    pub unit: u8,
    /// The function, without the mark of an exception.
    pub function: u8,
    /// Whether it bears that mark.
    pub exception: bool,
    /// What stands behind the function.
    pub data: &'a [u8],
}

impl<'a> Message<'a> {
    /// The message that `bytes` are.
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        let function = u8_at(bytes, 7)?;
        Some(Self {
            transaction: u16_be(bytes, 0)?,
            protocol: u16_be(bytes, 2)?,
            length: u16_be(bytes, 4)?,
            unit: u8_at(bytes, 6)?,
            function: function & !EXCEPTION,
            exception: function & EXCEPTION != 0,
            data: bytes.get(8..)?,
        })
    }

    /// Code of the exception.
    pub fn exception_code(&self) -> Option<u8> {
        u8_at(self.data, 0).filter(|_| self.exception)
    }

    /// Sub-function of diagnostics, type of an encapsulated interface.
    pub fn subfunction(&self) -> Option<u16> {
        match self.function {
            function::DIAGNOSTICS => u16_be(self.data, 0),
            function::ENCAPSULATED => u8_at(self.data, 0).map(u16::from),
            _ => None,
        }
    }

    /// First address and count of what a request reads.
    pub fn read_range(&self) -> Option<(u16, u16)> {
        match self.function {
            1..=4 | function::READ_WRITE_REGISTERS => Some((u16_be(self.data, 0)?, u16_be(self.data, 2)?)),
            _ => None,
        }
    }

    /// What a request writes.
    pub fn write(&self) -> Option<Write<'a>> {
        let data = self.data;
        Some(match self.function {
            function::WRITE_COIL | function::WRITE_REGISTER => {
                Write { address: u16_be(data, 0)?, count: 1, values: Values::Registers(data.get(2..4)?) }
            }
            function::WRITE_COILS => {
                let bytes = usize::from(u8_at(data, 4)?);
                Write {
                    address: u16_be(data, 0)?,
                    count: u16_be(data, 2)?,
                    values: Values::Coils(data.get(5..5 + bytes)?),
                }
            }
            function::WRITE_REGISTERS => {
                let bytes = usize::from(u8_at(data, 4)?);
                Write {
                    address: u16_be(data, 0)?,
                    count: u16_be(data, 2)?,
                    values: Values::Registers(data.get(5..5 + bytes)?),
                }
            }
            function::MASK_WRITE_REGISTER => {
                Write { address: u16_be(data, 0)?, count: 1, values: Values::Masks(u16_be(data, 2)?, u16_be(data, 4)?) }
            }
            function::READ_WRITE_REGISTERS => {
                let bytes = usize::from(u8_at(data, 8)?);
                Write {
                    address: u16_be(data, 4)?,
                    count: u16_be(data, 6)?,
                    values: Values::Registers(data.get(9..9 + bytes)?),
                }
            }
            _ => return None,
        })
    }

    /// What is wrong with it, going in `direction`; none when it is as its function demands, or when nothing is known of the function.
    pub fn wrong(&self, direction: Direction) -> Option<AppEvent> {
        if self.function == 0 || (self.exception && direction == Direction::ToServer) {
            return Some(AppEvent::ModbusInvalidFunctionCode);
        }
        if self.exception {
            return match (self.data.len(), self.exception_code()) {
                (1, Some(1..=6 | 8 | 10 | 11)) => None,
                (1, _) => Some(AppEvent::ModbusInvalidExceptionCode),
                _ => Some(AppEvent::ModbusInvalidLength),
            };
        }
        let (length, counted) = match direction {
            Direction::ToServer => self.request_length(),
            Direction::ToClient => self.response_length(),
        };
        match length {
            Some(length) if length != self.data.len() => return Some(AppEvent::ModbusInvalidLength),
            None if counted => return Some(AppEvent::ModbusInvalidLength),
            _ => {}
        }
        (direction == Direction::ToServer && !self.values_are_sound()).then_some(AppEvent::ModbusInvalidValue)
    }

    /// Bytes of data a request must have, where that is known, and whether it must be known.
    fn request_length(&self) -> (Option<usize>, bool) {
        let counted = |at: usize| (u8_at(self.data, at).map(|bytes| at + 1 + usize::from(bytes)), true);
        match self.function {
            1..=6 => (Some(4), true),
            7 | 11 | 12 | 17 => (Some(0), true),
            function::WRITE_COILS | function::WRITE_REGISTERS => counted(4),
            20 | 21 => counted(0),
            function::MASK_WRITE_REGISTER => (Some(6), true),
            function::READ_WRITE_REGISTERS => counted(8),
            24 => (Some(2), true),
            _ => (None, false),
        }
    }

    /// The same of a response.
    fn response_length(&self) -> (Option<usize>, bool) {
        let counted = || (u8_at(self.data, 0).map(|bytes| 1 + usize::from(bytes)), true);
        match self.function {
            1..=4 | 12 | 17 | 20 | 21 | function::READ_WRITE_REGISTERS => counted(),
            5 | 6 | 11 | function::WRITE_COILS | function::WRITE_REGISTERS => (Some(4), true),
            7 => (Some(1), true),
            function::MASK_WRITE_REGISTER => (Some(6), true),
            24 => (u16_be(self.data, 0).map(|bytes| 2 + usize::from(bytes)), true),
            _ => (None, false),
        }
    }

    /// Whether the numbers of a request are in their ranges.
    fn values_are_sound(&self) -> bool {
        let most_read = if matches!(self.function, 1 | 2) { 2_000 } else { 125 };
        if self.read_range().is_some_and(|(_, count)| count == 0 || count > most_read) {
            return false;
        }
        let Some(write) = self.write() else { return true };
        match (self.function, write.values) {
            (function::WRITE_COIL, Values::Registers(value)) => matches!(u16_be(value, 0), Some(0 | 0xff00)),
            (function::WRITE_COILS, Values::Coils(bits)) => {
                (1..=1_968).contains(&write.count) && bits.len() == usize::from(write.count).div_ceil(8)
            }
            (function::WRITE_REGISTERS | function::READ_WRITE_REGISTERS, Values::Registers(words)) => {
                (1..=123).contains(&write.count) && words.len() == usize::from(write.count) * 2
            }
            _ => true,
        }
    }
}

/// Functions that are named here.
pub mod function {
    /// Writes one coil.
    pub const WRITE_COIL: u8 = 5;
    /// Writes one register.
    pub const WRITE_REGISTER: u8 = 6;
    /// Looks into the connection; has sub-functions.
    pub const DIAGNOSTICS: u8 = 8;
    /// Writes several coils.
    pub const WRITE_COILS: u8 = 15;
    /// Writes several registers.
    pub const WRITE_REGISTERS: u8 = 16;
    /// Changes bits of a register.
    pub const MASK_WRITE_REGISTER: u8 = 22;
    /// Writes registers, then reads some.
    pub const READ_WRITE_REGISTERS: u8 = 23;
    /// Carries something else; has types.
    pub const ENCAPSULATED: u8 = 43;
}

/// What a request writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write<'a> {
    /// First address.
    pub address: u16,
    /// How many coils or registers.
    pub count: u16,
    /// The values.
    pub values: Values<'a>,
}

/// Values written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values<'a> {
    /// One bit each, the lowest bit of the first byte first.
    Coils(&'a [u8]),
    /// Two bytes each. One coil is written in this form too.
    Registers(&'a [u8]),
    /// Bits kept, and bits put in where they are not.
    Masks(u16, u16),
}

impl Write<'_> {
    /// The value written to `address`, if it is one of those written.
    pub fn value_at(&self, address: u32) -> Option<u16> {
        let place = address.checked_sub(u32::from(self.address)).filter(|place| *place < u32::from(self.count))?;
        let place = place as usize;
        match self.values {
            Values::Coils(bits) => u8_at(bits, place / 8).map(|byte| u16::from(byte >> (place % 8) & 1)),
            Values::Registers(words) => u16_be(words, place * 2),
            Values::Masks(..) => None,
        }
    }
}

/// The message at the beginning of `bytes`, which went in `direction`.
pub fn frame(bytes: &[u8], direction: Direction) -> Framed {
    // Only once both are there, so that it does not depend on how the bytes come.
    let Some((protocol, length)) = u16_be(bytes, 2).zip(u16_be(bytes, 4)) else {
        return Framed::Needs(PREFIX.saturating_sub(bytes.len()).max(1));
    };
    if protocol != 0 {
        return Framed::Broken(AppEvent::ModbusInvalidProtocolId);
    }
    // Unit and function at least; 253 bytes of function and data at most.
    if !(2..=254).contains(&length) {
        return Framed::Broken(AppEvent::ModbusInvalidLength);
    }
    let whole = PREFIX + usize::from(length);
    match whole.checked_sub(bytes.len()) {
        None | Some(0) => {
            let message = bytes.get(..whole).and_then(Message::of);
            Framed::Whole { bytes: whole, wrong: message.and_then(|message| message.wrong(direction)) }
        }
        Some(missing) => Framed::Needs(missing),
    }
}

/// What a response shares with its request: transaction and unit.
pub fn key(message: &[u8]) -> u64 {
    Message::of(message).map_or(0, |message| u64::from(message.transaction) << 8 | u64::from(message.unit))
}
