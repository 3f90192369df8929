"""A camera on loopback: rtsp_server.py [USER:PASSWORD], run by the system's Python, which has GStreamer.

Prints its port; a moving ball in RTP/JPEG at /ball, a tone and no picture at /sound.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    "( videotestsrc pattern=ball is-live=true ! video/x-raw,format=I420,width=320,height=240,framerate=15/1 "
    "! jpegenc ! rtpjpegpay name=pay0 pt=26 )"
)
factory.set_shared(True)
if len(sys.argv) > 1:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(*sys.argv[1].split(":")), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("user", "media.factory.access", True)
    permissions.add_permission_for_role("user", "media.factory.construct", True)
    factory.set_permissions(permissions)
sound = GstRtspServer.RTSPMediaFactory()
sound.set_launch(
    "( audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay0 pt=8 )"
)
server.get_mount_points().add_factory("/ball", factory)
server.get_mount_points().add_factory("/sound", sound)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
