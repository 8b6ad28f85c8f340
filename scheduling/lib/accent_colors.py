"""A clinic's accent colour, and what goes with it on light and on dark pages, in contrasts that people can read.

Lightness is changed in OKLCH (Björn Ottosson's), where the hue stays what it was; contrast is WCAG's.
"""

import math
from functools import lru_cache
from typing import NamedTuple

DEFAULT_ACCENT = "#0b6b57"  # of static/palette.css, as are the grounds here
LIGHT_GROUNDS = ("#f5f7f6", "#ffffff")
DARK_GROUNDS = ("#0f1614", "#18211e")
MIN_CONTRAST = 4.5
STEP = 0.005  # of lightness, in searches


class TooPale(Exception):
    """The colour cannot be read on a light page; ``message`` names one that can."""

    def __init__(self, contrast: float, darker: str) -> None:
        super().__init__(darker)
        self.message = (
            "That colour is too pale to be read on a light page: its contrast is "
            f"{math.floor(contrast * 10) / 10} to 1, and it needs 4.5. Choose a darker one, such as {darker}."
        )


class Shades(NamedTuple):
    """The accent colour and its company, each as #rrggbb."""

    accent: str
    accent_strong: str  # where it is pressed
    on_accent: str  # of text on it
    tint: str  # a ground that is nearly the page's

    def find_worst_contrast(self, grounds: tuple[str, ...]) -> float:
        """Return the lowest contrast of what is read: the accent on each ground and the tint, and text on it."""
        read = [(self.accent, ground) for ground in (*grounds, self.tint)]
        return min(get_contrast(*pair) for pair in [*read, (self.on_accent, self.accent)])


class Palette(NamedTuple):
    light: Shades
    dark: Shades


@lru_cache(maxsize=64)
def derive_palette(accent: str) -> Palette:
    """Return the shades of ``accent`` (#rrggbb) for light and dark pages; raises TooPale."""
    light = _derive_light(accent)
    contrast = light.find_worst_contrast(LIGHT_GROUNDS)
    if contrast < MIN_CONTRAST:
        raise TooPale(contrast, _find_darker(accent))
    return Palette(light, _derive_dark(accent))


@lru_cache(maxsize=64)
def write_stylesheet(accent: str) -> str:
    """Return the rules that put ``accent`` over the colour of static/palette.css; raises TooPale."""
    palette = derive_palette(accent)
    dark = _write_rule(':root:not([data-theme="light"])', palette.dark)
    return f"{_write_rule(':root', palette.light)}@media screen and (prefers-color-scheme:dark){{{dark}}}"


def _write_rule(selector, shades):
    declarations = (f"--{name.replace('_', '-')}:{color}" for name, color in shades._asdict().items())
    return f"{selector}{{{';'.join(declarations)}}}"


def get_contrast(one: str, other: str) -> float:
    """Return WCAG's contrast of two colours, 1 to 21."""
    darker, lighter = sorted(map(_get_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def _derive_light(accent):
    lightness, chroma, hue = _to_oklch(accent)
    strong = _to_hex(lightness * 0.82, chroma, hue)
    return Shades(accent, strong, "#ffffff", _to_hex(0.95, min(chroma, 0.03), hue))


def _derive_dark(accent):
    """Return the lightest shades that are needed, from a lightness that looks right on a dark page."""
    lightness, chroma, hue = _to_oklch(accent)
    chroma = min(chroma, 0.14)  # what glows on a dark page tires
    tint, on_accent = (_to_hex(at, min(chroma, most), hue) for at, most in ((0.31, 0.045), (0.24, 0.05)))
    lightness = max(lightness, 0.78)
    while True:
        shades = Shades(
            _to_hex(lightness, chroma, hue), _to_hex(min(lightness + 0.08, 1), chroma, hue), on_accent, tint
        )
        if shades.find_worst_contrast(DARK_GROUNDS) >= MIN_CONTRAST or lightness >= 1:
            return shades
        lightness += STEP


def _find_darker(accent):
    """Return the lightest colour of this hue that can be read on a light page."""
    lightness, chroma, hue = _to_oklch(accent)
    while True:
        lightness -= STEP
        darker = _to_hex(lightness, chroma, hue)
        if _derive_light(darker).find_worst_contrast(LIGHT_GROUNDS) >= MIN_CONTRAST:
            return darker


def _get_luminance(color):
    red, green, blue = _to_linear(color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _to_linear(color):
    channels = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def _to_oklch(color):
    red, green, blue = _to_linear(color)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return lightness, math.hypot(a, b), math.atan2(b, a)


def _to_hex(lightness, chroma, hue):
    """Return the colour, with as much of its chroma as a screen can show."""
    while True:
        channels = _from_oklch(lightness, chroma, hue)
        if all(-0.0005 <= channel <= 1.0005 for channel in channels) or chroma <= 0:
            break
        chroma -= 0.004
    return "#" + "".join(f"{round(_to_gamma(min(max(channel, 0), 1)) * 255):02x}" for channel in channels)


def _from_oklch(lightness, chroma, hue):
    chroma = max(chroma, 0)
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _to_gamma(channel):
    return 12.92 * channel if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055
