"""People who read other languages."""

from playwright.sync_api import expect

from booking.models import Appointment


def test_arabic_from_the_first_page_to_the_mail(meet):
    layla = meet("Layla Nasser", locale="ar")
    layla.open("/")
    expect(layla.page.locator("html")).to_have_attribute("dir", "rtl")
    layla.photograph("arabic 1 services", dark=True)
    layla.open("/book/gp-consultation/")
    layla.photograph("arabic 2 times", dark=True)
    layla.page.locator("#later").click()
    layla.page.locator(".slot").first.click()
    details = layla.page.locator("form#details")
    expect(details).to_be_visible()
    layla.photograph("arabic 3 details", dark=True)
    for name, text in {"first_name": "ليلى", "last_name": "ناصر", "email": layla.email}.items():
        details.locator(f"[name={name}]").fill(text)
    for part, text in {"day": "12", "month": "4", "year": "1985"}.items():
        details.locator(f"[name=date_of_birth_{part}]").fill(text)
    details.locator("p.actions button").click()
    expect(layla.page.locator("form#details[action$=confirm]")).to_be_visible()
    layla.photograph("arabic 4 check")
    layla.page.locator("form#details p.actions button").first.click()
    expect(layla.page.locator("#visit")).to_be_visible()
    layla.photograph("arabic 5 done", dark=True)

    mail = layla.receive()
    assert 'dir="rtl"' in mail.html
    layla.show_mail(mail, "arabic 6 mail")
    assert Appointment.objects.get(attendee_email=layla.email).language == "ar"
    layla.open(mail.find_link("/appointment/"))
    expect(layla.page.locator("html")).to_have_attribute("lang", "ar")
    layla.photograph("arabic 7 visit")


def test_switch_of_language_keeps_what_is_typed(meet):
    jens = meet("Jens Vogel")
    jens.choose_time("gp-consultation", weeks=1)
    jens.type_details()
    jens.page.locator(".languages summary").click()
    jens.photograph("languages 1 menu", dark=True)
    jens.page.get_by_text("Deutsch", exact=True).click()
    expect(jens.page.locator("html")).to_have_attribute("lang", "de")
    expect(jens.page.get_by_label("Vorname")).to_have_value("Jens")
    jens.photograph("languages 2 german", dark=True)
    jens.press("Weiter")
    expect(jens.page.locator("form#details[action$=confirm]")).to_be_visible()
    jens.photograph("languages 3 german check")
    jens.page.locator("form#details p.actions button").first.click()
    expect(jens.page.locator("#visit")).to_be_visible()
    jens.photograph("languages 4 german done")
    mail = jens.receive()
    assert "/de/appointment/" in mail.text
    jens.show_mail(mail, "languages 5 german mail")


def test_french_first_pages(meet):
    colette = meet("Colette Moreau", locale="fr-FR")
    colette.open("/")
    expect(colette.page.locator("html")).to_have_attribute("lang", "fr")
    colette.photograph("french 1 services")
    colette.open("/book/physio-assessment/")
    colette.photograph("french 2 times")
    colette.page.locator(".slot").first.click()
    expect(colette.page.locator("form#details")).to_be_visible()
    colette.photograph("french 3 details")
