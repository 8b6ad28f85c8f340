"""The clinic's figures: a page of plots with what each of them means, and each as CSV."""

from datetime import date, timedelta

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from booking.access.visibility import visible_to
from booking.admin.plots import Series, draw_bars, draw_columns, draw_heat
from booking.admin.tables import answer_table
from booking.domain.figures import MAX_DAYS, Figure, Period, Selection, Unit, compute_figures
from scheduling.lib.currencies import write_decimals
from scheduling.models import Clinician, Location, Service
from scheduling.models.local_zones import find_home_zone

DAY = timedelta(days=1)
EARLIEST, LATEST = date(2000, 1, 1), date(2200, 12, 31)
PERIODS = {
    "week": ("7 days", lambda today: Period(today - 6 * DAY, today)),
    "days": ("30 days", lambda today: Period(today - 29 * DAY, today)),
    "month": ("This month", lambda today: Period(today.replace(day=1), _find_month_end(today))),
    "last-month": ("Last month", lambda today: _find_last_month(today)),
    "quarter": ("90 days", lambda today: Period(today - 89 * DAY, today)),
    "year": ("12 months", lambda today: Period(today - 364 * DAY, today)),
}
DEFAULT_PERIOD = "days"
# What the big numbers on top are, besides revenue; and which way is good, where one is.
HEADLINES = ["bookings", "visits", "new-patients", "utilisation", "no-shows", "cancellations", "waiting"]
LESS_IS_BETTER = {"no-shows", "cancellations", "cancelled-late", "waiting"}
# Which columns of a figure's table are drawn, where it is not the first alone; and whose stand behind each other.
DRAWN = {"visits": (1, 2, 3), "utilisation": (3,), "no-shows": (3,), "waiting": (2, 3)}
OVERLAID = {"waiting"}
WIDE = {"bookings", "clinicians"}


class SelectionForm(forms.Form):
    """Of what figures are wanted. Without dates it is a period that ends today, or the one with a name."""

    period = forms.ChoiceField(required=False, choices=[(name, label) for name, (label, _) in PERIODS.items()])
    first = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(required=False, label="To", widget=forms.DateInput(attrs={"type": "date"}))
    location = forms.ModelChoiceField(Location.objects.none(), required=False, empty_label="All locations")
    clinician = forms.ModelChoiceField(Clinician.objects.none(), required=False, empty_label="All clinicians")
    service = forms.ModelChoiceField(Service.objects.none(), required=False, empty_label="All services")

    def __init__(self, data, *, user):
        super().__init__(data)
        self.fields["location"].queryset = visible_to(user, Location.objects.all())
        self.fields["clinician"].queryset = visible_to(user, Clinician.objects.all())
        self.fields["service"].queryset = visible_to(user, Service.objects.all())

    def clean(self):
        fields = super().clean()
        first, last = fields.get("first"), fields.get("last")
        if bool(first) != bool(last) and not self.errors:
            self.add_error("last" if first else "first", "Give both dates, or none.")
        if first and last and not (EARLIEST <= first <= last <= LATEST and (last - first).days < MAX_DAYS):
            self.add_error("last", f"Choose 1 to {MAX_DAYS} days.")
        return fields

    def select(self, now) -> Selection:
        """Return the Selection; what is not valid is left out."""
        chosen = self.cleaned_data
        location, clinician, service = (chosen.get(name) for name in ("location", "clinician", "service"))
        locations = [location] if location else list(self.fields["location"].queryset)
        zone = location.zone if location else find_home_zone()
        return Selection(
            self.find_period(now.astimezone(zone).date()),
            [each.pk for each in locations],
            now,
            clinician_id=clinician and clinician.pk,
            service_id=service and service.pk,
        )

    def find_period(self, today) -> Period:
        chosen = self.cleaned_data
        if chosen.get("first") and chosen.get("last"):
            return Period(chosen["first"], chosen["last"])
        return PERIODS[chosen.get("period") or DEFAULT_PERIOD][1](today)

    def get_query(self, **changes) -> dict:
        """Return the parameters of the page with what is chosen, but for ``changes``."""
        chosen = {name: self[name].value() for name in self.fields if name not in self.errors}
        return {name: value for name, value in (chosen | changes).items() if value}


