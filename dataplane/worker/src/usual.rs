//! The way of the usual packet: the next segment, an acknowledgement or a FIN of an open connection in which nothing is odd.
//!
//! Steps of [`crate::pipeline`], which tries this way first. It comes to the same as the long one: only what such a packet can't be is not asked. What arrives in a stream and how it is
//! judged is the same for all.

use crate::{
    checksums::Checksums,
    flows::Keyed,
    inbox::{Job, View},
    pipeline::{At, InTable, OfFlow, Pipeline},
    report::Subject,
    tcp::segment_of,
};
use sluice_core::{AppNews, Nanos, Position, Verdict};
use sluice_flow::{Passing, tcp::may_be_usual};
use sluice_packet::Decoded;

impl Pipeline {
    /// Judges a whole frame, whose innermost flow key is `keyed`: as [`Pipeline::process`] does, but straight for one in no tunnel.
    pub fn process_whole(
        &mut self,
        decoded: &Decoded,
        keyed: Option<Keyed>,
        frame: &[u8],
        at: At,
        checksums: Checksums,
    ) -> Verdict {
        let [headers] = decoded.layers() else {
            return self.process(decoded, keyed, frame, &Job::whole(at, checksums));
        };
        self.count_bytes(frame);
        self.count_layer(headers, true);
        let At { time, now, record } = at;
        self.begin(record, checksums, View::Frame);
        self.reporter.stand_at(Position::layer(record, 0));
        let subject = Subject { frame, headers, layer: 0, time, record };
        self.normaliser.stand_at(decoded, frame, 0);
        let verdict = self.layer(&subject, keyed.as_ref(), now);
        if self.asks_rewrite && verdict == Verdict::Pass {
            self.plan_rewrite(decoded, &subject, true);
        }
        self.count_fate(verdict, 1);
        self.normaliser.accepted = true;
        self.normaliser.end(decoded, frame);
        verdict
    }

    /// Whether what is set up leaves room for the usual way: nothing is asked of each packet of a connection.
    pub(crate) fn has_usual_way(&self) -> bool {
        !self.normaliser.asks_of_connections() && self.macs.is_none() && self.faults.is_none()
    }

    /// The flow of a usual packet, in which it is counted and whose connection is moved on. None: it is another one, and nothing was done. Its checksum must be as it should.
    #[inline]
    pub(crate) fn take_usual(&mut self, subject: &Subject, keyed: Option<&Keyed>, now: Nanos) -> InTable {
        let Subject { frame, headers, .. } = *subject;
        let may_be = self.usual_way && headers.is_tcp() && may_be_usual(headers.tcp.flags) && headers.events.is_empty();
        let keyed = keyed.filter(|_| may_be)?;
        let length = frame.len().saturating_sub(headers.frame_start as usize) as u64;
        let packet = Passing { key: &keyed.key, hash: keyed.hash, swapped: keyed.swapped, now, length };
        let usual = self.flows.take_usual(&packet, &segment_of(headers), &mut self.tcp)?;
        self.normaliser.stops = false;
        Some(usual)
    }

    /// Judges a usual packet.
    #[inline]
    pub(crate) fn in_usual_flow(&mut self, subject: &Subject, found: InTable, now: Nanos) -> Verdict {
        let verdict = match self.arrive(subject, found) {
            Ok(streamed) => {
                self.streamed = streamed;
                self.judge_as_sent(subject, found, (true, true), now)
            }
            Err(verdict) => verdict,
        };
        self.leave(found);
        verdict
    }

    /// Whether a packet of whose stream nothing is due, such as most acknowledgements, brings nothing, nothing of its flow waits to be told or judged, and no rule asks for anything of it.
    #[inline]
    pub(crate) fn passes_quietly(&mut self, subject: &Subject, of: OfFlow, established: bool, now: Nanos) -> bool {
        let (flow, direction) = of;
        let headers = subject.headers;
        if headers.payload_len > 0 || headers.invalid || !headers.events.is_empty() || self.faults.is_some() {
            return false;
        }
        let Some(entry) = self.flows.get(flow) else { return false };
        if !entry.app_news.is_empty() || !self.applications.is_quiet(entry.app_link(), direction) {
            return false;
        }
        self.app_news = AppNews::NONE;
        self.passes_by(subject, of, established, now)
    }
}
