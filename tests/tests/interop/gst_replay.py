"""GStreamer as a peer of ONVIF replay, for tests.

gst_replay.py stamp CSEQ    prints packets of 20 pictures that rtponviftimestamp has stamped: C for those at which decoding
                            can begin or -, the time of each in nanoseconds since 1900, and the packet in hexadecimals
gst_replay.py parse         reads packets in hexadecimals, one a line, and prints of each what rtponvifparse says of it: C or -,
                            D or - for a discontinuity, and the time
gst_replay.py serve FILE    serves the recording at /x, as a server of ONVIF replay does; prints `listening on URL`
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer

# Noon of the first day of 2027, in nanoseconds since 1900.
NOON = 4007880000 * 1_000_000_000
FORMAT = "application/x-rtp,media=video,payload=96,clock-rate=90000,encoding-name=H264"


def say(line):
    print(line, flush=True)


def until_its_end(pipeline):
    pipeline.set_state(Gst.State.PLAYING)
    message = pipeline.get_bus().timed_pop_filtered(30 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    if message is None or message.type == Gst.MessageType.ERROR:
        sys.exit(f"it does not end well: {message and message.parse_error()}")
    pipeline.set_state(Gst.State.NULL)


def mark(buffer, flag, letter, is_set=True):
    return letter if bool(buffer.get_flags() & flag) == is_set else "-"


def stamp(cseq):
    pipeline = Gst.parse_launch(
        "videotestsrc num-buffers=20 ! video/x-raw,width=320,height=240,framerate=25/1 ! x264enc key-int-max=5 tune=zerolatency "
        f"! rtph264pay mtu=600 ! rtponviftimestamp ntp-offset={NOON} cseq={cseq} set-e-bit=true set-t-bit=true "
        "! fakesink name=sink signal-handoffs=true sync=false"
    )

    # The encoder lets time begin at some hours, so that there are times before it.
    first = []

    def take(sink, buffer, pad):
        first.append(buffer.pts)
        is_key = mark(buffer, Gst.BufferFlags.DELTA_UNIT, "C", False)
        say(f"{is_key} {NOON + buffer.pts - first[0]} {buffer.extract_dup(0, buffer.get_size()).hex()}")

    pipeline.get_by_name("sink").connect("handoff", take)
    until_its_end(pipeline)


def parse():
    pipeline = Gst.parse_launch(
        f'appsrc name=source format=time caps="{FORMAT}" ! rtponvifparse ! fakesink name=sink signal-handoffs=true sync=false'
    )

    def take(sink, buffer, pad):
        is_key = mark(buffer, Gst.BufferFlags.DELTA_UNIT, "C", False)
        say(f"{is_key} {mark(buffer, Gst.BufferFlags.DISCONT, 'D')} {buffer.pts}")

    pipeline.get_by_name("sink").connect("handoff", take)
    source = pipeline.get_by_name("source")
    for line in sys.stdin:
        source.emit("push-buffer", Gst.Buffer.new_wrapped(bytes.fromhex(line)))
    source.emit("end-of-stream")
    until_its_end(pipeline)


def tell_the_time(stamps):
    """Says when the recording was made behind each seek, as a server of recordings does."""
    pad = stamps.get_static_pad("sink")
    is_told = [True]

    def look(pad, info):
        if info.type & Gst.PadProbeType.EVENT_DOWNSTREAM:
            is_told[0] = is_told[0] and info.get_event().type != Gst.EventType.SEGMENT
        elif not is_told[0]:
            is_told[0] = True
            told = Gst.Structure.new_from_string(f"GstNtpOffset, ntp-offset=(guint64){NOON}, discont=(boolean)true")
            pad.send_event(Gst.Event.new_custom(Gst.EventType.CUSTOM_DOWNSTREAM, told))
        return Gst.PadProbeReturn.OK

    pad.add_probe(Gst.PadProbeType.EVENT_DOWNSTREAM | Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST, look)


def serve(file):
    server = GstRtspServer.RTSPOnvifServer.new()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPOnvifMediaFactory.new()
    factory.set_launch(
        f'( filesrc location="{file}" ! qtdemux ! h264parse ! rtph264pay pt=96 config-interval=-1 '
        f"! rtponviftimestamp name=pay0 drop-out-of-segment=false ntp-offset={NOON} )"
    )
    factory.connect("media-configure", lambda factory, media: tell_the_time(media.get_element().get_by_name("pay0")))
    factory.set_replay_support(True)
    factory.set_media_gtype(GstRtspServer.RTSPOnvifMedia)
    server.get_mount_points().add_factory("/x", factory)
    server.attach(None)
    say(f"listening on rtsp://127.0.0.1:{server.get_bound_port()}/x")
    return server


def main():
    Gst.init(None)
    mode, *rest = sys.argv[1:]
    if mode == "stamp":
        stamp(*rest)
    elif mode == "parse":
        parse()
    else:
        kept = serve(*rest)
        GLib.MainLoop().run()


main()
