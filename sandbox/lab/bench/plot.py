"""Time against size as an SVG: both axes in powers, so that a straight line of slope 1 is time like size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

Line = Sequence[tuple[float, float]]  # megabytes and seconds
_WIDTH, _HEIGHT = 860, 480
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 250, 56, 52
_OURS, _THEIRS = "#b3261e", ("#1f5aa6", "#3b8132", "#8a5a00", "#6b3fa0", "#5f6368", "#007a87")
_APART = 17  # pixels between two labels
_TICKS = (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#222}.dim{fill:#5f6368;font-size:12px}"
    ".title{font-size:16px;font-weight:600}.ours{font-weight:700}"
    "path{fill:none;stroke-width:2}.grid{stroke:#e3e3e3;stroke-width:1}"
)


@dataclass(frozen=True)
class _Frame:
    """Where a size and a time are in the picture."""

    sizes: tuple[float, float]
    times: tuple[float, float]

    def x(self, size: float) -> float:
        return _LEFT + _part(size, self.sizes) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, time: float) -> float:
        return _HEIGHT - _BOTTOM - _part(time, self.times) * (_HEIGHT - _TOP - _BOTTOM)


def _part(value: float, ends: tuple[float, float]) -> float:
    low, high = map(math.log, ends)
    return (math.log(value) - low) / (high - low)


def svg(title: str, lines: Mapping[str, Line], ours: Sequence[str]) -> str:
    """The picture.

    Args:
        title: above it.
        lines: at least two points each, by name.
        ours: the names that stand out.
    """
    sizes = sorted({size for line in lines.values() for size, _ in line})
    times = [time for line in lines.values() for _, time in line]
    low = max([tick for tick in _TICKS if tick <= min(times)], default=min(times))
    high = min([tick for tick in _TICKS if tick >= max(times)], default=max(times))
    frame = _Frame((sizes[0], sizes[-1]), (low, high))
    body = [*_grid(frame, sizes), *_drawn(frame, lines, ours)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
        f' aria-label="{escape(title)}">\n<style>{_STYLE}</style>\n'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>\n'
        f'<text class="title" x="{_LEFT}" y="26">{escape(title)}</text>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _grid(frame: _Frame, sizes: Sequence[float]) -> Iterator[str]:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    for tick in _TICKS:
        if frame.times[0] <= tick <= frame.times[1]:
            y = frame.y(tick)
            yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{right}"/>'
            yield f'<text class="dim" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g} s</text>'
    for size in sizes:
        x = frame.x(size)
        yield f'<path class="grid" d="M{x:.1f} {_TOP}V{bottom}"/>'
        yield f'<text class="dim" x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{size:g} MB</text>'


def _drawn(frame: _Frame, lines: Mapping[str, Line], ours: Sequence[str]) -> Iterator[str]:
    colours = iter(_THEIRS * len(lines))
    colour = {name: _OURS if name in ours else next(colours) for name in lines}
    below = -math.inf
    for name, line in sorted(lines.items(), key=lambda item: -item[1][-1][1]):
        points = [(frame.x(size), frame.y(time)) for size, time in line]
        dash = ' stroke-dasharray="6 4"' if name in ours[1:] else ""
        wide = ' style="stroke-width:3"' if name in ours else ""
        way = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        yield f'<path d="M{way}" stroke="{colour[name]}"{dash}{wide}/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour[name]}"/>' for x, y in points)
        last, y = points[-1]
        below = max(y + 4, below + _APART)
        shown = f"{name}, {line[-1][1]:.1f} s"
        weight = ' class="ours"' if name in ours else ""
        fill = f'style="fill:{colour[name]}"'
        yield f'<text{weight} x="{last + 10:.1f}" y="{below:.1f}" {fill}>{escape(shown)}</text>'
