"""GStreamer as a peer of metadata, for tests.

gst_metadata.py read tcp|udp URL FILE  plays the URL, and appends each document to the file, from the second on, since
                                       the first may be the rest of one; prints `read` behind each
gst_metadata.py serve FILE             serves the file at /x as one document after the other; prints `listening on URL`
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer

FORMAT = "application/x-rtp,media=application,payload=107,clock-rate=90000,encoding-name=VND.ONVIF.METADATA"
PACKET_BYTES = 900
PERIOD_MS = 200


def say(line):
    print(line, flush=True)


def payload(packet):
    start = 12 + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4], "big")
    return packet[start:]


def read(transport, url, file):
    pipeline = Gst.Pipeline.new(None)
    source = Gst.ElementFactory.make("rtspsrc")
    source.set_property("location", url)
    source.set_property("protocols", transport)
    source.set_property("latency", 0)
    pipeline.add(source)
    parts = []
    begun = []

    def take(sink, buffer, pad):
        packet = buffer.extract_dup(0, buffer.get_size())
        parts.append(payload(packet))
        if packet[1] & 0x80:
            if begun:
                with open(file, "ab") as opened:
                    opened.write(b"".join(parts))
                say("read")
            begun.append(True)
            parts.clear()

    def added(source, pad):
        name = pad.get_current_caps().get_structure(0).get_string("encoding-name")
        if name != "VND.ONVIF.METADATA":
            say(f"no metadata: {name}")
        sink = Gst.ElementFactory.make("fakesink")
        sink.set_property("sync", False)
        sink.set_property("signal-handoffs", True)
        sink.connect("handoff", take)
        pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))

    source.connect("pad-added", added)
    pipeline.set_state(Gst.State.PLAYING)
    return pipeline


class Factory(GstRtspServer.RTSPMediaFactory):
    """Documents in packets: GStreamer 1.22 has no payloader of metadata."""

    def __init__(self, document):
        GstRtspServer.RTSPMediaFactory.__init__(self)
        self.document = document
        self.set_shared(True)

    def do_create_element(self, url):
        launch = f'( appsrc name=source is-live=true format=time do-timestamp=true caps="{FORMAT}" ! identity name=pay0 )'
        element = Gst.parse_launch(launch)
        source = element.get_by_name("source")
        places = range(0, len(self.document), PACKET_BYTES)
        count = [0, 0]

        def push():
            for place in places:
                marker = 0x80 if place == places[-1] else 0
                header = bytes([0x80, marker | 107]) + (count[0] & 0xFFFF).to_bytes(2, "big")
                header += (count[1] * 18000).to_bytes(4, "big") + b"meta"
                part = self.document[place : place + PACKET_BYTES]
                if source.emit("push-buffer", Gst.Buffer.new_wrapped(header + part)) != Gst.FlowReturn.OK:
                    return False
                count[0] += 1
            count[1] += 1
            return True

        GLib.timeout_add(PERIOD_MS, push)
        return element


def serve(file):
    with open(file, "rb") as opened:
        document = opened.read()
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service("0")
    server.get_mount_points().add_factory("/x", Factory(document))
    server.attach(None)
    say(f"listening on rtsp://127.0.0.1:{server.get_bound_port()}/x")
    return server


def main():
    Gst.init(None)
    mode, *arguments = sys.argv[1:]
    kept = {"read": read, "serve": serve}[mode](*arguments)
    GLib.MainLoop().run()
    del kept


main()
