from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations

from patients.refolding import refold_names


def refold(apps, schema_editor):
    refold_names()


class Migration(migrations.Migration):
    """Fold the stored names by the rules of this release, in short transactions while bookings go on.

    An interrupted run is started again. What the release before writes later is folded by the task refold_names.
    """

    atomic = False

    dependencies = [("patients", "0004_names_and_phones")]

    operations = [
        ValidateConstraint("patient", "patient_has_a_name"),
        migrations.RunPython(refold, migrations.RunPython.noop, elidable=True),
    ]
