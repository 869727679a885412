//! net_pcap: one device for each capture, attached and detached while one EAL runs.
#![cfg(test)]

mod support;

use sluice_dpdk::{Eal, HotplugError, Mbuf, Mempool, OverwriteError, PortConfig, PortError, PortStep};
use support::{Capture, bytes_of, pattern, receive_all, start, turn};

fn options() -> sluice_dpdk::EalOptions {
    support::options(0, &[])
}

fn pool(eal: &Eal) -> Mempool {
    Mempool::create(eal, "captures", 2047, 2048, None).expect("there is memory for a pool")
}

/// Replays a capture through a device of its own and looks at what came.
fn replay<T>(eal: &Eal, name: &str, capture: &Capture, look: impl FnOnce(Vec<Mbuf>) -> T) -> T {
    let pool = pool(eal);
    let device = format!("{name},rx_pcap={}", capture.path().display());
    assert_eq!(eal.attach_vdev(&device).as_deref(), Ok(name));
    let answer = {
        let (_port, mut rx, _tx) = start(eal, name, &pool);
        look(receive_all(&mut rx))
    };
    eal.detach_vdev(name).expect("detach");
    assert_eq!((pool.in_use(), pool.available()), (0, 2047), "no packet is lost");
    answer
}

#[test]
fn frames_arrive_whole_with_the_capture_time() {
    let (eal, _turn) = turn(options);
    let records: Vec<_> = (0..100).map(|index| pattern(60 + index * 14, index)).collect();
    let capture = Capture::write("frames", &records);
    replay(eal, "net_pcap0", &capture, |packets| {
        assert_eq!(packets.len(), records.len());
        for (index, (packet, record)) in packets.iter().zip(&records).enumerate() {
            assert!(!packet.is_chained());
            assert_eq!(packet.first_segment(), record);
            assert_eq!(packet.timestamp_us(), Some((1_000 + index as u64) * 1_000_000 + index as u64));
        }
    });
}

#[test]
fn long_frames_arrive_as_chains_with_all_their_bytes() {
    let (eal, _turn) = turn(options);
    let records: Vec<_> = [9_000, 2_049, 2_048, 65_535].iter().map(|length| pattern(*length, *length)).collect();
    let capture = Capture::write("chains", &records);
    replay(eal, "net_pcap1", &capture, |packets| {
        let chained: Vec<_> = packets.iter().map(Mbuf::is_chained).collect();
        assert_eq!(chained, [true, true, false, true]);
        for (packet, record) in packets.iter().zip(&records) {
            assert_eq!(packet.pkt_len() as usize, record.len());
            assert_eq!(packet.chain_len(), record.len());
            assert_eq!(&bytes_of(packet), record);
            let mut out = vec![0; 70_000];
            assert_eq!(packet.copy_to(&mut out), record.len());
            assert_eq!(&out[..record.len()], record);
            let mut short = [0; 2_100];
            assert_eq!(packet.copy_to(&mut short), 2_100.min(record.len()));
            assert_eq!(&short[..2_048], &record[..2_048]);
        }
    });
}

#[test]
fn bytes_are_written_over_across_segments_or_not_at_all() {
    let (eal, _turn) = turn(options);
    let records: Vec<_> = [100, 5_000].iter().map(|length| pattern(*length, *length)).collect();
    let capture = Capture::write("overwrite", &records);
    replay(eal, "net_pcap7", &capture, |mut packets| {
        let long: Vec<u8> = vec![0xee; 2_100];
        for (place, offset, bytes) in
            [(0, 0, &b"begin"[..]), (0, 95, b"enddd"), (1, 2_046, b"seam"), (1, 2_900, &long), (1, 3, b"")]
        {
            let mut expected = bytes_of(&packets[place]);
            expected[offset..offset + bytes.len()].copy_from_slice(bytes);
            assert_eq!(packets[place].overwrite(offset, bytes), Ok(()));
            assert_eq!(bytes_of(&packets[place]), expected);
        }
        for (place, offset, bytes) in
            [(0, 96, &b"enddd"[..]), (1, 4_999, b"ab"), (1, 2_000, &[0; 3_001]), (0, usize::MAX, b"x")]
        {
            let before = bytes_of(&packets[place]);
            assert_eq!(packets[place].overwrite(offset, bytes), Err(OverwriteError::Beyond));
            assert_eq!(bytes_of(&packets[place]), before, "nothing is changed");
        }
        let (mut burst, packet) = (sluice_dpdk::Burst::new(), packets.remove(0));
        burst.push(packet).expect("room");
        assert_eq!(burst.overwrite(0, 1, b"xyz"), Ok(()));
        assert!(burst.data(0).starts_with(b"bxyzn"));
        assert_eq!(burst.overwrite(1, 0, b"x"), Err(OverwriteError::Beyond), "there is no such packet");
    });
}

