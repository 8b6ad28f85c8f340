"""How long the files of imports are kept, which are full of patients."""

from datetime import timedelta

from booking.models import Import, ImportProblem
from scheduling.lib.clock import database_now

KEEP_FILES = timedelta(days=1)


def forget_old_files() -> None:
    """Delete the files of imports that nobody has gone on with for a day, and what they say of single rows."""
    _forget(Import.objects.filter(updated_at__lt=database_now() - KEEP_FILES))


def forget_files() -> None:
    """Delete the files of all imports but one that is going on: somebody is erased who may be in them."""
    _forget(Import.objects.exclude(status=Import.Status.IMPORTING))


def _forget(imports):
    ImportProblem.objects.filter(of_import__in=imports).delete()
    imports.filter(file__isnull=False).update(file=None)
