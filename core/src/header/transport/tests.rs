use super::*;

fn read(value: &str) -> (Result<Transport, HeaderError>, Tolerances) {
    let mut tolerances = Tolerances::NONE;
    (Transport::parse(value, &mut tolerances), tolerances)
}

fn read_all(values: &[&str]) -> Result<Vec<Transport>, HeaderError> {
    parse_transports(values.iter().copied(), &mut Tolerances::default())
}

fn unicast() -> Transport {
    Transport { delivery: Some(Delivery::Unicast), ..Transport::default() }
}

#[test]
fn transports_are_read_and_written_in_one_order() {
    for (value, transport, written) in [
        (
            r#"RTP/AVP;unicast;client_port=3456-3457;mode="PLAY""#,
            Transport { mode: Some(Mode::Play), ..Transport::udp((3456, 3457)) },
            "RTP/AVP;unicast;client_port=3456-3457;mode=play",
        ),
        (
            "RTP/AVP/UDP;unicast;client_port=3056-3057;server_port=5000-5001",
            Transport { server_port: Some((5000, 5001)), ..Transport::udp((3056, 3057)) },
            "RTP/AVP;unicast;client_port=3056-3057;server_port=5000-5001",
        ),
        (
            "RTP/AVP;multicast;destination=225.219.201.15;port=7000-7001;ttl=127",
            Transport {
                destination: Some("225.219.201.15".into()),
                port: Some((7000, 7001)),
                ttl: Some(127),
                ..Transport::multicast()
            },
            "RTP/AVP;multicast;destination=225.219.201.15;port=7000-7001;ttl=127",
        ),
        (
            "RTP/AVP/TCP;interleaved=0-1",
            Transport { delivery: None, ..Transport::tcp((0, 1)) },
            "RTP/AVP/TCP;interleaved=0-1",
        ),
        (
            "RTP/AVP/TCP;unicast;interleaved=254-255",
            Transport::tcp((254, 255)),
            "RTP/AVP/TCP;unicast;interleaved=254-255",
        ),
        (
            "RTP/AVP/UDP;unicast;server_port=8052;client_port=14186;ssrc=0B6020AD;mode=PLAY",
            Transport {
                server_port: Some((8052, 8053)),
                ssrc: Some(0x0b60_20ad),
                mode: Some(Mode::Play),
                ..Transport::udp((14186, 14187))
            },
            "RTP/AVP;unicast;client_port=14186-14187;server_port=8052-8053;ssrc=0B6020AD;mode=play",
        ),
        // Luckfox rkipc
        (
            "RTP/AVP/TCP;ssrc=22345684;interleaved=0-1",
            Transport { delivery: None, ssrc: Some(0x2234_5684), ..Transport::tcp((0, 1)) },
            "RTP/AVP/TCP;interleaved=0-1;ssrc=22345684",
        ),
        // OpenIPC
        (
            "RTP/AVP/UDP;unicast;client_port=59612-59613",
            Transport::udp((59612, 59613)),
            "RTP/AVP;unicast;client_port=59612-59613",
        ),
        (
            "RTP/AVP;unicast;source=cam.local;server_port=0-1",
            Transport { source: Some("cam.local".into()), server_port: Some((0, 1)), ..unicast() },
            "RTP/AVP;unicast;source=cam.local;server_port=0-1",
        ),
        (
            "RTP/AVP;unicast;server_port=47487-52573",
            Transport { server_port: Some((47487, 52573)), ..unicast() },
            "RTP/AVP;unicast;server_port=47487-52573",
        ),
        (
            "RTP/AVP;unicast;client_port=0-0;destination=[fe80::1%eth0]",
            Transport { destination: Some("[fe80::1%eth0]".into()), ..Transport::udp((0, 0)) },
            "RTP/AVP;unicast;destination=[fe80::1%eth0];client_port=0-0",
        ),
        ("RTP/SAVP;unicast", Transport { profile: Profile::Savp, ..unicast() }, "RTP/SAVP;unicast"),
        ("RTP/AVPF/UDP;unicast", Transport { profile: Profile::Avpf, ..unicast() }, "RTP/AVPF;unicast"),
        (
            "RTP/SAVPF/TCP;unicast;interleaved=0-1",
            Transport { profile: Profile::Savpf, ..Transport::tcp((0, 1)) },
            "RTP/SAVPF/TCP;unicast;interleaved=0-1",
        ),
        // RFC 2326, 12.39
        (
            r#"RTP/AVP;multicast;ttl=127;mode="PLAY,RECORD";layers=99999999999;append"#,
            Transport { ttl: Some(127), mode: Some(Mode::Play), ..Transport::multicast() },
            "RTP/AVP;multicast;ttl=127;mode=play",
        ),
        (
            "rtp/avp/tcp ; UNICAST ; Interleaved = 2 - 3 ; Mode=Record",
            Transport { mode: Some(Mode::Record), ..Transport::tcp((2, 3)) },
            "RTP/AVP/TCP;unicast;interleaved=2-3;mode=record",
        ),
    ] {
        let (read_transport, tolerances) = read(value);
        assert_eq!(read_transport.as_ref(), Ok(&transport), "{value}");
        assert!(tolerances.is_empty(), "{value}: {tolerances:?}");
        assert_eq!(transport.to_string(), written);
        assert_eq!(read(written).0, Ok(transport));
    }
}

