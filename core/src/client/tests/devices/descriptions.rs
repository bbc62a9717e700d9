//! Session descriptions (RFC 8866) as devices write them.

use super::Camera;
use crate::Tolerance::*;

/// The lines that a description has at least, and a video as most cameras have it.
const HEAD: &str = "v=0|o=- 0 0 IN IP4 192.0.2.1|s=x|t=0 0";
const VIDEO: &str = "m=video 0 RTP/AVP 96|a=rtpmap:96 H264/90000|a=control:trackID=0";
const H264: &str = "96 H264/90000";

/// A camera that describes its medias so; the first of them is played. `HEAD` and `VIDEO` stand for plain lines.
fn described(
    device: &'static str,
    sends: &'static str,
    does: &'static str,
    description: &str,
    formats: &str,
) -> Camera {
    let description = description.replace("HEAD", HEAD).replace("VIDEO", VIDEO);
    let payload_type = formats.split(' ').next().unwrap_or_default();
    let script = format!(
        "described as {description}
         formats {formats}
         set up 0
         playing
         frame 0 {payload_type} 17
         packets 17"
    );
    Camera::new(device, sends, does, script)
}

pub(super) fn cameras() -> Vec<Camera> {
    let mut cameras = lines();
    cameras.extend(medias());
    cameras.extend(formats());
    cameras
}

