//! The newer format, pcapng: blocks, of which some are records.
//!
//! Read as the pcap library reads it: one link type and one length for all interfaces. Source: draft-ietf-opsawg-pcapng.

use crate::{
    damage::{Damage, OpenError},
    order::ByteOrder,
    records::{Found, LONGEST, cut},
    window::Window,
};

/// The type of a section's header, which begins each file: the same in either order.
pub const MAGIC: u32 = 0x0a0d_0d0a;
/// What tells a section's order, behind type and length.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const PACKET: u32 = 6;
/// Type and length before a block's body, and the length behind it.
const BEFORE: usize = 8;
const FRAME: usize = BEFORE + 4;
/// Longest block that is believed, bytes. As the pcap library has it.
const LONGEST_BLOCK: usize = 16 << 20;
/// Most interfaces.
const MOST_INTERFACES: usize = 65_536;
const MICROS: u64 = 1_000_000;
/// Options of interfaces.
const TIME_RESOLUTION: u16 = 9;
const TIME_OFFSET: u16 = 14;

/// What was read of the file.
#[derive(Debug)]
pub struct Ng {
    order: ByteOrder,
    /// Link type and length of the first interface of the file.
    first: Option<(u32, u32)>,
    interfaces: Vec<Interface>,
}

/// How an interface tells the time.
#[derive(Clone, Copy, Debug)]
struct Interface {
    /// Units a second.
    units: u64,
    /// Seconds to be added.
    offset: u64,
}

impl Interface {
    /// Microseconds since 1970.
    fn time_us(self, units: u64) -> u64 {
        let seconds = (units / self.units).wrapping_add(self.offset);
        let part = u128::from(units % self.units) * u128::from(MICROS) / u128::from(self.units);
        seconds.wrapping_mul(MICROS).wrapping_add(part as u64)
    }
}

impl Ng {
    /// Reads up to the first interface.
    pub fn open(window: &mut Window) -> Result<Self, OpenError> {
        let mut ng = Self { order: ByteOrder::Little, first: None, interfaces: Vec::new() };
        let not = |damage: Damage| OpenError::NotACapture(damage.to_string());
        while ng.first.is_none() {
            match ng.block(window).map_err(not)? {
                Some((PACKET | OLD_PACKET | SIMPLE_PACKET, _)) => {
                    let what = "a packet comes before the first interface".to_owned();
                    return Err(not(Damage { at: window.at(), what }));
                }
                Some((kind, whole)) => ng.other(kind, whole, window).map_err(not)?,
                None => return Err(OpenError::NotACapture("it tells of no interface".to_owned())),
            }
        }
        Ok(ng)
    }

    /// The number of the link type.
    pub fn link(&self) -> u32 {
        self.first.map_or(0, |(link, _)| link)
    }

    /// The next record; none at the end.
    pub fn next(&mut self, window: &mut Window) -> Result<Option<Found>, Damage> {
        while let Some((kind, whole)) = self.block(window)? {
            if matches!(kind, PACKET | OLD_PACKET | SIMPLE_PACKET) {
                return self.packet(kind, whole, window).map(Some);
            }
            self.other(kind, whole, window)?;
        }
        Ok(None)
    }

    /// The type and the whole length of the block at hand; none at the end. A section's header is read for its order.
    fn block(&mut self, window: &mut Window) -> Result<Option<(u32, usize)>, Damage> {
        let at = window.at();
        let start = read(window, FRAME)?;
        match start.len() {
            0 => return Ok(None),
            FRAME => {}
            there => return Err(cut(at, FRAME, there)),
        }
        let mut order = self.order;
        if ByteOrder::Little.u32(start, 0) == MAGIC {
            order = match ByteOrder::Little.u32(start, BEFORE) {
                BYTE_ORDER => ByteOrder::Little,
                other if other == BYTE_ORDER.swap_bytes() => ByteOrder::Big,
                other => return damage(at, format!("a section whose order of bytes is told by {other:#010x}")),
            };
            if self.first.is_some() && order != self.order {
                return damage(at, "a section with another order of bytes than the first".to_owned());
            }
        }
        let (kind, length) = (order.u32(start, 0), order.u32(start, 4));
        let whole = length as usize;
        if !(FRAME..=LONGEST_BLOCK).contains(&whole) || !whole.is_multiple_of(4) {
            return damage(
                at,
                format!(
                    "a block of {length} bytes is announced: none has fewer than 12 or more than 16 MiB, or is no multiple of 4"
                ),
            );
        }
        self.order = order;
        let block = read(window, whole)?;
        if block.len() < whole {
            return Err(cut(at, whole, block.len()));
        }
        let behind = order.u32(block, whole - 4);
        // Of the first block the library does not ask it.
        if behind != length && at > 0 {
            return damage(at, format!("a block of {length} bytes by its beginning, and of {behind} by its end"));
        }
        Ok(Some((kind, whole)))
    }

