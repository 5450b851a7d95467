"""`curve.png`: a job's curves as a picture that a tool result can carry."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ....resources.foundation.files import write_atomic
from ....resources.foundation.language import Text, spoken_language
from ....resources.pages.axes import Panel, tick_label
from .measures import measure_name

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

_WIDTH, _PANEL_HEIGHT, _HEAD, _FOOT = 960, 380, 48, 12
_LEFT, _RIGHT, _ABOVE, _BELOW = 76, 24, 66, 52
_FINER = 2  # drawn larger and reduced, for smooth lines
_INK, _SOFT, _GRID = "#1b2430", "#5b6675", "#e2e6eb"
# Pillow's own font has no Chinese; these are where the systems keep one (with the index of Traditional Chinese).
_CHINESE_FONTS = (
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", 3),
    ("/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc", 3),
    ("/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc", 3),
    ("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc", 0),
    ("/usr/share/fonts/truetype/arphic/uming.ttc", 2),
    ("/System/Library/Fonts/PingFang.ttc", 0),
    ("/System/Library/Fonts/STHeiti Medium.ttc", 0),
    ("C:/Windows/Fonts/msjh.ttc", 0),
)


def draw_curve(path: Path, drawn: list[Panel], title: str) -> None:
    """Draw the panels below each other and write them to `path` as PNG, in the call's language where a font has it."""
    from PIL import Image, ImageDraw

    height = _HEAD + _PANEL_HEIGHT * len(drawn) + _FOOT
    image = Image.new("RGB", (_WIDTH * _FINER, height * _FINER), "white")
    draw = ImageDraw.Draw(image)
    draw.text((_LEFT * _FINER, 16 * _FINER), title if _chinese() or title.isascii() else _plain(title), _INK, _font(20))
    for number, panel in enumerate(drawn):
        _draw_panel(draw, panel, _HEAD + number * _PANEL_HEIGHT)
    picture = io.BytesIO()
    small = image.resize((_WIDTH, height), Image.Resampling.LANCZOS)
    small.quantize(64, dither=Image.Dither.NONE).save(picture, "PNG", optimize=True)
    write_atomic(path, picture.getvalue())


def _draw_panel(draw: ImageDraw, panel: Panel, top: int) -> None:
    across, down = _WIDTH - _LEFT - _RIGHT, _PANEL_HEIGHT - _ABOVE - _BELOW

    def at(step: float, value: float) -> tuple[float, float]:
        x, y = panel.place(step, value)
        return (_LEFT + x * across) * _FINER, (top + _ABOVE + y * down) * _FINER

    draw.text((_LEFT * _FINER, (top + 6) * _FINER), _printable_text(panel.title), _INK, _font(16))
    left, bottom = at(panel.x_ticks[0], panel.y_ticks[0])
    right, above = at(panel.x_ticks[-1], panel.y_ticks[-1])
    for value in panel.y_ticks:
        y = at(panel.x_ticks[0], value)[1]
        draw.line((left, y, right, y), _GRID, _FINER)
        draw.text((left - 8 * _FINER, y), tick_label(value, panel.y_ticks), _SOFT, _font(14), anchor="rm")
    for step in panel.x_ticks:
        x = at(step, panel.y_ticks[0])[0]
        draw.line((x, bottom, x, bottom + 5 * _FINER), _SOFT, _FINER)
        draw.text((x, bottom + 8 * _FINER), tick_label(step, panel.x_ticks), _SOFT, _font(14), anchor="ma")
    draw.line((left, above, left, bottom, right, bottom), _SOFT, _FINER)
    draw.text(
        ((left + right) / 2, bottom + 28 * _FINER), _printable_text(Text("step", "步驟")), _SOFT, _font(14), anchor="ma"
    )
    legend = left
    for series in panel.series:
        points = [at(step, value) for step, value in series.points]
        if len(points) > 1:
            draw.line(points, series.colour, 2 * _FINER, joint="curve")
        if len(points) <= 30:
            for x, y in points:
                radius = 3.5 * _FINER
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), series.colour)
        label = f"{_printable_text(measure_name(series.name))}  {series.points[-1][1]:.4g}"
        y = (top + 44) * _FINER
        draw.line((legend, y, legend + 22 * _FINER, y), series.colour, 3 * _FINER)
        draw.text((legend + 30 * _FINER, y), label, _INK, _font(14), anchor="lm")
        legend += 54 * _FINER + draw.textlength(label, _font(14))


def _printable_text(text: Text) -> str:
    return str(text) if _chinese() else text.en


def _plain(title: str) -> str:
    return title.encode("ascii", "ignore").decode().strip(" ·")


@cache
def _chinese_font() -> tuple[str, int] | None:
    return next(((path, index) for path, index in _CHINESE_FONTS if Path(path).is_file()), None)


def _chinese() -> bool:
    return spoken_language() != "zh-TW" or _chinese_font() is not None


@cache
def _font(points: int) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont as fonts

    if found := _chinese_font():
        return fonts.truetype(found[0], points * _FINER, index=found[1])
    return fonts.load_default(points * _FINER)