/// Lines of the session, in which RTSP has little interest.
fn lines() -> Vec<Camera> {
    vec![
        described(
            "V380 (macro-video), Wisenet NVR",
            "no `o=` line",
            "does without",
            "v=0|s=streamed by the macro-video rtsp server|t=0 0|VIDEO|",
            H264,
        )
        .tolerates(&[SdpLineMissing]),
        described(
            "a camera",
            "no `s=` line",
            "does without",
            "v=0|o=- 0 0 IN IP4 192.0.2.1|t=0 0|VIDEO|",
            H264,
        )
        .tolerates(&[SdpLineMissing]),
        described(
            "UDP Technology",
            "medias alone, without `v=`",
            "does without",
            "m=video 0 RTP/AVP 96|a=rtpmap:96 H264/90000|a=control:trackID=0|",
            H264,
        )
        .tolerates(&[SdpVersion, SdpLineMissing]),
        described(
            "LiveReporter",
            "`o=-0 0 IN IP4 127.0.0.1`",
            "ignores the line",
            "v=0|o=-0 0 IN IP4 127.0.0.1|s=x|t=0 0|VIDEO|",
            H264,
        )
        .tolerates(&[SdpUnusedLine]),
        described(
            "TP-Link, Mercury",
            "a field too many in `o=`",
            "ignores the line",
            "v=0|o=- 14665860 31787219 1 IN IP4 192.168.2.29|s=x|t=0 0|VIDEO|",
            H264,
        )
        .tolerates(&[SdpUnusedLine]),
        described(
            "a camera",
            "no address in `o=`",
            "ignores the line",
            "v=0|o=RTSP 16381778200090761968 16381778200090839277 IN IP4 |s=x|t=0 0|VIDEO|",
            H264,
        )
        .tolerates(&[SdpBlanks, SdpUnusedLine]),
        described(
            "a camera",
            "`c=` without the type of its address",
            "ignores the line",
            "v=0|o=- 0 0 IN IP4 192.0.2.1|s=x|c=IN 198.51.100.1|t=0 0|VIDEO|c=IN 2001:db8::2|",
            H264,
        )
        .tolerates(&[SdpLineOrder, SdpUnusedLine]),
        described(
            "Vurix NVR",
            "`c=IN IPV4 0.0.0.0`",
            "ignores the line",
            "v=0|o=- 0 0 IN IP4 192.0.2.1|s=x|c=IN IPV4 0.0.0.0|t=0 0|VIDEO|",
            H264,
        )
        .tolerates(&[SdpUnusedLine]),
        described(
            "Verint",
            "`IP IP4` in `o=`",
            "ignores the line",
            "v=0|o=- 1329416390 1329416390 IP IP4 192.168.1.1|s=x|t=0 0|VIDEO|",
            H264,
        )
        .tolerates(&[SdpUnusedLine]),
        described(
            "FritzBox 6660 Cable",
            "`c=In IP4`, and lines that end in LF alone",
            "ignores the line, and splits at LF",
            &"v=0|o=- 0 0 IN IP4 192.0.2.1|s=x|c=In IP4 0.0.0.0|t=0 0|VIDEO|"
                .replace("VIDEO", VIDEO)
                .replace('|', r"\n"),
            H264,
        )
        .tolerates(&[SdpLineEnd, SdpUnusedLine]),
        described(
            "Hik Media Server V3.1.3",
            "`c=IN c=IN IP4 0.0.0.0`",
            "ignores the line",
            "v=0|o=- 0 0 IN IP4 192.0.2.1|s=x|c=IN c=IN IP4 0.0.0.0|t=0 0|VIDEO|",
            H264,
        )
        .tolerates(&[SdpUnusedLine]),
        described(
            "Y-CAM, AXIS 221",
            "negative numbers in `o=`",
            "ignores the line",
            "v=0|o=- -1962418793961427 -8959200248001175080 IN IP4 10.0.0.1|s=x|t=0 0|VIDEO|",
            H264,
        )
        .tolerates(&[SdpUnusedLine]),
        described(
            "encoders",
            "hexadecimal numbers in `o=`",
            "ignores the line",
            "v=0|o=jdoe 0xAC4EC96E 103bdb6f IN IP4 10.47.16.5|s=x|t=0 0|VIDEO|",
            H264,
        )
        .tolerates(&[SdpUnusedLine]),
        described(
            "encoders",
            "numbers in `o=` of more than 64 bits",
            "takes them",
            "v=0|o=- 19599440071187478912 1 IN IP4 10.0.0.1|s=x|t=0 0|VIDEO|",
            H264,
        ),
        described(
            "VLC, Real",
            "`b=RR:0`, `b=RS:0`, `b=TIAS:10000`, `b=AS:0`",
            "takes them",
            "v=0|o=- 0 0 IN IP4 192.0.2.1|s=x|b=AS:0|b=RR:0|b=RS:0|t=0 0|\
             m=video 0 RTP/AVP 96|b=TIAS:10000|a=rtpmap:96 H264/90000|",
            H264,
        ),
        described(
            "Sony SNC-WR630",
            "`a=range` in front of `c=`",
            "reads lines in any order",
            "v=0|o=- 0 0 IN IP4 192.0.2.1|s=x|a=range:npt=now-|c=IN IP4 0.0.0.0|t=0 0|VIDEO|",
            H264,
        )
        .tolerates(&[SdpLineOrder]),
        described("a camera known to go2rtc", "a last line without an end", "reads it", "HEAD|VIDEO", H264)
            .tolerates(&[SdpLineEnd]),
        described(
            "AMS32",
            "`a=type:control:*`",
            "ignores an attribute that it does not know",
            "HEAD|a=type:control:*|VIDEO|",
            H264,
        ),
        described(
            "cameras of an IPTV operator",
            "`a=range:clock=0-`",
            "plays it",
            "HEAD|a=range:clock=0-|VIDEO|",
            H264,
        ),
        described(
            "Hikvision, replaying",
            "a range without blanks in its dates",
            "reads it",
            "HEAD|a=range:clock=20200618T212222Z-20200618T212312Z|VIDEO|",
            H264,
        ),
    ]
}

