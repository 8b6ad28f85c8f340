"""Importing what a clinic had in its program before: a check that changes nothing, then chunks that are whole."""

import tracemalloc
from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection, transaction

from booking.domain.imports.files import forget_old_files
from booking.domain.imports.running import (
    CHUNK,
    NotChecked,
    advance_imports,
    advance_oldest,
    begin_import,
    discard_import,
    read_refused,
    start_check,
)
from booking.domain.imports.tables import Column, UnreadableTable, read_table
from booking.models import Appointment, Event, Import, ImportProblem, OutboxMessage
from patients.models import Patient
from scheduling.models import Clinician, Service, ServiceCategory, Slot
from tests.ledger import nothing_changes

COLUMNS = (Column("name", "Alice", ("full name",), is_required=True), Column("born", ""))
MANY_SECONDS = 1000

pytestmark = pytest.mark.django_db


def write(*lines):
    return "\n".join(lines).encode()


def check(kind, *lines, is_announced=False):
    """Start an import and have it checked; return it."""
    started = start_check(kind, write(*lines), is_announced=is_announced, actor="erin")
    advance_imports(seconds=MANY_SECONDS)
    started.refresh_from_db()
    return started


def run(kind, *lines, **options):
    """Check a file and import it; return the import."""
    checked = check(kind, *lines, **options)
    begin_import(checked.pk, actor="erin")
    advance_imports(seconds=MANY_SECONDS)
    checked.refresh_from_db()
    return checked


def numbers(of_import):
    return of_import.status, of_import.created_count, of_import.known_count, of_import.refused_count


def problems(of_import):
    return [(each.line, each.column, each.sentence) for each in of_import.problems.all()]


# Tables


@pytest.mark.parametrize(
    "data",
    [
        "Full Name,BORN,shoe size\r\nZoë,1984,38\r\n".encode(),
        "\ufefffull_name;born;shoe size\nZoë;1984;38\n\n;;\n".encode(),
        "name\tborn\tshoe size\nZoë\t1984\t38".encode("utf-16"),
        'name,born,shoe size\n"Zoë",1984,"38"\n'.encode("cp1252"),
    ],
)
def test_table_is_read_as_spreadsheets_of_any_country_write_it(data):
    table = read_table(data, COLUMNS)

    assert [row.values for row in table.rows] == [{"name": "Zoë", "born": "1984"}]
    assert (table.rows[0].line, table.unknown) == (2, ["shoe size"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "There is nothing below the names of the columns. The first line has these names."),
        ("name,born", "There is nothing below the names of the columns. The first line has these names."),
        ("born\n1984", "The first line must name the columns, and these are missing: name."),
        ("name,full name\na,b", "The column name is there twice."),
        ("name\n" + "x" * 200_000, "This is no CSV file. Save it as “CSV UTF-8” in your spreadsheet."),
        ("name\n" + "x\n" * 20_001, "A file may have 20,000 rows: cut it into several."),
        (",".join("abcdefgh" * 8) + "\n1", "A file may have 60 columns."),
    ],
)
def test_table_that_cannot_be_read_is_refused_with_what_to_do(text, sentence):
    with pytest.raises(UnreadableTable) as refusal:
        read_table(text.encode(), COLUMNS)

    assert str(refusal.value) == sentence


def test_table_of_empty_rows_is_read_without_keeping_them():
    data = b"name\n" + b"\n" * 300_000
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableTable):
            read_table(data, COLUMNS)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 10 * len(data)


# Patients

PATIENTS = [
    "First name,Surname,DOB,E-mail,Mobile,NHS no,ID",
    "Alice,Archer,12/04/1985,Alice@Example.org,020 7946 0123,,P-1",
    "Bea,Bloom,1990-02-30,bea@example.org,,,P-2",
    "Carl,Cole,01.02.1970,carl@example.org,12,,P-3",
    "Dora,Dunn,1961-07-08,dora@example.org,,943 476 5919,P-4",
    "Ed,Eames,1962-07-08,ed@example.org,,9434765919,P-5",
    ",,1962-07-08,nobody@example.org,,,P-6",
]
REFUSED = [
    (3, "date_of_birth", "Write it as 2026-12-01, or as 01/12/2026 with the day first."),
    (4, "phone", "That number is too short. Write the area code too, such as 0121 234 5678."),
    (6, "nhs_number", "Another patient has that NHS number."),
    (7, "first_name", "Please write a first or a last name: one of them is enough."),
]


