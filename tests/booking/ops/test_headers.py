"""What browsers are told with each kind of answer."""

import pytest

PAGES = {
    "/admin/login/": "same-origin",
    "/admin/": "same-origin",
    "/calendars/none.ics": "same-origin",
    "/problems/": "same-origin",
    "/": "cross-origin",
    "/api/v1/locations": "cross-origin",
    "/api/docs": "cross-origin",
    "/static/widget/widget.css": "cross-origin",
}


@pytest.mark.django_db
@pytest.mark.parametrize(("page", "loaded_by"), PAGES.items())
def test_answer_says_who_may_load_it_and_that_it_uses_no_device(client, page, loaded_by):
    response = client.get(page)

    assert response["Cross-Origin-Resource-Policy"] == loaded_by
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in response["Permissions-Policy"]
    assert ("publickey-credentials-get=()" in response["Permissions-Policy"]) != page.startswith("/admin/")


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["/admin/login/", "/admin/account/password-reset/"])
def test_pages_of_the_sign_in_are_framed_by_nobody(client, page):
    response = client.get(page)

    assert response["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