/// The medias.
fn medias() -> Vec<Camera> {
    vec![
        described(
            "Tuya, Symynelec C5",
            "memory that nobody has written, for a port and an address",
            "ignores both",
            r"HEAD|m=video -1353744643 RTP/AVP 96|c=IN IP4 '&\xff\xfe|a=rtpmap:96 H264/90000|",
            H264,
        )
        .tolerates(&[SdpEncoding, SdpUnusedLine, SdpMediaLine]),
        described(
            "TP-Link, Mercury",
            "a media whose format is `smart/1/90000`",
            "takes the format of its `a=rtpmap`, and plays the others",
            "HEAD|VIDEO|m=application/TP-LINK 0 RTP/AVP smart/1/90000|a=rtpmap:95 TP-LINK/90000|",
            "96 H264/90000; 95 TP-LINK/90000",
        )
        .tolerates(&[SdpPayloadType]),
        described(
            "UDP Technology, Wisenet, BZBGEAR",
            "medias of the kinds `metadata`, `text`, `vana` and `meta`",
            "passes them through",
            "HEAD|VIDEO|m=metadata 0 RTP/AVP 98|a=rtpmap:98 vnd.onvif.metadata/90000|\
             m=text 0 RTP/AVP 99|a=rtpmap:99 t140/1000|m=vana 0 RTP/AVP 100|a=rtpmap:100 vana/90000|\
             m=meta 0 RTP/AVP 101|a=rtpmap:101 meta/90000|",
            "96 H264/90000; 98 vnd.onvif.metadata/90000; 99 t140/1000; 100 vana/90000; 101 meta/90000",
        ),
        described(
            "IPTV of internet providers",
            "`m=video 8048 MP2T/AVP 33`",
            "reads the profile as `RTP/AVP`",
            "HEAD|m=video 8048 MP2T/AVP 33|",
            "33 MP2T/90000",
        )
        .tolerates(&[SdpProtocol]),
        described(
            "IPCAM, H264DVR",
            "a blank behind `H264/90000`, and `a=framerate:0S`",
            "cuts it off",
            "HEAD|m=video 0 RTP/AVP 96|a=rtpmap:96 H264/90000 |a=framerate:0S|a=framerate:25|",
            H264,
        )
        .tolerates(&[SdpBlanks]),
        described(
            "VStarcam",
            "a tab and a blank behind the payload type",
            "cuts them off",
            r"HEAD|VIDEO|m=audio 0 RTP/AVP 8\t |a=control:track1|",
            "96 H264/90000; 8 PCMA/8000",
        )
        .tolerates(&[SdpBlanks]),
        described(
            "Ubiquiti",
            "`a=fmtp:96` without parameters, and two medias of the same payload type",
            "keeps the formats of each media apart",
            "HEAD|VIDEO|a=fmtp:96|m=audio 0 RTP/AVP 96|a=rtpmap:96 opus/48000/2|",
            "96 H264/90000; 96 opus/48000/2",
        )
        .tolerates(&[SdpFormatAttribute]),
        described(
            "D-Link",
            "video that is marked `a=sendonly`",
            "plays it",
            "v=0|o=CV-RTSPHandler 1123412 0 IN IP4 192.0.2.1|s=x|t=0 0|VIDEO|a=sendonly|",
            H264,
        ),
        described(
            "ONVIF cameras",
            "all that they send marked `a=recvonly`, as in the examples of ONVIF",
            "plays it",
            "HEAD|VIDEO|a=recvonly|m=audio 0 RTP/AVP 0|a=recvonly|",
            "96 H264/90000; 0 PCMU/8000",
        ),
        described(
            "single streams of RFC 2326, C.3",
            "no `a=control` at all",
            "sets up the URL of the description",
            "HEAD|m=video 0 RTP/AVP 96|a=rtpmap:96 H264/90000|",
            H264,
        ),
    ]
}

