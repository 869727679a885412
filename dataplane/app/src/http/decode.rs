//! Content encodings, undone one upon the other as a body comes.
//!
//! Used for bodies of requests and responses. Decompressors lie in a pool of one worker ([`Decoders`]); a body holds a [`Stack`] of places in it, and gives them back. What turns out not to be
//! in its encoding goes through as it is, because clients show it so. Output is bounded by what went in ([`Stack::push`]).
//!
//! Sources: RFC 9110 section 8.4 (order of codings), RFC 1952 (gzip), RFC 1950 (zlib), RFC 1951 (deflate), RFC 7932 (brotli).

use super::{
    brotli::Brotli,
    lzma::{Lzma, LzmaTold},
    text::{contains_word, trim},
};
use miniz_oxide::{
    DataFormat, MZError, MZFlush, MZStatus,
    inflate::{
        TINFLStatus,
        stream::{InflateState, MinReset, inflate},
    },
};

/// Layers undone, at most, whatever the settings say.
pub const MOST_LAYERS: usize = 6;
/// Bytes of output at a time.
const STEP: usize = 16 << 10;
/// Bytes of input kept of each layer to give them out as they are when they turn out not to be compressed.
const HELD: usize = 512;
/// Bytes out for one byte in, at most, once `bomb_limit` bytes came out: no honest content has more.
const BOMB_RATIO: u64 = 2_048;
/// Bytes of a body that are undone together, up to a place in it and behind that: what comes out of them is held against what may, so the places must not depend on how the body came in pieces.
const SHORT_STRIDE: u64 = 64;
const STRIDE: u64 = 1_024;
const SHORT_STRIDES_END: u64 = 4_096;
/// Bodies of brotli and of LZMA undone at once, at most: each may take much memory.
const MOST_BROTLI: usize = 16;
const MOST_LZMA: usize = 16;
const NONE: u32 = u32::MAX;

/// What went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodeFaults {
    /// A layer's bytes are not in its encoding.
    pub failed: bool,
    /// Too much came out of too little: no more comes out.
    pub bomb: bool,
    /// LZMA would look back further than allowed.
    pub lzma_memory: bool,
    /// More layers than are undone.
    pub too_many: bool,
    /// A coding that is not known, or a list that is none.
    pub abnormal: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Coding {
    #[default]
    Gzip,
    Deflate,
    Brotli,
    Lzma,
}

/// Where a layer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// The first bytes, which tell the format.
    #[default]
    Start,
    /// The second byte of zlib's header.
    ZlibFlags,
    /// Bytes of gzip's header that are skipped, then what its flags say.
    Skip(u8),
    ExtraLow,
    ExtraHigh(u8),
    Extra(u16),
    Name,
    Comment,
    HeaderSum(u8),
    Data,
    /// Checksum and length behind gzip's data.
    Sums(u8),
    /// Another member may begin.
    Again,
    /// Nothing more comes out.
    Over,
    /// Bytes go through as they are.
    Through,
}

#[derive(Clone, Copy, Debug, Default)]
struct Layer {
    coding: Coding,
    phase: Phase,
    flags: u8,
    place: u32,
}

/// The encodings of one body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stack {
    layers: [Layer; MOST_LAYERS],
    count: u8,
    taken_in: u64,
    /// What went wrong so far.
    pub faults: DecodeFaults,
}

/// What was taken of a layer, in case it is not in its encoding.
struct Front {
    held: [u8; HELD],
    length: u16,
    /// More came than is held.
    beyond: bool,
    /// Something came out.
    told: bool,
    /// Bytes that came out.
    given_out: u64,
    next: u32,
}

impl Front {
    const NEW: Self = Self { held: [0; HELD], length: 0, beyond: false, told: false, given_out: 0, next: NONE };
}

/// Decompressors of one kind, and what was taken by each.
struct Pool<T> {
    places: Vec<(Front, T)>,
    free: u32,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: NONE }
    }
}

impl<T> Pool<T> {
    fn new(most: usize) -> Self {
        Self { places: Vec::with_capacity(most), free: NONE }
    }

