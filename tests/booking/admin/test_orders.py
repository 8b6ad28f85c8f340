"""Staff add orders, e-mail their links and see which are booked."""

import pytest

from booking.domain.appointments import cancel
from booking.domain.direct_booking import book_directly
from booking.domain.holds import Holder
from booking.domain.orders import send_link
from booking.domain.slot_selection import OpeningRequest
from booking.models import Event, Order, OutboxMessage
from tests.booking.admin.pages import count_queries, get_rows, get_text, list_messages, run_action, url
from tests.ledger import nothing_changes

ORDERS = "booking_order"


@pytest.fixture(autouse=True)
def site(settings):
    settings.SITE_URL = "https://booking.clinic.example"


@pytest.fixture
def book_it(order, dana, harbour):
    return lambda starts_at: book_directly(
        OpeningRequest(order.service, starts_at, dana, harbour, is_remote=False),
        patient=order.patient,
        order=order,
        holder=Holder("erin"),
        actor="erin",
    )


def form(order, **changes):
    return {
        "patient": order.patient_id,
        "service": order.service_id,
        "external_id": "X-1",
        "country": "",
        "address_line_1": "",
        "address_line_2": "",
        "unit": "",
        "city": "",
        "state": "",
        "postcode": "",
        "latitude": "",
        "longitude": "",
        **changes,
    }


def test_add_order_emails_link(erin, order):
    response = erin.post(url(ORDERS, "add"), form(order, send_link="on", country="gb", city="Leeds"))

    assert response.status_code == 302
    made = Order.objects.get(external_id="X-1")
    assert (made.patient, made.service, made.city, made.country) == (order.patient, order.service, "Leeds", "GB")
    assert made.token_hash is not None
    assert OutboxMessage.objects.values_list("kind", "payload").get() == ("email.order_link", {"order": str(made.pk)})
    assert list_messages(response)[0] == "The link is on its way to alice@example.org."


def test_add_order_without_ticking_link_emails_nothing(erin, order):
    erin.post(url(ORDERS, "add"), form(order))

    assert Order.objects.get(external_id="X-1").token_hash is None
    assert not OutboxMessage.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"country": "GBR"},
        {"country": "1"},
        {"service": ""},
        {"patient": ""},
        {"latitude": "x"},
        {"city": "Le\u202eeds"},
    ],
)
def test_add_order_with_invalid_field_creates_nothing(erin, order, wrong):
    with nothing_changes():
        assert erin.post(url(ORDERS, "add"), form(order, **wrong)).status_code == 200


def test_add_order_for_patient_without_email_refuses_link(erin, order):
    order.patient.email = ""
    order.patient.save()

    with nothing_changes():
        page = get_text(erin.post(url(ORDERS, "add"), form(order, send_link="on")))
    assert "No e-mail address of this patient is known." in page
    with nothing_changes():
        response = erin.post(url(ORDERS, "send_link", order.pk))
    assert list_messages(response) == ["No link was sent to Alice Archer: no e-mail address is known."]


def test_order_list_shows_bookings(erin, order, book_it, at, day):
    assert [row[1:] for row in get_rows(erin.get(url(ORDERS)))] == [
        ["Alice Archer", "Consultation", "not yet", "none", "LAB-7"]
    ]
    book_it(at(9))
    assert [row[3] for row in get_rows(erin.get(url(ORDERS)))] == [f"{day:%a %-d %b %Y}, 09:00 Confirmed"]
    assert get_rows(erin.get(url(ORDERS), {"booked": "no"})) == []
    assert len(get_rows(erin.get(url(ORDERS), {"booked": "yes"}))) == 1


@pytest.mark.parametrize("text", ["archer", "020 7946 0123", "alice@example", "12/04/1985", "lab-7"])
def test_order_search_finds_patient_and_external_id(erin, order, text):
    assert len(get_rows(erin.get(url(ORDERS), {"q": text}))) == 1
    assert get_rows(erin.get(url(ORDERS), {"q": "somebody else"})) == []


def test_order_page_shows_log_and_allowed_tools(erin, order, book_it, at, day):
    send_link(order, actor="erin")
    cancel(book_it(at(9)), reason="other", actor="erin")
    response = erin.get(url(ORDERS, "change", order.pk))
    assert [name for name, _ in response.context["tools"]] == ["send_link", "revoke_link", "cancel_order"]
    said = [sentence for _, sentence in response.context["log"]]
    assert ["wrote down" in said[0], "mailed the link" in said[1]] == [True, True]
    assert f"{day:%a %-d %b %Y}, 09:00 Cancelled" in get_text(response)

    book_it(at(10))
    response = erin.get(url(ORDERS, "change", order.pk))
    assert [name for name, _ in response.context["tools"]] == ["revoke_link"]