/// Formats, and their parameters.
fn formats() -> Vec<Camera> {
    vec![
        described(
            "AMS32",
            "a blank in front of the payload type of `a=fmtp`",
            "cuts it off",
            "HEAD|m=audio 0 RTP/AVP 97|a=rtpmap:97 MPEG4-GENERIC/16000/1|\
             a=fmtp: 97 streamtype=3;mode=AAC-hbr;sizeLength=13;config=1408|",
            "97 mpeg4-generic/16000/1",
        )
        .tolerates(&[SdpBlanks]),
        described(
            "Reolink, VLC, libcamera",
            "`;` at the end of the parameters",
            "skips what is empty",
            "HEAD|VIDEO|a=fmtp:96 packetization-mode=1;profile-level-id=640033;|",
            H264,
        )
        .tolerates(&[FmtpParameter]),
        described(
            "Anpviz",
            "a static payload type that is mapped to AAC",
            "believes the mapping",
            "HEAD|m=audio 0 RTP/AVP 0|a=rtpmap:0 MPEG4-GENERIC/16000/2|a=fmtp:0 mode=AAC-hbr;config=1410|",
            "0 mpeg4-generic/16000/2",
        )
        .tolerates(&[StaticPayloadTypeRemapped, Mpeg4AudioAssumed]),
        described(
            "GW Security",
            "payload type 8 that is mapped to PCMU",
            "believes the mapping",
            "HEAD|m=audio 0 RTP/AVP 8|a=rtpmap:8 PCMU/8000/1|",
            "8 PCMU/8000/1",
        )
        .tolerates(&[StaticPayloadTypeRemapped]),
        described(
            "broken servers",
            "a clock rate of zero",
            "takes the usual one",
            "HEAD|m=video 0 RTP/AVP 96|a=rtpmap:96 H264/0|",
            H264,
        )
        .tolerates(&[RtpmapClockRate]),
        described(
            "Hikvision",
            "`PCM/48000` under payload type 11",
            "tells its name as it is, since its samples have the other byte order",
            "HEAD|m=audio 0 RTP/AVP 11|a=rtpmap:11 PCM/48000|",
            "11 PCM/48000",
        )
        .tolerates(&[StaticPayloadTypeRemapped]),
        described(
            "Foscam, H264DVR",
            "static payload types without `a=rtpmap`",
            "knows those of RFC 3551",
            "HEAD|m=audio 0 RTP/AVP 0|m=audio 0 RTP/AVP 8|m=audio 0 RTP/AVP 10|m=audio 0 RTP/AVP 11|",
            "0 PCMU/8000; 8 PCMA/8000; 10 L16/44100/2; 11 L16/44100",
        ),
        described(
            "Bosch",
            "H264 under payload type 35",
            "believes the mapping",
            "HEAD|m=video 0 RTP/AVP 35|a=rtpmap:35 H264/90000|",
            "35 H264/90000",
        ),
        described(
            "HIK Media Server",
            "no `sprop-parameter-sets`",
            "waits for those in the stream",
            "HEAD|VIDEO|a=fmtp:96 packetization-mode=1|",
            H264,
        ),
        described(
            "V380 (macro-video)",
            "`profile-level-id=TeAo`",
            "ignores it",
            "HEAD|VIDEO|a=fmtp:96 packetization-mode=1;profile-level-id=TeAo|",
            H264,
        )
        .tolerates(&[FmtpValue]),
        described(
            "GW Security",
            "`profile-level-id=5046314`",
            "ignores it",
            "HEAD|VIDEO|a=fmtp:96 packetization-mode=1;profile-level-id=5046314|",
            H264,
        )
        .tolerates(&[FmtpValue]),
        described(
            "servers of their own make",
            "LATM under another payload type, without a configuration",
            "takes the parameters for those of its only format, and plays the rest",
            "HEAD|m=audio 0 RTP/AVP 96|a=rtpmap:96 MP4A-LATM/44100|\
             a=fmtp:40 profile-level-id=15;cpresent=0;config=|",
            "96 MP4A-LATM/44100",
        )
        .tolerates(&[SdpFormatAttribute, SdpFormatMisplaced, FmtpValue]),
        described(
            "Hikvision",
            "AAC without its configuration",
            "takes that of the clock rate",
            "HEAD|m=audio 0 RTP/AVP 104|a=rtpmap:104 MPEG4-GENERIC/16000/1|a=fmtp:104 mode=AAC-hbr|",
            "104 mpeg4-generic/16000/1",
        )
        .tolerates(&[Mpeg4AudioAssumed]),
        described(
            "cameras with G.711 at twice its rate",
            "`PCMA/16000`",
            "takes the rate",
            "HEAD|m=audio 0 RTP/AVP 97|a=rtpmap:97 PCMA/16000|",
            "97 PCMA/16000",
        ),
    ]
}
