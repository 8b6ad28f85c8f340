from django.contrib import admin
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import include, path, re_path

from .api import pages
from .api.base import NotHere
from .api.openapi.views import Schema, docs

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("booking.api.urls")),
    path("api/schema", Schema.as_view(), name="schema"),
    path("api/docs", docs, name="docs"),
    re_path("^api(?:/|$)", NotHere.as_view()),
    path("problems/", pages.problems, name="problems"),
    path("problems/<slug:code>", pages.problem, name="problem"),
    path("favicon.ico", lambda request: redirect(static("widget/icon.svg"))),  # admin asks for it
    path("", include("booking.widget.urls")),
]
