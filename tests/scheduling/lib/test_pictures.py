from io import BytesIO

import pytest
from PIL import Image

from scheduling.lib.pictures import BadPicture, encode_face, encode_logo, encode_place
from tests.pictures import BLUE, RED, make_picture


def decode(encoded):
    return Image.open(BytesIO(encoded.content))


def is_near(pixel, color):
    return all(abs(one - other) < 40 for one, other in zip(pixel, color, strict=False))


def make_animation():
    frames = [Image.new("RGB", (100, 100), color) for color in (RED, BLUE)]
    file = BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], duration=100)
    return file.getvalue()


def make_bomb():
    file = BytesIO()
    Image.new("1", (6000, 6000)).save(file, "PNG")
    return file.getvalue()


def test_face_is_squares_in_sizes_that_the_picture_has_pixels_for():
    sizes = [(each.width, each.height, each.media_type) for each in encode_face(BytesIO(make_picture(400, 300)))]

    assert sizes == [(96, 96, "image/webp"), (240, 240, "image/webp"), (300, 300, "image/webp")]


def test_place_keeps_its_shape_and_is_never_enlarged():
    large, small = encode_place(BytesIO(make_picture(2000, 1000))), encode_place(BytesIO(make_picture(500, 250)))

    assert [(each.width, each.height) for each in large] == [(640, 320), (1280, 640)]
    assert [(each.width, each.height) for each in small] == [(500, 250)]


def test_logo_loses_its_transparent_margin_and_becomes_square_icons():
    logo = Image.new("RGBA", (400, 400))
    logo.paste((*RED, 255), (100, 150, 300, 250))
    file = BytesIO()
    logo.save(file, "PNG")

    shown, *icons = encode_logo(BytesIO(file.getvalue()))

    assert (shown.width, shown.height, shown.media_type) == (200, 100, "image/png")
    assert [(icon.width, icon.height) for icon in icons] == [(180, 180), (192, 192), (512, 512)]
    assert decode(icons[0]).getpixel((0, 0)) == (255, 255, 255)  # a device may put it on black


def test_picture_is_turned_as_its_camera_was_and_says_no_more_where_that_stood():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter: the left is the top
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 30.0, 26.0)})
    content = make_picture(400, 300, exif=exif, comment=b"<script>")

    [encoded] = encode_place(BytesIO(content))

    picture = decode(encoded)
    assert picture.size == (300, 400)
    assert is_near(picture.getpixel((150, 20)), RED)
    assert is_near(picture.getpixel((150, 380)), BLUE)
    assert "exif" not in picture.info
    assert b"script" not in encoded.content


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "I;16", "RGBA"])
def test_picture_in_any_mode_is_read(mode):
    file = BytesIO()
    Image.new(mode, (100, 100)).save(file, "JPEG" if mode == "CMYK" else "PNG")

    assert len(encode_place(BytesIO(file.getvalue()))) == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "That is no picture we can show"),
        (b"", "That is no picture we can show"),
        (make_picture(kind="GIF"), "That is no picture we can show"),
        (make_picture(kind="TIFF"), "That is no picture we can show"),
        (make_picture(kind="PNG")[:200], "That file is damaged"),
        (make_animation(), "That picture moves"),
        (make_bomb(), "more than 25 megapixels"),
        (make_picture(60, 300), "each side needs 64 pixels"),
        (make_picture(900, 100), "its longer side may be 8 times the shorter"),
        (make_picture() + b" " * 1_000_000, "larger than 1 MB"),
    ],
    ids="svg empty gif tiff cut-off animation bomb tiny narrow large".split(),
)
def test_file_that_is_no_picture_for_a_page_is_refused(content, says):
    for encode in (encode_face, encode_place, encode_logo):
        with pytest.raises(BadPicture) as refused:
            encode(BytesIO(content))

        assert says in refused.value.message