    fn take(&mut self, make: impl FnOnce() -> T, begin: impl FnOnce(&mut T)) -> u32 {
        if let Some((front, found)) = self.places.get_mut(self.free as usize) {
            begin(found);
            let next = front.next;
            (front.length, front.beyond, front.told, front.given_out) = (0, false, false, 0);
            return std::mem::replace(&mut self.free, next);
        }
        if self.places.len() < self.places.capacity() {
            self.places.push((Front::NEW, make()));
            return self.places.len() as u32 - 1;
        }
        NONE
    }

    fn give(&mut self, place: u32) {
        if let Some((front, _)) = self.places.get_mut(place as usize) {
            front.next = self.free;
            self.free = place;
        }
    }

    fn front(&mut self, place: u32) -> Option<&mut Front> {
        self.places.get_mut(place as usize).map(|(front, _)| front)
    }

    fn engine(&mut self, place: u32) -> Option<&mut T> {
        self.places.get_mut(place as usize).map(|(_, engine)| engine)
    }
}

#[derive(Default)]
struct Pools {
    inflate: Pool<InflateState>,
    brotli: Pool<Brotli>,
    lzma: Pool<Lzma>,
    lzma_memory: usize,
}

/// What a step of a decompressor led to.
pub(super) enum Told {
    More,
    /// All was read and all came out that can.
    Dry,
    End,
    Bad,
}

impl Pools {
    fn take(&mut self, coding: Coding) -> u32 {
        match coding {
            Coding::Gzip | Coding::Deflate => {
                self.inflate.take(|| InflateState::new(DataFormat::Raw), |found| found.reset_as(MinReset))
            }
            Coding::Brotli => self.brotli.take(Brotli::new, Brotli::begin),
            Coding::Lzma => {
                let memory = self.lzma_memory;
                self.lzma.take(|| Lzma::new(memory), Lzma::begin)
            }
        }
    }

    fn give(&mut self, layer: &Layer) {
        match layer.coding {
            Coding::Gzip | Coding::Deflate => self.inflate.give(layer.place),
            Coding::Brotli => {
                if let Some(found) = self.brotli.engine(layer.place) {
                    found.forget();
                }
                self.brotli.give(layer.place);
            }
            Coding::Lzma => self.lzma.give(layer.place),
        }
    }

    fn front(&mut self, layer: &Layer) -> Option<&mut Front> {
        match layer.coding {
            Coding::Gzip | Coding::Deflate => self.inflate.front(layer.place),
            Coding::Brotli => self.brotli.front(layer.place),
            Coding::Lzma => self.lzma.front(layer.place),
        }
    }

    /// One step: bytes read, bytes written, and what is next.
    fn run(
        &mut self,
        layer: &Layer,
        bytes: &[u8],
        out: &mut [u8],
        last: bool,
        faults: &mut DecodeFaults,
    ) -> (usize, usize, Told) {
        match layer.coding {
            Coding::Gzip | Coding::Deflate => {
                let Some(state) = self.inflate.engine(layer.place) else { return (bytes.len(), 0, Told::Bad) };
                let result = inflate(state, bytes, out, MZFlush::None);
                let is_dry = result.bytes_consumed == bytes.len() && result.bytes_written < out.len();
                let told = match result.status {
                    Ok(MZStatus::StreamEnd) => Told::End,
                    Ok(_) if is_dry && state.last_status() == TINFLStatus::NeedsMoreInput => Told::Dry,
                    Ok(_) | Err(MZError::Buf) => Told::More,
                    Err(_) => Told::Bad,
                };
                (result.bytes_consumed, result.bytes_written, told)
            }
            Coding::Brotli => match self.brotli.engine(layer.place) {
                Some(brotli) => brotli.run(bytes, out),
                None => (bytes.len(), 0, Told::Bad),
            },
            Coding::Lzma => {
                let Some(lzma) = self.lzma.engine(layer.place) else { return (bytes.len(), 0, Told::Bad) };
                let (used, made, told) = lzma.run(bytes, out, last);
                faults.lzma_memory |= told == LzmaTold::Memory;
                let told = match told {
                    LzmaTold::More => Told::More,
                    LzmaTold::End => Told::End,
                    LzmaTold::Bad | LzmaTold::Memory => Told::Bad,
                };
                (used, made, told)
            }
        }
    }
}

