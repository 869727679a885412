//! LZMA as web servers send it (`.lzma`: a header of 13 bytes, then one stream), bit by bit.
//!
//! Used by [`super::decode`]. Looks back into a window of its own, which is as large as the settings allow and reserved at the start; what would look back further is refused. Never allocates.
//!
//! Source: I. Pavlov, "LZMA specification" (public domain).

/// Bytes one symbol takes from the input, at most.
const LONGEST_SYMBOL: usize = 20;
/// Bytes of input kept together.
const INPUT: usize = 4 << 10;
/// Bytes in front of the stream: properties, size of the dictionary, size of the content.
const HEADER: usize = 13;
/// Bytes that start the range coder.
const START: usize = 5;
/// Literal coders have `0x300 << (lc + lp)` probabilities; more than 4 bits together are not followed.
const MOST_LITERAL_BITS: u32 = 4;

const STATES: usize = 12;
const HALF: u16 = 1 << 10;

/// What a call led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LzmaTold {
    /// It wants more input, or more room.
    More,
    /// The content is over.
    End,
    /// This is no LZMA.
    Bad,
    /// It would need more memory than is allowed.
    Memory,
}

struct Lengths {
    choice: [u16; 2],
    low: [[u16; 8]; 16],
    mid: [[u16; 8]; 16],
    high: [u16; 256],
}

impl Lengths {
    const NEW: Self = Self { choice: [HALF; 2], low: [[HALF; 8]; 16], mid: [[HALF; 8]; 16], high: [HALF; 256] };

    fn read(&mut self, coder: &mut Coder, input: &mut Input, position: usize) -> Option<u32> {
        let [first, second] = &mut self.choice;
        Some(if coder.bit(input, first)? == 0 {
            coder.tree(input, self.low.get_mut(position)?, 3)?
        } else if coder.bit(input, second)? == 0 {
            8 + coder.tree(input, self.mid.get_mut(position)?, 3)?
        } else {
            16 + coder.tree(input, &mut self.high, 8)?
        })
    }
}

/// The range coder.
#[derive(Clone, Copy)]
struct Coder {
    range: u32,
    code: u32,
}

/// What is read, and how far.
struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Input<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }
}

impl Coder {
    fn normalise(&mut self, input: &mut Input) -> Option<()> {
        if self.range < 1 << 24 {
            self.range <<= 8;
            self.code = self.code << 8 | u32::from(input.byte()?);
        }
        Some(())
    }

    fn bit(&mut self, input: &mut Input, probability: &mut u16) -> Option<u32> {
        self.normalise(input)?;
        let bound = (self.range >> 11) * u32::from(*probability);
        if self.code < bound {
            self.range = bound;
            *probability += (2_048 - *probability) >> 5;
            Some(0)
        } else {
            self.range -= bound;
            self.code -= bound;
            *probability -= *probability >> 5;
            Some(1)
        }
    }

    /// `count` bits, the highest first, by a tree of probabilities.
    fn tree(&mut self, input: &mut Input, probabilities: &mut [u16], count: u32) -> Option<u32> {
        let mut symbol = 1;
        for _ in 0..count {
            symbol = symbol << 1 | self.bit(input, probabilities.get_mut(symbol as usize)?)?;
        }
        Some(symbol - (1 << count))
    }

    /// The same, the lowest first; the tree begins at `from`.
    fn reverse_tree(&mut self, input: &mut Input, probabilities: &mut [u16], from: usize, count: u32) -> Option<u32> {
        let mut symbol = 1_usize;
        let mut value = 0;
        for place in 0..count {
            let bit = self.bit(input, probabilities.get_mut(from + symbol)?)?;
            symbol = symbol << 1 | bit as usize;
            value |= bit << place;
        }
        Some(value)
    }

    fn direct(&mut self, input: &mut Input, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            self.normalise(input)?;
            self.range >>= 1;
            let bit = u32::from(self.code >= self.range);
            self.code -= self.range * bit;
            value = value << 1 | bit;
        }
        Some(value)
    }
}

