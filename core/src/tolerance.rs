use std::fmt;

/// Declares the tolerances with the sentence that a person reads when one has fired.
macro_rules! tolerances {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// A deviation from the standard that was read all the same.
        ///
        /// Each names the device that needs it, or says that none is known. A test beside the code that records it carries the bytes.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Tolerance {
            $($(#[doc = $doc])* $name,)*
        }

        impl Tolerance {
            /// Every tolerance, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The devices that are known to need it, if any, and an example of the bytes.
            pub fn reason(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_start(),)* }
            }
        }

        impl fmt::Display for Tolerance {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => $text,)* })
            }
        }
    };
}

tolerances! {
    // wire
    /// Lines that end in LF alone (FritzBox 6660 Cable, Rockchip RbsLive).
    BareLineFeed = "a line ends in LF without CR",
    /// Bytes between two items that belong to neither (Canon VB-H47 after an interleaved frame).
    Garbage = "bytes that belong to no message and no frame were skipped",
    /// Line ends or NUL between two items (servers known to retina, in front of a frame).
    StrayLineEnd = "an empty line stands between two items",
    /// Header lines with a blank in or behind the name, without name or colon, or with control
    /// characters (gortsplib reads them, so devices tested with it need not notice).
    MalformedHeader = "a header line is malformed",
    /// Heads that are not UTF-8, read as Latin-1 (the headers of HTTP, which devices share code with).
    HeadNotUtf8 = "a message head is not UTF-8",
    /// Status lines without a reason phrase (devices known to gortsplib send `RTSP/1.0 200`).
    MissingReason = "a status line has no reason phrase",
    /// More than one blank between the parts of a start line (a camera known to IPCamKit), one at the end of a request
    /// line, or tabs.
    ExtraBlank = "a start line has more blanks than it needs, or tabs",
    /// Blanks in the request URI (no device is known; players pass on what was typed into them).
    BlankInUri = "a request URI has blanks in it",
    /// The same `Content-Length` more than once (gortsplib has to ignore such bodies).
    RepeatedContentLength = "the content length is given more than once",
    /// `CSeq` or `Session` more than once, of which the first counts (no device is known).
    RepeatedHeader = "a header that stands once is repeated",
    // auth
    /// Parameters of credentials or of a challenge without a comma between them (cameras known to http-auth's tests).
    AuthParamsWithoutComma = "the parameters of a challenge or of credentials have no comma between them",
    /// A digest made for the URL of the stream, with or without a slash at its end, where a track was asked for (VLC,
    /// HappyTime), or for the path alone (Bosch BVMS).
    DigestUriForm = "a digest is made for another form of the request's URL",
    /// `Basic Og==`: an empty user with an empty password, which is no credentials (Seetec).
    EmptyCredentials = "credentials without user and password were sent",
    // headers
    /// Empty elements in a parameter list, mostly a semicolon at its end (Laureii in RTP-Info).
    EmptyParameter = "a header has an empty parameter",
    /// Parameters that can be done without and cannot be read: `ssrc=1449463210`, ten digits where eight
    /// hexadecimal ones belong, or `source=` with nothing behind it (cameras reported to gortsplib and mediamtx).
    UnreadableParameter = "a header has a parameter that cannot be read",
    /// An SSRC with fewer than eight digits, padded with blanks or not at all (Hikvision, Dahua).
    ShortSsrc = "an ssrc has fewer than eight digits",
    /// `mode=receive` for `mode=record` (FFmpeg's `-rtsp_flags listen`, Darwin Streaming Server).
    ModeReceive = "a transport has the mode receive instead of record",
    /// `client_port=3456-3457;RTP/AVP;...`: the profile stands behind parameters (clients reported to gortsplib).
    LateTransportProfile = "a transport does not begin with its profile",
    /// `RTP/AVP;unicast;interleaved=0-1`, without `/TCP`: a transport with channels and no ports is interleaved (cameras that
    /// answer a SETUP over TCP so, and the clients that their makers write for them).
    InterleavedWithoutTcp = "a transport has interleaved channels and does not say TCP",
    /// `interleaved=0`: one channel, behind which the next is that of RTCP (cameras reported to gortsplib).
    LoneChannel = "a transport names one channel and not a pair",
    /// The same parameter twice in a transport, of which the first counts (no device is known).
    RepeatedParameter = "a transport has a parameter twice",
    /// A transport that cannot be read, beside others that can (no device is known).
    TransportLeftOut = "one of several transports cannot be read",
    /// More transports, or entries of RTP-Info, than are read (no device is known).
    ElementsLeftOut = "a header lists more than is read of it",
    /// `Session: mHq/3w==`: characters that RFC 2326 does not have in it (no device is known; players send back what they got).
    SessionIdForm = "a session id has characters that it cannot have",
    /// `RTP/AVP;client_port=…`, read as unicast as gortsplib does, where RFC 2326 has multicast (no device is known), and
    /// `RTP/AVP/UDP;destination=239.1.2.3;port=…` (VLC), read as multicast.
    NoDelivery = "a transport over UDP says neither unicast nor multicast",
    /// `RTP/AVP;multicast;port=5000-0` (PHZ76 RtspServer): the port above the first is taken for RTCP.
    NoGroupRtcpPort = "a multicast group has no port for RTCP",
    /// `RTP/AVP;multicast;destination=192.0.2.7`: the group is that of the description (no device is known).
    NoGroup = "the destination of multicast is no group",
    /// `Public: OPTIONS DESCRIBE`, without commas (no device is known).
    BlankBetweenMethods = "methods are listed with blanks where commas belong",
    /// `npt=1:30`, without hours, or minutes and seconds from 60 on (people who type positions as players show them).
    NptFields = "a time has minutes without hours, or more than 59 of something",
    /// A Session, Range or RTP-Info header that cannot be read, ignored (cameras that leave them empty).
    UnreadableHeader = "a header that can be done without cannot be read",
    /// `timeout=0` for a session without timeout (servers reported to GStreamer).
    ZeroSessionTimeout = "a session has a timeout of zero",
    /// A range that ends more than a century late (Windows Media Services).
    RangeEndOverflow = "a range has an end that no media can have",
    /// `npt=0.-130-`: a moment before the beginning, read as the beginning (FFmpeg, that seeks to the beginning of a video with
    /// B-frames).
    NptBelowZero = "a range starts before zero",
    /// `npt=23,89-now`: a number with a decimal comma (players that print numbers in the locale of their user).
    DecimalComma = "a range has a comma in front of its decimals",
    /// `clock=0-` for a recording without wall clock (cameras reported to mediamtx).
    ZeroClock = "a clock range starts at zero instead of a date",
    /// `Speed: -1.000` beside `Scale: 1.000`, of what is played backwards (GStreamer's server).
    NegativeSpeed = "a speed is below zero",
    /// `url=trackID=1` in RTP-Info, where an absolute URL belongs (Wowza, Reolink).
    RelativeRtpInfoUrl = "a url in RTP-Info is relative",
    /// A URL in RTP-Info of which only the last segment is that of a track, and of no other (servers that write another path,
    /// known to gortsplib).
    RtpInfoLastSegment = "a url in RTP-Info is that of a track only in its last segment",
    /// The URL of RTP-Info is not that of the only track (GW Security leaves the query out).
    ForeignRtpInfoUrl = "a url in RTP-Info is not that of the track",
    /// `seq=0` or `seq=1` in RTP-Info, from devices that start anywhere (Hikvision DS-2CD2032-I, Tapo C320WS).
    UnbelievableSequence = "a sequence number in RTP-Info is not believed",
    /// A `rtptime` in RTP-Info that is far from the timestamps of the track (cameras that write that of another track, or of
    /// the PLAY before).
    UnbelievableRtptime = "a timestamp in RTP-Info is not believed",
    // url
    /// `rtsp://u:p/ss@host`: `/`, `?`, `#` or `@` in credentials, as people type the passwords of their cameras.
    RawCredentials = "the credentials of a url have characters that have to be percent-encoded",
    /// A URL without scheme, with another one or with two (Anjvision, SV3C: `192.168.1.10:554/stream0/`; cameras that
    /// put `rtsp://` in front of what begins with it).
    UrlScheme = "a url of the server lacks its scheme, or has another or several",
    /// Credentials in a URL that a peer writes, ignored (Samsung, Hanwha: `rtsp://admin:secret@10.132.250.29/`).
    UrlCredentials = "a url of the peer has credentials",
    /// `SETUP /cam/trackID=0`: a path, where RFC 2326 has an absolute URL (no device is known).
    RelativeUri = "a request uri has neither scheme nor host",
    /// `rtsp://host/café`: characters that RFC 3986 has percent-encoded (players pass on what was typed into them).
    RawUri = "a request uri has characters that have to be percent-encoded",
    /// A host that is none, or leads nowhere (cameras behind address translation: `0.0.0.0`, `127.0.0.1`, IPv6 without
    /// brackets).
    UrlHost = "a url of the server names a host that cannot be reached",
    /// A Content-Base that is a path (servers reported to gortsplib).
    RelativeBase = "the base of the controls is relative",
    /// A base that is no URL at all, ignored (cameras that leave it empty).
    UnreadableBase = "the base of the controls cannot be read",
    // tunnel
    /// A WebSocket that is accepted without the subprotocol that was asked for (gortsplib, and so MediaMTX).
    SubprotocolNotEchoed = "the answer to a websocket does not name its subprotocol",
    // description
    /// Bytes that are not UTF-8 (Tuya and Symynelec C5 send uninitialised memory).
    SdpEncoding = "the session description is not UTF-8",
    /// A session description without `v=0` (UDP Technology).
    SdpVersion = "the session description has no v=0 line",
    /// A session description without `o=` (V380 by macro-video, Wisenet NVR), `s=` or `t=`, or with an empty `s=`.
    SdpLineMissing = "the session description lacks an o=, s= or t= line, or has an empty s=",
    /// Lines in another order than RFC 8866 has, or more often (Sony SNC-WR630: `a=range` in front of `c=`).
    SdpLineOrder = "the lines of the session description are out of order or repeated",
    /// Lines that end in LF alone (FritzBox 6660 Cable, Rockchip RbsLive, Mercury), empty ones, and a last one without
    /// an end (a camera known to go2rtc).
    SdpLineEnd = "a line of the session description is empty or does not end in CR LF",
    /// Names in another case: `a=Control`, `m=VIDEO`, `rtp/avp` (no device is known; FFmpeg and GStreamer compare in any).
    SdpNameCase = "a name in the session description has letters in another case",
    /// A second `a=control`, `a=mid`, `a=range`, `a=tool`, direction, rtpmap or fmtp line, of which the first counts; the
    /// parameters of several fmtp lines are taken together (no device is known).
    SdpAttributeRepeated = "an attribute that stands once is repeated",
    /// An `a=control`, `a=mid`, `a=range` or `a=tool` without a value, ignored (no device is known).
    SdpAttributeEmpty = "an attribute that needs a value has none",
    /// Lines that are not `x=value`, left out (firmware that sends its whole buffer, NUL and what follows).
    SdpLine = "a line of the session description is not of the form x=value",
    /// A malformed `o=`, `e=`, `c=`, `t=` or `r=` line, which RTSP has no use for (Vurix NVR: `c=IN IPV4 0.0.0.0`,
    /// Hikvision: `e=NONE`, Uniview, LiveReporter, AXIS 221, AJA).
    SdpUnusedLine = "an o=, e=, c=, t= or r= line is malformed",
    /// Blanks where none belong (IPCAM, H264DVR: `H264/90000 `; VStarcam: `RTP/AVP 8\t `; AMS32: `fmtp: 97`).
    SdpBlanks = "the session description has blanks where none belong",
    /// An `m=` line without a port that is one, or cut short (Tuya, Symynelec C5: `m=video -1353744643`).
    SdpMediaLine = "an m= line lacks a field or a readable port",
    /// A protocol that is not an RTP profile, read as `RTP/AVP` (IPTV: `MP2T/AVP`; FFmpeg: `RTP/AVP/TCP`).
    SdpProtocol = "an m= line names another protocol than an RTP profile",
    /// Formats that are no payload types (TP-Link, Mercury: `smart/1/90000`), or listed twice.
    SdpPayloadType = "an m= line lists a format that is no payload type, or one twice",
    /// More formats than the library keeps of one media (no device known).
    SdpFormatsLeftOut = "an m= line lists more formats than are kept",
    /// A `b=` line without a whole number of kilobits, rounded down or left out (`b=AS:50.5`).
    SdpBandwidth = "a b= line is not a whole number",
    /// An rtpmap or fmtp attribute without content or for another payload type (Ubiquiti: `a=fmtp:96`).
    SdpFormatAttribute = "an rtpmap or fmtp attribute is empty or names a payload type that is not listed",
    /// An rtpmap or fmtp attribute under another media, or for a payload type that no media has where its own has a single
    /// format (hand-written descriptions of encoders, pasted into issue trackers).
    SdpFormatMisplaced = "an rtpmap or fmtp attribute was taken for a format that it does not name",
    /// `OPUS/48000/1` (intercoms and encoders known to issue trackers), where RFC 7587 has `opus/48000/2` for mono too;
    /// `10 L16/44100` for the stereo of RFC 3551; two channels of MPEG-4 audio that only its configuration has; a number
    /// of channels that is none (`H264/90000/0`), or more parts than three.
    RtpmapChannels = "an rtpmap does not have the channels of its encoding",
    /// `G722/16000`: the samples, not the ticks, which RFC 3551 has as 8000 (telephones and intercoms).
    G722ClockRate = "an rtpmap gives G722 the clock rate of its samples",
    /// `smtpe336m/90000` (gortsplib before version 5), where RFC 6597 has `smpte336m`.
    EncodingMisspelt = "an rtpmap misspells its encoding",
    /// A clock rate that is missing or zero, replaced by the usual one (broken servers reported to GStreamer, mediamtx).
    RtpmapClockRate = "an rtpmap has no clock rate",
    /// A static payload type that means another encoding (Anpviz: `rtpmap:0 MPEG4-GENERIC`, GW Security: `8 PCMU`).
    StaticPayloadTypeRemapped = "a static payload type is mapped to another encoding",
    /// Parameters that are empty or have no value (Reolink, VLC, libcamera: a `;` at the end), or that come twice, of which
    /// the first counts.
    FmtpParameter = "an fmtp parameter is empty, has no value or comes twice",
    /// A parameter whose value makes no sense, ignored (macro-video: `profile-level-id=TeAo`, GW Security: `5046314`).
    FmtpValue = "the value of an fmtp parameter is unreadable",
    /// Parameter sets with quotes around them, blanks or nothing between (`Z2QAKA==","aO4xshs=`: encoders that build the
    /// line as JSON).
    SpropSeparators = "parameter sets have quotes or blanks where commas belong",
    /// Parameter sets in the URL-safe alphabet of RFC 4648, section 5 (encoders that use the base64 of their web page).
    SpropAlphabet = "parameter sets are in the base64 of URLs",
    /// Parameter sets without the padding of base64 (encoders that use the base64 of their web page).
    SpropPadding = "parameter sets lack the padding of base64",
    /// Start codes around or between parameter sets (GW Security: `…gQAAAAAE=`).
    SpropStartCode = "parameter sets contain Annex B start codes",
    /// MPEG-4 audio without its configuration or its AU header, assumed (Hikvision: no `config`, Anpviz: no `sizelength`).
    Mpeg4AudioAssumed = "parameters of MPEG-4 audio are missing and were assumed",
    /// `interleaving=0` for frames of AMR that are not interleaved (GStreamer's rtpamrpay).
    InterleavingOfNone = "AMR is said to be interleaved in groups of no frame",
    /// A StreamMuxConfig that ends behind its AudioSpecificConfig: `40002410adca00` (GStreamer's rtpmp4apay).
    LatmConfigCut = "the configuration of MPEG-4 audio in LATM is cut off",
    // rtp
    /// A padding bit over a padding count of zero, which other receivers read as no padding (pion).
    PaddingWithoutCount = "an RTP packet announces padding and has none",
    /// Bytes after the last RTCP packet, or one that is cut off (several cameras over TCP).
    RtcpTrailingBytes = "bytes follow the last RTCP packet",
    /// An RTCP packet that cannot be read, between others that can (several cameras over TCP).
    RtcpMalformed = "an RTCP packet could not be read",
    /// RTCP that begins with something else than a report, as RFC 5506 allows where it was agreed on (no device is known).
    RtcpWithoutReport = "an RTCP compound does not begin with a report",
    /// A source description without the zero that ends it (Hanwha QNV-8080R).
    SdesUnterminated = "an RTCP source description ends without a zero",
    /// RTCP on the channel or port of RTP (encoders that mux both as RFC 5761 has it, without saying so).
    RtcpOnRtp = "RTCP comes on the channel or port of RTP",
    /// RTP on the channel or port of RTCP (cameras whose second channel is that of the next media).
    RtpOnRtcp = "RTP comes on the channel or port of RTCP",
    // mikey
    /// A zero behind the last payload of a message of MIKEY (Milestone XProtect).
    MikeyTrailingByte = "a zero follows a message of MIKEY",
    /// The length of the authentication key in MIKEY is that of the tag: 10 or 4 (GStreamer; gortsplib before 5.2).
    MikeyAuthKeyLength = "MIKEY tells the length of a tag for that of a key",
    /// SETUP with a key is refused with 463 until the key has an identifier, and then the server uses it as well (Axis).
    ClientManagedKeys = "the server uses the client's key",
    // payload
    /// Start codes inside RTP payloads (V380, Amatek AR-N3222F, Revotech).
    AnnexBInPayload = "an RTP payload holds several NAL units separated by start codes",
    /// A NAL unit in a single fragment, which starts and ends it (CostarHD).
    FragmentStartsAndEnds = "a fragment both starts and ends its NAL unit",
    /// A fragment of another type than the one that started the NAL unit (Tiandy).
    FragmentTypeChanged = "the type of a NAL unit changes between its fragments",
    /// Fragments without content (Tiandy).
    FragmentEmpty = "a fragment of a NAL unit is empty",
    /// Zeros after the last unit of an aggregation packet (seen by gortsplib).
    AggregatePadded = "an aggregation packet ends in zeros",
    /// The marker on parameter sets, which no access unit ends with (Ivel LV-IP22IR40DVBL).
    MarkerOnParameterSets = "the marker is set on parameter sets",
    /// The marker inside an access unit that goes on after it (VStarcam).
    MarkerInsideAccessUnit = "an access unit goes on after its marker",
    /// An access unit without a marker at its end (FLIR M400).
    MarkerMissing = "an access unit ends without a marker",
    /// ADTS headers in front of units of AAC (cameras reported to gortsplib).
    AdtsInPayload = "units of AAC have ADTS headers",
    /// Headers of zeros in front of MPEG-1 and MPEG-2 video (GStreamer), or that tell neither the type of the picture nor the
    /// header of the sequence (FFmpeg, where a picture is one packet).
    MpegVideoHeader = "the header of a payload of MPEG video does not tell what the payload has",
    /// One quantization table for all components (FFmpeg's publisher), or three (v4l2rtspserver, with webcams).
    JpegTables = "an image of Motion JPEG has one quantization table, or more than two",
    /// More than the four bytes of an event (no device is known; RFC 2833 allowed several events in a packet).
    BytesBehindEvent = "bytes follow the event of a telephone",
    /// A unit of sound without a byte: `00 10 00 00` of AAC (cameras reported to mediamtx).
    EmptyAccessUnit = "a unit of sound is empty",
    /// Payloads that do not begin with a transport packet of MPEG, or end inside one (no device is known; encoders that cut
    /// a stream by size).
    TransportPacketsOutOfStep = "transport packets do not fill their payload",
    // client
    /// A response without the number of any request, taken for that of the oldest one (TP-Link Tapo C520WS: that of
    /// the request before; Foscam C1: `Cseq: 0`).
    WrongCSeq = "a response has the CSeq of no request",
    /// A response that nobody waits for, ignored (cameras behind proxies, reported to Frigate).
    StrayResponse = "a response answers nothing",
    /// Another session id once the first media is set up, of which the first is kept (H264DVR 1.0).
    SessionIdChanged = "the session id changes",
    /// A description without Content-Type, taken for SDP, also a publisher's (FFmpeg's `-rtsp_flags listen`).
    NoContentType = "a description has no content type",
    /// A SETUP answered without Transport, so that what was asked for counts (cameras reported to gortsplib).
    NoTransport = "the answer to SETUP has no transport",
    /// `source=0.0.0.0`, or a name, which say nothing of where packets come from (cameras reported to gortsplib and mediamtx).
    UnusableSource = "a transport names a source that packets cannot come from",
    /// A SETUP answered without Session, so that the session has no name (no device is known).
    NoSessionId = "the answer to SETUP names no session",
    /// A transport over TCP without channels, so that those asked for count (cameras reported to gortsplib).
    NoInterleavedChannels = "a transport over TCP has no interleaved channels",
    /// A transport over UDP without server ports, or with port 0, so that they have to be learnt (OpenIPC).
    NoServerPorts = "a transport over UDP has no server ports",
    /// A control that is found only where RFC 3986 puts it, not appended to the base (servers reported to GStreamer).
    JoinedControl = "a control is relative to the folder of the base",
    /// A base by which no media is found, so that the URL of the request takes its place (cameras behind proxies and
    /// address translation, reported to GStreamer and VLC).
    BaseRefused = "the base of the controls leads to no media",
    /// Two medias with the same control, set up once and told apart by payload type (cameras whose firmware repeats the
    /// line of the video for the sound).
    SharedControl = "several medias have the same control",
    /// Frames on channels that were not set up, ignored (live555 before 2017 sends those of former connections).
    UnassignedChannel = "frames come on a channel that was not set up",
    /// Media before the answer to PLAY (v4l2rtspserver).
    MediaBeforePlay = "media comes before the answer to PLAY",
    /// A keepalive that is refused, and followed by another method (TP-Link Tapo C520WS, GW Security GW4089IP).
    KeepaliveRefused = "a keepalive was refused",
    /// Keepalives that are never answered (cameras that play on).
    KeepaliveUnanswered = "keepalives are not answered",
    /// A connection that ends between two requests, before anything plays (servers that keep one for each request).
    ConnectionPerRequest = "the connection ended between two requests",
    /// OPTIONS that is refused though the rest is served (cameras and proxies that answer 404, 405 or 501; others 400, 454
    /// or 551).
    OptionsRefused = "OPTIONS was refused",
    /// `Require` answered by something else than 551, or not at all, where the tag is not known; the request is sent again
    /// without (Vikylin lets DESCRIBE time out).
    RequireMisunderstood = "a feature that is required is refused in another way than with 551",
    /// A Location that is no absolute URL, resolved against the URL of the request (load balancers that share code with
    /// HTTP).
    RelativeLocation = "the location of a redirect is relative",
    /// 307 or 308, which only HTTP has, followed as the redirects of RTSP are (load balancers that share code with HTTP).
    HttpRedirect = "a redirect has a status that only HTTP has",
    // server
    /// `PLAY *`: the session of the request is meant (no device is known).
    AsteriskUri = "a request for a session has * where its url belongs",
    /// The first SETUP of a session for the URL of a stream with several medias, of which the first is meant (players
    /// that set up one track do not look which there are).
    AggregateSetup = "a stream with several medias is set up by its own url",
    /// A publisher's transport without `mode=record` (no device is known).
    NoRecordMode = "the transport of a publisher does not say mode=record",
    /// A TEARDOWN for another URL than that of its session, which its id tells (no device is known).
    ForeignTeardownUrl = "a TEARDOWN names another url than that of its session",
    /// A TEARDOWN for a session that has ended with its stream (GStreamer, to which any other answer than 200 is an error).
    LateTeardown = "a TEARDOWN is for a session that has ended",
    /// A request without the Session header that it needs; the connection's only session is meant (no device is known).
    SessionNotNamed = "a request does not name its session",
}