/// Decompressors of one worker.
#[derive(Default)]
pub struct Decoders {
    pools: Pools,
    scratch: Vec<u8>,
}

impl Decoders {
    /// `most` decompressors for gzip and deflate, 44 KiB each, and a few for the others. Memory is reserved here and touched as it is used; brotli alone allocates as it goes.
    pub fn new(most: usize, lzma_memory: usize) -> Self {
        let pools = Pools {
            inflate: Pool::new(most),
            brotli: Pool::new(MOST_BROTLI.min(most)),
            lzma: Pool::new(if lzma_memory == 0 { 0 } else { MOST_LZMA.min(most) }),
            lzma_memory,
        };
        Self { pools, scratch: vec![0; STEP * MOST_LAYERS] }
    }
}

impl Stack {
    /// Adds the codings in `value`, of a `Content-Encoding` header, in the order they were applied. At most `most` of them are undone. How many are not because all decompressors are in use.
    pub fn add(&mut self, decoders: &mut Decoders, value: &[u8], most: usize) -> u64 {
        let mut refused = 0;
        for word in value.split(|byte| *byte == b',') {
            let word = trim(word);
            let is = |name: &[u8]| contains_word(word, name);
            let coding = if is(b"gzip") {
                Coding::Gzip
            } else if is(b"deflate") {
                Coding::Deflate
            } else if is(b"lzma") {
                Coding::Lzma
            } else if word.eq_ignore_ascii_case(b"br") {
                Coding::Brotli
            } else {
                let known = word.eq_ignore_ascii_case(b"identity");
                self.faults.abnormal |= !known;
                continue;
            };
            let exact: &[&[u8]] = match coding {
                Coding::Gzip => &[b"gzip", b"x-gzip"],
                Coding::Deflate => &[b"deflate", b"x-deflate"],
                Coding::Brotli => &[b"br"],
                Coding::Lzma => &[b"lzma"],
            };
            self.faults.abnormal |= !exact.iter().any(|name| word.eq_ignore_ascii_case(name));
            if usize::from(self.count) >= most.min(MOST_LAYERS) {
                self.faults.too_many = true;
                continue;
            }
            let place = decoders.pools.take(coding);
            if place == NONE {
                refused += 1;
                continue;
            }
            if let Some(layer) = self.layers.get_mut(usize::from(self.count)) {
                *layer = Layer { coding, phase: Phase::Start, flags: 0, place };
                self.count += 1;
            }
        }
        refused
    }

    /// Whether bytes go through as they are.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Gives the decompressors back.
    pub fn give_back(&mut self, decoders: &mut Decoders) {
        for layer in self.layers.iter().take(usize::from(self.count)) {
            decoders.pools.give(layer);
        }
        self.count = 0;
    }

    /// Undoes `bytes` and gives what comes out to `sink`. The same comes out however the body is cut.
    ///
    /// # Cost
    /// Linear in what comes out of each layer, which is at most the larger of `bomb_limit` and 2,048 times what went in, rounded up to a stride.
    pub fn push(&mut self, decoders: &mut Decoders, bytes: &[u8], bomb_limit: u64, sink: &mut dyn FnMut(&[u8])) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let left = usize::try_from(self.stride_end() - self.taken_in).unwrap_or(usize::MAX);
            let (part, behind) = rest.split_at_checked(left).unwrap_or((rest, b""));
            self.run(decoders, part, false, bomb_limit, sink);
            rest = behind;
        }
    }

    /// Where the stride ends in which the next byte lies.
    const fn stride_end(&self) -> u64 {
        let stride = if self.taken_in < SHORT_STRIDES_END { SHORT_STRIDE } else { STRIDE };
        (self.taken_in / stride + 1) * stride
    }

    /// No more come: gives out what was held.
    pub fn finish(&mut self, decoders: &mut Decoders, bomb_limit: u64, sink: &mut dyn FnMut(&[u8])) {
        self.run(decoders, &[], true, bomb_limit, sink);
    }

    fn run(&mut self, decoders: &mut Decoders, bytes: &[u8], last: bool, bomb_limit: u64, sink: &mut dyn FnMut(&[u8])) {
        if self.faults.bomb {
            return;
        }
        let allowed = bomb_limit.max(self.stride_end().saturating_mul(BOMB_RATIO));
        let Self { layers, count, taken_in, faults } = self;
        *taken_in += bytes.len() as u64;
        let Decoders { pools, scratch, .. } = decoders;
        let mut work = Work { pools, faults, allowed, sink, last };
        // The coding applied last is undone first.
        work.layer(layers.get_mut(..usize::from(*count)).unwrap_or_default(), scratch, bytes, last);
    }
}

