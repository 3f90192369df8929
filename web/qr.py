"""QR codes as SVG."""

import io

import segno


def qr_svg(text: str) -> bytes:
    """A code of medium error correction with its quiet zone, without scripts or styles."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", scale=8, border=4, dark="#000", light="#fff")
    return out.getvalue()
