"""Online bookings that look made up, each with why, and one press that cancels a selection without an e-mail."""

from collections import Counter, defaultdict
from time import monotonic

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from booking.access.visibility import visible_to
from booking.admin.permissions import get_actor, has_appointment_permission
from booking.domain.appointments import cancel
from booking.domain.transitions import ChangedMeanwhile, WrongState
from booking.domain.unusual_bookings import find_unusual
from booking.models import Appointment, UnusualBooking
from scheduling.admin import ReadOnlyMixin
from scheduling.lib.timezones import format_local
from scheduling.models.local_zones import get_home_zone

MAX_SHOWN = 500
CANCELLING = 15  # seconds; the web server gives a page 30
FILTERS = {
    "Network": ["network", "network_48"],
    "E-mail address": ["domain", "counted", "plus"],
    "Time": ["burst"],
}
REASONS = {
    "network": "{0.number} from the network {0.label}",
    "network_48": "{0.number} from networks next to each other, {0.label}",
    "domain": "{0.number} at {0.label}, where nobody had a mailbox who came before",
    "counted": "{0.number} addresses that are counted up, {0.label}",
    "plus": "{0.number} addresses of one mailbox, {0.label}",
    "burst": "{0.number} within minutes, {0.label}",
}


@admin.register(UnusualBooking)
class UnusualBookingAdmin(ReadOnlyMixin, admin.ModelAdmin):
    def has_view_permission(self, request, obj=None):
        return all(has_appointment_permission(request, action) for action in ("decide", "view_all"))

    def has_module_permission(self, request):
        return self.has_view_permission(request)

    def changelist_view(self, request, extra_context=None):
        if not self.has_view_permission(request):
            raise PermissionDenied
        includes_verified = "verified" in request.GET
        if request.method == "POST":
            self._cancel_selected(request)
            return HttpResponseRedirect(request.get_full_path())
        signs = find_unusual(visible_to(request.user, Appointment.objects.all()), includes_verified=includes_verified)
        chosen = request.GET.get("sign", "")
        found = {id: each for id, each in signs.items() if not chosen or chosen in [sign.name for sign in each]}
        rows = Appointment.objects.filter(pk__in=found).annotate(home=get_home_zone())
        rows = rows.select_related("service", "clinician", "location").order_by("created_at", "pk")
        shown = [self._describe(appointment, found[appointment.pk]) for appointment in rows[:MAX_SHOWN]]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Unusual bookings",
            "rows": shown,
            "total": len(found),
            "filters": self._list_filters(request, signs, chosen),
            "all_page": request.path if chosen else "",
            "includes_verified": includes_verified,
            "media": self.media,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/booking/unusualbooking/change_list.html", context)

    def _list_filters(self, request, signs, chosen):
        """Return each filter's choices: what bookings have in common, the most frequent first."""
        numbers = Counter(sign for each in signs.values() for sign in each)
        query = {"verified": ""} if "verified" in request.GET else {}
        choices = defaultdict(list)
        for sign, number in numbers.most_common():
            page = reverse("admin:booking_unusualbooking_changelist", query={"sign": sign.name, **query})
            choices[sign.kind].append((sign.label, number, page, sign.name == chosen))
        return [(title, [choice for kind in kinds for choice in choices[kind]]) for title, kinds in FILTERS.items()]

    def _describe(self, appointment, signs):
        zone, home = appointment.location.zone, appointment.home
        return {
            "appointment": appointment,
            "page": reverse("admin:booking_appointment_change", args=[appointment.pk]),
            "booked": format_local(appointment.created_at, zone, unless=home, pattern="%a %H:%M:%S"),
            "starts": format_local(appointment.starts_at, zone, unless=home, pattern="%a %-d %b, %H:%M"),
            "reasons": [REASONS[sign.kind].format(sign) for sign in signs],
        }

    def _cancel_selected(self, request):
        """Cancel what was selected and is still on the list, each by itself: no clinician's lock is held for all."""
        until = monotonic() + CANCELLING
        signs = find_unusual(visible_to(request.user, Appointment.objects.all()), includes_verified=True)
        selected = {*map(str, signs)} & {*request.POST.getlist("_selected_action")}
        cancelled, changed = 0, []
        rows = Appointment.objects.filter(pk__in=selected).select_related("location", "provider")
        for number, appointment in enumerate(rows):
            if monotonic() > until:
                messages.warning(request, f"{len(rows) - number} are left: select and cancel once more.")
                break
            try:
                reason = Appointment.CancellationReason.UNUSUAL
                cancel(appointment, reason=reason, actor=get_actor(request), email=False)
                cancelled += 1
            except (WrongState, ChangedMeanwhile):
                changed.append(appointment.reference)
        if cancelled:
            bookings = "1 booking is" if cancelled == 1 else f"{cancelled} bookings are"
            messages.success(request, f"{bookings} cancelled. Nobody was sent an e-mail.")
        if changed:
            messages.warning(request, f"Changed just now, and so not cancelled: {', '.join(changed)}.")
        if not cancelled and not changed:
            messages.warning(request, "Select the bookings that were made up.")

    def change_view(self, request, object_id, form_url="", extra_context=None):
        return HttpResponseRedirect(reverse("admin:booking_appointment_change", args=[object_id]))
