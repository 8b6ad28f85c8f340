from django.contrib import admin
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import include, path, re_path
from django.views.defaults import page_not_found

from booking.api import problem_pages
from booking.api.openapi.views import Schema, collection, docs
from booking.api.v1.approver_answers import ProviderAnswers
from booking.api.views import NotHere
from booking.integrations.calendars import views as calendars
from booking.integrations.sms import views as sms
from booking.widget import clinic_files, embedding

urlpatterns = [
    path("api/v1/", include("booking.api.v1.urls")),  # first: they are looked at in turn
    path("admin/", include("booking.admin.sign_in.urls")),
    # No form of ours uses Django's own search for choices, whose answers would show names unrecorded.
    path("admin/autocomplete/", page_not_found, {"exception": None}),
    path("admin/", admin.site.urls),
    path("api/schema", Schema.as_view(), name="schema"),
    path("api/docs", docs, name="docs"),
    path("api/collection", collection, name="collection"),
    path("api/providers/<uuid:id>/answers", ProviderAnswers.as_view()),
    re_path("^api(?:/|$)", NotHere.as_view()),
    path("onsched/", include("booking.api.dialects.onsched.urls")),
    path("junction/", include("booking.api.dialects.junction.urls")),
    path("calendars/<str:token>.ics", calendars.feed, name="calendar_feed"),
    path("sms/<str:token>", sms.report, name="sms-report"),
    path("problems/", problem_pages.problems, name="problems"),
    path("problems/<slug:code>", problem_pages.problem, name="problem"),
    path("favicon.ico", lambda request: redirect(static("widget/icon.svg"))),  # admin asks for it
    re_path(r"^images/(?P<name>[0-9a-f]{32}\.(?:png|webp))$", clinic_files.image, name="image"),
    re_path(r"^brand/(?P<color>[0-9a-f]{6})\.(?P<version>[0-9a-f]{8})\.css$", clinic_files.stylesheet, name="brand"),
    path("embed.js", embedding.script, name="embed"),
    re_path(r"^embed\.(?P<version>[0-9a-f]{16})\.js$", embedding.script, name="embed_version"),
    path("manifest.webmanifest", clinic_files.manifest, name="manifest"),
    path("", include("booking.widget.urls")),
]
