//! DNP3 frames into fragments, and those into transactions: requests and responses are transactions of their own.
//!
//! Called by [`crate::applications`]. A fragment of several frames waits in the arena until its last frame; what does not begin a frame is left out up to where a sound header stands.

use super::{
    fields::Message,
    parse::{Flat, KEPT_HEADER, frame, next_frame},
};
use crate::{
    arena::{Arena, Buf},
    desk::Desk,
    event::AppEvent,
    field::Field,
    level,
    parser::{Fed, Parser},
    pdu::Framed,
};
use sluice_core::Direction;

/// Requests without a response that are no flood yet.
const UNANSWERED: u16 = 32;
/// Bytes of a fragment that are kept: stations take 2,048 unless told otherwise (IEEE 1815-2012 section 4.2).
const MOST_KEPT: usize = KEPT_HEADER + 2_048;

/// One end of a conversation.
#[derive(Debug, Default)]
struct End {
    /// Header and frames so far of a fragment that goes on; empty when there is none.
    kept: Buf,
    /// Number of the frame that came last, 0 to 63.
    sequence: u8,
    /// Bytes are left out up to the next sound header.
    lost: bool,
}

/// One conversation.
#[derive(Debug, Default)]
pub struct Conversation {
    ends: [End; 2],
    /// Requests since the last response.
    unanswered: u16,
}

impl Parser for Conversation {
    fn feed(&mut self, desk: &mut Desk, bytes: &[u8]) -> Fed {
        let Self { ends, unanswered } = self;
        let [server, client] = ends;
        let end = if desk.direction == Direction::ToServer { server } else { client };
        let mut used = 0;
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            match frame(rest) {
                Framed::Whole { bytes, wrong } => {
                    end.lost = false;
                    let unit = rest.get(..bytes).unwrap_or(rest);
                    match wrong {
                        Some(event) => self::wrong(desk, event),
                        None => end.frame(desk, unit, unanswered),
                    }
                    used += bytes.max(1);
                }
                Framed::Needs(_) if desk.datagram => break,
                Framed::Needs(more) => return Fed::Part { used, wants: rest.len() + more.max(1) },
                Framed::Broken(event) => {
                    if !std::mem::replace(&mut end.lost, true) {
                        self::wrong(desk, event);
                    }
                    used += next_frame(rest);
                }
            }
        }
        Fed::All
    }

    fn gap(&mut self, desk: &mut Desk, _missing: u32) -> Fed {
        if let Some(end) = self.ends.get_mut(desk.direction.index()) {
            end.lost = true;
            desk.forget(&mut end.kept);
        }
        Fed::All
    }

    fn end(&mut self, _desk: &mut Desk, _waiting: &[u8]) {}

    fn forget(&mut self, arena: &mut Arena) {
        self.ends.iter_mut().for_each(|end| arena.free(&mut end.kept));
    }
}

impl End {
    /// Adds a sound frame to its fragment, and tells of the fragment when it was the last.
    fn frame(&mut self, desk: &mut Desk, frame: &[u8], unanswered: &mut u16) {
        let Some(flat) = Flat::of(frame) else { return };
        let header = frame.get(..KEPT_HEADER).unwrap_or_default();
        if flat.is_first() {
            desk.forget(&mut self.kept);
        } else if self.kept.is_empty() || (self.sequence + 1) & 0x3f != flat.sequence() {
            // A frame of a fragment whose others are not known.
            return;
        }
        self.sequence = flat.sequence();
        if !flat.is_last() {
            let header = if flat.is_first() { header } else { &[] };
            let room = MOST_KEPT.saturating_sub(self.kept.len());
            let piece = flat.piece().get(..room).unwrap_or(flat.piece());
            let _ = desk.keep(&mut self.kept, header) && desk.keep(&mut self.kept, piece);
            return;
        }
        let mut whole = [0; MOST_KEPT];
        let before = if flat.is_first() { header } else { desk.kept(&self.kept) };
        let mut length = 0;
        for (place, byte) in whole.iter_mut().zip(before.iter().chain(flat.piece())) {
            *place = *byte;
            length += 1;
        }
        desk.forget(&mut self.kept);
        fragment(desk, whole.get(..length).unwrap_or_default(), unanswered);
    }
}

/// Something is wrong that leaves no fragment: a transaction with nothing else.
fn wrong(desk: &mut Desk, event: AppEvent) {
    let direction = desk.direction;
    let at = desk.open(0);
    desk.skip(at, direction.reverse());
    desk.event(at, direction, event);
    desk.reach(at, direction, level::DONE);
}

