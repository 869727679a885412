//! Target `stream`: segments of a few TCP streams, in whatever order and with whatever lies, in little room.
//!
//! The first byte chooses inline or passive, the policy, and how much room there is; then operations of six bytes: on which stream, where the segment lies and how long it is, what
//! it is made of, whether the other end acknowledges, whether the stream ends. Memory stays within its bound. Inline, what goes out for a place is what came first for it, or zeros
//! where that was acknowledged and is forgotten; what is judged is that too, each byte once and in order. Passive, each byte is judged once and in order.

use sluice_core::Direction;
use sluice_flow::{
    Partitions, StreamRef, StreamSettings, Streams,
    stream::{BLOCK, OverlapPolicy, UrgentPolicy},
};

/// Operations of one input.
const MOST: usize = 1_024;
/// Streams there are.
const STREAMS: u32 = 6;
/// Bytes of a stream that segments may hold.
const LONGEST: usize = 1 << 13;

/// One direction, by the book.
struct Model {
    /// What came first for each place.
    bytes: Vec<Option<u8>>,
    /// Places judged.
    judged: usize,
    /// Something of it found no room, or was passed over: nothing can be said any more.
    lost: bool,
}

impl Model {
    fn new() -> Self {
        Self { bytes: vec![None; LONGEST + 256], judged: 0, lost: false }
    }

    /// Places in a row from the first one on.
    fn front(&self) -> usize {
        self.bytes.iter().position(Option::is_none).unwrap_or(self.bytes.len())
    }
}

/// Runs one input.
pub fn run(input: &[u8]) {
    let Some((&choice, rest)) = input.split_first() else { return };
    let inline = choice & 1 != 0;
    let policies = ["bsd", "linux", "old-linux", "solaris", "first", "last"];
    let policy = OverlapPolicy::from_name(policies[usize::from(choice >> 1 & 7) % policies.len()]);
    let memory = BLOCK * if choice & 16 == 0 { 400 } else { 24 };
    let mut streams = Streams::new(StreamSettings {
        streams: STREAMS as usize,
        memory,
        most: if choice & 32 == 0 { 1 << 16 } else { 4 << 10 },
        depth: if choice & 64 == 0 { 0 } else { 3_000 },
        window: 200,
        at_once: inline,
        partitions: Partitions::ONE,
        lists: 3,
        urgent: UrgentPolicy::default(),
        seed: 7,
    });
    let mut models: Vec<Model> = (0..STREAMS * 2).map(|_| Model::new()).collect();
    let origin = u32::MAX - 1_000;
    for operation in rest.chunks_exact(6).take(MOST) {
        let [which, high, low, length, letter, flags] = operation else { continue };
        let which = u32::from(*which) % (STREAMS * 2);
        let at = StreamRef::new(which / 2, Direction::ALL[which as usize % 2]);
        let model = &mut models[which as usize];
        if flags & 1 != 0 && flags & 0x1e == 0 {
            streams.end(which / 2);
            for gone in [which & !1, which | 1] {
                models[gone as usize] = Model::new();
            }
            continue;
        }
        if streams.is_unopened(at) {
            streams.open(at, origin, 0);
        }
        // Often right behind what is there.
        let place = usize::from(u16::from_be_bytes([*high, *low])) % LONGEST;
        let place = if flags & 2 != 0 { model.front().min(LONGEST - 1) } else { place };
        let payload = vec![*letter; usize::from(*length) + 1];
        let seq = origin.wrapping_add(place as u32);
        let was_open = streams.is_open(at);
        match streams.arrive(at, seq, &payload, policy.filter(|_| !inline)) {
            Ok(arrived) if was_open && arrived.placed => {
                for (known, byte) in model.bytes[place..].iter_mut().zip(&payload) {
                    known.get_or_insert(*byte);
                }
                if inline && !model.lost {
                    let mut sent = payload.clone();
                    streams.reread(at, seq, &mut sent);
                    for (number, &byte) in sent.iter().enumerate() {
                        let forgotten = number < arrived.forgotten as usize;
                        assert_eq!(byte, if forgotten { 0 } else { model.bytes[place + number].unwrap() });
                    }
                }
            }
            Ok(_) => {}
            Err(_) => model.lost = true,
        }
        assert!(streams.memory() <= memory, "{} of {memory} bytes", streams.memory());
        if flags & 4 != 0 {
            let acknowledged = if flags & 8 != 0 { place } else { models[which as usize].front() };
            streams.acknowledge(at, origin.wrapping_add(acknowledged as u32));
        }
        for (number, model) in models.iter_mut().enumerate() {
            let at = StreamRef::new(number as u32 / 2, Direction::ALL[number % 2]);
            judge(&mut streams, at, model, flags & 16 != 0, inline);
        }
    }
    (0..STREAMS).for_each(|place| streams.end(place));
    assert_eq!(streams.memory(), 0, "what is given up is given back");
}

/// Takes all turns of one direction.
fn judge(streams: &mut Streams, at: StreamRef, model: &mut Model, all: bool, inline: bool) {
    let mut turns = 0;
    while let Some(turn) = streams.turn(at, all) {
        let (from, to) = turn.judge;
        model.lost |= turn.gap;
        let mut bytes = vec![0; to.wrapping_sub(from) as usize];
        streams.read(at, from, &mut bytes);
        if !model.lost {
            assert_eq!(from as usize, model.judged, "each byte once and in order");
            for (known, byte) in model.bytes[model.judged..].iter().zip(&bytes) {
                assert!(known.is_some_and(|known| !inline || known == *byte), "what came is judged");
            }
            model.judged += bytes.len();
        }
        // The window is there too.
        let mut window = vec![0; to.wrapping_sub(turn.window) as usize];
        assert!(window.len() <= bytes.len() + 200);
        streams.read(at, turn.window, &mut window);
        if turn.judges() && to.is_multiple_of(3) {
            streams.wait(at, to % 40, to, 1);
        }
        streams.turned(at, &turn);
        turns += 1;
        assert!(turns < 10_000, "no end");
    }
    if !streams.is_open(at) && !streams.is_unopened(at) {
        model.lost = true;
    }
}