/// One decompressor.
pub struct Lzma {
    window: Box<[u8]>,
    /// Where the next byte goes, bytes that are in it, and bytes of it that are used.
    at: usize,
    filled: usize,
    size: usize,
    input: Vec<u8>,
    input_length: usize,
    phase: Phase,
    literals: Box<[u16]>,
    literal_context: u32,
    literal_mask: u32,
    position_mask: u32,
    is_match: [[u16; 16]; STATES],
    is_rep: [u16; STATES],
    is_rep0: [u16; STATES],
    is_rep1: [u16; STATES],
    is_rep2: [u16; STATES],
    is_rep0_long: [[u16; 16]; STATES],
    slots: [[u16; 64]; 4],
    special: [u16; 128],
    align: [u16; 16],
    lengths: Lengths,
    rep_lengths: Lengths,
    coder: Coder,
    state: usize,
    reps: [u32; 4],
    /// Bytes of a match still to be copied.
    copying: u32,
    /// Bytes of content that came out, and how many there are.
    made: u64,
    content: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Header,
    Data,
    Over,
}

impl Lzma {
    /// One that looks back `memory` bytes at most.
    pub fn new(memory: usize) -> Self {
        Self {
            window: vec![0; memory].into_boxed_slice(),
            at: 0,
            filled: 0,
            size: memory,
            input: vec![0; INPUT],
            input_length: 0,
            phase: Phase::Header,
            literals: vec![HALF; 0x300 << MOST_LITERAL_BITS].into_boxed_slice(),
            literal_context: 0,
            literal_mask: 0,
            position_mask: 0,
            is_match: [[HALF; 16]; STATES],
            is_rep: [HALF; STATES],
            is_rep0: [HALF; STATES],
            is_rep1: [HALF; STATES],
            is_rep2: [HALF; STATES],
            is_rep0_long: [[HALF; 16]; STATES],
            slots: [[HALF; 64]; 4],
            special: [HALF; 128],
            align: [HALF; 16],
            lengths: Lengths::NEW,
            rep_lengths: Lengths::NEW,
            coder: Coder { range: 0, code: 0 },
            state: 0,
            reps: [0; 4],
            copying: 0,
            made: 0,
            content: None,
        }
    }

    /// From the beginning again.
    pub fn begin(&mut self) {
        (self.at, self.filled, self.input_length, self.phase) = (0, 0, 0, Phase::Header);
        self.literals.fill(HALF);
        (self.is_match, self.is_rep0_long) = ([[HALF; 16]; STATES], [[HALF; 16]; STATES]);
        (self.is_rep, self.is_rep0) = ([HALF; STATES], [HALF; STATES]);
        (self.is_rep1, self.is_rep2) = ([HALF; STATES], [HALF; STATES]);
        (self.slots, self.special, self.align) = ([[HALF; 64]; 4], [HALF; 128], [HALF; 16]);
        (self.lengths, self.rep_lengths) = (Lengths::NEW, Lengths::NEW);
        (self.state, self.reps, self.copying, self.made, self.content) = (0, [0; 4], 0, 0, None);
    }

    /// Reads from `bytes` and writes into `out`: bytes read, bytes written, and what is next. `last`: no more than `bytes` come.
    pub fn run(&mut self, bytes: &[u8], out: &mut [u8], last: bool) -> (usize, usize, LzmaTold) {
        let taken = bytes.len().min(INPUT - self.input_length);
        if let (Some(room), Some(part)) =
            (self.input.get_mut(self.input_length..self.input_length + taken), bytes.get(..taken))
        {
            room.copy_from_slice(part);
            self.input_length += taken;
        }
        let mut made = 0;
        let told = loop {
            match self.phase {
                Phase::Over => {
                    self.input_length = 0;
                    break LzmaTold::End;
                }
                Phase::Header => {
                    if self.input_length < HEADER + START {
                        break if last { LzmaTold::Bad } else { LzmaTold::More };
                    }
                    match self.header() {
                        LzmaTold::More => self.phase = Phase::Data,
                        told => break told,
                    }
                }
                Phase::Data => {
                    let (count, told) =
                        self.data(out.get_mut(made..).unwrap_or_default(), last && taken == bytes.len());
                    made += count;
                    break told;
                }
            }
        };
        (taken, made, told)
    }