/// One call's worth of undoing.
struct Work<'a> {
    pools: &'a mut Pools,
    faults: &'a mut DecodeFaults,
    /// Bytes that may have come out of each layer.
    allowed: u64,
    sink: &'a mut dyn FnMut(&[u8]),
    /// No more bytes come.
    last: bool,
}

impl Work<'_> {
    /// Gives `bytes` to the last of `layers`, and what comes out to the one before it.
    fn layer(&mut self, layers: &mut [Layer], scratch: &mut [u8], bytes: &[u8], last: bool) {
        let Some((layer, below)) = layers.split_last_mut() else {
            if !bytes.is_empty() {
                (self.sink)(bytes);
            }
            return;
        };
        let (out, scratch) = scratch.split_at_mut(STEP.min(scratch.len()));
        let mut rest = bytes;
        while !rest.is_empty() && !self.faults.bomb {
            let used = match layer.phase {
                Phase::Through => {
                    self.layer(below, scratch, rest, false);
                    rest.len()
                }
                Phase::Over => rest.len(),
                Phase::Data => self.data(layer, below, out, scratch, rest),
                _ => self.frame(layer, below, scratch, rest),
            };
            rest = rest.get(used..).unwrap_or_default();
        }
        if last {
            if layer.coding == Coding::Lzma && layer.phase == Phase::Data {
                // It holds back the last symbols.
                self.data(layer, below, out, scratch, &[]);
            }
            // What never became data goes out as it came.
            let silent = match layer.phase {
                Phase::Data => self.pools.front(layer).is_some_and(|front| !front.told && !front.beyond),
                Phase::Sums(_) | Phase::Again | Phase::Over | Phase::Through => false,
                _ => true,
            };
            if silent {
                self.fail(layer, below, scratch);
            }
            self.layer(below, scratch, b"", true);
        }
    }

    /// Reads what stands around the compressed data; how many bytes of `bytes`, which are not empty, it used.
    fn frame(&mut self, layer: &mut Layer, below: &mut [Layer], scratch: &mut [u8], bytes: &[u8]) -> usize {
        let Some(&byte) = bytes.first() else { return 0 };
        let flags = layer.flags;
        let (used, next) = match layer.phase {
            Phase::Start => return self.start(layer, below, scratch, byte),
            Phase::ZlibFlags => {
                let method = self.held(layer).first().copied().unwrap_or(0);
                if flags_fit(method, byte) {
                    (1, Phase::Data)
                } else {
                    self.fail(layer, below, scratch);
                    return 0;
                }
            }
            Phase::Skip(count) => {
                let used = usize::from(count).min(bytes.len());
                (used, if used == usize::from(count) { after_fixed(flags) } else { Phase::Skip(count - used as u8) })
            }
            Phase::ExtraLow => (1, Phase::ExtraHigh(byte)),
            Phase::ExtraHigh(low) => match u16::from(byte) << 8 | u16::from(low) {
                0 => (1, after_extra(flags)),
                length => (1, Phase::Extra(length)),
            },
            Phase::Extra(count) => {
                let used = usize::from(count).min(bytes.len());
                (used, if used == usize::from(count) { after_extra(flags) } else { Phase::Extra(count - used as u16) })
            }
            Phase::Name | Phase::Comment => match bytes.iter().position(|byte| *byte == 0) {
                Some(at) if layer.phase == Phase::Name => (at + 1, after_name(flags)),
                Some(at) => (at + 1, after_comment(flags)),
                None => (bytes.len(), layer.phase),
            },
            Phase::HeaderSum(count) => (1, if count <= 1 { Phase::Data } else { Phase::HeaderSum(count - 1) }),
            Phase::Sums(count) => {
                let used = usize::from(count).min(bytes.len());
                (used, if used == usize::from(count) { Phase::Again } else { Phase::Sums(count - used as u8) })
            }
            Phase::Again if byte == 0x1f => {
                if let Some((front, state)) = self.pools.inflate.places.get_mut(layer.place as usize) {
                    state.reset_as(MinReset);
                    (front.length, front.beyond, front.told) = (0, false, false);
                }
                (0, Phase::Start)
            }
            Phase::Again => (bytes.len(), Phase::Over),
            Phase::Data | Phase::Over | Phase::Through => (bytes.len(), layer.phase),
        };
        self.hold(layer, bytes.get(..used).unwrap_or_default());
        layer.phase = next;
        used
    }

    /// One of the first bytes, which tell whether this is the format it should be.
    fn start(&mut self, layer: &mut Layer, below: &mut [Layer], scratch: &mut [u8], byte: u8) -> usize {
        if matches!(layer.coding, Coding::Brotli | Coding::Lzma) {
            layer.phase = Phase::Data;
            return 0;
        }
        if layer.coding == Coding::Deflate {
            // No stream of deflate begins with what zlib's header begins with: the padding of its first block would not be 0.
            if byte & 0x0f != 8 || byte >> 4 > 7 {
                layer.phase = Phase::Data;
                return 0;
            }
            self.hold(layer, &[byte]);
            layer.phase = Phase::ZlibFlags;
            return 1;
        }
        self.hold(layer, &[byte]);
        match self.held(layer) {
            [0x1f] | [0x1f, 0x8b] | [0x1f, 0x8b, 8] => {}
            [0x1f, 0x8b, 8, flags] => (layer.flags, layer.phase) = (*flags, Phase::Skip(6)),
            _ => self.fail(layer, below, scratch),
        }
        1
    }

    fn data(
        &mut self,
        layer: &mut Layer,
        below: &mut [Layer],
        out: &mut [u8],
        scratch: &mut [u8],
        bytes: &[u8],
    ) -> usize {
        let mut rest = bytes;
        loop {
            let (used, made, told) = self.pools.run(layer, rest, out, self.last, self.faults);
            self.hold(layer, rest.get(..used).unwrap_or_default());
            let mut room = made as u64;
            if let Some(front) = self.pools.front(layer) {
                front.told |= made > 0;
                room = self.allowed.saturating_sub(front.given_out);
                front.given_out += made as u64;
            }
            rest = rest.get(used..).unwrap_or_default();
            // Up to the byte that is too many.
            let some = usize::try_from(room).unwrap_or(usize::MAX).min(made);
            self.layer(below, scratch, out.get(..some).unwrap_or_default(), false);
            self.faults.bomb |= some < made;
            if self.faults.bomb {
                return bytes.len();
            }
            match told {
                Told::End => {
                    layer.phase = if layer.coding == Coding::Gzip { Phase::Sums(8) } else { Phase::Over };
                    break;
                }
                Told::Dry => break,
                // Output may still be waiting, and then comes alone, without a byte being read.
                Told::More if made > 0 || (!rest.is_empty() && used > 0) => {}
                Told::More if rest.is_empty() => break,
                Told::More | Told::Bad => {
                    self.fail(layer, below, scratch);
                    break;
                }
            }
        }
        bytes.len() - rest.len()
    }

    /// Keeps `bytes` in case they turn out not to be compressed.
    fn hold(&mut self, layer: &Layer, bytes: &[u8]) {
        let Some(front) = self.pools.front(layer) else { return };
        let start = usize::from(front.length);
        match front.held.get_mut(start..start + bytes.len()) {
            Some(room) if !front.beyond => {
                room.copy_from_slice(bytes);
                front.length += bytes.len() as u16;
            }
            _ => front.beyond = true,
        }
    }

    fn held(&mut self, layer: &Layer) -> &[u8] {
        self.pools.front(layer).and_then(|front| front.held.get(..usize::from(front.length))).unwrap_or_default()
    }

    /// The layer is not what it says: what it took so far, when all of that is held, and what follows go through as they are.
    fn fail(&mut self, layer: &mut Layer, below: &mut [Layer], scratch: &mut [u8]) {
        self.faults.failed = true;
        layer.phase = Phase::Through;
        let Some(front) = self.pools.front(layer).filter(|front| !front.beyond) else { return };
        let (held, length) = (front.held, usize::from(front.length));
        self.layer(below, scratch, held.get(..length).unwrap_or_default(), false);
    }
}