#[test]
fn channels_beside_ports_or_a_group_leave_the_transport_as_it_is_called() {
    for value in [
        "RTP/AVP;unicast;interleaved=0-1;client_port=4-5",
        "RTP/AVP;unicast;interleaved=0-1;server_port=4-5",
        "RTP/AVP;multicast;interleaved=0-1",
        "RTP/AVP;interleaved=0-1;port=7000-7001",
    ] {
        let (transport, tolerances) = read(value);
        assert_eq!(transport.map(|transport| transport.lower), Ok(Lower::Udp), "{value}");
        assert!(tolerances.is_empty(), "{value}");
    }
}

#[test]
fn what_devices_send_is_read_and_recorded() {
    let play = |ports| Transport {
        mode: Some(Mode::Play),
        server_port: Some((8052, 8053)),
        ..Transport::udp(ports)
    };
    for (value, transport, tolerance) in [
        ("RTP/AVP;unicast;interleaved=0-1", Transport::tcp((0, 1)), Tolerance::InterleavedWithoutTcp),
        (
            "RTP/AVP/UDP;interleaved=4-5;ssrc=0B6020AD",
            Transport { delivery: None, ssrc: Some(0x0b60_20ad), ..Transport::tcp((4, 5)) },
            Tolerance::InterleavedWithoutTcp,
        ),
        (
            r#"client_port=3456-3457;RTP/AVP;mode="PLAY";unicast"#,
            Transport { mode: Some(Mode::Play), ..Transport::udp((3456, 3457)) },
            Tolerance::LateTransportProfile,
        ),
        (
            "RTP/AVP/UDP;unicast;client_port=14186;server_port=8052;ssrc=4317f;mode=play",
            Transport { ssrc: Some(0x0004_317f), ..play((14186, 14187)) },
            Tolerance::ShortSsrc,
        ),
        // Hikvision
        (
            "RTP/AVP/UDP;unicast;client_port=14186;server_port=8052;ssrc= d6d6627;mode=play",
            Transport { ssrc: Some(0x0d6d_6627), ..play((14186, 14187)) },
            Tolerance::ShortSsrc,
        ),
        // Dahua
        (
            "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=     D93FF",
            Transport { ssrc: Some(0x000d_93ff), ..Transport::tcp((0, 1)) },
            Tolerance::ShortSsrc,
        ),
        (
            "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=0",
            Transport { ssrc: Some(0), ..Transport::tcp((0, 1)) },
            Tolerance::ShortSsrc,
        ),
        (
            "RTP/AVP;unicast;client_port=14236;source=172.16.8.2;server_port=56002;ssrc=1449463210",
            Transport {
                source: Some("172.16.8.2".into()),
                server_port: Some((56002, 56003)),
                ..Transport::udp((14236, 14237))
            },
            Tolerance::UnreadableParameter,
        ),
        (
            "RTP/AVP/UDP;unicast;source=;client_port=32560-32561;server_port=3046-3047;ssrc=45dcb578",
            Transport {
                server_port: Some((3046, 3047)),
                ssrc: Some(0x45dc_b578),
                ..Transport::udp((32560, 32561))
            },
            Tolerance::UnreadableParameter,
        ),
        (
            "RTP/AVP/UDP;unicast;mode=receive;source=127.0.0.1;client_port=14186-14187;server_port=5000-5001",
            Transport {
                source: Some("127.0.0.1".into()),
                server_port: Some((5000, 5001)),
                mode: Some(Mode::Record),
                ..Transport::udp((14186, 14187))
            },
            Tolerance::ModeReceive,
        ),
        ("RTP/AVP/TCP;unicast;interleaved=0-1;", Transport::tcp((0, 1)), Tolerance::EmptyParameter),
        (
            r#"RTP/AVP/TCP;unicast;interleaved=0-1;source="a;ttl=9""#,
            Transport::tcp((0, 1)),
            Tolerance::UnreadableParameter,
        ),
    ] {
        let (read, tolerances) = read(value);
        assert_eq!(read, Ok(transport), "{value}");
        assert_eq!(tolerances.iter().collect::<Vec<_>>(), [tolerance], "{value}");
    }
}

