"""GStreamer with frames that are known, as a peer for tests.

gst_frames.py read URL tcp|udp CHAIN FILE   plays the URL, and writes what comes out of the chain to the file; ends when the
                                            server ends the session
gst_frames.py serve LAUNCH FILE             serves the frames of the file at /x, to each client from their start, through a
                                            launch line that begins with the `appsrc` that is called `src`; prints
                                            `listening on URL`

A file has for each frame its time in nanoseconds and its length, in eight and four bytes, and then the frame.
"""

import struct
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstApp, GstRtspServer

HEAD = struct.Struct(">QI")
SOURCE = "rtspsrc location={url} protocols={transport} latency=500 name=source"
SINK = "appsink name=sink sync=false"


def read(url, transport, chain, path):
    pipeline = Gst.parse_launch(f"{SOURCE.format(url=url, transport=transport)} source. ! {chain} ! {SINK}")
    pipeline.set_state(Gst.State.PLAYING)
    sink = pipeline.get_by_name("sink")
    bus = pipeline.get_bus()
    error = None
    with open(path, "wb", buffering=0) as file:
        while True:
            sample = sink.try_pull_sample(Gst.SECOND // 10)
            if sample:
                frame = sample.get_buffer()
                data = frame.extract_dup(0, frame.get_size())
                time = 0 if frame.pts == Gst.CLOCK_TIME_NONE else frame.pts
                file.write(HEAD.pack(time, len(data)) + data)
            elif sink.is_eos():
                break
            elif error := bus.pop_filtered(Gst.MessageType.ERROR):
                break
    pipeline.set_state(Gst.State.NULL)
    if error:
        sys.exit(f"{error.src.get_name()}: {error.parse_error()}")


def frames(path):
    with open(path, "rb") as file:
        while head := file.read(HEAD.size):
            time, length = HEAD.unpack(head)
            yield time, file.read(length)


def serve(launch, path):
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(f"( {launch} )")

    def configure(factory, media):
        source = media.get_element().get_by_name("src")
        for time, data in frames(path):
            frame = Gst.Buffer.new_wrapped(data)
            frame.pts = frame.dts = time
            source.push_buffer(frame)
        source.end_of_stream()

    factory.connect("media-configure", configure)
    server.get_mount_points().add_factory("/x", factory)
    server.attach(None)
    print(f"listening on rtsp://127.0.0.1:{server.get_bound_port()}/x", flush=True)
    GLib.MainLoop().run()


def main():
    mode, *arguments = sys.argv[1:]
    Gst.init(None)
    {"read": read, "serve": serve}[mode](*arguments)


main()
