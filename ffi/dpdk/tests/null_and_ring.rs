//! Bursts, packets and ports over net_null and net_ring, as the options of one EAL name them.
#![cfg(test)]

mod support;

use sluice_dpdk::{BURST, Burst, Eal, EalError, Mempool, MempoolError, Port, PortConfig, PortError};
use support::{pattern, start, turn};

fn options() -> sluice_dpdk::EalOptions {
    support::options(0, &["net_null0,copy=1,size=200", "net_null1", "net_ring0"])
}

fn pool(eal: &Eal, name: &str) -> Mempool {
    Mempool::create(eal, name, 1023, 2048, None).expect("there is memory for a pool")
}

#[test]
fn eal_starts_once_and_tells_what_it_chose() {
    let (eal, _turn) = turn(options);
    assert_eq!(Eal::start(&options()).expect_err("a second start"), EalError::AlreadyStarted);
    assert!(eal.arguments().contains(&"--no-huge".to_owned()), "{:?}", eal.arguments());
    assert!(eal.choices().iter().any(|choice| choice.contains("ordinary pages")), "{:?}", eal.choices());
    assert_eq!(eal.start_log(), "");
    assert!(eal.version().starts_with("DPDK "), "{}", eal.version());
}

#[test]
fn a_processor_we_may_not_use_is_refused_before_dpdk_sees_it() {
    let options = sluice_dpdk::EalOptions { worker_cpus: vec![99_999], ..options() };
    match Eal::start(&options) {
        Err(EalError::CpuNotUsable { cpu: 99_999, usable }) => assert!(!usable.is_empty()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_packet_longer_than_a_buffer_is_a_chain_and_goes_back_whole() {
    let (eal, _turn) = turn(options);
    let pool = pool(eal, "chain");
    for length in [0, 1, 2_048, 2_049, 9_000, 65_599] {
        let bytes = pattern(length, 3);
        let packet = pool.packet(&bytes).expect("there are buffers");
        assert_eq!(
            (packet.chain_len(), packet.pkt_len() as usize, packet.is_chained()),
            (length, length, length > 2_048)
        );
        let mut out = vec![0; length];
        assert_eq!(packet.copy_to(&mut out), length);
        assert_eq!(out, bytes);
        drop(packet);
        assert_eq!(pool.in_use(), 0);
    }
    let all: Vec<_> = (0..1_020).map(|_| pool.take().expect("there are buffers")).collect();
    assert!(pool.packet(&[0; 9_000]).is_err());
    drop(all);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn a_burst_carries_packets_from_rx_to_tx_and_the_pool_is_whole_again() {
    let (eal, _turn) = turn(options);
    let pool = pool(eal, "null");
    {
        let (port, mut rx, mut tx) = start(eal, "net_null0", &pool);
        assert_eq!(port.driver().as_deref(), Ok("net_null"));
        let mut burst = Burst::new();
        assert_eq!(rx.receive(&mut burst), BURST);
        assert!(burst.is_full());
        assert_eq!(burst.data(0).len(), 200);
        assert_eq!(burst.data(BURST), [] as [u8; 0]);
        assert_eq!(pool.in_use(), BURST as u32);
        assert_eq!(tx.transmit(&mut burst), BURST);
        assert!(burst.is_empty());
        rx.receive(&mut burst);
        let one = burst.pop().expect("a packet");
        assert_eq!((one.pkt_len(), one.data_len(), one.is_chained()), (200, 200, false));
        burst.free_all();
        assert_eq!(pool.in_use(), 1);
        drop(one);
        let stats = port.stats().expect("counters");
        assert_eq!((stats.rx_packets, stats.tx_packets), (64, 32));
        assert!(port.link().is_ok() && port.mac().is_ok());
        assert_eq!(port.mtu(), Ok(1500));
    }
    assert_eq!((pool.in_use(), pool.available()), (0, 1023));
}

#[test]
fn what_goes_into_a_ring_comes_out_in_order_with_its_bytes() {
    let (eal, _turn) = turn(options);
    let pool = pool(eal, "ring");
    {
        let (_port, mut rx, mut tx) = start(eal, "net_ring0", &pool);
        let mut burst = Burst::new();
        for seed in 0..BURST {
            let mut packet = pool.take().expect("a free packet");
            packet.append(&pattern(60 + seed, seed)).expect("room");
            burst.push(packet).expect("room in the burst");
        }
        let extra = pool.take().expect("a free packet");
        assert!(burst.push(extra).is_err(), "a full burst gives the packet back");
        assert_eq!(tx.transmit(&mut burst), BURST);
        assert_eq!(rx.receive(&mut burst), BURST);
        for (seed, packet) in burst.iter().enumerate() {
            assert_eq!(packet.first_segment(), pattern(60 + seed, seed));
            assert_eq!(packet.chain_len(), 60 + seed);
        }
        let third = burst.take(2).expect("packet 2");
        assert_eq!(third.first_segment(), pattern(62, 2));
        assert_eq!(burst.data(2), pattern(63, 3));
        let mut drain = burst.drain();
        assert_eq!(drain.next().expect("packet 0").first_segment(), pattern(60, 0));
        drop(drain);
        assert!(burst.is_empty());
        drop(third);
    }
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn packets_that_a_full_queue_refuses_stay_in_the_burst_in_order() {
    let (eal, _turn) = turn(options);
    eal.attach_vdev("net_ring7").expect("attach");
    let pool = Mempool::create(eal, "full", 4095, 128, None).expect("there is memory for a pool");
    {
        let (_port, mut rx, mut tx) = start(eal, "net_ring7", &pool);
        let mut sent: usize = 0;
        let mut burst = Burst::new();
        let rest = loop {
            while !burst.is_full() {
                let mut packet = pool.take().expect("a free packet");
                let number = (sent + burst.len()) as u32;
                packet.append(&number.to_be_bytes()).expect("room");
                burst.push(packet).expect("room in the burst");
            }
            sent += tx.transmit(&mut burst);
            if !burst.is_empty() {
                break burst;
            }
        };
        for (index, packet) in rest.iter().enumerate() {
            assert_eq!(packet.first_segment(), ((sent + index) as u32).to_be_bytes());
        }
        drop(rest);
        assert_eq!(support::receive_all(&mut rx).len(), sent);
    }
    eal.detach_vdev("net_ring7").expect("detach");
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn a_packet_of_ours_can_be_written_and_grown_to_the_data_room_and_no_further() {
    let (eal, _turn) = turn(options);
    let pool = pool(eal, "write");
    let mut packet = pool.take().expect("a free packet");
    assert_eq!((packet.pkt_len(), packet.first_segment().len()), (0, 0));
    packet.append(b"abc").expect("room");
    packet.first_segment_mut().expect("sole owner")[1] = b'-';
    assert_eq!(packet.first_segment(), b"a-c");
    assert_eq!(packet.append(&[0; 2046]).expect_err("too much").bytes, 2046);
    packet.append(&[7; 2045]).expect("room");
    assert_eq!(packet.append(&[0; 70_000]).expect_err("far too much").bytes, 70_000);
    let mut out = [0; 2];
    assert_eq!((packet.copy_to(&mut out), out), (2, *b"a-"));
    assert_eq!(packet.timestamp_us(), None);
}

#[test]
fn an_empty_pool_is_an_answer_and_a_pool_dropped_early_outlives_its_packets() {
    let (eal, _turn) = turn(options);
    let pool = Mempool::create(eal, "small", 7, 256, None).expect("there is memory for a pool");
    let packets: Vec<_> = std::iter::from_fn(|| pool.take().ok()).collect();
    assert_eq!((packets.len(), pool.available()), (7, 0));
    drop(pool);
    let other = Mempool::create(eal, "small2", 7, 256, None).expect("there is memory for a pool");
    assert_eq!((other.name(), other.available()), ("small2", 7), "a pool with packets out is not given out again");
    drop(packets);
    drop(other);
    let again = Mempool::create(eal, "small3", 7, 256, None).expect("a parked pool");
    assert!(["small", "small2"].contains(&again.name()), "whole pools of the same shape are");
    assert_eq!(again.available(), 7);
}

#[test]
fn pools_that_cannot_be_are_refused_with_their_numbers() {
    let (eal, _turn) = turn(options);
    let refused = Mempool::create(eal, "huge", 10_000_000, 2048, None).expect_err("20 GB from 128 MiB");
    assert!(matches!(refused, MempoolError::Refused { count: 10_000_000, errno: 12, .. }), "{refused}");
    assert!(matches!(Mempool::create(eal, "none", 0, 64, None), Err(MempoolError::Empty { .. })));
    assert!(matches!(Mempool::create(eal, "a\0b", 1, 64, None), Err(MempoolError::BadName { .. })));
    let wide = Mempool::create(eal, "wide", 1, 65_500, None);
    assert!(matches!(wide, Err(MempoolError::DataRoomTooLarge { most: 65_407, .. })));
}

#[test]
fn a_port_has_one_holder_and_its_name_is_free_again_after_the_last_handle() {
    let (eal, _turn) = turn(options);
    let pool = pool(eal, "claims");
    let port = Port::by_name(eal, "net_null1").expect("the device is there");
    assert!(matches!(Port::by_name(eal, "net_null1"), Err(PortError::InUse { .. })));
    drop(port);
    let port = Port::by_name(eal, "net_null1").expect("the claim was given back");
    let config = PortConfig { rx_queues: 5_000, ..PortConfig::default() };
    assert!(matches!(port.configure(&config, &pool), Err(PortError::TooManyQueues { rx_queues: 5_000, .. })));
    let (started, rx, tx) = start(eal, "net_null1", &pool);
    drop((started, tx));
    assert!(matches!(Port::by_name(eal, "net_null1"), Err(PortError::InUse { .. })), "a queue keeps its port");
    assert!(eal.detach_vdev("net_null1").is_err());
    drop(rx);
    assert!(matches!(Port::by_name(eal, "net_null1"), Err(PortError::NotFound { .. })), "a closed port is gone");
    eal.detach_vdev("net_null1").expect("detach");
    assert_eq!(eal.attach_vdev("net_null1").as_deref(), Ok("net_null1"));
    drop(start(eal, "net_null1", &pool));
}

#[test]
fn several_queues_come_in_the_order_of_their_numbers() {
    let (eal, _turn) = turn(options);
    eal.attach_vdev("net_null5").expect("attach");
    let pool = pool(eal, "queues");
    let config = PortConfig { rx_queues: 3, tx_queues: 2, ..PortConfig::default() };
    let (_port, rx, tx) =
        Port::by_name(eal, "net_null5").expect("the device is there").configure(&config, &pool).expect("it starts");
    assert_eq!(rx.iter().map(|queue| queue.id()).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(tx.iter().map(|queue| queue.id()).collect::<Vec<_>>(), [0, 1]);
}