#[test]
fn parameters_that_are_needed_must_be_readable() {
    for (parameter, values) in [
        ("interleaved", &["", "aa-14187", "0-", "-1", "255", "255-256", "256-257", "0-1-2", "+0-1"][..]),
        ("port", &["aa", "aa-bb-cc", "aa-14187", "14186-aa", "65535", "65535-65536", "99999"]),
        ("client_port", &["", "aa-14187", "65535-65536", "-1--1", "99999999999999999999-1"]),
        ("server_port", &["aa-14187", "1-65536"]),
        ("ttl", &["aa", "-1", "256"]),
        ("mode", &["aa", "", "pla"]),
    ] {
        for value in values {
            assert_eq!(
                read(&format!("RTP/AVP;unicast;{parameter}={value}")).0,
                Err(HeaderError::Unreadable { header: TRANSPORT, parameter }),
                "{parameter}={value}"
            );
        }
    }
}

#[test]
fn a_transport_without_profile_is_an_error() {
    let missing = HeaderError::Missing { header: TRANSPORT, what: "profile" };
    for (value, error) in [
        ("", HeaderError::Missing { header: TRANSPORT, what: "transport" }),
        (" , ,, ", HeaderError::Missing { header: TRANSPORT, what: "transport" }),
        (";", missing),
        ("aasd", missing),
        ("invalid;unicast;client_port=14186-14187", missing),
        ("unicast;client_port=1-2", missing),
        ("RTP/AVP=x", missing),
        (r#"key1="k"#, HeaderError::UnclosedQuote { header: TRANSPORT }),
        ("RAW/RAW/UDP;unicast", HeaderError::UnknownTransport),
        ("MP2T/H2221/UDP;unicast", HeaderError::UnknownTransport),
        ("RTP/AVP/DCCP;unicast", HeaderError::UnknownTransport),
        ("RTP/AVP/TCP/;unicast", HeaderError::UnknownTransport),
        ("RTP/;unicast", HeaderError::UnknownTransport),
    ] {
        assert_eq!(read(value).0, Err(error), "{value}");
    }
}

#[test]
fn alternatives_keep_their_order_and_unknown_ones_are_left_out() {
    let udp = Transport { mode: Some(Mode::Play), ..Transport::udp((3456, 3457)) };
    let tcp = Transport::tcp((0, 1));
    for values in [
        &[r#"RTP/AVP;unicast;client_port=3456-3457;mode="PLAY", RTP/AVP/TCP;unicast;interleaved=0-1"#][..],
        &[
            r#"RTP/AVP;unicast;client_port=3456-3457;mode="PLAY,RECORD""#,
            "RTP/AVP/TCP;unicast;interleaved=0-1",
        ],
        &[
            "RAW/RAW/UDP;unicast,RTP/AVP;unicast;client_port=3456-3457;mode=play,,foo,",
            "RTP/AVP;client_port=x, RTP/AVP/TCP;unicast;interleaved=0-1",
        ],
    ] {
        assert_eq!(read_all(values), Ok(vec![udp.clone(), tcp.clone()]), "{values:?}");
    }
    assert_eq!(read("RAW/RAW/UDP;unicast,RTP/AVP/TCP;unicast;interleaved=0-1,RTP/AVP").0, Ok(tcp));
}

#[test]
fn an_alternative_that_cannot_be_read_is_recorded_and_an_unknown_one_is_not() {
    for (values, is_recorded) in [
        (&["RTP/AVP;ttl=x,RTP/AVP/TCP;unicast;interleaved=0-1"][..], true),
        (&["RTP/AVP;ttl=x,RAW/RAW/UDP,RTP/AVP/TCP;unicast;interleaved=0-1"], true),
        (&["RAW/RAW/UDP;unicast,,RTP/AVP/TCP;unicast;interleaved=0-1,"], false),
    ] {
        let mut tolerances = Tolerances::NONE;
        let read = parse_transports(values.iter().copied(), &mut tolerances);
        assert_eq!(read, Ok(vec![Transport::tcp((0, 1))]), "{values:?}");
        assert_eq!(tolerances.contains(Tolerance::TransportLeftOut), is_recorded, "{values:?}");
    }
}

#[test]
fn no_usable_alternative_is_an_error_that_says_whether_any_was_sound() {
    let broken = HeaderError::Unreadable { header: TRANSPORT, parameter: "ttl" };
    for (values, error) in [
        (&[][..], HeaderError::Missing { header: TRANSPORT, what: "transport" }),
        (&["RTP/AVP;ttl=x,RTP/AVP;port=x"], broken),
        (&["RTP/AVP;ttl=x,RAW/RAW/UDP", "RTP/AVP;port=x"], HeaderError::UnknownTransport),
    ] {
        assert_eq!(read_all(values), Err(error), "{values:?}");
    }
}

#[test]
fn only_so_many_alternatives_are_read() {
    let known = vec!["RTP/AVP"; TRANSPORTS_MAX + 1].join(",");
    assert_eq!(read_all(&[&known]).unwrap().len(), TRANSPORTS_MAX);
    for (count, is_told) in [(TRANSPORTS_MAX, false), (TRANSPORTS_MAX + 1, true)] {
        let mut tolerances = Tolerances::NONE;
        parse_transports(std::iter::repeat_n("RTP/AVP;unicast", count), &mut tolerances).unwrap();
        assert_eq!(tolerances.contains(Tolerance::ElementsLeftOut), is_told, "{count}");
    }
    let late = vec!["RAW/RAW/UDP"; TRANSPORTS_MAX].join(",") + ",RTP/AVP";
    assert_eq!(read_all(&[&late]), Err(HeaderError::UnknownTransport));
    let many = vec!["a"; 10_000].join(";");
    assert_eq!(read(&many).0, Err(HeaderError::TooManyParameters { header: TRANSPORT }));
}

#[test]
fn a_lone_channel_and_what_stands_there_twice_are_recorded() {
    for (value, fired) in [
        ("RTP/AVP/TCP;interleaved=0", Some(Tolerance::LoneChannel)),
        ("RTP/AVP;unicast;multicast;port=5000", Some(Tolerance::RepeatedParameter)),
        ("RTP/AVP;unicast;UNICAST", Some(Tolerance::RepeatedParameter)),
        ("RTP/AVP;multicast;ttl=1;ttl=2", Some(Tolerance::RepeatedParameter)),
        ("RTP/AVP;client_port=5000;server_port=6000", None),
        ("RTP/AVP/TCP;interleaved=0-1;interleaved=2-3", Some(Tolerance::RepeatedParameter)),
        ("RTP/AVP/TCP;interleaved=0-1;source=10.0.0.1;source=10.0.0.2", Some(Tolerance::RepeatedParameter)),
        ("RTP/AVP/TCP;interleaved=0-1", None),
        ("RTP/AVP;multicast;port=5000;ttl=1", None),
    ] {
        let mut tolerances = Tolerances::NONE;
        let transport = Transport::parse(value, &mut tolerances).unwrap();
        assert!(transport.interleaved.is_none_or(|channels| channels == (0, 1)), "the first counts: {value}");
        assert_eq!(tolerances.iter().next(), fired, "{value}");
    }
}