/// Bits of a word of the set.
const WORD_BITS: usize = u64::BITS as usize;

/// Words of the set: a place for each number that a tolerance can have.
const WORDS: usize = 4;

const _: () = assert!(Tolerance::ALL.len() <= WORDS * WORD_BITS, "each tolerance needs a place in the set");

/// The set of tolerances that have fired.
///
/// ```
/// use rtspan_core::{Description, Tolerances};
///
/// let mut tolerances = Tolerances::NONE;
/// Description::parse(b"v=0\nm=audio 0 RTP/AVP 0\n", &mut tolerances)?;
/// for tolerance in tolerances.iter() {
///     println!("put up with: {tolerance}");
/// }
/// # Ok::<(), rtspan_core::description::DescriptionError>(())
/// ```
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct Tolerances([u64; WORDS]);

impl Tolerances {
    /// No tolerance at all.
    pub const NONE: Self = Self([0; WORDS]);

    /// Records that `tolerance` has fired.
    pub fn record(&mut self, tolerance: Tolerance) {
        let (word, bit) = place(tolerance);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
    }

    /// Returns `true` if `tolerance` has fired.
    pub fn contains(self, tolerance: Tolerance) -> bool {
        let (word, bit) = place(tolerance);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Returns `true` if nothing has fired.
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// The tolerances that have fired, in the order of declaration.
    pub fn iter(self) -> impl Iterator<Item = Tolerance> {
        Tolerance::ALL.iter().copied().filter(move |tolerance| self.contains(*tolerance))
    }
}

/// The word of a tolerance in the set, and its bit there.
fn place(tolerance: Tolerance) -> (usize, u64) {
    let number = tolerance as usize;
    (number / WORD_BITS, 1 << (number % WORD_BITS))
}

impl fmt::Debug for Tolerances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_every_tolerance() {
        let mut all = Tolerances::NONE;
        for (count, tolerance) in Tolerance::ALL.iter().enumerate() {
            assert!(!all.contains(*tolerance));
            let mut alone = Tolerances::NONE;
            alone.record(*tolerance);
            assert_eq!((alone.iter().collect::<Vec<_>>(), alone.is_empty()), (vec![*tolerance], false));
            all.merge(alone);
            assert_eq!(all.iter().collect::<Vec<_>>(), Tolerance::ALL[..=count]);
        }
    }
}