    fn drop_input(&mut self, count: usize) {
        self.input.copy_within(count..self.input_length, 0);
        self.input_length -= count;
    }

    fn header(&mut self) -> LzmaTold {
        let Some(&[properties, a, b, c, d, e, f, g, h, i, j, k, l, zero, m, n, o, p]) = self.input.first_chunk() else {
            return LzmaTold::Bad;
        };
        let (lc, rest) = (u32::from(properties) % 9, u32::from(properties) / 9);
        let (lp, pb) = (rest % 5, rest / 5);
        if pb > 4 || zero != 0 {
            return LzmaTold::Bad;
        }
        if lc + lp > MOST_LITERAL_BITS {
            return LzmaTold::Memory;
        }
        (self.literal_context, self.literal_mask, self.position_mask) = (lc, (1 << lp) - 1, (1 << pb) - 1);
        // It may say that it looks back far and never do so: the window decides.
        let dictionary = u32::from_le_bytes([a, b, c, d]).max(1 << 12) as usize;
        self.size = dictionary.min(self.window.len());
        let content = u64::from_le_bytes([e, f, g, h, i, j, k, l]);
        self.content = (content != u64::MAX).then_some(content);
        self.coder = Coder { range: u32::MAX, code: u32::from_be_bytes([m, n, o, p]) };
        self.drop_input(HEADER + START);
        if self.coder.code == u32::MAX { LzmaTold::Bad } else { LzmaTold::More }
    }

    fn put(&mut self, out: &mut [u8], made: &mut usize, byte: u8) {
        if let Some(place) = self.window.get_mut(self.at) {
            *place = byte;
        }
        if let Some(place) = out.get_mut(*made) {
            *place = byte;
        }
        *made += 1;
        self.made += 1;
        self.at = if self.at + 1 >= self.size { 0 } else { self.at + 1 };
        self.filled = (self.filled + 1).min(self.size);
    }

    /// The byte `distance` bytes before the last one.
    fn back(&self, distance: usize) -> u8 {
        let at = if distance < self.at {
            self.at - distance - 1
        } else {
            (self.at + self.size).saturating_sub(distance + 1)
        };
        self.window.get(at).copied().unwrap_or(0)
    }

    fn data(&mut self, out: &mut [u8], last: bool) -> (usize, LzmaTold) {
        let mut made = 0;
        let mut at = 0;
        let bytes = std::mem::take(&mut self.input);
        let told = loop {
            while self.copying > 0 && made < out.len() {
                let byte = self.back(self.reps[0] as usize);
                self.put(out, &mut made, byte);
                self.copying -= 1;
            }
            if self.content.is_some_and(|content| self.made >= content) {
                self.phase = Phase::Over;
                break LzmaTold::End;
            }
            if made >= out.len()
                || (!last && self.input_length - at < LONGEST_SYMBOL)
                || at >= self.input_length && last
            {
                break LzmaTold::More;
            }
            let mut input = Input { bytes: bytes.get(..self.input_length).unwrap_or_default(), at };
            let symbol = self.symbol(&mut input);
            at = input.at;
            match symbol {
                Some(Symbol::Byte(byte)) => self.put(out, &mut made, byte),
                Some(Symbol::Copy(length)) => {
                    let distance = self.reps[0] as usize;
                    if distance >= self.filled {
                        break if (distance as u64) < self.made { LzmaTold::Memory } else { LzmaTold::Bad };
                    }
                    self.copying = match self.content {
                        Some(content) => u64::from(length).min(content - self.made) as u32,
                        None => length,
                    };
                }
                Some(Symbol::End) => {
                    self.phase = Phase::Over;
                    break LzmaTold::End;
                }
                // The input ended within the last symbol.
                None => {
                    self.phase = Phase::Over;
                    break LzmaTold::End;
                }
            }
        };
        self.input = bytes;
        self.drop_input(at);
        (made, told)
    }

