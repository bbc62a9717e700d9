//! SETUP: transports, channels, ports, and the session that it makes.

use super::Camera;
use crate::Tolerance::*;
use crate::client::*;

/// A camera that answers a SETUP for TCP so, and then sends a packet on a channel.
fn over_tcp(
    device: &'static str,
    sends: &'static str,
    does: &'static str,
    transport: &str,
    channel: u8,
) -> Camera {
    let transport = if transport.is_empty() { String::new() } else { format!(" | Transport: {transport}") };
    let script = format!(
        "described
         setup 0
         > SETUP … Transport: RTP/AVP/TCP;unicast;interleaved=0-1 |
         < 200 OK | Session: 1{transport}
         done
         playing
         frame {channel} 96 17
         packets 17"
    );
    Camera::new(device, sends, does, script)
}

/// A camera that answers a SETUP for UDP so, and then sends a packet from an address.
fn over_udp(
    device: &'static str,
    sends: &'static str,
    does: &'static str,
    transport: &str,
    from: &str,
) -> Camera {
    let script = format!(
        "described
         setup 0
         > SETUP … Transport: RTP/AVP;unicast;client_port=7000-7001 |
         < 200 OK | Session: 1 | Transport: {transport}
         done
         playing
         rtp {from} 96 17
         packets 17"
    );
    Camera::new(device, sends, does, script).config(udp(SourcePolicy::Announced))
}

/// A camera that answers a SETUP for multicast so, and then sends a packet from an address to the group.
fn over_multicast(
    device: &'static str,
    sends: &'static str,
    does: &'static str,
    (description, transport): (&str, &str),
    from: &str,
) -> Camera {
    let script = format!(
        "described as {description}
         setup 0
         > SETUP … Transport: RTP/AVP;multicast |
         < 200 OK | Session: 1 | Transport: {transport}
         done
         playing
         rtp {from} 96 17
         packets 17"
    );
    let config = ClientConfig::default().transports(Transports::Multicast);
    Camera::new(device, sends, does, script).config(config)
}

fn udp(source: SourcePolicy) -> ClientConfig {
    ClientConfig::default().transports(Transports::Udp).source(source)
}

pub(super) fn cameras() -> Vec<Camera> {
    let mut cameras = tcp();
    cameras.extend(datagrams());
    cameras.extend(groups());
    cameras.extend(sessions());
    cameras
}

fn tcp() -> Vec<Camera> {
    vec![
        over_tcp("cameras known to gortsplib", "no Transport", "takes what it asked for", "", 0)
            .tolerates(&[NoTransport]),
        over_tcp(
            "cameras known to gortsplib",
            "no channels",
            "takes those that it asked for",
            "RTP/AVP/TCP;unicast",
            0,
        )
        .tolerates(&[NoInterleavedChannels]),
        over_tcp(
            "Streaming Server/2.9.0.0",
            "other channels than it was asked for",
            "takes those of the camera",
            "RTP/AVP/TCP;unicast;interleaved=4-5",
            4,
        ),
        over_tcp(
            "Luckfox rkipc",
            "`ssrc` in front of the channels",
            "reads parameters in any order",
            "RTP/AVP/TCP;ssrc=22345684;interleaved=0-1",
            0,
        ),
        over_tcp(
            "Hikvision, Dahua",
            "an SSRC that is padded with blanks",
            "reads it",
            "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc= d6d6627",
            0,
        )
        .tolerates(&[ShortSsrc]),
        over_tcp(
            "cameras known to gortsplib",
            "an SSRC of ten decimal digits",
            "ignores it",
            "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=1449463210",
            0,
        )
        .tolerates(&[UnreadableParameter]),
        over_tcp(
            "Reolink RLC-410",
            "another SSRC than that of its packets",
            "believes the packets",
            "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=0000BEEF",
            0,
        ),
        over_tcp(
            "cameras known to gortsplib and mediamtx",
            "`source=` without an address",
            "ignores it",
            "RTP/AVP/TCP;unicast;interleaved=0-1;source=;",
            0,
        )
        .tolerates(&[EmptyParameter, UnreadableParameter]),
        over_tcp(
            "servers known to GStreamer",
            "`;` at the end of the transport, and a mode in small letters",
            "skips what is empty",
            "RTP/AVP/TCP;unicast;interleaved=0-1;mode=play;",
            0,
        )
        .tolerates(&[EmptyParameter]),
        over_tcp(
            "a server of another library",
            "its profile in small letters",
            "compares profiles in any case",
            "rtp/avp/tcp;UNICAST;Interleaved=0-1",
            0,
        ),
        over_tcp(
            "cameras that answer so over TCP",
            "`RTP/AVP` without `/TCP`, and channels",
            "takes it for TCP",
            "RTP/AVP;unicast;interleaved=0-1",
            0,
        )
        .tolerates(&[InterleavedWithoutTcp]),
        Camera::new(
            "a camera known to mediamtx",
            "the channels 8-9 to the second media",
            "takes those of the camera",
            "described\nset up 0\nsetup 1
             > SETUP … interleaved=2-3
             < 200 OK | Transport: RTP/AVP/TCP;unicast;interleaved=8-9
             done\nplaying\nframe 8 0 5\npackets 5",
        ),
        Camera::new(
            "a server of another library",
            "channels beyond 255, which no frame can have",
            "refuses the transport and tells which",
            "described\nsetup 0\n> SETUP
             < 200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=300-301
             failed BadTransport",
        ),
        Camera::new(
            "cameras known to Frigate",
            "UDP, where it was asked for TCP",
            "refuses the transport and tells so",
            "described\nsetup 0\n> SETUP
             < 200 OK | Session: 1 | Transport: RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001
             failed OtherTransport",
        ),
    ]
}

