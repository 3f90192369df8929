"""Pictures from outside: decoded in a child process with limits, and written anew without what they carry besides."""

import io
from typing import IO

from bim.arrays import Payload
from bim.errors import BadInput
from bim.isolation import GIB, Limits, isolated

PICTURE_LIMITS = Limits(memory_bytes=2 * GIB, cpu_s=20.0, wall_s=40.0)
MAX_PIXELS = 80_000_000
MEDIA = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


def checked_picture(file: IO[bytes]) -> tuple[str, bytes]:
    """Media type and content of a picture, turned upright, its metadata (place, device) left out.

    Raises BadInput for what is no JPEG, PNG or WebP, or has more pixels than a camera takes.
    """
    payload = isolated(_clean, file.read(), limits=PICTURE_LIMITS, failure=BadInput, what="the picture")
    return payload["media_type"], payload["content"].tobytes()


def _clean(content: bytes) -> Payload:
    """In the child."""
    import numpy as np
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content), formats=list(MEDIA)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                found = f"a picture of {picture.width} x {picture.height} pixels"
                raise BadInput(found, f"at most {MAX_PIXELS} pixels", "make it smaller")
            kind, out = str(picture.format), io.BytesIO()
            upright = ImageOps.exif_transpose(picture)
            upright.info = {}
            upright.save(out, kind, quality=92)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInput(
            f"no picture ({type(error).__name__})", "a JPEG, PNG or WebP", "take or save it again"
        ) from error
    return {"media_type": MEDIA[kind], "content": np.frombuffer(out.getvalue(), np.uint8)}
