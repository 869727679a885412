//! Whether checksums are verified.
//!
//! Asked by [`crate::poll`], or by the reader of a replay with several workers, for each frame in order: the answer of
//! [`ChecksumMode::Auto`] depends on the frames before it, and must not depend on how they are spread over workers.

use crate::settings::ChecksumMode;
use sluice_packet::{Decoded, checksum};

/// Frames over which [`ChecksumMode::Auto`] makes up its mind.
const SAMPLE: u64 = 1_000;

/// What the stages behind do about a frame's checksums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksums {
    /// Nothing.
    #[default]
    Ignore,
    /// Verify; a wrong one may be the card's, which fills it in later: it is not known yet.
    Try,
    /// The same, and more than one in ten was wrong so far: packets that moved nothing were perhaps good ones.
    Doubt,
    /// Verify.
    Verify,
}

impl Checksums {
    /// Whether it is not known yet if a wrong one means anything.
    #[inline]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Try | Self::Doubt)
    }
}

/// Makes up its mind, once: who sends wrong checksums later wants them unverified.
#[derive(Clone, Copy, Debug)]
pub struct ChecksumJudge {
    answer: Checksums,
    frames: u64,
    wrong: u64,
}

impl ChecksumJudge {
    /// A judge that has seen nothing yet.
    pub fn new(mode: ChecksumMode) -> Self {
        let answer = match mode {
            ChecksumMode::Off => Checksums::Ignore,
            ChecksumMode::On => Checksums::Verify,
            ChecksumMode::Auto => Checksums::Try,
        };
        Self { answer, frames: 0, wrong: 0 }
    }

    /// What will hold for the next frame.
    #[inline]
    pub fn next(&self) -> Checksums {
        if self.answer.is_open() && self.frames >= SAMPLE { self.verdict() } else { self.answer }
    }

    fn verdict(&self) -> Checksums {
        if self.wrong * 10 <= self.frames { Checksums::Verify } else { Checksums::Ignore }
    }

    /// What holds for the next frame, which is this one.
    #[inline]
    pub fn judge(&mut self, decoded: &Decoded, frame: &[u8]) -> Checksums {
        if self.answer.is_open() {
            self.sample(decoded, frame);
        }
        self.answer
    }

    #[inline(never)]
    fn sample(&mut self, decoded: &Decoded, frame: &[u8]) {
        if self.frames >= SAMPLE {
            self.answer = self.verdict();
            return;
        }
        self.frames += 1;
        let mut tcp = decoded.layers().iter().filter(|headers| headers.is_tcp());
        self.wrong += u64::from(tcp.any(|headers| checksum::transport(frame, headers) == checksum::Checksum::Invalid));
        self.answer = if self.wrong * 10 > self.frames { Checksums::Doubt } else { Checksums::Try };
    }
}

#[cfg(test)]
mod tests {
    use super::{ChecksumJudge, Checksums, SAMPLE};
    use crate::settings::ChecksumMode;
    use sluice_packet::{DecodeConfig, Decoded, LinkType};

    /// An Ethernet frame with a TCP SYN whose checksum is zero, which is wrong.
    fn wrong() -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0x00, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0x66, 0xce, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend([0, 1, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0x20, 0, 0, 0, 0, 0]);
        frame
    }

    fn after(mode: ChecksumMode, wrong_in_ten: u64) -> Checksums {
        let mut judge = ChecksumJudge::new(mode);
        let (bad, mut headers) = (wrong(), Decoded::new());
        sluice_packet::decode(&bad, LinkType::Ethernet, &DecodeConfig::default(), &mut headers);
        let (good, mut none) = (vec![0; 60], Decoded::new());
        sluice_packet::decode(&good, LinkType::Ethernet, &DecodeConfig::default(), &mut none);
        (0..=SAMPLE)
            .map(|n| if n % 10 < wrong_in_ten { judge.judge(&headers, &bad) } else { judge.judge(&none, &good) })
            .last()
            .unwrap()
    }

    #[test]
    fn auto_verifies_when_few_are_wrong_and_ignores_when_many_are() {
        assert_eq!(after(ChecksumMode::Auto, 1), Checksums::Verify);
        assert_eq!(after(ChecksumMode::Auto, 2), Checksums::Ignore);
        assert_eq!(ChecksumJudge::new(ChecksumMode::Auto).judge(&Decoded::new(), &[]), Checksums::Try);
    }

    #[test]
    fn on_and_off_never_change_their_mind() {
        assert_eq!(after(ChecksumMode::On, 10), Checksums::Verify);
        assert_eq!(after(ChecksumMode::Off, 0), Checksums::Ignore);
    }
}