    fn literal(&mut self, input: &mut Input) -> Option<u8> {
        let before = if self.filled == 0 { 0 } else { u32::from(self.back(0)) };
        let place = (self.made as u32 & self.literal_mask) << self.literal_context;
        let context = place + (before >> (8 - self.literal_context));
        let from = 0x300 * context as usize;
        let mut symbol = 1_usize;
        if self.state >= 7 {
            let mut matched = usize::from(self.back(self.reps[0] as usize));
            while symbol < 0x100 {
                let match_bit = matched >> 7 & 1;
                matched <<= 1;
                let probability = self.literals.get_mut(from + ((1 + match_bit) << 8) + symbol)?;
                let bit = self.coder.bit(input, probability)? as usize;
                symbol = symbol << 1 | bit;
                if match_bit != bit {
                    break;
                }
            }
        }
        while symbol < 0x100 {
            let bit = self.coder.bit(input, self.literals.get_mut(from + symbol)?)? as usize;
            symbol = symbol << 1 | bit;
        }
        Some(symbol as u8)
    }

    fn distance(&mut self, input: &mut Input, length: u32) -> Option<u32> {
        let slot = self.coder.tree(input, self.slots.get_mut(length.min(3) as usize)?, 6)?;
        if slot < 4 {
            return Some(slot);
        }
        let bits = (slot >> 1) - 1;
        let high = (2 | (slot & 1)) << bits;
        Some(if slot < 14 {
            let from = (high - slot) as usize;
            high.wrapping_add(self.coder.reverse_tree(input, &mut self.special, from, bits)?)
        } else {
            let direct = self.coder.direct(input, bits - 4)? << 4;
            high.wrapping_add(direct).wrapping_add(self.coder.reverse_tree(input, &mut self.align, 0, 4)?)
        })
    }

    fn symbol(&mut self, input: &mut Input) -> Option<Symbol> {
        let position = (self.made as u32 & self.position_mask) as usize;
        let state = self.state;
        if self.coder.bit(input, self.is_match.get_mut(state)?.get_mut(position)?)? == 0 {
            let byte = self.literal(input)?;
            self.state = match state {
                0..=3 => 0,
                4..=9 => state - 3,
                _ => state - 6,
            };
            return Some(Symbol::Byte(byte));
        }
        let is_short = state < 7;
        if self.coder.bit(input, self.is_rep.get_mut(state)?)? == 0 {
            let length = self.lengths.read(&mut self.coder, input, position)?;
            let distance = self.distance(input, length)?;
            if distance == u32::MAX {
                return Some(Symbol::End);
            }
            let [a, b, c, _] = self.reps;
            self.reps = [distance, a, b, c];
            self.state = if is_short { 7 } else { 10 };
            return Some(Symbol::Copy(length + 2));
        }
        if self.coder.bit(input, self.is_rep0.get_mut(state)?)? == 0 {
            if self.coder.bit(input, self.is_rep0_long.get_mut(state)?.get_mut(position)?)? == 0 {
                self.state = if is_short { 9 } else { 11 };
                return Some(Symbol::Copy(1));
            }
        } else {
            let [a, b, c, d] = self.reps;
            self.reps = if self.coder.bit(input, self.is_rep1.get_mut(state)?)? == 0 {
                [b, a, c, d]
            } else if self.coder.bit(input, self.is_rep2.get_mut(state)?)? == 0 {
                [c, a, b, d]
            } else {
                [d, a, b, c]
            };
        }
        let length = self.rep_lengths.read(&mut self.coder, input, position)?;
        self.state = if is_short { 8 } else { 11 };
        Some(Symbol::Copy(length + 2))
    }
}

