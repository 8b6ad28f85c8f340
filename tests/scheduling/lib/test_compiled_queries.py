"""Single rows by statements that are built once: the same as the ORM reads and writes."""

from datetime import timedelta

import pytest

from scheduling.lib.compiled_queries import get_each, get_or_none, insert, refresh_later, update_if
from scheduling.models import Calendar, Clinician, Location, Service, ServiceCategory, WorkingHours

pytestmark = pytest.mark.django_db


def fields(thing):
    return {field.attname: getattr(thing, field.attname) for field in thing._meta.concrete_fields}


def loaded_fields(thing):
    names = [field.attname for field in thing._meta.concrete_fields if field.attname not in type(thing).RARELY_READ]
    return {name: getattr(thing, name) for name in names}


def test_get_or_none_returns_what_the_orm_returns(consultation):
    found = get_or_none(Service, id=consultation.pk)

    assert fields(found) == fields(Service.objects.get())
    assert not found._state.adding


def test_get_or_none_matches_all_values(consultation):
    assert get_or_none(Service, id=consultation.pk, slug="consultation") == consultation
    assert get_or_none(Service, id=consultation.pk, slug="surgery") is None


def test_get_or_none_loads_related_objects_in_one_query(dana, harbour, django_assert_num_queries):
    hours = WorkingHours.objects.first()

    with django_assert_num_queries(1):
        found = get_or_none(WorkingHours, "clinician", "location", id=hours.pk)
        assert loaded_fields(found.clinician) == loaded_fields(dana)
        assert loaded_fields(found.location) == loaded_fields(harbour)


def test_get_or_none_leaves_rarely_read_columns_until_they_are_read(harbour, django_assert_num_queries):
    found = get_or_none(Location, id=harbour.pk)

    assert found.get_deferred_fields() == {
        "external_id",
        "metadata",
        "created_at",
        "updated_at",
        "schedule_changed_at",
        "photo_id",
        "step_free_access",
        "access_notes",
        "parking",
    }
    with django_assert_num_queries(1):
        assert found.updated_at == harbour.updated_at


def test_get_or_none_decrypts_encrypted_field(dana):
    Calendar.objects.create(clinician=dana, name="own", url="https://calendar.example/private.ics")

    assert get_or_none(Calendar, clinician_id=dana.pk).url == "https://calendar.example/private.ics"
    assert fields(get_or_none(Calendar, clinician_id=dana.pk)) == fields(Calendar.objects.get())


def test_refresh_updates_fields_and_keeps_loaded_relations(dana, django_assert_num_queries):
    hours = get_or_none(WorkingHours, "clinician", id=WorkingHours.objects.first().pk)
    otis = Clinician.objects.create(name="Otis")
    WorkingHours.objects.filter(pk=hours.pk).update(weekday=6)

    with django_assert_num_queries(1):
        refresh_later(hours)()
        assert (hours.weekday, hours.clinician) == (6, dana)

    WorkingHours.objects.filter(pk=hours.pk).update(clinician=otis)
    refresh_later(hours)()
    assert hours.clinician == otis


def test_refresh_of_deleted_row_raises_does_not_exist(consultation):
    Service.objects.all().delete()

    with pytest.raises(Service.DoesNotExist):
        refresh_later(consultation)()


def test_update_if_changes_row_only_while_given_values_hold(consultation):
    assert update_if(consultation, {"slug": "consultation"}, duration=timedelta(hours=1))
    assert not update_if(consultation, {"slug": "surgery"}, duration=timedelta(hours=2))

    assert Service.objects.get().duration == timedelta(hours=1)


def test_get_each_returns_what_the_orm_returns_in_one_query(consultation, dana, harbour, django_assert_num_queries):
    with django_assert_num_queries(1):
        found = get_each((Service, consultation.pk), (Clinician, dana.pk), (Location, harbour.pk))

    assert [loaded_fields(each) for each in found] == [loaded_fields(each) for each in (consultation, dana, harbour)]


def test_get_each_returns_none_for_each_row_that_is_missing(consultation, dana):
    assert get_each((Service, consultation.pk), (Clinician, None), (Location, dana.pk)) == [consultation, None, None]


def test_insert_writes_what_the_orm_writes(harbour):
    category = ServiceCategory(name="Eyes", position=3)

    insert(category)

    assert fields(ServiceCategory.objects.get()) == fields(category)
    assert not category._state.adding