def _find_month_end(day):
    return (day.replace(day=28) + 4 * DAY).replace(day=1) - DAY


def _find_last_month(today):
    last = today.replace(day=1) - DAY
    return Period(last.replace(day=1), last)


@admin.site.page("figures/", name="figures")
@require_GET
def figures_page(request):
    """Show the figures of a period, beside those of the one before."""
    form, selection = read_selection(request)
    cards = [describe(figure, selection) for figure in compute_figures(selection)]
    by_name = {card["name"]: card for card in cards}
    headlines = [by_name[name] for name in HEADLINES if name in by_name]
    headlines[3:3] = [card for card in cards if card["name"].startswith("revenue-")]
    periods = [
        {
            "label": label,
            "page": "?" + _encode(form.get_query(period=name, first=None, last=None)),
            "is_chosen": not form["first"].value() and (form["period"].value() or DEFAULT_PERIOD) == name,
        }
        for name, (label, _) in PERIODS.items()
    ]
    context = {
        **admin.site.each_context(request),
        "title": "Figures",
        "form": form,
        "period": selection.period,
        "periods": periods,
        "headlines": headlines,
        "cards": cards,
        "query": _encode(form.get_query()),
    }
    return TemplateResponse(request, "admin/figures/figures.html", context)


@admin.site.page("figures/<slug:name>.csv", name="figure_csv")
@require_GET
def figure_csv(request, name):
    """Answer the table of one figure as CSV."""
    _, selection = read_selection(request)
    figure = next((each for each in compute_figures(selection) if each.name == name), None)
    if figure is None:
        raise Http404
    header = [_name_first_column(figure), *(name for name, _ in figure.columns)]
    period = selection.period
    name = f"{figure.name}-{period.first}-{period.last}"
    return answer_table([header, *figure.rows], kind="csv", name=name)


def read_selection(request) -> tuple[SelectionForm, Selection]:
    """Return the form with what was asked for, and the Selection; raises PermissionDenied."""
    if not request.user.has_perm("booking.view_figures"):
        raise PermissionDenied
    form = SelectionForm(request.GET, user=request.user)
    form.is_valid()
    return form, form.select(timezone.now())


def _encode(query):
    return reverse("admin:figures", query=query).partition("?")[2]


# A figure as the page shows it


def describe(figure: Figure, selection: Selection) -> dict:
    """Return the context of a figure's card."""
    is_by_date = bool(figure.rows) and isinstance(figure.rows[0][0], date)
    return {
        "name": figure.name,
        "title": figure.title,
        "definition": figure.definition,
        "value": write_large(figure.value, figure),
        "change": describe_change(figure),
        "plot": draw(figure, is_by_date),
        "kind": "heat" if figure.name == "clinicians" else "columns" if is_by_date else "bars",
        "legend": [name for name, _ in _list_drawn(figure)] if len(_list_drawn(figure)) > 1 else [],
        "is_wide": figure.name in WIDE,
        "header": [
            _name_first_column(figure, is_weekly=selection.period.is_weekly),
            *(name for name, _ in figure.columns),
        ],
        "rows": [
            [
                write_label(first),
                *(write(value, unit, figure.currency) for value, (_, unit) in zip(row, figure.columns, strict=True)),
            ]
            for first, *row in figure.rows
        ],
    }


def _name_first_column(figure, *, is_weekly=None):
    if figure.rows and isinstance(figure.rows[0][0], date):
        return "From" if is_weekly is None or is_weekly or figure.name == "utilisation" else "Day"
    return {"clinicians": "Clinician", "sources": "Source", "cancellations": "Reason"}.get(figure.name, "")