def test_check_says_what_would_be_new_and_changes_nothing(alice):
    alice.save()

    with nothing_changes():
        checked = check("patients", *PATIENTS)

    assert numbers(checked) == ("checked", 1, 1, 4)
    assert [(line, column) for line, column, _ in problems(checked)] == [each[:2] for each in REFUSED]
    assert [sentence for *_, sentence in problems(checked)][::2] == [REFUSED[0][2], REFUSED[2][2]]
    assert b"Archer" not in bytes(checked.file)


def test_import_registers_who_is_new_tells_nobody_and_is_the_same_again(alice, endpoint):
    alice.save()

    done = run("patients", *PATIENTS)

    assert numbers(done) == ("done", 1, 1, 4)
    dora = Patient.objects.exclude(pk=alice.pk).get()
    assert (str(dora), dora.email, dora.nhs_number, dora.external_id) == (
        "Dora Dunn",
        "dora@example.org",
        "9434765919",
        "P-4",
    )
    event = Event.objects.get(subject_id=dora.pk)
    assert (event.kind, event.actor, event.announcement) == ("patient.created", "erin", None)
    assert not OutboxMessage.objects.exists()
    with nothing_changes():
        assert numbers(run("patients", *PATIENTS)) == ("done", 0, 2, 4)


def test_announced_import_tells_other_systems(endpoint):
    run("patients", "first_name,email", "Dora,dora@example.org", is_announced=True)

    [message] = OutboxMessage.objects.all()
    assert (message.kind, message.payload["type"]) == ("webhook.event", "patient.created")


def test_refused_rows_can_be_put_right_and_brought_again():
    done = run("patients", *PATIENTS[:1], *PATIENTS[2:4], PATIENTS[4])

    left = read_refused(done).decode("utf-8-sig").splitlines()

    assert left[0] == PATIENTS[0] + ",problem"
    assert left[1] == PATIENTS[2] + ',"date_of_birth Write it as 2026-12-01, or as 01/12/2026 with the day first."'
    assert len(left) == 3
    mended = run("patients", *(line.replace("1990-02-30", "1990-02-28") for line in left))
    assert (numbers(mended), mended.unknown_columns) == (("done", 1, 0, 1), ["problem"])


# Services and clinicians


def test_services_and_their_clinicians_are_imported(consultation):
    services = run(
        "services",
        "Name;Minutes;Price;Category;Mode;Online",
        "Physiotherapy;45;60,50;Treatments;in person or by video;no",
        "consultation;30;1;;;",
        "Massage;a while;;;;",
        "Yoga;30;;;on a mat;",
    )
    clinicians = run("clinicians", "name,services", "Kim Lark,Physiotherapy; Consultation", "Lou Marsh,Juggling")

    assert (numbers(services), numbers(clinicians)) == (("done", 1, 1, 2), ("done", 1, 0, 1))
    physio = Service.objects.exclude(pk=consultation.pk).get()
    assert (physio.slug, physio.duration, str(physio.price), physio.mode, physio.is_online_bookable) == (
        "physiotherapy",
        timedelta(minutes=45),
        "60.5000",
        "both",
        False,
    )
    assert physio.category == ServiceCategory.objects.get(name="Treatments")
    assert {*Clinician.objects.get(name="Kim Lark").services.all()} == {physio, consultation}
    assert problems(services) == [
        (4, "minutes", "Write a number such as 60.00."),
        (5, "mode", "Write one of: in person, by video, in person or by video."),
    ]
    assert problems(clinicians) == [(3, "services", "There is no service of that name, or more than one.")]


# Coming appointments


@pytest.fixture
def visit(dana, day):
    """Return a line of coming appointments: ``visit("9:00", "Alice")``."""
    return lambda at, name, more="": (
        f"{day},{at},Consultation,Dana Reed,Harbour Street,{name},{name}@example.org,{more}"
    )


VISITS = "date,time,service,clinician,location,first_name,email,external_id"


