"""Plots as plain SVG: horizontal bars, and lines over a logarithmic axis. Pure: numbers in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10

COLOURS = ("#2f6f9f", "#d9822b", "#5b9a5b", "#8a63a8", "#8c8c8c")
WIDTH = 760
LEFT, RIGHT, TOP, BOTTOM = 70, 30, 54, 52
_FONT = 'font-family="Helvetica, Arial, sans-serif" fill="#333"'
_BAR_HEIGHT, _BAR_GAP, _LABEL_WIDTH, _NUMBER_WIDTH, _KEY_WIDTH = 22, 12, 150, 160, 120

Points = Sequence[tuple[float, float]]


def bars(title: str, unit: str, values: Sequence[tuple[str, float]]) -> str:
    """One bar a value, the longest as wide as the picture; `values` are (label, number)."""
    longest = max((value for _, value in values), default=0) or 1
    room = WIDTH - _LABEL_WIDTH - _NUMBER_WIDTH
    parts = [_text(16, 28, title, 16, weight="bold")]
    for number, (label, value) in enumerate(values):
        y = TOP + number * (_BAR_HEIGHT + _BAR_GAP)
        width = max(1.0, room * value / longest)
        colour = COLOURS[number % len(COLOURS)]
        parts.append(_text(_LABEL_WIDTH - 10, y + 15, label, 13, anchor="end"))
        parts.append(f'<rect x="{_LABEL_WIDTH}" y="{y}" width="{width:.1f}" height="{_BAR_HEIGHT}" fill="{colour}"/>')
        parts.append(_text(_LABEL_WIDTH + width + 8, y + 15, f"{shown(value)} {unit}", 13))
    return _picture(TOP + len(values) * (_BAR_HEIGHT + _BAR_GAP) + 8, parts)


def lines(title: str, x_title: str, y_title: str, series: Mapping[str, Points], height: int = 380) -> str:
    """One line a series over a logarithmic x axis; y starts at 0."""
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    low, high = (floor(log10(min(xs))), ceil(log10(max(xs)))) if xs else (0, 1)
    high, top = max(high, low + 1), nice(max(ys, default=1))
    plot_width, plot_height = WIDTH - LEFT - RIGHT, height - TOP - BOTTOM

    def at(x: float, y: float) -> tuple[float, float]:
        """Where a point of the data lies in the picture."""
        return LEFT + plot_width * (log10(x) - low) / (high - low), TOP + plot_height * (1 - y / top)

    parts = [_text(16, 28, title, 16, weight="bold"), _text(LEFT, TOP - 8, y_title, 12)]
    parts.append(_text(LEFT + plot_width / 2, height - 12, x_title, 12, anchor="middle"))
    for step in range(5):
        value = top * step / 4
        _, y = at(10**low, value)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 8, y + 4, shown(value), 12, anchor="end"))
    for power in range(low, high + 1):
        x, _ = at(10**power, 0)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{TOP + plot_height}" stroke="#eee"/>')
        parts.append(_text(x, TOP + plot_height + 18, shown(10**power), 12, anchor="middle"))
    for number, (name, points) in enumerate(series.items()):
        colour, places = COLOURS[number % len(COLOURS)], [at(x, y) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in places]
        key = WIDTH - RIGHT - _KEY_WIDTH * (len(series) - number)
        parts.append(f'<rect x="{key}" y="{TOP - 19}" width="12" height="12" fill="{colour}"/>')
        parts.append(_text(key + 18, TOP - 8, name, 12))
    return _picture(height, parts)


def nice(value: float) -> float:
    """The next of 1, 2, 4, 5 or 8 times a power of ten: the top of an axis."""
    power = 10 ** floor(log10(value)) if value > 0 else 1
    return next(float(power * step) for step in (1, 2, 4, 5, 8, 10) if power * step >= value)


def shown(value: float) -> str:
    """A number as people read it: thousands apart, decimals only below 10."""
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:,.1f}"


def _text(x: float, y: float, words: str, size: int, anchor: str = "start", weight: str = "normal") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}"'
    return f"<text {place} {_FONT}>{escape(words)}</text>"


def _picture(height: int, parts: list[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>\n{body}\n</svg>\n'
    )
