//! RTP and RTCP.

use super::Camera;
use crate::Tolerance::*;
use crate::client::*;

const TCP: &str = "described\nset up 0\nplaying\n";
const UDP: &str = "described\nsetup 0\n> SETUP
    < 200 OK | Session: 1 | Transport: RTP/AVP;unicast;client_port=7000-7001;server_port=5000-5001
    done\nplaying\n";

fn udp(device: &'static str, sends: &'static str, does: &'static str, script: &str) -> Camera {
    let config = ClientConfig::default().transports(Transports::Udp);
    Camera::new(device, sends, does, UDP.to_owned() + script).config(config)
}

pub(super) fn cameras() -> Vec<Camera> {
    vec![
        Camera::new(
            "Uniview",
            "another SSRC with each group of pictures",
            "follows it, and loses nothing",
            TCP.to_owned() + "frame 0 96 1 10\nframe 0 96 2 10\nframe 0 96 900 11\nframe 0 96 901 11\npackets 1 2 900 901",
        ),
        Camera::new(
            "Geovision",
            "packets of payload type 50 among the others",
            "drops and counts them",
            TCP.to_owned() + "frame 0 96 1\nframe 0 50 2\nframe 0 96 2\npackets 1 2\ninvalid 1",
        ),
        Camera::new(
            "Tapo C320WS",
            "reports of sources that send nothing",
            "ignores them",
            TCP.to_owned()
                + "frame 0 96 1
                   << $\\x01\\x00\\x1c\\x80\\xc8\\x00\\x06\\x00\\x00\\xbe\\xef\\xe0\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00
                   frame 0 96 2
                   packets 1 2",
        ),
        Camera::new(
            "Hanwha QNV-8080R",
            "a source description without its last zero",
            "reads it",
            TCP.to_owned()
                + "frame 0 96 1
                   << $\\x01\\x00\\x14\\x80\\xc9\\x00\\x01\\x00\\x00\\xab\\xcd\\x81\\xca\\x00\\x02\\x00\\x00\\xab\\xcd\\x01\\x02ab
                   frame 0 96 2
                   packets 1 2",
        )
        .tolerates(&[SdesUnterminated]),
        Camera::new(
            "several cameras over TCP",
            "RTCP that cannot be read",
            "records it, and plays on",
            TCP.to_owned() + "frame 0 96 1\n<< $\\x01\\x00\\x08\\x80\\xc8\\x00\\xff\\x00\\x00\\xab\\xcd\nframe 0 96 2\npackets 1 2",
        )
        .tolerates(&[RtcpTrailingBytes]),
        Camera::new(
            "encoders that mux RTCP with RTP",
            "a report on the channel of packets",
            "takes it for a report",
            TCP.to_owned() + "frame 0 96 1\n<< $\\x00\\x00\\x08\\x80\\xc9\\x00\\x01\\x00\\x00\\xab\\xcd\nframe 0 96 2\npackets 1 2",
        )
        .tolerates(&[RtcpOnRtp]),
        Camera::new(
            "Wowza, FFmpeg, cameras after a change of their clock",
            "timestamps that go back by seconds",
            "hands out every packet; the time line goes on",
            TCP.to_owned()
                + "frame 0 96 1 7 900000\nframe 0 96 2 7 903000\nframe 0 96 3 7 90000\nframe 0 96 4 7 93000\ntimes go on",
        ),
        Camera::new(
            "Tapo, restarted",
            "timestamps from zero, and another SSRC",
            "hands out every packet; the time line goes on",
            TCP.to_owned() + "frame 0 96 1 7 900000\nframe 0 96 2 7 903000\nframe 0 96 0 8 0\nframe 0 96 1 8 3000\ntimes go on",
        ),
        udp(
            "cameras over Wi-Fi",
            "packets in another order",
            "puts them into order",
            "rtp 192.0.2.1:5000 96 1\nrtp 192.0.2.1:5000 96 3\nrtp 192.0.2.1:5000 96 2\nrtp 192.0.2.1:5000 96 4\npackets 1 2 3 4",
        ),
        udp(
            "cameras over Wi-Fi",
            "packets twice",
            "hands each out once",
            "rtp 192.0.2.1:5000 96 1\nrtp 192.0.2.1:5000 96 2\nrtp 192.0.2.1:5000 96 2\nrtp 192.0.2.1:5000 96 3\npackets 1 2 3",
        ),
        udp(
            "TP-Link Tapo",
            "datagrams of 10,000 bytes",
            "takes them",
            "rtp 192.0.2.1:5000 96 1 7 3000 10000\npackets 1",
        ),
    ]
}
