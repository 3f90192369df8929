"""Cameras on loopback that cost nearly nothing: camera_server.py FOLDER FPS, run by the system's Python.

Every folder FOLDER/NAME of pictures %05d.jpg is encoded once as H.264 and sent at /NAME over and over. Prints the port,
then a line for each frame that leaves: the name, its number in the film, and the monotonic clock.
"""

import os
import sys
import time
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
folder, fps = Path(sys.argv[1]), int(sys.argv[2])
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")


def encode(pictures: Path, film: Path) -> None:
    """H.264 without frames left out, a key frame every two seconds."""
    pipeline = Gst.parse_launch(
        f"multifilesrc location={pictures}/%05d.jpg caps=image/jpeg,framerate={fps}/1 ! jpegdec ! videoconvert "
        f"! openh264enc enable-frame-skip=false bitrate=2000000 gop-size={2 * fps} "
        f"! video/x-h264,stream-format=byte-stream,alignment=au ! filesink location={film}"
    )
    pipeline.set_state(Gst.State.PLAYING)
    pipeline.get_bus().timed_pop_filtered(60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)


def add(pictures: Path) -> None:
    film, count = pictures.with_suffix(".h264"), len(list(pictures.glob("*.jpg")))
    encode(pictures, film)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( multifilesrc location={film} loop=true caps=video/x-h264,stream-format=byte-stream,framerate={fps}/1 "
        "! h264parse ! video/x-h264,alignment=au ! identity name=gate sync=true "
        "! rtph264pay name=pay0 pt=96 config-interval=1 )"
    )
    factory.set_shared(True)
    factory.set_latency(0)
    factory.connect("media-configure", lambda _, media: watch(media, pictures.name, count))
    server.get_mount_points().add_factory(f"/{pictures.name}", factory)


def watch(media: GstRtspServer.RTSPMedia, name: str, count: int) -> None:
    sent = 0

    def left(_pad: Gst.Pad, _info: Gst.PadProbeInfo) -> Gst.PadProbeReturn:
        nonlocal sent
        os.write(1, f"{name} {sent % count} {time.monotonic()}\n".encode())  # Whole, whichever camera's thread it is.
        sent += 1
        return Gst.PadProbeReturn.OK

    gate = media.get_element().get_by_name_recurse_up("gate") or media.get_element().get_by_name("gate")
    gate.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, left)


for each in sorted(path for path in folder.iterdir() if path.is_dir()):
    add(each)
server.attach(None)
os.write(1, f"{server.get_bound_port()}\n".encode())
GLib.MainLoop().run()
