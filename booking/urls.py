from django.contrib import admin
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import include, path, re_path

from .api import pages
from .api.answering import ProviderAnswers
from .api.base import NotHere
from .api.openapi.views import Schema, docs
from .calendars import views as calendars
from .login import login

urlpatterns = [
    path("admin/login/", login),
    path("admin/", admin.site.urls),
    path("api/v1/", include("booking.api.urls")),
    path("api/schema", Schema.as_view(), name="schema"),
    path("api/docs", docs, name="docs"),
    path("api/providers/<uuid:id>/answers", ProviderAnswers.as_view()),
    re_path("^api(?:/|$)", NotHere.as_view()),
    path("onsched/", include("booking.api.dialects.onsched.urls")),
    path("junction/", include("booking.api.dialects.junction.urls")),
    path("calendars/<str:token>.ics", calendars.feed, name="calendar_feed"),
    path("problems/", pages.problems, name="problems"),
    path("problems/<slug:code>", pages.problem, name="problem"),
    path("favicon.ico", lambda request: redirect(static("widget/icon.svg"))),  # admin asks for it
    path("", include("booking.widget.urls")),
]