fn datagrams() -> Vec<Camera> {
    vec![
        over_udp(
            "most cameras",
            "packets from the ports that it has named",
            "takes them",
            "RTP/AVP;unicast;client_port=7000-7001;server_port=5000-5001",
            "192.0.2.1:5000",
        ),
        over_udp(
            "servers in a cluster",
            "`source`, and packets from there",
            "takes them",
            "RTP/AVP;unicast;client_port=7000-7001;server_port=5000-5001;source=192.0.2.9",
            "192.0.2.9:5000",
        ),
        over_udp(
            "servers of internet providers, Freebox",
            "packets from another port than it has named",
            "takes them with `SourcePolicy::AnyPort`",
            "RTP/AVP;unicast;client_port=7000-7001;server_port=5000-5001",
            "192.0.2.1:41000",
        )
        .config(udp(SourcePolicy::AnyPort)),
        over_udp(
            "servers behind address translation",
            "packets from another address",
            "takes them with `SourcePolicy::AnyAddress`",
            "RTP/AVP;unicast;client_port=7000-7001;server_port=5000-5001",
            "198.51.100.7:5000",
        )
        .config(udp(SourcePolicy::AnyAddress)),
        over_udp(
            "OpenIPC",
            "no ports of its own",
            "learns them with `SourcePolicy::AnyPort`",
            "RTP/AVP/UDP;unicast;client_port=7000-7001",
            "192.0.2.1:41000",
        )
        .config(udp(SourcePolicy::AnyPort))
        .tolerates(&[NoServerPorts]),
        over_udp(
            "clients and servers known to gortsplib",
            "the profile behind parameters",
            "reads it",
            "client_port=7000-7001;RTP/AVP;unicast;server_port=5000-5001",
            "192.0.2.1:5000",
        )
        .tolerates(&[LateTransportProfile]),
        Camera::new(
            "cameras without UDP",
            "461 to a SETUP over UDP",
            "asks for TCP, one transport in each request",
            "described\nsetup 0
             > SETUP … Transport: RTP/AVP;unicast;client_port=7000-7001 |
             < 461 Unsupported Transport
             told TransportSwitched(Refused)
             > SETUP … Transport: RTP/AVP/TCP;unicast;interleaved=0-1 |
             < 200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1
             done",
        )
        .config(ClientConfig::default()),
        Camera::new(
            "VLC's `#rtp{sdp=rtsp://}`",
            "461 to a SETUP over TCP",
            "plays over UDP, which it asks for first",
            "described\nsetup 0
             > SETUP … Transport: RTP/AVP;unicast;client_port=7000-7001 |
             < 200 OK | Session: 1 | Transport: RTP/AVP;unicast;client_port=7000-7001;server_port=5000-5001
             done\nplaying\nrtp 192.0.2.1:5000 96 17\npackets 17",
        )
        .config(ClientConfig::default()),
        Camera::new(
            "Hikvision",
            "an error to `mode=\"PLAY\"`",
            "names no mode when it plays",
            "described\nsetup 0\n> SETUP\n>! mode",
        ),
    ]
}