/// Whether the second byte of zlib's header fits the first (RFC 1950 section 2.2).
fn flags_fit(method: u8, flags: u8) -> bool {
    flags & 0x20 == 0 && (u16::from(method) << 8 | u16::from(flags)) % 31 == 0
}

const fn after_fixed(flags: u8) -> Phase {
    if flags & 4 != 0 { Phase::ExtraLow } else { after_extra(flags) }
}

const fn after_extra(flags: u8) -> Phase {
    if flags & 8 != 0 { Phase::Name } else { after_name(flags) }
}

const fn after_name(flags: u8) -> Phase {
    if flags & 16 != 0 { Phase::Comment } else { after_comment(flags) }
}

const fn after_comment(flags: u8) -> Phase {
    if flags & 2 != 0 { Phase::HeaderSum(2) } else { Phase::Data }
}

#[cfg(test)]
mod tests {
    use super::{Decoders, Stack};

    /// "hello hello hello hello" by gzip, zlib and raw deflate.
    const RAW: &[u8] = &[0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x27, 0x01];
    const TEXT: &[u8] = b"hello hello hello hello";

    fn gzip(flags: u8, extra: &[u8]) -> Vec<u8> {
        [&[0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3][..], extra, RAW, &[1, 2, 3, 4, 23, 0, 0, 0]].concat()
    }

