"""Curves as SVG files for the documents: by hand as booking.admin.plots does, with a size and colours of their own."""

from math import ceil, floor, log10

from django.utils.html import escape

WIDTH, HEIGHT = 800, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 230, 44, 50
LINE = 16  # pixels between two names
COLORS = "#2563eb #b45309 #0f766e #b91c1c #7c3aed #475569 #be185d #4d7c0f #0891b2".split()


class Scale:
    """Places values along an axis, by their logarithm if so wanted."""

    def __init__(self, values, start, end, *, is_log):
        self.is_log, self.start, self.end = is_log, start, end
        if is_log:
            self.low, self.high = floor(log10(min(values))), ceil(log10(max(values)))
        else:
            self.low, self.high = 0, max(values)
        self.high += self.low == self.high

    def __call__(self, value):
        at = log10(value) if self.is_log else value
        return self.start + (self.end - self.start) * (at - self.low) / (self.high - self.low)

    def list_ticks(self):
        if self.is_log:
            return [10.0**power for power in range(self.low, self.high + 1)]
        power = 10 ** floor(log10(self.high))
        step = next(part * power for part in (0.1, 0.2, 0.25, 0.5, 1, 2) if self.high / (part * power) <= 6)
        return [step * n for n in range(floor(self.high / step) + 1)]


def draw_lines(title, curves, *, x_name, y_name, is_log=False, write_x="{:,g}".format):
    """Return an SVG of curves, {name: [(x, y), ...]}; with ``is_log`` both axes are logarithmic."""
    points = [point for curve in curves.values() for point in curve]
    x = Scale([x for x, _ in points], LEFT, WIDTH - RIGHT, is_log=is_log)
    y = Scale([y for _, y in points], HEIGHT - BOTTOM, TOP, is_log=is_log)
    parts = [f'<text x="{LEFT}" y="22" class="title">{escape(title)}</text>']
    for tick in y.list_ticks():
        parts.append(f'<path class="grid" d="M{LEFT} {y(tick):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:,g}</text>')
    for tick in x.list_ticks():
        parts.append(f'<text x="{x(tick):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{write_x(tick)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">{escape(x_name)}</text>')
    aside = f'transform="translate(16 {HEIGHT / 2}) rotate(-90)"'
    parts.append(f'<text {aside} text-anchor="middle">{escape(y_name)}</text>')
    last = float("-inf")
    for color, (name, curve) in zip(COLORS, sorted(curves.items(), key=lambda item: y(item[1][-1][1])), strict=False):
        path = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in curve)
        parts.append(f'<polyline stroke="{color}" points="{path}"/>')
        if len(curve) < 10:
            parts += [f'<circle cx="{x(at):.1f}" cy="{y(value):.1f}" r="3" fill="{color}"/>' for at, value in curve]
        last = max(y(curve[-1][1]) + 4, last + LINE)
        parts.append(f'<text x="{x(curve[-1][0]) + 8:.1f}" y="{last:.1f}" style="fill:{color}">{escape(name)}</text>')
    style = (
        "text{font:12px system-ui,sans-serif;fill:#374151}.title{font-size:15px;font-weight:600}"
        ".grid{stroke:#e5e7eb}polyline{fill:none;stroke-width:2}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{escape(title)}'
        f'</title><style>{style}</style><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )
