use divan::black_box;
use rtspan_core::{Description, Tolerances};

use crate::step::{Step, steps};

const SDP: &[u8] = b"v=0\r\no=- 1109162014219182 1 IN IP4 0.0.0.0\r\ns=Media Presentation\r\nc=IN IP4 0.0.0.0\r\n\
    t=0 0\r\na=control:*\r\na=range:npt=0-\r\nm=video 0 RTP/AVP 96\r\nb=AS:5000\r\na=rtpmap:96 H264/90000\r\n\
    a=fmtp:96 profile-level-id=420029; packetization-mode=1; sprop-parameter-sets=Z0LAHtkDxWhA,aM48gA==\r\n\
    a=control:trackID=1\r\na=recvonly\r\nm=audio 0 RTP/AVP 97\r\nb=AS:50\r\na=rtpmap:97 MPEG4-GENERIC/16000/1\r\n\
    a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;\
    config=1408\r\na=control:trackID=2\r\na=recvonly\r\n";

steps! {
    sdp_of_two_medias_to_description = from_sdp();
    description_of_two_medias_to_sdp = to_sdp();
}

fn parse() -> Description {
    Description::parse(black_box(SDP), &mut Tolerances::default()).unwrap()
}

fn from_sdp() -> Step<impl FnMut() -> Description> {
    assert_eq!(parse().medias.len(), 2);
    Step::new(1, parse)
}

fn to_sdp() -> Step<impl FnMut() -> String> {
    let description = parse();
    Step::new(1, move || black_box(&description).to_sdp())
}