    /// Undoes `bytes` in pieces of `size`.
    fn undo(coding: &[u8], bytes: &[u8], size: usize) -> (Vec<u8>, Stack) {
        let mut decoders = Decoders::new(4, 1 << 16);
        let mut stack = Stack::default();
        stack.add(&mut decoders, coding, 2);
        let mut out = Vec::new();
        for piece in bytes.chunks(size) {
            stack.push(&mut decoders, piece, 1 << 22, &mut |bytes| out.extend_from_slice(bytes));
        }
        stack.finish(&mut decoders, 1 << 22, &mut |bytes| out.extend_from_slice(bytes));
        stack.give_back(&mut decoders);
        (out, stack)
    }

    fn undone(coding: &[u8], bytes: &[u8]) -> Vec<u8> {
        let (whole, stack) = undo(coding, bytes, usize::MAX);
        for size in [1, 3, 100, 1_460] {
            let (pieces, other) = undo(coding, bytes, size);
            assert!(pieces == whole, "in pieces of {size}");
            assert_eq!(other.faults, stack.faults);
        }
        whole
    }

    #[test]
    fn gzip_is_undone_whatever_its_header_holds() {
        assert_eq!(undone(b"gzip", &gzip(0, b"")), TEXT);
        assert_eq!(undone(b"x-gzip", &gzip(0xe1, b"")), TEXT);
        assert_eq!(undone(b"gzip", &gzip(0x1e, b"\x02\0xyname\0comment\0\xaa\xbb")), TEXT);
        assert_eq!(undone(b"gzip", &[gzip(0, b""), gzip(0, b"")].concat()), [TEXT, TEXT].concat());
    }

    #[test]
    fn deflate_is_undone_with_and_without_zlib_around_it() {
        assert_eq!(undone(b"deflate", RAW), TEXT);
        assert_eq!(undone(b"deflate", &[&[0x78, 0x9c][..], RAW, &[0; 4]].concat()), TEXT);
    }