#[test]
fn bytes_are_read_across_segments_and_the_end_is_cut_off_within_the_last() {
    let (eal, _turn) = turn(options);
    let records: Vec<_> = [100, 5_000].iter().map(|length| pattern(*length, *length)).collect();
    let capture = Capture::write("trim", &records);
    replay(eal, "net_pcap7", &capture, |mut packets| {
        for (place, offset, length) in [(0, 0, 100), (0, 99, 1), (1, 2_046, 4), (1, 0, 5_000), (1, 4_999, 1), (1, 7, 0)]
        {
            let mut out = vec![0; length];
            assert!(packets[place].view().read_at(offset, &mut out));
            assert_eq!(out, records[place][offset..offset + length]);
        }
        for (place, offset, length) in [(0, 100, 1), (1, 4_999, 2), (0, usize::MAX, 1)] {
            assert!(!packets[place].view().read_at(offset, &mut vec![0; length]));
        }
        for (place, length) in [(0, 200), (0, 100), (0, 60), (1, 4_500)] {
            assert_eq!(packets[place].trim(length), Ok(()));
            let kept = records[place].len().min(length);
            assert_eq!(bytes_of(&packets[place]), &records[place][..kept]);
            assert_eq!(packets[place].pkt_len() as usize, kept);
        }
        // More than the last segment's.
        assert_eq!(packets[1].trim(100), Err(sluice_dpdk::TrimError { bytes: 4_400 }));
        assert_eq!(bytes_of(&packets[1]), &records[1][..4_500]);
        let (mut burst, packet) = (sluice_dpdk::Burst::new(), packets.remove(0));
        burst.push(packet).expect("room");
        assert_eq!(burst.trim(0, 14), Ok(()));
        assert_eq!(burst.data(0), &records[0][..14]);
        assert!(burst.trim(1, 14).is_err(), "there is no such packet");
    });
}

#[test]
fn a_record_of_70_000_bytes_is_as_long_as_its_segments_not_as_it_claims() {
    let (eal, _turn) = turn(options);
    let capture = Capture::write("wrapped", &[pattern(70_000, 1), pattern(60, 2)]);
    replay(eal, "net_pcap2", &capture, |packets| {
        assert_eq!(packets.len(), 2);
        let long = &packets[0];
        assert_eq!(long.pkt_len(), 70_000);
        let really = bytes_of(long);
        assert_eq!((long.segments().count(), really.len()), (3, 70_000 % 65_536));
        assert_eq!(long.chain_len(), really.len());
        assert_eq!(really, &pattern(70_000, 1)[..really.len()]);
        assert_eq!(packets[1].first_segment(), pattern(60, 2));
    });
}

#[test]
fn an_empty_capture_gives_no_packet() {
    let (eal, _turn) = turn(options);
    let capture = Capture::write("empty", &[]);
    replay(eal, "net_pcap3", &capture, |packets| assert_eq!(packets.len(), 0));
}

#[test]
fn a_capture_cut_in_its_last_record_gives_the_records_before_it() {
    let (eal, _turn) = turn(options);
    let records: Vec<_> = (0..5).map(|index| pattern(100, index)).collect();
    let capture = Capture::write_cut("cut", &records, 40);
    replay(eal, "net_pcap4", &capture, |packets| {
        assert_eq!(packets.iter().map(bytes_of).collect::<Vec<_>>(), records[..4]);
    });
}

#[test]
fn many_captures_are_replayed_one_after_the_other_under_one_name() {
    let (eal, _turn) = turn(options);
    for round in 0..50 {
        let records: Vec<_> = (0..round).map(|index| pattern(60 + index, round)).collect();
        let capture = Capture::write("round", &records);
        replay(eal, "net_pcap5", &capture, |packets| {
            assert_eq!(packets.iter().map(bytes_of).collect::<Vec<_>>(), records);
        });
    }
}

#[test]
fn devices_that_cannot_be_are_refused_by_name() {
    let (eal, _turn) = turn(options);
    let missing = "net_pcap6,rx_pcap=/nowhere/at/all.pcap";
    match eal.attach_vdev(missing) {
        Err(HotplugError::Refused { device, log, .. }) => {
            assert_eq!(device, missing);
            assert!(log.contains("No such file"), "{log}");
        }
        other => panic!("{other:?}"),
    }
    match eal.attach_vdev("net_nothing0") {
        Err(HotplugError::Refused { log, .. }) => {
            assert!(log.contains("net_nothing0") && !log.contains("No such file"), "nothing of the log before: {log}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(eal.attach_vdev("net\0"), Err(HotplugError::NulInDevice { .. })));
    assert!(eal.detach_vdev("net_pcap6").is_err());
}

#[test]
fn a_port_that_cannot_be_set_up_tells_why_and_can_be_had_again() {
    let (eal, _turn) = turn(options);
    let capture = Capture::write("endless", &vec![pattern(60, 1); 100]);
    let device = format!("net_pcap8,rx_pcap={},infinite_rx=1", capture.path().display());
    eal.attach_vdev(&device).expect("attach");
    let small = Mempool::create(eal, "small", 15, 2048, None).expect("there is memory for a pool");
    let port = sluice_dpdk::Port::by_name(eal, "net_pcap8").expect("the device is there");
    match port.configure(&PortConfig::default(), &small) {
        Err(PortError::Refused { step: PortStep::RxQueue(0), log, .. }) => {
            assert!(log.contains("Not enough mbufs"), "{log}")
        }
        other => panic!("{other:?}"),
    }
    assert!(sluice_dpdk::Port::by_name(eal, "net_pcap8").is_ok());
    eal.detach_vdev("net_pcap8").expect("detach");
}
