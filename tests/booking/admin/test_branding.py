"""The clinic's branding and the pictures of its people and places, on staff's pages."""

import pytest
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from booking.models import Branding
from scheduling.models import Clinician, Image, ImageFile
from tests.booking.admin.pages import get_text, url
from tests.pictures import make_picture, make_upload

BRANDING = "booking_branding"
FORM = {
    "clinic_name": "Tidewater Clinic",
    "description": "",
    "accent": "#1D4ED8",
    "sender_name": "Tidewater",
    "phone": "020 7946 0001",
}
NO_HOURS = {
    f"{formset}-{name}": 0
    for formset in ("working_hours", "extra_hours", "time_off")
    for name in ("TOTAL_FORMS", "INITIAL_FORMS")
}


def upload(browser, address, form):
    """Post a form as browsers send one with files."""
    body = encode_multipart(BOUNDARY, form)
    return browser.generic("POST", address, body, content_type=MULTIPART_CONTENT)


def make_form(clinician, **fields):
    services = [service.pk for service in clinician.services.all()]
    kept = {"name": clinician.name, "title": clinician.title, "bio": "", "services": services, "weight": "1"}
    return {**kept, "gender": "", "has_page": "on", "is_active": "on", **NO_HOURS, **fields}


def test_manager_brands_the_clinic_on_one_page(morgan):
    page = url(BRANDING, "add")
    assert morgan.get(url(BRANDING)).url == page

    response = upload(morgan, page, {**FORM, "picture": make_upload(name="logo.png")})

    assert response.status_code == 302
    branding = Branding.objects.get()
    assert (branding.name, branding.accent, branding.phone) == ("Tidewater Clinic", "#1d4ed8", "+442079460001")
    assert len(branding.logo.sizes) == 4
    assert morgan.get(url(BRANDING)).url == url(BRANDING, "change", 1)
    assert morgan.get(page).status_code == 403  # there is one
    assert f'src="/images/{branding.logo.sizes[0]["name"]}"' in morgan.get(url(BRANDING, "change", 1)).text


def test_colour_that_nobody_could_read_is_refused_with_one_that_can_be(morgan):
    response = morgan.post(url(BRANDING, "add"), {**FORM, "accent": "#ffd400"})

    assert "Choose a darker one, such as #816a01." in get_text(response)
    assert not Branding.objects.exists()


def test_reception_may_not_brand_the_clinic(erin):
    for page in (url(BRANDING), url(BRANDING, "add")):
        assert erin.get(page).status_code == 403
    assert upload(erin, url(BRANDING, "add"), FORM).status_code == 403
    assert not Branding.objects.exists()


def test_photo_is_stored_replaced_and_removed_with_its_files(morgan, dana):
    page = url("scheduling_clinician", "change", dana.pk)

    upload(morgan, page, make_form(dana, picture=make_upload(), languages=["en", "bfi"], gender="female"))
    dana.refresh_from_db()
    first = dana.photo
    assert (dana.languages, dana.gender, len(first.sizes)) == (["en", "bfi"], "female", 3)
    assert first.get_path(96) in morgan.get(page).text

    upload(morgan, page, make_form(dana, picture=make_upload(make_picture(200, 200))))
    dana.refresh_from_db()
    assert list(Image.objects.all()) == [dana.photo]
    assert dana.photo != first

    morgan.post(page, make_form(dana, **{"picture-clear": "on"}))
    dana.refresh_from_db()
    assert dana.photo is None
    assert not Image.objects.exists()
    assert not ImageFile.objects.exists()


def test_photo_stays_when_the_form_brings_none(morgan, dana):
    page = url("scheduling_clinician", "change", dana.pk)
    upload(morgan, page, make_form(dana, picture=make_upload()))
    [before] = Image.objects.all()

    morgan.post(page, make_form(dana, title="Osteopath"))

    assert Clinician.objects.get(pk=dana.pk).photo == before


def test_file_that_is_no_picture_is_refused_on_its_field(morgan, dana):
    page = url("scheduling_clinician", "change", dana.pk)

    response = upload(morgan, page, make_form(dana, picture=make_upload(b"<svg/>", "face.svg"), title="Osteopath"))

    assert "That is no picture we can show. Please choose a JPEG, PNG or WebP file." in get_text(response)
    assert Clinician.objects.get(pk=dana.pk).title == "Physiotherapist"
    assert not Image.objects.exists()


@pytest.mark.parametrize("size", [990_000, 1_200_000])
def test_upload_beyond_the_limit_of_any_request_is_413(morgan, dana, size):
    page = url("scheduling_clinician", "change", dana.pk)

    response = upload(morgan, page, make_form(dana, picture=make_upload(b"x" * size)))

    assert response.status_code == (413 if size > 1_000_000 else 200)
    assert not Image.objects.exists()


def test_reception_sees_a_clinicians_photo_and_changes_nothing(erin, morgan, dana):
    page = url("scheduling_clinician", "change", dana.pk)
    upload(morgan, page, make_form(dana, picture=make_upload()))
    [photo] = Image.objects.all()

    assert photo.get_path(96) in erin.get(page).text
    assert upload(erin, page, make_form(dana, **{"picture-clear": "on"})).status_code == 403
    assert Clinician.objects.get(pk=dana.pk).photo == photo
