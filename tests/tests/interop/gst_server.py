"""GStreamer's RTSP server, as a peer for tests.

gst_server.py play FILE.mov      serves pictures and sound of the file at /x, to each client from its start
gst_server.py record FILE.h264   takes what is published at /x and writes its pictures to the file
gst_server.py ... CERTIFICATE    the same over TLS with the certificate and key of a PEM file, and media in SRTP only
gst_server.py multicast FILE.mov ADDRESS INTERFACE GROUP
                                 serves the file at /x to a multicast group, from the start for the first of its clients,
                                 and to clients that want it otherwise when there is no other

Prints `listening on URL`, and then a line whenever a client closes. While recording it ends with its first client.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer

PLAY = """( filesrc location="{file}" ! qtdemux name=demux
    demux.video_0 ! queue ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1
    demux.audio_0 ! queue ! rtppcmupay name=pay1 pt=0 )"""

RECORD = """( rtph264depay name=depay0 ! h264parse ! video/x-h264,stream-format=byte-stream,alignment=au
    ! filesink location="{file}" async=false )"""


def secure(server, factory, certificate):
    """Has TLS below, and everybody do everything: what has a certificate asks for rights."""
    auth = GstRtspServer.RTSPAuth.new()
    auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(certificate))
    anybody = GstRtspServer.RTSPToken.new()
    anybody.set_string("media.factory.role", "anybody")
    auth.set_default_token(anybody)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions.new()
    for permission in ("access", "construct"):
        permissions.add_permission_for_role("anybody", f"media.factory.{permission}", True)
    factory.set_permissions(permissions)
    factory.set_profiles(GstRtsp.RTSPProfile.SAVP)


def say(line):
    print(line, flush=True)


def main():
    mode, file, *more = sys.argv[1:]
    certificate, where = ([], more) if mode == "multicast" else (more, [])
    address, interface, group = where or ("127.0.0.1", None, None)
    Gst.init(None)
    loop = GLib.MainLoop()
    server = GstRtspServer.RTSPServer.new()
    server.set_address(address)
    server.set_service("0")

    factory = GstRtspServer.RTSPMediaFactory.new()
    if mode == "record":
        factory.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
        factory.set_launch(RECORD.format(file=file))
    else:
        factory.set_launch(PLAY.format(file=file))
    if certificate:
        secure(server, factory, *certificate)
    if group:
        pool = GstRtspServer.RTSPAddressPool.new()
        pool.add_range(group, group, 15000, 15007, 1)
        factory.set_address_pool(pool)
        factory.set_multicast_iface(interface)
        factory.set_shared(True)
    server.get_mount_points().add_factory("/x", factory)

    def closed(client):
        say("closed")
        if mode == "record":
            GLib.idle_add(loop.quit)

    server.connect("client-connected", lambda server, client: client.connect("closed", closed))
    server.attach(None)
    scheme = "rtsps" if certificate else "rtsp"
    host = f"[{address}]" if ":" in address else address
    say(f"listening on {scheme}://{host}:{server.get_bound_port()}/x")
    loop.run()


main()