def test_order_link_is_sent_again_and_revoked(erin, order):
    erin.post(url(ORDERS, "send_link", order.pk))
    order.refresh_from_db()
    first = order.token_hash
    run_action(erin, ORDERS, "send_links", order)
    order.refresh_from_db()
    assert first != order.token_hash

    erin.post(url(ORDERS, "revoke_link", order.pk))
    order.refresh_from_db()
    assert order.token_hash is None


def test_order_link_for_booked_order_or_without_site_url_is_refused(erin, order, book_it, at, settings):
    settings.SITE_URL = ""
    with nothing_changes():
        response = erin.post(url(ORDERS, "send_link", order.pk))
    assert list_messages(response) == ["No link was sent: SITE_URL is not set, so nobody knows where these pages are."]

    settings.SITE_URL = "https://booking.clinic.example"
    book_it(at(9))
    with nothing_changes():
        response = erin.post(url(ORDERS, "send_link", order.pk))
    assert list_messages(response)[-1] == "No link was sent to Alice Archer: the order is booked."


def test_change_order_saves_address_but_not_patient_and_service(erin, order, alice):
    erin.post(url(ORDERS, "change", order.pk), form(order, external_id="LAB-8", postcode="LS1 4AP", service=""))

    order.refresh_from_db()
    assert (order.external_id, order.postcode, order.patient) == ("LAB-8", "LS1 4AP", alice)


def test_order_pages_refuse_clinicians_and_anonymous_visitors(danas_browser, order):
    with nothing_changes():
        assert danas_browser.get(url(ORDERS)).status_code == 403
        assert danas_browser.get(url(ORDERS, "change", order.pk)).status_code == 403
        for name in ("send_link", "revoke_link"):
            assert danas_browser.post(url(ORDERS, name, order.pk)).status_code == 403


def test_order_delete_and_get_of_buttons_are_refused(erin, order):
    with nothing_changes():
        assert erin.post(url(ORDERS, "delete", order.pk), {"post": "yes"}).status_code == 403
        assert erin.get(url(ORDERS, "send_link", order.pk)).status_code == 405


def test_order_list_query_count_is_constant(erin, order, consultation, book_it, at):
    book_it(at(9))
    for_one = count_queries(erin, url(ORDERS))
    Order.objects.bulk_create(Order(patient=order.patient, service=consultation) for _ in range(5))

    assert count_queries(erin, url(ORDERS)) == for_one


def test_event_list_links_to_orders_and_patients(erin, order):
    page = erin.get(url("booking_event")).content.decode()

    assert f'<a href="{url(ORDERS, "change", order.pk)}">' in page
    assert f'<a href="{url("patients_patient", "change", order.patient_id)}">' in page


def test_change_order_logs_and_saves_changed_fields_only(erin, order):
    Order.objects.update(city="Leeds")

    erin.post(url(ORDERS, "change", order.pk), form(order, **{"external_id": "X-2", "initial-city": "", "city": ""}))

    order.refresh_from_db()
    assert (order.external_id, order.city) == ("X-2", "Leeds")
    event = Event.objects.order_by("pk").last()
    assert (event.kind, event.actor, event.data) == (
        "order.updated",
        f"staff:{erin.user.pk}",
        {"changed": ["external_id"]},
    )


def test_save_unchanged_order_records_no_event(erin, order):
    with nothing_changes():
        erin.post(url(ORDERS, "change", order.pk), form(order, **{"initial-external_id": "X-1"}))


@pytest.mark.parametrize("text", ["zz", "a\x00b", "11111111-1111-1111-1111-111111111111"])
def test_order_form_with_unknown_patient_id_saves_nothing(erin, order, text):
    with nothing_changes():
        assert erin.get(url(ORDERS, "add"), {"patient": text}).status_code == 200
        assert erin.post(url(ORDERS, "add"), form(order, patient=text)).status_code == 200


def test_order_is_cancelled_and_offers_no_more_tools(erin, order):
    send_link(order, actor="erin")
    response = erin.post(url(ORDERS, "cancel_order", order.pk), follow=True)
    order.refresh_from_db()
    assert order.cancelled_at and order.token_hash is None
    assert "The order is cancelled. Its link does not work any more." in get_text(response)
    assert response.context["tools"] == []
    assert [row[3] for row in get_rows(erin.get(url(ORDERS)))] == ["cancelled"]


def test_booked_order_is_not_cancelled(erin, order, book_it, at):
    book_it(at(9))
    response = erin.post(url(ORDERS, "cancel_order", order.pk), follow=True)
    order.refresh_from_db()
    assert order.cancelled_at is None
    assert "The order is booked: cancel its appointment first." in get_text(response)