    #[test]
    fn what_is_not_compressed_goes_through() {
        for text in [&b"X5O!P%@AP plain"[..], b"<html>", b"{", b"\x1f\x8b\x07", b"\x1f"] {
            for coding in [&b"gzip"[..], b"deflate", b"gzip, deflate"] {
                let (out, stack) = undo(coding, text, 2);
                assert!(out.ends_with(text), "{coding:?} {text:?} {out:?}");
                assert!(stack.faults.failed || out == text);
            }
        }
    }

    #[test]
    fn a_layer_that_is_not_there_is_skipped() {
        assert_eq!(undone(b"gzip, gzip", &gzip(0, b"")), TEXT);
        assert_eq!(undone(b"gzip, deflate", &gzip(0, b"")), TEXT);
        assert_eq!(undone(b"deflate, gzip", RAW), TEXT);
    }

    #[test]
    fn layers_beyond_the_limit_stay() {
        let (_, stack) = undo(b"gzip, deflate, gzip", b"x", 1);
        assert!(stack.faults.too_many);
        let (_, stack) = undo(b"gzip x, nonsense", b"x", 1);
        assert!(stack.faults.abnormal && !stack.faults.too_many);
    }

    /// `bytes` by deflate as they are, and gzip around `data`.
    fn stored(bytes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(bytes.len()).unwrap();
        [&[1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), bytes].concat()
    }

    fn member(data: &[u8]) -> Vec<u8> {
        [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], data, &[0; 8]].concat()
    }

    #[test]
    fn what_comes_out_of_a_piece_may_be_more_than_there_is_room_for_at_once() {
        let short = undone(b"deflate", crate::http::tests::BOMB);
        assert_eq!(undone(b"deflate", &short), vec![0; 3_000_000]);
    }

    #[test]
    fn whether_too_much_comes_out_does_not_depend_on_how_a_body_is_cut() {
        let bomb = crate::http::tests::BOMB;
        let short = undone(b"deflate", bomb);
        // Much comes out at first, and then so little that the whole is not too much.
        let [before, behind] = [&member(&[])[..10], &[&[0; 8][..], &member(&stored(&[b'a'; 30_000]))].concat()];
        let mixed = [member(&stored(before)), member(bomb), member(&stored(behind))].concat();
        let (mut bombs, mut others) = (0, 0);
        for (number, (coding, body)) in [
            (&b"deflate, deflate"[..], bomb),
            (b"deflate", &short),
            (b"gzip, gzip", &mixed),
            (b"gzip", &member(&stored(&[b'a'; 30_000]))),
        ]
        .into_iter()
        .enumerate()
        {
            for limit in [1_000, 90_000, 1 << 22] {
                let told = |size: usize| {
                    let mut decoders = Decoders::new(4, 1 << 16);
                    let (mut stack, mut out) = (Stack::default(), Vec::new());
                    stack.add(&mut decoders, coding, 2);
                    for piece in body.chunks(size) {
                        stack.push(&mut decoders, piece, limit, &mut |bytes| out.extend_from_slice(bytes));
                    }
                    stack.finish(&mut decoders, limit, &mut |bytes| out.extend_from_slice(bytes));
                    (out, stack.faults)
                };
                let whole = told(usize::MAX);
                for size in [1, 3, 63, 64, 65, 1_460] {
                    let (out, faults) = told(size);
                    assert_eq!((out.len(), faults), (whole.0.len(), whole.1), "body {number} in pieces of {size}");
                    assert!(out == whole.0);
                }
                if whole.1.bomb {
                    bombs += 1;
                } else {
                    others += 1;
                }
            }
        }
        assert_eq!((bombs, others), (4, 8));
    }

    #[test]
    fn places_come_back() {
        let mut decoders = Decoders::new(2, 1 << 16);
        for _ in 0..10 {
            let mut stack = Stack::default();
            assert_eq!(stack.add(&mut decoders, b"gzip, gzip", 2), 0);
            assert_eq!(Stack::default().add(&mut decoders, b"gzip", 2), 1);
            stack.give_back(&mut decoders);
        }
    }
}
