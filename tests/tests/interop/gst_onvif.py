"""GStreamer with ONVIF's back channel, as a peer for tests.

gst_onvif.py speak tcp|udp URL FILE   plays the URL, and says a file of PCMU while it does; prints `spoken` then
gst_onvif.py listen FILE              serves a picture at /x, and writes what a reader says to the file; prints
                                      `listening on URL`
"""

import ctypes
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer

# 20 ms.
SAMPLES = 160
FORMAT = "application/x-rtp,media=audio,payload=0,clock-rate=8000,encoding-name=PCMU"

GST = ctypes.CDLL("libgstreamer-1.0.so.0")

PICTURE = """( videotestsrc is-live=true ! video/x-raw,width=64,height=64,framerate=25/1 ! x264enc tune=zerolatency
    ! rtph264pay name=pay0 pt=96 )"""

LOUDSPEAKER = """( capsfilter caps="{format}" name=depay_backchannel ! rtppcmudepay
    ! filesink location="{file}" async=false buffer-mode=unbuffered )"""


def say(line):
    print(line, flush=True)


def listen(file):
    server = GstRtspServer.RTSPOnvifServer.new()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPOnvifMediaFactory.new()
    factory.set_launch(PICTURE)
    factory.set_backchannel_launch(LOUDSPEAKER.format(format=FORMAT, file=file))
    factory.set_media_gtype(GstRtspServer.RTSPOnvifMedia.__gtype__)
    server.get_mount_points().add_factory("/x", factory)
    server.attach(None)
    say(f"listening on rtsp://127.0.0.1:{server.get_bound_port()}/x")
    return server


def speak(transport, url, file):
    with open(file, "rb") as opened:
        samples = opened.read()
    pipeline = Gst.Pipeline.new(None)
    source = Gst.ElementFactory.make("rtspsrc")
    source.set_property("location", url)
    source.set_property("protocols", transport)
    source.set_property("latency", 0)
    Gst.util_set_object_arg(source, "backchannel", "onvif")
    pipeline.add(source)
    channels, pictures = [], []

    def select(source, number, caps):
        if caps.get_structure(0).has_field("a-sendonly"):
            channels.append(number)
        return True

    def added(source, pad):
        sink = Gst.ElementFactory.make("fakesink")
        sink.set_property("sync", False)
        sink.set_property("signal-handoffs", True)
        sink.connect("handoff", lambda *_: pictures or pictures.append(True))
        pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))

    said = iter(range(0, len(samples), SAMPLES))

    def go_on():
        if not (channels and pictures):
            return True
        at = next(said, None)
        if at is None:
            say("spoken")
            return False
        header = bytes([0x80, 0]) + (at // SAMPLES).to_bytes(2, "big") + at.to_bytes(4, "big") + b"said"
        buffer = Gst.Buffer.new_wrapped(header + samples[at : at + SAMPLES])
        sample = Gst.Sample.new(buffer, Gst.Caps.from_string(FORMAT), None, None)
        # GStreamer 1.22 gives up a reference that Python keeps.
        GST.gst_mini_object_ref(ctypes.c_void_p(hash(sample)))
        source.emit("push-backchannel-buffer", channels[0], sample)
        return True

    source.connect("select-stream", select)
    source.connect("pad-added", added)
    GLib.timeout_add(SAMPLES // 8, go_on)
    pipeline.set_state(Gst.State.PLAYING)
    return pipeline


def main():
    Gst.init(None)
    mode, *arguments = sys.argv[1:]
    kept = {"listen": listen, "speak": speak}[mode](*arguments)
    GLib.MainLoop().run()
    del kept


main()
