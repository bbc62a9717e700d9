#!/usr/bin/python3
"""Serves a stream as the example `limit` does, by GStreamer's server: gstreamer.py ADDR:PORT RATE SIZE BURST.

Its packets are made in this process, so that they come without the way from a publisher. They carry the time of writing,
as those of `rtspan bench publish` do. It needs python3-gi, gir1.2-gst-rtsp-server-1.0 and gir1.2-gst-plugins-base-1.0.
"""

import struct
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstApp, GstRtspServer  # noqa: E402

CAPS = "application/x-rtp,media=video,clock-rate=90000,encoding-name=H264,payload=96"


def main():
    address, rate, size, burst = sys.argv[1].rsplit(":", 1), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(address[0])
    server.set_service(address[1])
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f'( appsrc name=source is-live=true format=time do-timestamp=true block=false caps="{CAPS}" ! queue name=pay0 )')
    factory.set_shared(True)
    factory.connect("media-configure", lambda _, media: feed(media.get_element(), rate, size, burst))
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    print(f"listening on rtsp://{address[0]}:{server.get_bound_port()}", flush=True)
    GLib.MainLoop().run()


def feed(bin_, rate, size, burst):
    """Writes bursts when they are due, in a thread of their own."""
    source = bin_.get_by_name("source")
    padding = bytes(size - 30)

    def run():
        due, number = time.monotonic(), 0
        while True:
            due += burst / rate
            time.sleep(max(0, due - time.monotonic()))
            stamp = struct.pack(">8sQ", b"\xffrtspan\xff", time.time_ns())
            packets = Gst.BufferList.new()
            for place in range(burst):
                last = place + 1 == burst
                head = struct.pack(">BBHII", 0x80, 96 | (last << 7), number & 0xFFFF, int(due * 90000) & 0xFFFFFFFF, 1)
                fragment = bytes([0x7C, 1 | (place == 0) << 7 | last << 6])
                packets.insert(-1, Gst.Buffer.new_wrapped(head + fragment + stamp + padding))
                number += 1
            if GstApp.AppSrc.push_buffer_list(source, packets) != Gst.FlowReturn.OK:
                return

    threading.Thread(target=run, daemon=True).start()


main()
