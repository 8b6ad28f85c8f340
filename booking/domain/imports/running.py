"""The verbs of an import: start its check, import what was checked, discard it; and what the worker does of it.

Each chunk of rows is a transaction of its own together with how far the import is: a worker that is killed leaves
nothing half done, and the next goes on behind the last chunk.
"""

from collections.abc import Iterable
from time import monotonic
from uuid import UUID

from django.db import DataError, IntegrityError, transaction

from booking.domain.imports.appointments import APPOINTMENTS
from booking.domain.imports.catalogue import CLINICIANS, SERVICES
from booking.domain.imports.cells import Importing, Kind, RowRefused
from booking.domain.imports.patients import PATIENTS
from booking.domain.imports.tables import Row, Table, read_table, write_table
from booking.models import Import, ImportProblem
from scheduling.lib.clock import database_now
from scheduling.lib.encrypted_bytes import decrypt, encrypt
from scheduling.schedule_changes import mark_schedule_changed

KINDS: dict[str, Kind] = {
    Import.Kind.PATIENTS: PATIENTS,
    Import.Kind.SERVICES: SERVICES,
    Import.Kind.CLINICIANS: CLINICIANS,
    Import.Kind.APPOINTMENTS: APPOINTMENTS,
}
# Bookings may wait for a chunk of appointments: its clinicians are locked.
CHUNK = 25
PURPOSE = b"import"

Status = Import.Status


class NotChecked(Exception):
    """The import is not checked, or is being imported, or was."""

    message = "That import cannot be begun now."


def start_check(kind: str, data: bytes, *, is_announced: bool, actor: str) -> Import:
    """Keep a file and have the worker check it, which changes nothing; return the Import. Raises UnreadableTable."""
    table = read_table(data, KINDS[kind].columns)
    return Import.objects.create(
        kind=kind,
        is_announced=is_announced,
        file=encrypt(data, belongs_to=PURPOSE),
        unknown_columns=table.unknown,
        row_count=len(table.rows),
        actor=actor,
    )


@transaction.atomic
def begin_import(pk: UUID, *, actor: str) -> None:
    """Have the worker import what was checked, in the name of ``actor``; raises NotChecked."""
    started = Import.objects.filter(pk=pk, status=Status.CHECKED, file__isnull=False).update(
        status=Status.IMPORTING,
        actor=actor,
        position=0,
        created_count=0,
        known_count=0,
        refused_count=0,
        updated_at=database_now(),
    )
    if not started:
        raise NotChecked
    ImportProblem.objects.filter(of_import=pk).delete()


def discard_import(pk: UUID) -> None:
    """Delete an import with its file; what it has imported stays. It ends behind the chunk that is being imported."""
    Import.objects.filter(pk=pk).delete()


def advance_imports(*, seconds: float) -> None:
    """Check or import chunks for so long: of the oldest import, unless another worker does."""
    until, tables = monotonic() + seconds, {}
    while monotonic() < until and advance_oldest(tables):
        pass


def advance_oldest(tables: dict[UUID, Table]) -> bool:
    """Check or import one chunk of the oldest import; return whether there was one to do.

    ``tables`` remembers its table for the next chunk.
    """
    waiting = Import.objects.filter(status__in=Import.IN_PROGRESS, file__isnull=False).order_by("created_at")
    pk = waiting.values_list("pk", flat=True).first()
    if pk is None:
        return False
    with transaction.atomic():
        of_import = Import.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
        if of_import is None or not of_import.is_in_progress:
            return False
        if pk not in tables:
            tables[pk] = read_file(of_import)
        _advance(of_import, tables[pk])
    return True


def read_file(of_import: Import) -> Table:
    """Return the table of an import that has its file."""
    return read_table(decrypt(bytes(of_import.file), belongs_to=PURPOSE), KINDS[of_import.kind].columns)  # pyright: ignore


class _Checked(Exception):
    """Undoes what the check of a chunk has saved."""


def _advance(of_import, table):
    rows = table.rows[of_import.position : of_import.position + CHUNK]
    importing = Importing(of_import.actor, database_now(), of_import.is_announced)
    outcomes: list[bool | ImportProblem] = []
    try:
        with transaction.atomic():
            outcomes += _save_rows(of_import, rows, importing)
            if of_import.status == Status.CHECKING:
                raise _Checked
    except _Checked:
        pass
    problems = [outcome for outcome in outcomes if isinstance(outcome, ImportProblem)]
    ImportProblem.objects.bulk_create(problems)
    of_import.refused_count += len(problems)
    of_import.created_count += sum(outcome is True for outcome in outcomes)
    of_import.known_count += sum(outcome is False for outcome in outcomes)
    of_import.position += len(rows)
    if of_import.position >= of_import.row_count:
        _finish(of_import, table)
    of_import.save()


def _save_rows(of_import, rows, importing) -> Iterable[bool | ImportProblem]:
    """Save rows, each wholly or not at all; return for each whether it is new, or why it is refused."""
    kind = KINDS[of_import.kind]
    kind.lock(rows, importing)
    outcomes = [_save_row(of_import, kind, row, importing) for row in rows]
    if any(outcome is True for outcome in outcomes) and of_import.kind != Import.Kind.PATIENTS:
        mark_schedule_changed()
    return outcomes


def _save_row(of_import, kind: Kind, row: Row, importing) -> bool | ImportProblem:
    problem = ImportProblem(of_import=of_import, line=row.line)
    try:
        with transaction.atomic():
            return kind.save(row.values, importing)
    except RowRefused as error:
        problem.column, problem.sentence = error.column, error.sentence[:300]
    except (DataError, IntegrityError):
        problem.sentence = "The database refuses it: something like it is here already, or a value is too long."
    return problem


def _finish(of_import, table):
    if of_import.status == Status.CHECKING:
        of_import.status = Status.CHECKED
        return
    of_import.status = Status.DONE
    # What was not imported is kept for a day, to be put right; the rest is in the database now.
    left = write_refused(of_import, table)
    of_import.file = left and encrypt(left, belongs_to=PURPOSE)


def write_refused(of_import: Import, table: Table) -> bytes | None:
    """Return a CSV file of the rows that are refused, with why in a column more, or None if there are none."""
    problems = {problem.line: problem for problem in of_import.problems.all()}  # pyright: ignore
    if not problems:
        return None
    reasons = {line: " ".join(filter(None, [each.column, each.sentence])) for line, each in problems.items()}
    width = len(table.header)
    rows = [
        [*row.cells[:width], *[""] * (width - len(row.cells)), reasons[row.line]]
        for row in table.rows
        if row.line in reasons
    ]
    return write_table([*table.header, "problem"], rows)


def read_refused(of_import: Import) -> bytes | None:
    """Return what write_refused does, also after the import, as long as the file is kept."""
    if of_import.file is None:
        return None
    if of_import.status == Status.DONE:
        return decrypt(bytes(of_import.file), belongs_to=PURPOSE)
    return write_refused(of_import, read_file(of_import))
