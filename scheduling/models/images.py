"""Pictures of clinicians, places and the logo, kept in the database: hosts are many, and cannot write files."""

import hashlib
import uuid
from collections.abc import Iterable

from django.db import models, transaction
from django.db.models.functions import Now
from django.utils.timezone import now

from scheduling.lib.pictures import Encoded

ADDRESS = "/images/"  # below no element that names a language: all languages share what browsers keep


class Image(models.Model):
    """A picture in the sizes that pages show. It belongs to one clinician, place or clinic, and goes with it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # So that a page that shows it reads no picture: the name, width and height of each ImageFile.
    sizes = models.JSONField(default=list, editable=False)
    created_at = models.DateTimeField(default=now, db_default=Now(), editable=False)

    def __str__(self):
        return "×".join(str(self.sizes[-1][side]) for side in ("width", "height")) if self.sizes else "no picture"

    def find_size(self, width: int) -> dict:
        """Return the smallest size that is at least so wide, or else the largest."""
        return next((size for size in self.sizes if size["width"] >= width), self.sizes[-1])

    def find_square(self, width: int) -> dict | None:
        """Return the square size of exactly that width, or None."""
        return next((size for size in self.sizes if size["width"] == size["height"] == width), None)

    def get_path(self, width: int) -> str:
        """Return the address of find_size(width), below the site's."""
        return get_image_path(self.find_size(width))


class ImageFile(models.Model):
    """One size of a picture: its name is the hash of what is in it, so that whoever has it never asks again."""

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=48, db_index=True, editable=False)
    media_type = models.CharField(max_length=20, editable=False)
    content = models.BinaryField(editable=False)

    def __str__(self):
        return self.name


def get_image_path(size: dict) -> str:
    """Return the address of one of an Image's sizes, below the site's."""
    return ADDRESS + size["name"]


@transaction.atomic(savepoint=False)
def store_image(encoded: Iterable[Encoded]) -> Image:
    """Return a new Image with these sizes."""
    image, files = Image(), []
    for each in encoded:
        name = f"{hashlib.sha256(each.content).hexdigest()[:32]}.{each.extension}"
        image.sizes.append({"name": name, "width": each.width, "height": each.height})
        files.append(ImageFile(image=image, name=name, media_type=each.media_type, content=each.content))
    image.save(force_insert=True)
    ImageFile.objects.bulk_create(files)
    return image
