//! What an alert tells beside its packet: marks of its flow, and what rules took out of the traffic.
//!
//! Put into an event's slot by `sluice-worker`, one behind the other, and read by `sluice-events`. A remark names what it is about by number; the names stay on the control core.

/// What a remark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RemarkKind {
    /// A flow bit that is set; no bytes.
    FlowBit,
    /// A flow integer: four bytes.
    FlowInt,
    /// What an expression captured for the flow.
    FlowText,
    /// What an expression captured for the packet.
    PacketText,
    /// The entropy of a buffer: a 64-bit number of IEEE 754.
    Entropy,
    /// A hardware address of the flow's client: six bytes, no number.
    ClientMac,
    /// One of its server.
    ServerMac,
}

impl RemarkKind {
    /// All of them, by number.
    pub const ALL: [Self; 7] = [
        Self::FlowBit,
        Self::FlowInt,
        Self::FlowText,
        Self::PacketText,
        Self::Entropy,
        Self::ClientMac,
        Self::ServerMac,
    ];
}

/// Bytes in front of each remark's own.
pub const HEAD: usize = 5;

/// What stands in front of the `length` bytes of a remark.
pub const fn head(kind: RemarkKind, number: u16, length: u16) -> [u8; HEAD] {
    let ([number_low, number_high], [low, high]) = (number.to_le_bytes(), length.to_le_bytes());
    [kind as u8, number_low, number_high, low, high]
}

/// The remarks in `bytes`: what each is, its number and its bytes. Ends where they make no sense.
pub fn entries(bytes: &[u8]) -> impl Iterator<Item = (RemarkKind, u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (&[kind, number_low, number_high, low, high], behind) = rest.split_first_chunk::<HEAD>()?;
        let (own, next) = behind.split_at_checked(usize::from(u16::from_le_bytes([low, high])))?;
        rest = next;
        Some((*RemarkKind::ALL.get(usize::from(kind))?, u16::from_le_bytes([number_low, number_high]), own))
    })
}

#[cfg(test)]
mod tests {
    use super::{RemarkKind, entries, head};

    #[test]
    fn remarks_come_out_as_they_went_in_and_nonsense_ends_them() {
        let mut bytes = Vec::new();
        for (number, kind) in (300_u16..).zip(RemarkKind::ALL) {
            bytes.extend_from_slice(&head(kind, number, 2));
            bytes.extend_from_slice(b"ab");
        }
        let all: Vec<_> = entries(&bytes).collect();
        let wanted: Vec<_> =
            (300_u16..).zip(RemarkKind::ALL).map(|(number, kind)| (kind, number, b"ab".as_slice())).collect();
        assert_eq!(all, wanted);
        bytes.extend_from_slice(&[9, 0, 0, 0, 0, 1]);
        assert_eq!(entries(&bytes).count(), 7);
        assert_eq!(entries(&head(RemarkKind::FlowBit, 1, 4)).count(), 0);
    }
}