def describe_change(figure: Figure) -> dict | None:
    """Return how a figure has changed since the period before, or None if there is nothing to compare."""
    value, before = figure.value, figure.before
    if value is None or before is None or (figure.unit in (Unit.NUMBER, Unit.MONEY) and not before):
        return None
    difference = float(value) - float(before)
    if figure.unit in (Unit.NUMBER, Unit.MONEY):
        share = difference / float(before)
        text, is_same = f"{abs(share):.0%}".replace("%", " %"), round(abs(share), 2) == 0
    elif figure.unit is Unit.SHARE:
        text, is_same = f"{abs(difference) * 100:.1f} points", round(abs(difference), 3) == 0
    else:
        text, is_same = write(abs(difference), figure.unit), round(abs(difference)) == 0
    is_better = (difference < 0) == (figure.name in LESS_IS_BETTER)
    return {
        "text": "no change" if is_same else text,
        "direction": "" if is_same else "up" if difference > 0 else "down",
        "tone": "" if is_same or figure.name == "lead-time" else "better" if is_better else "worse",
        "before": write_large(before, figure),
    }


def _list_drawn(figure):
    """Return (name, number of the column) of what is drawn of a figure's table."""
    return [
        (figure.columns[number - 1][0], number)
        for number in DRAWN.get(figure.name, (1,) if not figure.currency else (1, 2))
    ]


def draw(figure: Figure, is_by_date: bool):
    """Return the plot of a figure, or None if it has no rows."""
    if not figure.rows:
        return None
    drawn = _list_drawn(figure)
    unit = figure.columns[drawn[0][1] - 1][1]
    if figure.name == "clinicians":
        labels = [name.rsplit(" ", 1)[0] for name, _ in figure.columns]
        rows = [(_shorten(name), shares) for name, *shares in figure.rows]
        return draw_heat(figure.title, labels, rows, lambda value: write(value, Unit.SHARE))
    if not is_by_date:
        rows = [
            (label, number, f"{write(number, Unit.NUMBER)} · {write(share, Unit.SHARE)}")
            for label, number, share, *_ in figure.rows
        ]
        return draw_bars(figure.title, rows)
    series = [
        Series(name, [None if row[number] is None else float(row[number]) for row in figure.rows])
        for name, number in drawn
    ]
    labels = [f"{row[0]:%-d %b}" for row in figure.rows]
    is_stacked = figure.name not in OVERLAID
    return draw_columns(
        figure.title,
        labels,
        series,
        lambda value: write_short(value, unit),
        is_stacked=is_stacked,
        least_step=0 if unit is Unit.SHARE else 1,
    )


def _shorten(name, limit=18):
    return name if len(name) <= limit else f"{name[: limit - 1]}…"


def write_label(first) -> str:
    return f"{first:%a %-d %b %Y}" if isinstance(first, date) else str(first)


def write(value, unit: Unit, currency: str = "") -> str:
    """Return a number in words that people read."""
    if value is None:
        return "–"
    match unit:
        case Unit.SHARE:
            return f"{value * 100:.1f} %" if value < 0.9995 else f"{value * 100:.0f} %"
        case Unit.MONEY:
            return f"{write_decimals(value, currency):,}"
        case Unit.DAYS:
            return "1 day" if round(value) == 1 else f"{value:,.0f} days"
        case Unit.MINUTES:
            return f"{value:,.0f} min"
        case Unit.HOURS:
            return f"{value:,.1f} h"
        case _:
            return f"{value:,.0f}"


def write_large(value, figure: Figure) -> str:
    """Return a figure's number as it stands above its plot, where of much money nobody reads the pence."""
    is_much = figure.unit is Unit.MONEY and value >= 10_000
    return f"{value:,.0f}" if is_much else write(value, figure.unit, figure.currency)


def write_short(value, unit: Unit) -> str:
    """Return a number as it stands beside an axis."""
    if unit is Unit.SHARE:
        return f"{value * 100:.4g} %"
    if value >= 10_000:
        return f"{value / 1000:,.4g}k"
    return f"{value:,.4g}"
