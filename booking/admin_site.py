"""The site of the staff's pages. It stands outside booking.admin, whose modules register with it."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import AdminSite
from django.urls import URLPattern, path


class ClinicSite(AdminSite):
    site_header = site_title = "Holdfast"
    index_title = "The clinic"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.own_pages: list[URLPattern] = []

    def page(self, route: str, *, name: str) -> Callable:
        """Return a decorator that makes a view a page for staff who are signed in: ``@admin.site.page("diary/", …)``.

        The view asks for the permissions it needs.
        """

        def register(view):
            self.own_pages.append(path(route, self.admin_view(view), name=name))
            return view

        return register

    def get_urls(self) -> list:
        return [*self.own_pages, *super().get_urls()]
