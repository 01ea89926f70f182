"""Draws the icon: three blades of a rotor around a hub. `python -m release.icon` writes both of its files.

Both are made of the same shapes. The PNG is written with the standard library: three shapes need no drawing
library.
"""

import math
import struct
import zlib

from release.metadata import ROOT

SIZE = 512
"""Width and height in pixels."""
SVG_FILE = ROOT / "assets" / "icon.svg"
PNG_FILE = ROOT / "assets" / "icon.png"

_GROUND, _BLADE = (15, 76, 92), (255, 255, 255)
_CORNER = 96
"""Radius of the corners of the ground."""
_HUB = 44
_GAP = 16
"""Width of the ring of ground between the hub and the blades."""
_BLADE_CENTRE, _BLADE_LENGTH, _BLADE_WIDTH = 120, 96, 46
"""Distance of a blade's centre from the hub's, and its two radii."""
_ANGLES = (-90, 30, 150)
_TURNS = tuple((math.cos(math.radians(angle)), math.sin(math.radians(angle))) for angle in _ANGLES)
_SAMPLES = 3
"""Points that are looked at for each pixel, in each direction."""


def svg() -> str:
    """Return the icon as an SVG."""
    half = SIZE // 2
    blades = "\n".join(
        f'  <ellipse cx="{half + _BLADE_CENTRE}" cy="{half}" rx="{_BLADE_LENGTH}" ry="{_BLADE_WIDTH}" '
        f'fill="{_colour(_BLADE)}" transform="rotate({angle} {half} {half})"/>'
        for angle in _ANGLES
    )
    circles = "\n".join(
        f'  <circle cx="{half}" cy="{half}" r="{radius}" fill="{_colour(fill)}"/>'
        for radius, fill in ((_HUB + _GAP, _GROUND), (_HUB, _BLADE))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}">\n'
        f'  <rect width="{SIZE}" height="{SIZE}" rx="{_CORNER}" fill="{_colour(_GROUND)}"/>\n'
        f"{blades}\n{circles}\n</svg>\n"
    )


def pixels() -> bytes:
    """Return the icon as rows of pixels, each with four bytes: red, green, blue, opacity."""
    rows = bytearray()
    for top in range(SIZE):
        left_half = [_pixel(left, top) for left in range(SIZE // 2)]
        rows += b"".join(left_half + left_half[::-1])  # the right half mirrors it
    return bytes(rows)


def _pixel(left: int, top: int) -> bytes:
    offsets = [(index + 0.5) / _SAMPLES - SIZE / 2 for index in range(_SAMPLES)]
    points = [(left + right, top + down) for down in offsets for right in offsets]
    inside = [point for point in points if _on_ground(*point)]
    share = sum(_on_blade(*point) for point in inside) / len(inside) if inside else 0
    colour = [round(ground + (blade - ground) * share) for ground, blade in zip(_GROUND, _BLADE, strict=True)]
    return bytes([*colour, round(255 * len(inside) / len(points))])


def png() -> bytes:
    """Return the icon as a PNG (ISO/IEC 15948): eight bits, red, green, blue, opacity, no filter."""
    drawn, width = pixels(), SIZE * 4
    lines = b"".join(b"\0" + drawn[start : start + width] for start in range(0, len(drawn), width))
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _on_ground(x: float, y: float) -> bool:
    inner = SIZE / 2 - _CORNER
    return math.hypot(max(abs(x) - inner, 0), max(abs(y) - inner, 0)) <= _CORNER


def _on_blade(x: float, y: float) -> bool:
    distance = math.hypot(x, y)
    if distance <= _HUB + _GAP:
        return distance <= _HUB
    for cosine, sine in _TURNS:
        along = x * cosine + y * sine - _BLADE_CENTRE
        across = y * cosine - x * sine
        if (along / _BLADE_LENGTH) ** 2 + (across / _BLADE_WIDTH) ** 2 <= 1:
            return True
    return False


def _colour(colour: tuple[int, int, int]) -> str:
    return "#" + "".join(f"{part:02x}" for part in colour)


if __name__ == "__main__":
    SVG_FILE.parent.mkdir(exist_ok=True)
    SVG_FILE.write_text(svg(), "utf-8")
    PNG_FILE.write_bytes(png())
