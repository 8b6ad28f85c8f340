"""Records of patients whose last visit was long ago."""

from patients.models import Patient


class OldRecord(Patient):
    """A patient whose last visit is older than the clinic has to keep it: a proxy for the list in admin."""

    class Meta:
        proxy = True
        default_permissions = ()
