//! Tests of [`super::super::anew`]: when another connection begins on the same ports.

use super::*;

#[test]
fn only_the_servers_answer_to_a_later_syn_begins_another_connection() {
    for end in [FIN | ACK, RST, ACK] {
        let mut tcp = established();
        tcp.update(TO_SERVER, &packet(60_000, 0, end, 0));
        let syn = packet(7_000, 0, SYN, 0);
        assert!(tcp.begins_anew(TO_SERVER, &syn).is_none());
        tcp.update(TO_SERVER, &syn);
        assert!(tcp.is_established());
        tcp.update(TO_SERVER, &packet(100, 0, SYN, 0));
        for (seq, ack) in [(u32::MAX, 101), (5, 7_000), (5, 7_002)] {
            assert!(tcp.begins_anew(TO_CLIENT, &packet(seq, ack, SYN | ACK, 0)).is_none());
        }
        let same_number = tcp.begins_anew(TO_CLIENT, &packet(5, 101, SYN | ACK, 0));
        assert!(same_number.is_some(), "another SYN-ACK to a SYN of the same number is another connection");
        let syn_ack = packet(5, 7_001, SYN | ACK, 0);
        let mut anew = tcp.begins_anew(TO_CLIENT, &syn_ack).unwrap();
        assert!(!anew.is_established());
        anew.update(TO_CLIENT, &syn_ack);
        anew.update(TO_SERVER, &packet(7_001, 6, ACK, 0));
        assert!(anew.is_established());
    }
}

#[test]
fn behind_the_fins_of_both_ends_the_servers_syn_ack_begins_another_connection_whatever_its_numbers() {
    for (asks, answer) in [
        // All of it with the numbers of the connection that is over.
        (Some(100), packet(u32::MAX, 101, SYN | ACK, 0)),
        // The SYN was lost on the way to us.
        (None, packet(5, 7_001, SYN | ACK, 0)),
        (None, packet(u32::MAX, 101, SYN | ACK, 0)),
    ] {
        let mut tcp = established();
        assert!(tcp.begins_anew(TO_CLIENT, &answer).is_none(), "while it is open");
        tcp.update(TO_SERVER, &packet(101, 0, FIN | ACK, 0));
        tcp.update(TO_CLIENT, &packet(0, 102, FIN | ACK, 0));
        assert!(tcp.begins_anew(TO_CLIENT, &answer).is_none(), "while one end may not know");
        tcp.update(TO_SERVER, &packet(102, 1, ACK, 0));
        if let Some(seq) = asks {
            let syn = packet(seq, 0, SYN, 0);
            assert!(tcp.begins_anew(TO_SERVER, &syn).is_none(), "the old SYN once more");
            tcp.update(TO_SERVER, &syn);
        }
        let towards_server = packet(answer.seq, answer.ack, SYN | ACK, 0);
        assert!(tcp.begins_anew(TO_SERVER, &towards_server).is_none());
        let mut anew = tcp.begins_anew(TO_CLIENT, &answer).unwrap();
        anew.update(TO_CLIENT, &answer);
        anew.update(TO_SERVER, &packet(answer.ack, answer.seq.wrapping_add(1), ACK, 0));
        assert!(anew.is_established());
        anew.update(TO_CLIENT, &packet(answer.seq.wrapping_add(1), answer.ack, ACK, 7));
        assert_eq!(anew.bytes(TO_CLIENT), 7);
    }
}

#[test]
fn a_stray_syn_ack_before_the_handshake_does_not_turn_the_connection_round() {
    // The stray packet of the attacker makes a flow whose client is the server.
    let mut tcp = Tcp::default();
    tcp.update(TO_CLIENT, &packet(1, 1, SYN | ACK, 0));
    tcp.update(TO_CLIENT, &packet(100, 0, SYN, 0));
    let mut anew = tcp.begins_anew(TO_SERVER, &packet(500, 101, SYN | ACK, 0)).unwrap();
    anew.update(TO_CLIENT, &packet(500, 101, SYN | ACK, 0));
    anew.update(TO_SERVER, &packet(101, 501, ACK, 0));
    assert!(anew.is_established());
}
