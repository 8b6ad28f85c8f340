"""Files with pictures, as staff upload them."""

from io import BytesIO

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

RED, BLUE = (200, 30, 30), (30, 30, 200)


def make_picture(width=400, height=300, *, kind="JPEG", color=RED, **options):
    """Return the bytes of a picture whose left half is ``color`` and whose right half is blue."""
    picture = Image.new("RGB", (width, height), color)
    picture.paste(BLUE, (width // 2, 0, width, height))
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def make_upload(content=None, name="face.jpg"):
    return SimpleUploadedFile(name, make_picture() if content is None else content)
