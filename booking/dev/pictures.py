"""Pictures of the demo's clinic: nobody's face, drawn from a few shapes."""

from io import BytesIO
from typing import NamedTuple

from PIL import Image, ImageDraw

SIDE, SCALE = 480, 2  # drawn larger, so that edges are smooth


class Looks(NamedTuple):
    """The colours of a face, and how its hair falls: short, bob, long, bun, bald; ``wears`` glasses, beard or scarf."""

    skin: str
    hair: str
    shirt: str
    ground: str
    cut: str
    wears: tuple[str, ...] = ()


# fmt: off
FACES = {
    "Dana Reed": Looks("#e8b996", "#6b3f22", "#0f766e", "#dcefe9", "bob"),
    "Idris Vale": Looks("#8d5a3b", "#1d1512", "#1d4ed8", "#e3ecfb", "short", ("beard",)),
    "Marta Lindqvist": Looks("#f3d0b5", "#d9b26a", "#7c3aed", "#efe7fb", "long"),
    "Dr Oona Fairley": Looks("#f2c9ae", "#a8431f", "#334155", "#e8edf2", "bun", ("glasses",)),
    "Dr Kofi Adler": Looks("#6b4229", "#17110e", "#ffffff", "#f6e7d6", "short", ("glasses",)),
    "Dr Lena Brandt": Looks("#eec3a4", "#3a2a20", "#be185d", "#fbe6ee", "long", ("glasses",)),
    "Sam Okoro": Looks("#7a4a2e", "#17110e", "#0891b2", "#e0f3f7", "bald", ("beard",)),
    "Dr Ines Calloway": Looks("#c98f68", "#2b1b13", "#b45309", "#faeedd", "scarf"),
}
# fmt: on


def draw_face(looks):
    """Return a file with a face."""

    picture = Image.new("RGB", (SIDE * SCALE,) * 2, looks.ground)
    draw = ImageDraw.Draw(picture)

    def oval(left, top, right, bottom, color, **options):
        draw.ellipse([side * SCALE for side in (left, top, right, bottom)], fill=color, **options)

    def box(left, top, right, bottom, color, radius=0):
        draw.rounded_rectangle([side * SCALE for side in (left, top, right, bottom)], radius * SCALE, fill=color)

    def arc(left, top, right, bottom, start, end, color, width):
        draw.arc([side * SCALE for side in (left, top, right, bottom)], start, end, fill=color, width=width * SCALE)

    if looks.cut == "long":
        box(130, 130, 350, 400, looks.hair, 90)
    elif looks.cut == "bob":
        box(132, 110, 348, 300, looks.hair, 80)
    elif looks.cut == "scarf":
        box(128, 90, 352, 400, looks.hair, 100)
    elif looks.cut == "bun":
        oval(195, 40, 285, 130, looks.hair)
    oval(70, 370, 410, 680, looks.shirt)
    box(205, 290, 275, 400, looks.skin, 30)
    oval(200, 365, 280, 430, looks.skin)
    oval(155, 110, 325, 335, looks.skin)
    if looks.cut in ("short", "bob", "long", "bun"):
        draw.pieslice([side * SCALE for side in (148, 92, 332, 300)], 182, 358, fill=looks.hair)
        oval(160, 158, 320, 240, looks.skin)
    elif looks.cut == "scarf":
        draw.pieslice([side * SCALE for side in (142, 84, 338, 330)], 180, 360, fill=looks.hair)
        oval(164, 150, 316, 260, looks.skin)
    if looks.cut in ("short", "bald"):
        for left in (143, 313):
            oval(left, 205, left + 24, 250, looks.skin)
    if "beard" in looks.wears:
        draw.chord([side * SCALE for side in (160, 170, 320, 340)], 15, 165, fill="#17110e")
        oval(205, 272, 275, 296, looks.skin)
    for left in (194, 268):
        oval(left, 212, left + 18, 232, "#2a211c")
        arc(left - 8, 188, left + 26, 216, 205, 335, looks.hair, 5)
    arc(205, 245, 275, 300, 25, 155, "#8c3b34", 6)
    if "glasses" in looks.wears:
        for left in (176, 250):
            arc(left, 196, left + 54, 248, 0, 360, "#27303a", 5)
        arc(226, 206, 254, 226, 200, 340, "#27303a", 5)
    return write(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def draw_logo():
    """Return a file with the clinic's logo: waves under the sun."""
    picture = Image.new("RGBA", (640, 640))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((0, 0, 639, 639), 150, fill="#12568c")
    draw.ellipse((220, 110, 420, 310), fill="#ffd27a")
    for top, color in ((300, "#ffffff"), (410, "#8fd0ea"), (520, "#ffffff")):
        for left in range(70, 500, 170):
            draw.arc((left, top, left + 170, top + 110), 180, 360, fill=color, width=34)
    return write(picture)


def draw_house(wall, door):
    """Return a file with a house in a street."""
    picture = Image.new("RGB", (1280, 720), "#cfe3ee")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((1000, 60, 1130, 190), fill="#fff3cf")
    draw.rectangle((0, 620, 1280, 720), fill="#b8bfc2")
    for left, width, color in ((60, 300, "#e6dccb"), (900, 340, "#dfd3c6")):
        draw.rectangle((left, 240, left + width, 620), fill=color)
    draw.rectangle((340, 120, 920, 620), fill=wall)
    draw.rectangle((320, 100, 940, 140), fill="#53483f")
    for left in (400, 570, 740):
        for top in (190, 340):
            draw.rectangle((left, top, left + 110, top + 110), fill="#f7fbfd", outline="#53483f", width=8)
            draw.line((left + 55, top, left + 55, top + 110), fill="#53483f", width=6)
    draw.rounded_rectangle((575, 470, 690, 620), 12, fill=door)
    draw.ellipse((664, 545, 678, 559), fill="#ffe9b0")
    draw.rounded_rectangle((400, 480, 540, 560), 8, fill="#f7fbfd", outline="#53483f", width=8)
    draw.rectangle((555, 440, 710, 462), fill=door)
    return write(picture)


def write(picture):
    file = BytesIO()
    picture.save(file, "PNG")
    file.seek(0)
    return file
