"""GStreamer's RTSP client that goes to places in what it plays, as a peer for tests.

gst_seek.py URL OUT [PROPERTY=VALUE...] -- RATE:START:STOP:FLAGS:COUNT...

OUT       the beginning of the names of files

PROPERTY  of rtspsrc, such as onvif-mode=true
RATE      of the seek; START and STOP in milliseconds, `-` for none
FLAGS     of the seek beside flush, such as key-unit+trickmode-key-units, or `-`
COUNT     pictures that are waited for behind the seek

Plays the pictures (H.264) of the URL, makes one seek after the other, and writes the pictures behind each of them to a file of its
own, as a byte stream: OUT-0, OUT-1 and so on. There are fewer where the pictures end before. Says `done` in the end.
"""

import queue
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst

PATIENCE = 40


def has_slice(picture):
    """There is more than what stands in front of a picture."""
    return any(unit and unit[0] & 0x1F in (1, 5) for unit in picture.split(b"\0\0\1")[1:])


def main():
    url, out, *more = sys.argv[1:]
    properties, steps = more[: more.index("--")], more[more.index("--") + 1 :]
    Gst.init(None)
    launch = (
        f'rtspsrc name=source location="{url}" {" ".join(properties)} ! rtph264depay ! h264parse'
        " ! video/x-h264,stream-format=byte-stream,alignment=au ! fakesink name=sink sync=false signal-handoffs=true"
    )
    pipeline = Gst.parse_launch(launch)
    seen = queue.Queue()

    def handoff(sink, buffer, pad):
        event = pad.get_sticky_event(Gst.EventType.SEGMENT, 0)
        seen.put((event.get_seqnum(), buffer.extract_dup(0, buffer.get_size())))

    def ended(pad, info):
        event = info.get_event()
        if event.type == Gst.EventType.EOS:
            seen.put((event.get_seqnum(), None))
        return Gst.PadProbeReturn.OK

    sink = pipeline.get_by_name("sink")
    sink.connect("handoff", handoff)
    sink.get_static_pad("sink").add_probe(Gst.PadProbeType.EVENT_DOWNSTREAM, ended)
    pipeline.set_state(Gst.State.PLAYING)
    seen.get(timeout=PATIENCE)
    for number, step in enumerate(steps):
        rate, start, stop, flags, count = step.split(":")
        place = lambda text: (Gst.SeekType.NONE, 0) if text == "-" else (Gst.SeekType.SET, int(text) * Gst.MSECOND)
        wanted = Gst.SeekFlags.FLUSH
        for flag in flags.split("+") if flags != "-" else []:
            wanted |= getattr(Gst.SeekFlags, flag.replace("-", "_").upper())
        event = Gst.Event.new_seek(float(rate), Gst.Format.TIME, wanted, *place(start), *place(stop))
        seqnum = event.get_seqnum()
        if not pipeline.send_event(event):
            sys.exit(f"seek {step} is refused")
        left = int(count)
        with open(f"{out}-{number}", "wb") as file:
            while left:
                its, picture = seen.get(timeout=PATIENCE)
                if its != seqnum:
                    continue
                if picture is None:
                    break
                file.write(picture)
                left -= has_slice(picture)
    pipeline.set_state(Gst.State.NULL)
    print("done", flush=True)


main()