def test_coming_appointments_are_imported_and_what_overlaps_is_listed(dana, book, at, visit):
    book(at(9))
    lines = [
        VISITS,
        visit("9:15", "Bea"),
        visit("12:00", "Carl", "A-1"),  # not offered, but the program before had it
        visit("12:15", "Dora"),
        visit("13:00", "Carl", "A-2"),
        visit("13:00", "Carl", "A-3"),
        visit("25:00", "Ed"),
        visit("14:00", "Ed").replace("Dana Reed", "Nobody"),
        visit("14:00", "Ed").replace("20", "19", 1),
    ]
    with nothing_changes():
        checked = check("appointments", *lines)
    assert numbers(checked) == ("checked", 2, 1, 5)

    done = run("appointments", *lines)

    assert numbers(done) == ("done", 2, 1, 5)
    assert problems(done) == [
        (2, "time", "Dana Reed has another visit then, or one too near, or somebody is just booking it."),
        (4, "time", "Dana Reed has another visit then, or one too near, or somebody is just booking it."),
        (7, "time", "Write it as 09:30."),
        (8, "clinician", "There is no clinician of that name, or more than one."),
        (9, "date", "It is in the past: only coming appointments are imported."),
    ]
    imported = Appointment.objects.filter(external_id__startswith="A-").order_by("starts_at")
    assert [(each.starts_at, each.status, each.attendee_name, each.slot.expires_at) for each in imported] == [
        (at(12), "confirmed", "Carl", None),
        (at(13), "confirmed", "Carl", None),
    ]
    assert not OutboxMessage.objects.filter(payload__appointment__in=[str(each.pk) for each in imported]).exists()
    with nothing_changes():
        assert numbers(run("appointments", *lines)) == ("done", 0, 3, 5)


def test_announced_appointment_is_mailed_and_a_busy_patient_refused(dana, bea, visit, at, harbour):
    lines = [VISITS, visit("9:00", "Carl"), visit("9:00", "Carl").replace("Dana Reed", "Bea Unsworth")]

    done = run("appointments", *lines, is_announced=True)

    assert problems(done) == [(3, "time", "The patient has another visit then, or the same service on that day.")]
    assert [message.kind for message in OutboxMessage.objects.all()] == ["email.appointment_confirmed"]
    assert Slot.objects.count() == 1


def test_time_that_the_clocks_skip_is_refused(dana, visit):
    checked = check("appointments", VISITS, f"2027-03-28,1:30,{visit('1:30', 'Ed').split(',', 2)[2]}")

    assert problems(checked) == [(2, "time", "There is no such time on that day: the clocks go forward.")]


# Chunks


def test_worker_that_is_killed_leaves_whole_chunks_and_the_next_goes_on():
    lines = ["first_name,email", *(f"Ann{'a' * at},ann{at}@example.org" for at in range(2 * CHUNK + 1))]
    checked = check("patients", *lines)
    begin_import(checked.pk, actor="erin")
    counts = [0]

    with pytest.raises(KeyboardInterrupt), transaction.atomic():
        advance_oldest({})
        raise KeyboardInterrupt
    while advance_oldest({}):
        counts.append(Patient.objects.count())

    assert counts == [0, CHUNK, 2 * CHUNK, 2 * CHUNK + 1]
    assert all(before < after for before, after in pairwise(counts))


def test_second_worker_leaves_an_import_alone_that_another_works_at(elsewhere, transactional_db):
    started = start_check("patients", b"first_name,email\nAnn,ann@example.org", is_announced=False, actor="erin")
    with transaction.atomic():
        Import.objects.select_for_update().get(pk=started.pk)
        assert elsewhere(advance_oldest, {}).result() is False

    assert advance_oldest({}) is True


def test_import_begins_once_and_only_after_its_check():
    started = start_check("patients", b"first_name,email\nAnn,ann@example.org", is_announced=False, actor="erin")
    with pytest.raises(NotChecked):
        begin_import(started.pk, actor="erin")
    advance_imports(seconds=MANY_SECONDS)
    begin_import(started.pk, actor="erin")

    with pytest.raises(NotChecked):
        begin_import(started.pk, actor="erin")


def test_file_is_deleted_with_the_import_when_nothing_is_left_and_after_a_day():
    clean, refused = (run("patients", "first_name,email", row) for row in ("Ann,ann@example.org", ",bo@example.org"))
    assert (clean.file, refused.file is None) == (None, False)

    forget_old_files()
    assert ImportProblem.objects.count() == 1
    with connection.cursor() as cursor:
        cursor.execute("UPDATE booking_import SET updated_at = updated_at - interval '25 hours'")
    forget_old_files()

    refused.refresh_from_db()
    assert (refused.file, problems(refused), refused.refused_count) == (None, [], 1)
    discard_import(refused.pk)
    assert [each.pk for each in Import.objects.all()] == [clean.pk]
