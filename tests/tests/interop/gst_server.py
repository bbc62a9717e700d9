"""GStreamer's RTSP server, as a peer for tests.

gst_server.py play FILE.mov      serves pictures and sound of the file at /x, to each client from its start
gst_server.py record FILE.h264   takes what is published at /x and writes its pictures to the file

Prints `listening on URL`, and then a line whenever a client closes. While recording it ends with its first client.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer

PLAY = """( filesrc location="{file}" ! qtdemux name=demux
    demux.video_0 ! queue ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1
    demux.audio_0 ! queue ! rtppcmupay name=pay1 pt=0 )"""

RECORD = """( rtph264depay name=depay0 ! h264parse ! video/x-h264,stream-format=byte-stream,alignment=au
    ! filesink location="{file}" async=false )"""


def say(line):
    print(line, flush=True)


def main():
    mode, file = sys.argv[1:]
    Gst.init(None)
    loop = GLib.MainLoop()
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service("0")

    factory = GstRtspServer.RTSPMediaFactory.new()
    if mode == "record":
        factory.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
        factory.set_launch(RECORD.format(file=file))
    else:
        factory.set_launch(PLAY.format(file=file))
    server.get_mount_points().add_factory("/x", factory)

    def closed(client):
        say("closed")
        if mode == "record":
            GLib.idle_add(loop.quit)

    server.connect("client-connected", lambda server, client: client.connect("closed", closed))
    server.attach(None)
    say(f"listening on rtsp://127.0.0.1:{server.get_bound_port()}/x")
    loop.run()


main()
