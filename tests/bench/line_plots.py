"""Curves as SVG files for the documents: by hand as booking.admin.plots does, with a size and colours of their own."""

from math import ceil, floor, log10

from django.utils.html import escape

# As narrow as the names allow, with large letters: a telephone shows half of it.
WIDTH, HEIGHT = 600, 400
LEFT, TOP, BOTTOM = 66, 46, 62
LETTER = 7.9  # pixels, in the widest of the usual fonts
LINE = 19  # pixels between two names
LIGHT = "#1d4ed8 #b45309 #0f766e #b91c1c #7c3aed #475569 #be185d #3f6212 #0e7490".split()
DARK = "#93c5fd #fbbf24 #5eead4 #fca5a5 #c4b5fd #cbd5e1 #f9a8d4 #bef264 #67e8f9".split()


class Scale:
    """Places values along an axis, by their logarithm if so wanted."""

    def __init__(self, values, start, end, *, is_log, ends_with_tick=False):
        self.is_log, self.start, self.end = is_log, start, end
        if is_log:
            self.low, self.high = floor(log10(min(values))), ceil(log10(max(values)))
        else:
            self.low, self.high = 0, max(values)
        self.high += self.low == self.high
        if ends_with_tick and not is_log:
            self.high = ceil(self.high / self.step) * self.step

    def __call__(self, value):
        at = log10(value) if self.is_log else value
        return self.start + (self.end - self.start) * (at - self.low) / (self.high - self.low)

    def list_ticks(self):
        if self.is_log:
            return [10.0**power for power in range(self.low, self.high + 1)]
        return [self.step * n for n in range(floor(self.high / self.step + 1e-9) + 1)]

    @property
    def step(self):
        power = 10 ** floor(log10(self.high))
        return next(part * power for part in (0.1, 0.2, 0.25, 0.5, 1, 2) if self.high / (part * power) <= 6)


def write_number(number):
    return f"{number / 1e6:g} million" if number >= 1e6 else f"{number:,g}"


def draw_lines(title, curves, *, x_name, y_name, is_log=False, write_x=write_number):
    """Return an SVG of curves, {name: [(x, y), ...]}; with ``is_log`` both axes are logarithmic."""
    points = [point for curve in curves.values() for point in curve]
    right = WIDTH - 16 - LETTER * max(map(len, curves))
    x = Scale([x for x, _ in points], LEFT, right, is_log=is_log)
    y = Scale([y for _, y in points], HEIGHT - BOTTOM, TOP, is_log=is_log, ends_with_tick=True)
    parts = [f'<text x="8" y="24" class="title">{escape(title)}</text>']
    for tick in y.list_ticks():
        parts.append(f'<path class="grid" d="M{LEFT} {y(tick):.1f}H{right:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(tick) + 5:.1f}" text-anchor="end">{tick:,g}</text>')
    for tick in x.list_ticks():
        parts.append(f'<text x="{x(tick):.1f}" y="{HEIGHT - BOTTOM + 24}" text-anchor="middle">{write_x(tick)}</text>')
    middle = (LEFT + right) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 12}" text-anchor="middle">{escape(x_name)}</text>')
    aside = f'transform="translate(18 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)"'
    parts.append(f'<text {aside} text-anchor="middle">{escape(y_name)}</text>')
    last, names = float("-inf"), []
    for number, (name, curve) in enumerate(sorted(curves.items(), key=lambda item: y(item[1][-1][1]))):
        path = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in curve)
        parts.append(f'<polyline style="stroke:var(--{number})" points="{path}"/>')
        if len(curve) < 10:
            place = 'cx="{:.1f}" cy="{:.1f}" r="3.5"'.format
            parts += [f'<circle {place(x(at), y(value))} style="fill:var(--{number})"/>' for at, value in curve]
        last = max(y(curve[-1][1]) + 5, last + LINE)
        place = f'x="{x(curve[-1][0]) + 9:.1f}" y="{last:.1f}"'
        names.append(f'<text {place} class="name" style="fill:var(--{number})">{escape(name)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        f' role="img"><title>{escape(title)}</title><style>{STYLE}</style>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" class="paper"/>{"".join(parts + names)}</svg>\n'
    )


def _write_colors(paper, ink, grid, colors):
    lines = "".join(f"--{number}:{color};" for number, color in enumerate(colors))
    return f"svg{{--paper:{paper};--ink:{ink};--grid:{grid};{lines}}}"


# It brings its own paper: the page around it may be dark where the reader's system is light.
STYLE = (
    _write_colors("#fff", "#1f2937", "#d1d5db", LIGHT)
    + "@media(prefers-color-scheme:dark){"
    + _write_colors("#0d1117", "#e5e7eb", "#374151", DARK)
    + "}text{font:15px system-ui,sans-serif;fill:var(--ink)}.title{font-size:16px;font-weight:600}"
    ".name{paint-order:stroke;stroke:var(--paper);stroke-width:4px}"  # where it crosses a line
    ".paper{fill:var(--paper)}.grid{stroke:var(--grid)}polyline{fill:none;stroke-width:2.5}"
)