/// What one symbol means.
enum Symbol {
    Byte(u8),
    /// So many bytes again, from as far back as the first of the last distances says.
    Copy(u32),
    End,
}

#[cfg(test)]
mod tests {
    use super::{Lzma, LzmaTold};

    const TEXT: &[u8] = b"gamma! gamma! alpha delta, beta alpha beta alpha gamma! delta, beta delta, alpha beta alpha beta delta, gamma! beta delta, beta alpha beta delta, beta beta alpha alpha beta beta beta beta gamma! gamma! beta beta beta beta delta, gamma! ";
    const PACKED: &str = "5d00008000ffffffffffffffff0033984a118e94c3f2efbb6702eb4bb398173a4d9346ff65b9bf1d1d8f710cae04430d10efded2609e2721ff8a33cdd9b42d38e4daf3042ca2b2ab8ffffcb131e0";

    fn packed() -> Vec<u8> {
        (0..PACKED.len() / 2).map(|at| u8::from_str_radix(&PACKED[at * 2..at * 2 + 2], 16).unwrap()).collect()
    }

    /// What comes out of `bytes` in pieces of `size`, through room for `room` bytes.
    fn undo(lzma: &mut Lzma, bytes: &[u8], size: usize, room: usize) -> (Vec<u8>, LzmaTold) {
        lzma.begin();
        let (mut out, mut buffer) = (Vec::new(), vec![0; room]);
        let mut told = LzmaTold::More;
        let mut pieces: Vec<&[u8]> = bytes.chunks(size).collect();
        pieces.push(b"");
        let last = pieces.len() - 1;
        for (number, piece) in pieces.into_iter().enumerate() {
            let mut rest = piece;
            loop {
                let (used, made, now) = lzma.run(rest, &mut buffer, number == last);
                out.extend_from_slice(&buffer[..made]);
                rest = &rest[used..];
                told = now;
                if now != LzmaTold::More || (made < room && rest.is_empty()) {
                    break;
                }
            }
            if told != LzmaTold::More {
                break;
            }
        }
        (out, told)
    }

    #[test]
    fn content_comes_out_whatever_the_pieces_and_the_room() {
        let mut lzma = Lzma::new(1 << 16);
        for size in [1, 2, 7, 1_000] {
            for room in [1, 5, 1_000] {
                assert_eq!(undo(&mut lzma, &packed(), size, room), (TEXT.to_vec(), LzmaTold::End), "{size} {room}");
            }
        }
    }

    #[test]
    fn a_size_that_is_told_ends_the_content() {
        let mut bytes = packed();
        bytes[5..13].copy_from_slice(&20_u64.to_le_bytes());
        assert_eq!(undo(&mut Lzma::new(1 << 16), &bytes, 3, 100), (TEXT[..20].to_vec(), LzmaTold::End));
    }

    #[test]
    fn what_is_cut_gives_what_it_has() {
        let (out, _) = undo(&mut Lzma::new(1 << 16), &packed()[..40], 40, 1_000);
        assert!(TEXT.starts_with(&out) && out.len() > 20, "{}", out.escape_ascii());
    }

    #[test]
    fn a_window_too_small_is_told() {
        let (out, told) = undo(&mut Lzma::new(10), &packed(), 1_000, 1_000);
        assert_eq!(told, LzmaTold::Memory);
        assert!(TEXT.starts_with(&out));
    }

    #[test]
    fn what_is_no_lzma_is_told() {
        assert_eq!(undo(&mut Lzma::new(100), b"<html><body>hello</body></html>", 100, 100).1, LzmaTold::Bad);
        assert_eq!(undo(&mut Lzma::new(100), b"\x5d\0\0", 100, 100).1, LzmaTold::Bad);
    }
}
