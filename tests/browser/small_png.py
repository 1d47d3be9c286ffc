"""A picture in at most 256 colours: a third of the bytes, and text looks the same."""

from __future__ import annotations

import struct
import zlib
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

_TO_PALETTE = """async (png) => {
  const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob())
  const canvas = new OffscreenCanvas(image.width, image.height)
  const drawing = canvas.getContext("2d")
  drawing.drawImage(image, 0, 0)
  const { data } = drawing.getImageData(0, 0, image.width, image.height)
  const counts = new Map()
  const colours = new Uint32Array(data.length / 4)
  for (let at = 0; at < colours.length; at++) {
    const colour = (data[4 * at] << 16) | (data[4 * at + 1] << 8) | data[4 * at + 2]
    colours[at] = colour
    counts.set(colour, (counts.get(colour) || 0) + 1)
  }
  const palette = [...counts].sort((one, other) => other[1] - one[1]).slice(0, 256).map(([colour]) => colour)
  const far = (a, b) => [16, 8, 0].reduce((sum, bits) => sum + (((a >> bits) & 255) - ((b >> bits) & 255)) ** 2, 0)
  const nearest = new Map()
  for (const colour of counts.keys()) {
    let best = 0
    palette.forEach((each, index) => { if (far(each, colour) < far(palette[best], colour)) best = index })
    nearest.set(colour, best)
  }
  let text = ""
  for (const colour of colours) text += String.fromCharCode(nearest.get(colour))
  return { width: image.width, height: image.height, palette, indexes: btoa(text) }
}"""


def in_few_colours(page: Page, png: bytes) -> bytes:
    """Give a PNG with a palette of its most frequent colours, all others shown by the nearest; `page` computes it."""
    found = page.evaluate(_TO_PALETTE, b64encode(png).decode())
    width, height, indexes = found["width"], found["height"], b64decode(found["indexes"])
    # Each row begins with the number of its filter, 0 being none.
    rows = b"".join(b"\0" + indexes[start : start + width] for start in range(0, width * height, width))
    palette = b"".join(colour.to_bytes(3, "big") for colour in found["palette"])
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