fn groups() -> Vec<Camera> {
    let video = "v=0|o=- 0 0 IN IP4 192.0.2.1|s=-|t=0 0|m=video 0 RTP/AVP 96|a=rtpmap:96 H264/90000|";
    let of_one_source = "v=0|o=- 0 1 IN IP4 192.0.2.1|s=live|t=0 0|a=tool:LIVE555 Streaming Media v2023.01.19\
                         |a=type:broadcast|a=control:*|a=source-filter: incl IN IP4 * 192.0.2.7\
                         |a=rtcp-unicast: reflection|m=video 18888 RTP/AVP 96|c=IN IP4 232.43.211.7/255\
                         |a=rtpmap:96 H264/90000|a=control:track1|";
    vec![
        over_multicast(
            "happytime-rtsp-server",
            "a group, and `source`",
            "joins it, and takes packets from the server or that source",
            (video, "RTP/AVP;multicast;destination=239.1.2.3;source=192.0.2.1;port=5000-5001;ttl=255"),
            "192.0.2.1:5000",
        ),
        over_multicast(
            "Micro-RTSP-Audio",
            "a group, and packets from another port",
            "takes packets from any port of the server",
            (video, "RTP/AVP;multicast;destination=239.255.0.1;port=5000-5001;ttl=1"),
            "192.0.2.1:41000",
        ),
        over_multicast(
            "live555, source-specific",
            "the source in the description alone",
            "joins the group for that source, and reports to it",
            (of_one_source, "RTP/AVP;multicast;destination=232.43.211.7;port=18888-18889;ttl=255"),
            "192.0.2.7:18888",
        ),
        over_multicast(
            "PHZ76 RtspServer",
            "`port=5000-0`",
            "takes the port above the first for RTCP",
            (video, "RTP/AVP;multicast;destination=232.10.20.30;source=192.0.2.1;port=5000-0;ttl=255"),
            "192.0.2.1:5000",
        )
        .tolerates(&[NoGroupRtcpPort]),
        over_multicast(
            "VLC",
            "a group, and not `multicast`",
            "tells it by the address",
            (video, "RTP/AVP/UDP;destination=239.1.2.3;port=1234-1235;ttl=1;mode=play"),
            "192.0.2.1:1234",
        )
        .tolerates(&[NoDelivery]),
    ]
}

fn sessions() -> Vec<Camera> {
    vec![
        Camera::new(
            "H264DVR 1.0",
            "another session with the second media",
            "keeps the first",
            "described\nset up 0\nsetup 1\n> SETUP … Session: 1234
             < 200 OK | Session: 5678 | Transport: RTP/AVP/TCP;unicast;interleaved=2-3
             done\nplay\n> PLAY … Session: 1234",
        )
        .tolerates(&[SessionIdChanged]),
        Camera::new(
            "Uniview",
            "no answer to the SETUP of its metadata",
            "fails that command and plays the rest",
            "described\nset up 0\nsetup 1\n> SETUP\nwait 10\nfailed Timeout\nplaying\nframe 0 96 17\npackets 17",
        ),
        Camera::new(
            "Reolink",
            "a session without a timeout",
            "takes 60 seconds",
            "described\nsetup 0\n> SETUP
             < 200 OK | Session: F8F8E425 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1
             done\nplaying\nplays 29.5\nasks nothing\nplays 0.5\n> GET_PARAMETER … Session: F8F8E425",
        ),
        Camera::new(
            "GW Security",
            "`timeout=60` with SETUP, and `timeout=20` with PLAY",
            "takes the last",
            "described\nset up 0\nplay\n> PLAY\n< 200 OK | Session: 1234 ; timeout=20\ndone
             plays 9.5\nasks nothing\nplays 0.5\n> GET_PARAMETER",
        ),
        Camera::new(
            "cameras with a short timeout",
            "`timeout=15` to a SETUP that no PLAY follows for a while",
            "asks after half of it",
            "described\nsetup 0\n> SETUP
             < 200 OK | Session: 1;timeout=15 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1
             done\nwait 7\nasks nothing\nwait 0.5\n> GET_PARAMETER",
        ),
        Camera::new(
            "servers known to GStreamer",
            "`timeout=0`",
            "takes it for none, and keeps to 60 seconds",
            "described\nsetup 0\n> SETUP
             < 200 OK | Session: 1;timeout=0 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1
             done\nplaying\nplays 29.5\nasks nothing\nplays 0.5\n> GET_PARAMETER",
        )
        .tolerates(&[ZeroSessionTimeout]),
        Camera::new(
            "servers of another library",
            "the session with the answer to OPTIONS",
            "uses it from there on",
            "describe\n> OPTIONS\n< 200 OK | Session: 77\n> DESCRIBE … Session: 77",
        ),
    ]
}
