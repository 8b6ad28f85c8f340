"""The pages on which a manager brings tables along."""

from booking.domain.imports.running import advance_imports
from booking.models import Import
from patients.models import Patient
from tests.booking.admin.pages import get_text, url
from tests.booking.admin.test_branding import upload
from tests.ledger import nothing_changes
from tests.pictures import make_upload

MANY_SECONDS = 1000
PEOPLE = b"first_name,email,shoe\nDora,dora@example.org,38\n,ed@example.org,40\n"


def bring(browser, data=PEOPLE, kind="patients"):
    form = {"kind": kind, "table": make_upload(data, name="people.csv")}
    return upload(browser, url("booking_import", "add"), form)


def test_manager_checks_a_file_looks_and_imports_it(morgan):
    page = bring(morgan)["Location"]
    assert "row 0 of 2" in get_text(morgan.get(page))
    advance_imports(seconds=MANY_SECONDS)
    progress = morgan.get(f"{page.removesuffix('change/')}progress/")
    assert progress["HX-Refresh"] == "true"
    checked = get_text(morgan.get(page))
    assert "Not read, since no column has that name: shoe." in checked
    assert "3 first_name Please write a first or a last name: one of them is enough." in checked

    begun = morgan.post(f"{page.removesuffix('change/')}begin/", follow=True)
    advance_imports(seconds=MANY_SECONDS)

    assert begun.status_code == 200
    assert [str(patient) for patient in Patient.objects.all()] == ["Dora"]
    refused = morgan.get(f"{page.removesuffix('change/')}refused.csv")
    assert refused.content.decode("utf-8-sig").splitlines()[1].startswith(",ed@example.org,40,first_name Please")
    assert "Patients" in get_text(morgan.get(url("booking_import")))
    morgan.post(f"{page.removesuffix('change/')}discard/")
    assert not Import.objects.exists()


def test_file_that_is_no_table_is_refused_at_its_field(morgan):
    assert "these are missing: name, minutes." in get_text(bring(morgan, b"price\n5\n", "services"))
    assert not Import.objects.exists()


def test_example_can_be_imported_once_its_row_is_true(morgan):
    for kind, _ in Import.Kind.choices:
        example = morgan.get(url("booking_import").removesuffix("/") + f"/example/{kind}.csv").content
        assert bring(morgan, example, kind).status_code == 302
    assert morgan.get("/admin/booking/import/example/shoes.csv").status_code == 404


def test_file_may_have_five_megabytes_and_no_more(morgan):
    people, empty = b"first_name,email\nDora,dora@example.org\n", b" " * 99_999 + b"\n"
    assert bring(morgan, people + empty * 49).status_code == 302
    assert bring(morgan, people + empty * 50).status_code == 413
    assert upload(morgan, url("booking_branding", "add"), {"x": make_upload(empty * 11)}).status_code == 413


def test_reception_imports_nothing(erin, morgan):
    page = bring(morgan)["Location"]

    with nothing_changes():
        assert bring(erin).status_code == 403
        for tool in ("begin/", "discard/"):
            assert erin.post(f"{page.removesuffix('change/')}{tool}").status_code == 403
        for part in ("change/", "progress/", "refused.csv"):
            assert erin.get(f"{page.removesuffix('change/')}{part}").status_code == 403
    assert Import.objects.count() == 1