    /// Reads and passes a block that is no record.
    fn other(&mut self, kind: u32, whole: usize, window: &mut Window) -> Result<(), Damage> {
        let at = window.at();
        let block = read(window, whole)?;
        match kind {
            MAGIC => {
                let (major, minor) = (self.order.u16(block, 12), self.order.u16(block, 14));
                if whole < 28 || major != 1 || !matches!(minor, 0 | 2) {
                    return damage(at, format!("a section of version {major}.{minor}, which is not known"));
                }
                self.interfaces.clear();
            }
            INTERFACE => {
                let interface = self.interface(block, at)?;
                self.interfaces.push(interface);
            }
            _ => {}
        }
        window.pass(whole);
        Ok(())
    }

    fn interface(&mut self, block: &[u8], at: u64) -> Result<Interface, Damage> {
        let order = self.order;
        if block.len() < FRAME + 8 {
            return damage(at, "an interface that does not tell its link type".to_owned());
        }
        if self.interfaces.len() >= MOST_INTERFACES {
            return damage(at, format!("more than {MOST_INTERFACES} interfaces"));
        }
        let link = u32::from(order.u16(block, 8));
        let kept = order.u32(block, 12);
        let kept = if (1..=LONGEST).contains(&kept) { kept } else { LONGEST };
        let (first_link, first_kept) = *self.first.get_or_insert((link, kept));
        if link != first_link {
            return damage(
                at,
                format!(
                    "an interface of link type {link} beside the first, of {first_link}: convert the file to one of each"
                ),
            );
        }
        if kept != first_kept {
            return damage(
                at,
                format!(
                    "an interface that keeps {kept} bytes of a packet beside the first, which keeps {first_kept}: convert the file to one of each"
                ),
            );
        }
        let mut interface = Interface { units: MICROS, offset: 0 };
        let mut options = block.get(16..block.len() - 4).unwrap_or_default();
        while options.len() >= 4 {
            let (code, length) = (order.u16(options, 0), usize::from(order.u16(options, 2)));
            let padded = 4 + length.next_multiple_of(4);
            let Some(value) = options.get(4..4 + length).filter(|_| code != 0) else { break };
            match (code, value) {
                (TIME_RESOLUTION, &[resolution]) => {
                    let exponent = u32::from(resolution & 0x7f);
                    let units =
                        if resolution & 0x80 == 0 { 10_u64.checked_pow(exponent) } else { 1_u64.checked_shl(exponent) };
                    let Some(units) = units else {
                        return damage(
                            at,
                            format!("an interface with a time resolution of {resolution:#04x}, finer than can be told"),
                        );
                    };
                    interface.units = units;
                }
                (TIME_OFFSET, offset) if length == 8 => interface.offset = order.u64(offset, 0),
                _ => {}
            }
            options = options.get(padded..).unwrap_or_default();
        }
        Ok(interface)
    }

    /// Where the bytes of a record lie.
    fn packet(&self, kind: u32, whole: usize, window: &mut Window) -> Result<Found, Damage> {
        let at = window.at();
        let block = read(window, whole)?;
        let order = self.order;
        let (_, kept) = self.first.unwrap_or_default();
        let (number, from) = match kind {
            PACKET => (order.u32(block, 8), BEFORE + 20),
            OLD_PACKET => (u32::from(order.u16(block, 8)), BEFORE + 20),
            _ => (0, BEFORE + 4),
        };
        let Some(interface) = self.interfaces.get(number as usize) else {
            return damage(at, format!("a packet of interface {number}, which the file does not tell of"));
        };
        let (time_us, length) = match kind {
            // It tells no time: its interface's first.
            SIMPLE_PACKET => (interface.time_us(0), order.u32(block, 8).min(kept)),
            _ => {
                let units = u64::from(order.u32(block, 12)) << 32 | u64::from(order.u32(block, 16));
                (interface.time_us(units), order.u32(block, 20))
            }
        };
        if length > LONGEST {
            return damage(at, format!("a record of {length} bytes is announced, and none is longer than {LONGEST}"));
        }
        let length = length as usize;
        if from + length + 4 > whole {
            return damage(at, format!("a block of {whole} bytes can't hold a record of {length}"));
        }
        Ok(Found { time_us, from, length, whole })
    }
}

fn read(window: &mut Window, length: usize) -> Result<&[u8], Damage> {
    let at = window.at();
    window.next(length).map_err(|error| Damage { at, what: error.to_string() })
}

#[cold]
fn damage<T>(at: u64, what: String) -> Result<T, Damage> {
    Err(Damage { at, what })
}
