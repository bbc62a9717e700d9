"""GStreamer with a clock in every picture and in the sound, as a peer for tests.

gst_clock.py publish tcp|udp EPOCH URL   publishes until it is stopped
gst_clock.py serve EPOCH                 serves at /x; prints `listening on URL`

Each picture has the wall clock time at which it was made burnt in, in microseconds since EPOCH, which is in seconds since
1970: 64 fields of black and white, 8 in a row, the lowest bit first. Each sample of the sound says its time in units of
1/8000 s since EPOCH: 15 bits in the right channel, and those above in the left.
"""

import struct
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer

RATE = 8000
# 20 ms.
SAMPLES = 160
PICTURE = 40_000_000

PICTURES = """appsrc name=pictures is-live=true format=time
    caps=video/x-raw,format=I420,width=64,height=64,framerate=25/1
    ! x264enc tune=zerolatency key-int-max=25 qp-min=10 qp-max=10"""
SOUND = """appsrc name=sound is-live=true format=time
    caps=audio/x-raw,format=S16BE,rate=8000,channels=2,layout=interleaved"""
PUBLISH = PICTURES + " ! sink.sink_0 " + SOUND + " ! sink.sink_1 rtspclientsink name=sink location={url} protocols={transport}"
SERVE = "( " + PICTURES + " ! rtph264pay name=pay0 pt=96 " + SOUND + " ! rtpL16pay name=pay1 pt=97 )"

FIELDS = [b"\x00" * 8, b"\xff" * 8]


def picture(stamp):
    bits = [FIELDS[stamp >> bit & 1] for bit in range(64)]
    rows = [b"".join(bits[row * 8 : row * 8 + 8]) * 8 for row in range(8)]
    return b"".join(rows) + b"\x80" * 2048


def sound(first):
    numbers = range(first, first + SAMPLES)
    return b"".join(struct.pack(">hh", number >> 15, number & 0x7FFF) for number in numbers)


class Camera:
    """Makes pictures and sound at their time, from when the pipeline plays."""

    def __init__(self, bin, epoch):
        self.pictures, self.sound = bin.get_by_name("pictures"), bin.get_by_name("sound")
        self.epoch = epoch * 1_000_000_000
        threading.Thread(target=self.run, daemon=True).start()

    def now(self):
        """The running time and the wall clock time of one moment, in which nothing else has run."""
        while True:
            before, wall, after = self.clock.get_time(), time.time_ns(), self.clock.get_time()
            if after - before < 100_000:
                return (before + after) // 2 - self.base, wall - self.epoch

    def run(self):
        while self.pictures.get_state(0).state != Gst.State.PLAYING or not self.pictures.get_clock():
            time.sleep(0.01)
        self.clock, self.base = self.pictures.get_clock(), self.pictures.get_base_time()
        start, _ = self.now()
        number, flow = 0, Gst.FlowReturn.OK
        while flow == Gst.FlowReturn.OK:
            at = start + number * PICTURE // 2
            running, wall = self.now()
            if running < at:
                time.sleep((at - running) / 1e9)
                continue
            # The wall clock time of the moment at which this is due.
            wall -= running - at
            first = round(wall * RATE / 1e9)
            flow = self.push(self.sound, sound(first), at, PICTURE // 2)
            if number % 2 == 0:
                self.push(self.pictures, picture(wall // 1000), at, PICTURE)
            number += 1

    def push(self, source, data, pts, duration):
        buffer = Gst.Buffer.new_wrapped(data)
        buffer.pts, buffer.duration = pts, duration
        return source.emit("push-buffer", buffer)


def publish(transport, epoch, url):
    pipeline = Gst.parse_launch(PUBLISH.format(url=url, transport=transport))
    pipeline.set_state(Gst.State.PLAYING)
    return pipeline, Camera(pipeline, int(epoch))


def serve(epoch):
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(SERVE)
    factory.connect("media-configure", lambda _, media: Camera(media.get_element(), int(epoch)))
    server.get_mount_points().add_factory("/x", factory)
    server.attach(None)
    print(f"listening on rtsp://127.0.0.1:{server.get_bound_port()}/x", flush=True)
    return server


def main():
    Gst.init(None)
    mode, *arguments = sys.argv[1:]
    kept = {"publish": publish, "serve": serve}[mode](*arguments)
    GLib.MainLoop().run()
    del kept


main()