fn fragment(desk: &mut Desk, bytes: &[u8], unanswered: &mut u16) {
    let direction = desk.direction;
    let at = desk.open(0);
    desk.skip(at, direction.reverse());
    desk.put(at, direction, Field::Message, bytes);
    if let Some(message) = Message::of(bytes) {
        if !message.fragment.is_empty() {
            desk.put_wanted(at, direction, Field::Dnp3Data, message.fragment);
        }
        let (most_objects, most_points) = (desk.settings.dnp3_max_objects, desk.settings.dnp3_max_points);
        message.events(most_objects, most_points, |event| desk.event(at, direction, event));
        // Neither confirmations nor requests that say so are answered.
        let expects = !matches!(message.function(), None | Some(0 | 6 | 8 | 10 | 12));
        match direction {
            Direction::ToClient => *unanswered = 0,
            Direction::ToServer if expects => {
                *unanswered = unanswered.saturating_add(1);
                if *unanswered == UNANSWERED + 1 {
                    desk.event(at, direction, AppEvent::Dnp3Flooded);
                }
            }
            Direction::ToServer => {}
        }
    }
    desk.reach(at, direction, level::DONE);
}

#[cfg(test)]
mod tests {
    use crate::{
        AppSettings,
        dnp3::tests::link,
        testing::{datagrams, talk},
    };
    use sluice_core::{
        AppProtocol,
        Direction::{ToClient, ToServer},
    };

    fn settings() -> AppSettings {
        let mut settings = AppSettings::default();
        settings.of_mut(AppProtocol::Dnp3).unwrap().enabled = true;
        settings
    }

    fn messages(lines: &[String]) -> Vec<&str> {
        lines.iter().filter_map(|line| line.split_once("(message) ").map(|(_, bytes)| bytes)).collect()
    }

    fn events(lines: &[String]) -> Vec<&str> {
        lines.iter().filter_map(|line| line.split_once("(event) ").map(|(_, name)| name)).collect()
    }

    #[test]
    fn a_fragment_is_put_together_from_its_frames_without_checksums() {
        let fragment: Vec<u8> = [0xc0, 0x81, 0, 0].into_iter().chain((0..60).map(|_| 0)).collect();
        // A frame whose number does not follow, or whose fragment's beginning is not known, belongs to nothing.
        let said = [
            link(0xc0, &[0xc0, 1, 60, 2, 6]),
            link(0x45, &fragment),
            link(0x87, &fragment),
            link(0x43, &fragment[..40]),
            link(0x84, &fragment[40..]),
            link(0x81, &fragment),
        ];
        let lines = talk(settings(), &[(ToServer, &said[0]), (ToClient, &said[1..].concat())]);
        let [request, response] = messages(&lines)[..] else { panic!("{lines:?}") };
        assert!(request.ends_with("<\\x02\\x06"));
        let mut whole = vec![5, 0x64, 46, 0xc4, 10, 0, 1, 0];
        whole.extend(&fragment);
        assert_eq!(response, whole.escape_ascii().to_string());
        let datagrams =
            datagrams(settings(), [20_000, 4_000], &[(ToServer, &said[0]), (ToClient, &said[3]), (ToClient, &said[4])]);
        assert_eq!(messages(&datagrams), [request, response]);
    }

    #[test]
    fn a_fragment_without_end_is_kept_up_to_its_bound() {
        let mut all = link(0x40, &[0xc0; 200]);
        (1..64).chain(0..64).for_each(|number| all.extend(link(number, &[0; 200])));
        all.extend(link(0x80, &[1; 200]));
        let lines = talk(settings(), &[(ToServer, &all)]);
        assert_eq!(messages(&lines).len(), 1);
    }

    #[test]
    fn damage_is_told_once_and_the_next_sound_frame_is_read() {
        let read = link(0xc0, &[0xc0, 1, 60, 2, 6]);
        let mut header = read.clone();
        header[4] ^= 1;
        let mut data = read.clone();
        data[11] ^= 1;
        let all = [&read[..], &header, b"\x05\x64junk\x05", &read, &data, &read].concat();
        let lines = talk(settings(), &[(ToServer, &all)]);
        assert_eq!(events(&lines), ["bad_link_crc", "bad_transport_crc"]);
        assert_eq!(messages(&lines).len(), 3);
    }

    #[test]
    fn more_requests_than_are_waited_for_are_a_flood_told_once() {
        let read = link(0xc0, &[0xc0, 1, 60, 2, 6]);
        let response = link(0xc0, &[0xc0, 0x81, 0, 0]);
        let lines = talk(settings(), &[(ToServer, &read.repeat(40))]);
        assert_eq!(events(&lines), ["flooded"]);
        let twin = [(ToServer, &read.repeat(20)[..]), (ToClient, &response), (ToServer, &read.repeat(20))];
        assert!(events(&talk(settings(), &twin)).is_empty());
    }
}
