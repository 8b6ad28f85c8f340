"""Plots as SVG, drawn by the server.

By hand, since no library fits: pygal (3.1) puts `<style>` and `style=` into its SVG, which our Content-Security-Policy
forbids, and scales text with the picture; matplotlib makes pictures of text, and weighs 60 MB. A plot here has no size
of its own: lengths along it are percentages, so that a phone and a wide screen have the same sizes of text. Colours
are classes of static/admin/figures.css. Its title is its accessible name; the table behind it has the numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

MAX_LABELS = 8  # below the columns; phones show every second
ROW = 44  # pixels
HEAT_ROW = 22
STEPS = 5  # of colour, in a heat map
Write = Callable[[float], str]


@dataclass(frozen=True)
class Series:
    """What one colour of a plot stands for, and its value at each label. None leaves a gap."""

    name: str
    values: Sequence[float | None]


def find_ticks(largest: float, least_step: float = 0) -> list[float]:
    """Return up to six round numbers from zero, the last of them no less than the largest value."""
    if largest <= 0:
        return [0, least_step or 1]
    power = 10 ** floor(log10(largest))
    step = max(least_step, next(part for part in (0.2, 0.25, 0.5, 1, 2, 2.5) if largest / (part * power) <= 5) * power)
    return [round(step * n, 10) for n in range(ceil(round(largest / step, 9)) + 1)]


def draw_columns(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    write: Write,
    *,
    is_stacked: bool = True,
    least_step: float = 0,
) -> SafeString:
    """Return columns from zero over the labels: the series on top of each other, or else each before the next."""
    tops = [(sum if is_stacked else max)([each.values[n] or 0 for each in series] or [0]) for n, _ in enumerate(labels)]
    ticks = find_ticks(max(tops, default=0), least_step)
    parts = [_draw_axis(ticks, write)]
    width = 100 / max(1, len(labels))
    every = ceil(len(labels) / MAX_LABELS) or 1
    for n, label in enumerate(labels):
        x = n * width
        parts.append(f'<g class="column"><rect class="hit" x="{x:.3f}%" y="0" width="{width:.3f}%" height="100%"/>')
        parts += _draw_column(n, x, width, series, ticks[-1], is_stacked)
        values = ", ".join(
            f"{each.name}: {'–' if each.values[n] is None else write(each.values[n])}" for each in series
        )
        parts.append(f"<title>{escape(label)}: {escape(values)}</title>")
        anchor = "start" if x < 15 else "end" if x > 80 else "middle"
        at = x if anchor == "start" else x + width if anchor == "end" else x + width / 2
        shown = " · ".join("–" if each.values[n] is None else write(each.values[n]) for each in series)
        parts.append(f'<text class="value {anchor}" x="{at:.3f}%" y="-8">{escape(label)}: {escape(shown)}</text></g>')
        if n % every == 0:
            minor = " minor" if n // every % 2 else ""
            parts.append(f'<text class="label{minor}" x="{x + width / 2:.3f}%" y="100%" dy="18">{escape(label)}</text>')
    return _wrap("columns", title, parts)


def _draw_axis(ticks, write):
    lines = []
    for tick in ticks:
        y = 100 - 100 * tick / ticks[-1]
        lines.append(f'<line class="{"grid" if tick else "zero"}" x1="0" x2="100%" y1="{y:.3f}%" y2="{y:.3f}%"/>')
        lines.append(f'<text class="tick" x="-8" y="{y:.3f}%" dy="4">{escape(write(tick))}</text>')
    return "".join(lines)


def _draw_column(n, x, width, series, largest, is_stacked):
    """Return the rects of one label, with a gap of a quarter beside them; those drawn first are behind."""
    bottom, rects = 0.0, []
    for number, each in enumerate(series):
        height = 100 * (each.values[n] or 0) / largest
        if height:
            rects.append(
                f'<rect class="bar s{number}" x="{x + width * 0.125:.3f}%" y="{100 - bottom - height:.3f}%" '
                f'width="{width * 0.75:.3f}%" height="{height:.3f}%"/>'
            )
        bottom += height if is_stacked else 0
    return rects if is_stacked else rects[::-1]


def draw_bars(title: str, rows: Sequence[tuple[str, float, str]]) -> SafeString:
    """Return a bar from zero for each row of a label, a value and its text, below the label."""
    largest = max([value for _, value, _ in rows], default=0) or 1
    parts = []
    for n, (label, value, text) in enumerate(rows):
        y = n * ROW
        parts.append(
            f'<g class="row"><text class="name" x="0" y="{y + 16}">{escape(label)}</text>'
            f'<text class="number" x="100%" y="{y + 16}">{escape(text)}</text>'
            f'<rect class="track" x="0" y="{y + 24}" width="100%" height="8" rx="4"/>'
            f'<rect class="bar s0" x="0" y="{y + 24}" width="{100 * value / largest:.3f}%" height="8" rx="4"/></g>'
        )
    return _wrap("bars", title, parts, height=ROW * len(rows))


def draw_heat(
    title: str, labels: Sequence[str], rows: Sequence[tuple[str, Sequence[float | None]]], write: Write
) -> SafeString:
    """Return a cell for each row and label, the darker the nearer its share is to one; none where there is no share."""
    width = 100 / max(1, len(labels))
    every = ceil(len(labels) / MAX_LABELS) or 1
    parts = []
    for n, (name, shares) in enumerate(rows):
        y = n * HEAT_ROW
        cells = "".join(
            f'<rect class="h{min(STEPS, int(share * STEPS))}" x="{at * width:.2f}%" y="{y}" '
            f'width="{width:.2f}%" height="{HEAT_ROW}"><title>{write(share)}</title></rect>'
            for at, share in enumerate(shares)
            if share is not None
        )
        parts.append(f'<text class="tick" x="-8" y="{y + 14}">{escape(name)}</text>{cells}')
    height = HEAT_ROW * len(rows)
    for n, label in enumerate(labels):
        if n % every == 0:
            minor = " minor" if n // every % 2 else ""
            parts.append(
                f'<text class="label{minor}" x="{(n + 0.5) * width:.2f}%" y="{height + 16}">{escape(label)}</text>'
            )
    return _wrap("heat", title, parts, height=height)


def _wrap(kind, title, parts, height=None):
    size = f' height="{height}"' if height is not None else ""
    return mark_safe(  # noqa: S308 its texts are escaped above
        f'<svg class="plot {kind}" role="img" aria-label="{escape(title)}"{size} xmlns="http://www.w3.org/2000/svg">'
        f"{''.join(parts)}</svg>"
    )
