//! Each policy of each resource, with made-up faults: what becomes of the packet at hand and of the one behind it, for both families.
//!
//! `Reassembly`, `DefragMemcap` and `OwnerRing` are asked about elsewhere: by their stages' own tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{ACK, BOTH, Engine, Family, Frame, Session};
use sluice_core::{Cause, ExceptionPolicy as Policy, Resource, Verdict, event::EventBody, verdict::Mode};

/// Resources that every packet of an established connection can be denied.
const OF_PACKETS: [Resource; 8] = [
    Resource::StreamMemcap,
    Resource::AppLayerError,
    Resource::AppLayerMemcap,
    Resource::Undecodable,
    Resource::TooManyLayers,
    Resource::AlertQueue,
    Resource::ScanFailed,
    Resource::RuleLimit,
];

const RULE: &str = "alert tcp any any -> any any (content:\"abcd\"; sid:1;)";

fn engine(resource: Resource, policy: Policy, mode: Mode) -> Engine {
    let mut setup = if mode == Mode::Inline { harness::inline() } else { harness::Setup::default() };
    setup.settings.exceptions = setup.settings.exceptions.with(resource, policy);
    setup.settings.faults.set(resource, 1);
    setup.settings.applications.of_mut(sluice_app::AppProtocol::Modbus).expect("a parser").enabled = true;
    setup.settings.copies.flows = true;
    Engine::with(RULE, setup)
}

/// What became of two packets behind each other: who spoke, and why each was dropped.
fn two(engine: &mut Engine, frames: [Vec<u8>; 2]) -> [(Vec<u32>, Option<Cause>); 2] {
    frames.map(|frame| {
        let spoke = engine.feed(&frame);
        (spoke, engine.dropped())
    })
}

fn two_packets(family: Family) -> [Vec<u8>; 2] {
    let mut session = Session::new(family);
    session.handshake();
    [session.client_sends(b"abcd"), session.client_sends(b"abcd")]
}

#[test]
fn every_policy_of_every_resource_does_what_its_name_says() {
    for resource in OF_PACKETS {
        let entry = resource.entry();
        let flow = entry.target.is_some();
        for family in BOTH {
            for &policy in entry.fits {
                let mut engine = engine(resource, policy, Mode::Inline);
                let mut frames = two_packets(family);
                // Without its flow a packet alone meets the policy.
                let found = resource != Resource::StreamMemcap;
                if resource == Resource::StreamMemcap {
                    frames = {
                        let mut frame = Frame::new(family);
                        frame.flags = ACK;
                        [frame.tcp(b"abcd"), frame.tcp(b"abcd")]
                    };
                }
                let [first, second] = two(&mut engine, frames);
                let later = if flow && found { Some(Cause::FlowDrop) } else { entry.cause };
                let what = format!("{resource:?} {policy:?} {family:?}");
                // The rules are asked before: what they say of the packet itself stands.
                assert_eq!(first.0, [1], "{what}");
                match policy {
                    Policy::Ignore | Policy::PassPacket => {
                        assert_eq!((first.1, second.1), (None, None), "{what}");
                        assert_eq!(second.0, [1], "{what}");
                    }
                    Policy::DropPacket => assert_eq!((first.1, second.1), (entry.cause, entry.cause), "{what}"),
                    Policy::DropFlow | Policy::Reject => {
                        assert_eq!((first.1, second.1), (entry.cause, later), "{what}")
                    }
                    Policy::PassFlow | Policy::Bypass => {
                        assert_eq!((first.1, second.1), (None, None), "{what}");
                        assert_eq!(second.0.is_empty(), found, "{what}");
                    }
                    Policy::Auto => unreachable!("never in force"),
                }
                let uses = engine.pipeline.counters.exceptions.get(resource, policy);
                assert_eq!(uses > 0, policy != Policy::Ignore, "{what}");
                assert_eq!(engine.pipeline.counters.ips_rejected > 0, policy == Policy::Reject, "{what}");
            }
        }
    }
}

#[test]
fn a_full_flow_table_meets_its_policy_and_passive_nothing_is_dropped() {
    for family in BOTH {
        for (policy, cause, spoke) in [
            (Policy::Ignore, None, vec![1]),
            (Policy::PassPacket, None, vec![]),
            (Policy::DropPacket, Some(Cause::FlowTableFull), vec![]),
            (Policy::Reject, Some(Cause::FlowTableFull), vec![]),
        ] {
            let mut engine = engine(Resource::FlowMemcap, policy, Mode::Inline);
            let [first, second] = two(&mut engine, two_packets(family));
            assert_eq!((&first.0, first.1), (&spoke, cause), "{policy:?}");
            assert_eq!(first, second);
            assert_eq!(engine.pipeline.counters.flow_memcap, 2);
            assert_eq!(engine.pipeline.live_flows(), 0);
        }
        for resource in Resource::ALL {
            let mut engine = engine(resource, Policy::DropPacket, Mode::Passive);
            for (_, cause) in two(&mut engine, two_packets(family)) {
                assert_eq!(cause, None, "{resource:?}");
            }
        }
    }
}

#[test]
fn a_frame_that_is_cut_meets_its_policy() {
    for (policy, verdict) in [(Policy::Ignore, Verdict::Pass), (Policy::DropPacket, Verdict::Drop(Cause::FrameCut))] {
        let mut engine = engine(Resource::FrameCut, policy, Mode::Inline);
        assert_eq!(engine.pipeline.cut(), verdict);
        assert_eq!(engine.pipeline.counters.decoder_cut, 1);
        assert_eq!(
            engine.pipeline.counters.exceptions.get(Resource::FrameCut, Policy::DropPacket),
            u64::from(verdict != Verdict::Pass)
        );
    }
}

#[test]
fn the_record_of_a_flow_tells_which_exceptions_it_met_and_a_quiet_one_none() {
    for resource in [Resource::Midstream, Resource::AlertQueue, Resource::RuleLimit] {
        let mut engine = engine(resource, Policy::Ignore, Mode::Inline);
        let frames = two_packets(Family::V6);
        frames.iter().for_each(|frame| drop(engine.feed(frame)));
        engine.pipeline.finish();
        let mut met = Vec::new();
        engine.events(|body, _| {
            if let EventBody::Flow { flow, .. } = body {
                met.push(flow.exceptions);
            }
        });
        assert!(met.len() == 1 && met[0].contains(resource), "{resource:?} {met:?}");
    }
    let mut quiet = Engine::with(RULE, {
        let mut setup = harness::inline();
        setup.settings.copies.flows = true;
        setup
    });
    let mut session = Session::new(Family::V4);
    quiet.all(&session.handshake());
    quiet.feed(&session.client_sends(b"abcd"));
    quiet.pipeline.finish();
    quiet.events(|body, _| assert!(!matches!(body, EventBody::Flow { flow, .. } if !flow.exceptions.is_empty())));
}
