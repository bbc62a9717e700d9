//! Formats that FFmpeg 5.1 and GStreamer 1.22 have neither packetizer nor depacketizer of, or no frames that could be known.

use super::{Reason, Row};

const NOT_THERE: Reason = "it has neither";
const NO_ENCODER: Reason = "no program makes frames";

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::untried(("AV1", "AOMedia"), "AV1", &["profile", "level-idx", "tier"], NOT_THERE)
            .container("`av1C`")
            .marked(),
        Row::untried(("H.266", "RFC 9328"), "H266", &H266, NOT_THERE).marked(),
        Row::untried(("E-AC-3", "RFC 4598"), "eac3", &[], NOT_THERE).container("`dec3`"),
        Row::untried(("L20", "RFC 3190"), "L20", &[], NOT_THERE),
        Row::untried(("G.728", "RFC 3551"), "G728", &[], NOT_THERE),
        Row::untried(("ONVIF metadata", "ONVIF Streaming 5.1.2.1.1"), "vnd.onvif.metadata", &[], NOT_THERE)
            .marked(),
        Row::untried(("T.140 text that is repeated", "RFC 4103"), "red", &[], NOT_THERE).marked(),
        Row::untried(("Keys of a telephone", "RFC 4733"), "telephone-event", &[], NO_ENCODER).marked(),
    ]
}

const H266: [&str; 4] = ["sprop-vps", "sprop-sps", "sprop-pps", "sprop-max-don-diff"];
