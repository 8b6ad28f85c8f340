"""Pictures that staff upload, encoded anew: no byte of the file is kept, nor what a camera wrote about where it was.

A file may be a picture to one program and a page to another, and may claim any number of pixels in a few bytes. So only
what Pillow has decoded as JPEG, PNG or WebP is drawn, in sizes that are made once, as a new file.
"""

import warnings
from io import BytesIO
from typing import BinaryIO, NamedTuple

from PIL import Image, ImageOps, UnidentifiedImageError

MAX_BYTES = 1_000_000  # as much as a request may have; the page makes what is larger smaller before it is sent
MAX_PIXELS = 25_000_000  # a telephone's 24 megapixels; with transparency they take 100 MB of memory
MAX_SIDE = 2560  # what is larger is made smaller first, while a JPEG is decoded
MIN_SIDE = 64
MAX_RATIO = 8  # of the longer side to the shorter
FORMATS = ("JPEG", "PNG", "WEBP")


class BadPicture(Exception):
    """The file is no picture that pages could show; ``message`` says why."""

    def __init__(self, message):
        super().__init__(message)
        self.message = message


class Encoded(NamedTuple):
    """One size of a picture, as a file."""

    width: int
    height: int
    extension: str
    media_type: str
    content: bytes


def encode_face(file: BinaryIO) -> list[Encoded]:
    """Return a person's picture as squares, cut a little above the middle, where faces are; raises BadPicture."""
    picture = _read(file)
    largest = min(480, *picture.size)
    widths = [width for width in (96, 240) if width < largest] + [largest]
    return [
        _encode(ImageOps.fit(picture, (width, width), Image.Resampling.LANCZOS, centering=(0.5, 0.35)), "WEBP")
        for width in widths
    ]


def encode_place(file: BinaryIO) -> list[Encoded]:
    """Return the picture of a place, as wide as a telephone and as a page; raises BadPicture."""
    picture = _read(file)
    largest = min(1280, picture.width)
    return [_encode(_shrink(picture, (width, 1280)), "WEBP") for width in sorted({min(640, largest), largest})]


def encode_logo(file: BinaryIO) -> list[Encoded]:
    """Return a logo as it is shown above a page, then as the square icons of devices; raises BadPicture.

    Icons and e-mails know PNG everywhere. Devices put icons on grounds of their own: ours is white.
    """
    logo = _trim(_read(file))
    return [_encode(_shrink(logo, (640, 128)), "PNG"), *(_encode(_draw_icon(logo, width), "PNG") for width in ICONS)]


ICONS = (180, 192, 512)


def _read(file):
    """Return the picture as RGB, or as RGBA where something of it is transparent, the way up that it is to be seen."""
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise BadPicture("That picture is larger than 1 MB. Please choose a smaller one.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(BytesIO(content), formats=FORMATS)
            _check_size(picture)
            has_alpha = "A" in picture.getbands() or "transparency" in picture.info
            if picture.mode == "P":
                picture = picture.convert("RGBA")  # a palette cannot be made smaller well
            picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
            upright = ImageOps.exif_transpose(picture).convert("RGBA" if has_alpha else "RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadPicture("That is no picture we can show. Please choose a JPEG, PNG or WebP file.") from error
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:  # what decoders raise for broken files
        raise BadPicture("That file is damaged. Please save the picture anew and try again.") from error
    clean = Image.new(upright.mode, upright.size)
    clean.paste(upright)  # the pixels alone: no Exif, no place, no colour profile, no comments
    return clean


def _check_size(picture):
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise BadPicture("That picture has more than 25 megapixels. Please choose a smaller one.")
    if min(width, height) < MIN_SIDE:
        raise BadPicture("That picture is too small: each side needs 64 pixels or more.")
    if max(width, height) > MAX_RATIO * min(width, height):
        raise BadPicture("That picture is too narrow: its longer side may be 8 times the shorter.")
    if getattr(picture, "is_animated", False):
        raise BadPicture("That picture moves. Please choose one that stands still.")


def _shrink(picture, box):
    """Return the picture within the box; one that is smaller stays as it is."""
    smaller = picture.copy()
    smaller.thumbnail(box, Image.Resampling.LANCZOS)
    return smaller


def _trim(logo):
    """Return the logo without the transparent margin around it."""
    box = logo.getchannel("A").getbbox() if logo.mode == "RGBA" else None
    return logo.crop(box) if box else logo


def _draw_icon(logo, width):
    icon = Image.new("RGB", (width, width), "white")
    drawn = ImageOps.contain(logo, (round(width * 0.8), round(width * 0.8)), Image.Resampling.LANCZOS)
    corner = ((width - drawn.width) // 2, (width - drawn.height) // 2)
    icon.paste(drawn, corner, drawn if drawn.mode == "RGBA" else None)
    return icon


def _encode(picture, kind) -> Encoded:
    file = BytesIO()
    options = {"quality": 82, "method": 6} if kind == "WEBP" else {"optimize": True}
    picture.save(file, kind, **options)
    extension = kind.lower()
    width, height = picture.size
    return Encoded(width, height, extension, f"image/{extension}", file.getvalue())
