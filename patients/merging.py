"""Merge two records of one person, and undo it for a day."""

import json
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from patients.matching import list_near_matches
from patients.models import Consent, Merge, Needs, Patient, PossibleDuplicate
from scheduling.lib.clock import database_now

UNDO_PERIOD = timedelta(days=1)
FILLED = [
    "date_of_birth",
    "email",
    "phone",
    "phone_extension",
    "contact_name",
    "relation",
    "nhs_number",
    "external_id",
    "metadata",
]


class CannotMerge(Exception):
    """These two records cannot be merged: one is archived, or their NHS numbers say that they are two people."""


class CannotUndoMerge(Exception):
    """The merge is more than a day old, or what has happened since rules out that it is undone; ``message`` says it."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


class UndoneMerge(NamedTuple):
    """Two records again. ``needs_differ`` says that those of the kept one were changed since, and stay as they are."""

    kept: Patient
    restored: Patient
    needs_differ: bool


@transaction.atomic
def merge_patients(*, keep: Patient, duplicate: Patient) -> Patient:
    """Move everything that points at ``duplicate`` to ``keep``, archive the duplicate and return ``keep``.

    Fills blank details of ``keep`` from the duplicate, and overwrites none. What was moved is remembered, for
    undo_merge. Raises CannotMerge.
    """
    keep, duplicate = _lock(keep.pk, duplicate.pk)
    numbers = {keep.nhs_number, duplicate.nhs_number} - {""}
    # A concurrent merge may have merged the pair the other way round.
    if keep == duplicate or keep.archived_at or duplicate.archived_at or len(numbers) > 1:
        raise CannotMerge
    before = _read(keep)
    memory: dict[str, Any] = {"pairs": _remove_pairs(duplicate), "consents": _remove_repeated_consents(keep, duplicate)}
    memory["duplicate"] = {name: getattr(duplicate, name) for name in ("nhs_number", "external_id")}
    memory["needs"] = _merge_needs(keep, duplicate)
    memory["moved"] = _move(keep, duplicate)
    if not keep.phone:
        keep.phone_extension = duplicate.phone_extension
    if not keep.email and not keep.phone:  # whose they are goes along with them
        keep.contact_name, keep.relation = duplicate.contact_name, duplicate.relation
    for name in ("date_of_birth", "email", "phone", "nhs_number", "external_id", "metadata"):
        setattr(keep, name, getattr(keep, name) or getattr(duplicate, name))
    after = _read(keep)
    memory["filled"] = {name: [before[name], after[name]] for name in FILLED if before[name] != after[name]}
    duplicate.archived_at = timezone.now()
    # Two records cannot have the same.
    duplicate.nhs_number = ""
    if duplicate.external_id == keep.external_id:
        duplicate.external_id = ""
    duplicate.merged_into = keep  # pyright: ignore[reportAttributeAccessIssue] (the stubs lose a key to "self")
    duplicate.save()
    keep.save()
    Merge.objects.filter(duplicate_id=duplicate.pk).delete()  # of a merge that was ended by restore_patient
    Merge.objects.create(
        kept_id=keep.pk,
        duplicate_id=duplicate.pk,
        merged_at=database_now(),
        memory=json.dumps(memory, default=str),
    )
    return keep


@transaction.atomic
def undo_merge(duplicate_id: UUID) -> UndoneMerge:
    """Make the record that a merge has archived a record of its own again, with all that was moved from it.

    What has come to the kept record since stays with it, and so do details that were changed since. Consents that were
    withdrawn since are withdrawn for both. Raises CannotUndoMerge.
    """
    merge = Merge.objects.filter(duplicate_id=duplicate_id).first()
    if merge is None:
        raise CannotUndoMerge("That merge is more than a day old: what it has moved is forgotten.")
    kept, duplicate = _lock(merge.kept_id, merge.duplicate_id)
    check_undo(merge, kept, duplicate)
    memory = json.loads(merge.memory)
    _give_back_details(kept, duplicate, memory)
    _move_back(kept, duplicate, memory["moved"])
    _give_back_consents(kept, duplicate, memory["consents"])
    needs_differ = _give_back_needs(kept, duplicate, memory["needs"])
    for patient_id, other_id, *rest in memory["pairs"]:
        if Patient.objects.filter(pk__in=[patient_id, other_id], archived_at=None).count() == 2:
            values: dict[str, Any] = dict(zip(("reason", "found_at", "dismissed_at"), rest, strict=True))
            PossibleDuplicate.objects.get_or_create(patient_id=patient_id, other_id=other_id, defaults=values)
    list_near_matches(duplicate)
    Merge.objects.filter(pk=merge.pk).delete()
    return UndoneMerge(kept, duplicate, needs_differ)


def check_undo(merge: Merge, kept: Patient, duplicate: Patient) -> None:
    """Raise CannotUndoMerge unless a merge can be undone."""
    if not Merge.objects.filter(pk=merge.pk).exists() or merge.merged_at <= database_now() - UNDO_PERIOD:
        raise CannotUndoMerge("That merge is more than a day old: what it has moved is forgotten.")
    if kept.erased_at or kept.restricted_at or duplicate.restricted_at:
        raise CannotUndoMerge("The record is erased or restricted by now.")
    if kept.merged_into_id:  # pyright: ignore[reportAttributeAccessIssue]
        raise CannotUndoMerge("The record that was kept was merged with another since. Undo that merge first.")
    if kept.archived_at:
        raise CannotUndoMerge("The record that was kept is in the archive. Take it out of there first.")
    if duplicate.merged_into_id != kept.pk:  # pyright: ignore[reportAttributeAccessIssue]
        raise CannotUndoMerge("The record was taken out of the archive by hand since.")
    if not merge.memory:
        raise CannotUndoMerge("What the merge has moved cannot be read: SECRET_KEY_FALLBACKS lacks an old SECRET_KEY.")


def find_undoable_merges(patient: Patient) -> list[Merge]:
    """Return the merges of a record, kept or archived by them, that are not a day old; the latest first."""
    since = timezone.now() - UNDO_PERIOD
    of_patient = Q(kept_id=patient.pk) | Q(duplicate_id=patient.pk)
    return list(Merge.objects.filter(of_patient, merged_at__gt=since).defer("memory"))


def forget_old_merges() -> int:
    """Delete what merges remember once they cannot be undone any more; return how many there were."""
    number, _by_model = Merge.objects.filter(merged_at__lte=database_now() - UNDO_PERIOD).delete()
    return number


def _lock(*ids):
    # In primary-key order: two concurrent merges of a pair must not deadlock.
    rows = Patient.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
    locked = {patient.pk: patient for patient in rows}
    return [locked[id] for id in ids]


def _read(patient):
    """Return the details that a merge may fill, as JSON has them."""
    return json.loads(json.dumps({name: getattr(patient, name) for name in FILLED}, default=str))


def _remove_pairs(duplicate):
    pairs = PossibleDuplicate.objects.filter(Q(patient=duplicate) | Q(other=duplicate))
    rows = list(pairs.values_list("patient_id", "other_id", "reason", "found_at", "dismissed_at"))
    pairs.delete()
    return rows


def _remove_repeated_consents(keep, duplicate):
    """Delete what both have agreed to; what is left is moved, withdrawn consents too, as a record."""
    kept = Consent.objects.filter(patient=keep, withdrawn_at=None).values("purpose")
    repeated = Consent.objects.filter(patient=duplicate, withdrawn_at=None, purpose__in=kept)
    rows = list(repeated.values_list("purpose", "given_at", "version"))
    repeated.delete()
    return rows


def _merge_needs(keep, duplicate):
    """Add what the duplicate needs to what the other record says; return the needs before and after, or None."""
    needs = {each.patient_id: each for each in Needs.objects.filter(patient__in=[keep, duplicate])}
    if duplicate.pk not in needs:
        return None
    gone, remaining = needs[duplicate.pk], needs.get(keep.pk)
    memory = {"duplicate": _read_needs(gone), "kept": remaining and _read_needs(remaining)}
    if remaining:
        remaining.add(accessibility=gone.accessibility, interpreter=gone.interpreter)
        remaining.save()
        gone.delete()  # else the only one is moved with the rest
    return memory | {"merged": _read_needs(remaining or gone)}


def _read_needs(needs):
    return [str(needs.accessibility), str(needs.interpreter)]


def _list_relations() -> list[Any]:
    """Return the foreign keys to Patient, in whatever app, but those of pairs of records."""
    relations = Patient._meta.get_fields(include_hidden=True)
    fields = [each.field for each in relations if each.auto_created and each.is_relation]  # pyright: ignore
    return [field for field in fields if field.model is not PossibleDuplicate]


def _move(keep, duplicate):
    """Move the rows that point at the duplicate to ``keep``, and return their keys by model and field."""
    moved = {}
    for field in _list_relations():
        rows = field.model._base_manager.filter(**{field.name: duplicate})
        keys = list(rows.values_list("pk", flat=True))
        rows.update(**{field.name: keep}, **_stamp(field.model))
        if keys and field.model is not Needs:  # whose key is the patient
            moved[f"{field.model._meta.label}.{field.name}"] = keys
    return moved


def _stamp(model):
    return {"updated_at": timezone.now()} if any(each.name == "updated_at" for each in model._meta.fields) else {}


def _move_back(kept, duplicate, moved):
    for field in _list_relations():
        keys = moved.get(f"{field.model._meta.label}.{field.name}", [])
        # What is elsewhere by now, or gone, stays so.
        rows = field.model._base_manager.filter(**{field.name: kept}, pk__in=keys)
        rows.update(**{field.name: duplicate}, **_stamp(field.model))


def _give_back_details(kept, duplicate, memory):
    """Empty what the merge has filled and nobody has changed since, and make the other a record of its own."""
    now = _read(kept)
    for name, (before, after) in memory["filled"].items():
        if now[name] == after:
            setattr(kept, name, before)
    for name, value in memory["duplicate"].items():
        setattr(duplicate, name, value)
    duplicate.archived_at = duplicate.merged_into = None
    try:
        with transaction.atomic():
            kept.save()
            duplicate.save()
    except IntegrityError as error:
        raise CannotUndoMerge("Another patient has its NHS number or external id by now.") from error


def _give_back_consents(kept, duplicate, consents):
    of_kept = Consent.objects.filter(patient=kept)
    for purpose, given_at, version in consents:
        withdrawn_at = None
        if not of_kept.filter(purpose=purpose, withdrawn_at=None).exists():  # who said no has said it for both
            last = of_kept.filter(purpose=purpose).order_by("-withdrawn_at").first()
            withdrawn_at = last.withdrawn_at if last else database_now()
        Consent.objects.create(
            patient=duplicate,
            purpose=purpose,
            given_at=datetime.fromisoformat(given_at),
            version=version,
            withdrawn_at=withdrawn_at,
        )


def _give_back_needs(kept, duplicate, memory):
    """Give both records the needs that they had; return whether the kept one's stay, as they were changed since."""
    if memory is None:
        return False
    present = Needs.objects.filter(patient=kept).first()
    is_unchanged = present is not None and _read_needs(present) == memory["merged"]
    if present and is_unchanged:
        if memory["kept"]:
            present.accessibility, present.interpreter = memory["kept"]
            present.save()
        else:
            present.delete()
    accessibility, interpreter = memory["duplicate"]
    Needs.objects.create(patient=duplicate, accessibility=accessibility, interpreter=interpreter)
    return present is not None and not is_unchanged
