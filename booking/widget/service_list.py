"""The page of services: where one can be seen, what is given there under which heading, and what is free first."""

from collections import Counter
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse
from django.utils.dateformat import format as format_date
from django.utils.translation import gettext as _

from booking.widget.forms import WAYS, get_kept
from patients.text import normalize_name
from scheduling.availability.first_openings import Way, find_first_openings
from scheduling.lib.clock import database_now
from scheduling.lib.recent_results import RecentResults
from scheduling.models import Location, Service

SEARCHED_FROM = 13  # fewer services are seen at a glance
MAX_PILLS = 6  # places; more are easier to find in a list


class Offers(NamedTuple):
    """``first``: what find_first_openings returns; ``locations``: {id: Location} of those in it."""

    first: dict[UUID, dict[Way, int | None]]
    locations: dict[UUID, Location]


class Card(NamedTuple):
    """A service on the page; ``next`` says when it is free first, ``is_hit`` whether the search has found it."""

    service: Service
    address: str
    next: str
    is_hit: bool


class Wherever(NamedTuple):
    """A choice of the place: the ``value`` of “where”, its label, and the town if the label is not its name."""

    value: str
    label: str
    town: str
    address: str
    is_chosen: bool


offers = RecentResults[Offers](max_age=10)


def get_listed_services():
    """Return the services that are in lists for patients."""
    return Service.objects.filter(is_active=True, is_online_bookable=True, is_private=False).select_related("category")


def load_offers():
    """Compute the Offers of all listed services."""
    first = find_first_openings(get_listed_services(), now=database_now())
    places = {way.location_id for ways in first.values() for way in ways}
    return Offers(first, Location.objects.in_bulk(list(places)))


class ServiceList:
    """What the page shows for a query (a QueryDict or a dict); ``remarks`` explain what cannot be understood."""

    def __init__(self, query):
        self.offers, self.now, self.remarks = offers.get(load_offers), database_now(), []
        self.kept = get_kept(query)
        self.where = self._read_where()
        self.search = query.get("q", "").strip()[:100]
        services = [service for service in get_listed_services() if service.pk in self.offers.first]
        services.sort(key=_get_category_place)  # stable: within a category as they are
        self.cards = [card for service in services if (card := self._make_card(service, self.where))]
        shown = {card.service.pk for card in self.cards}
        # Who has chosen a place can be called there, too.
        others = services if self.where and self.where not in WAYS else []
        self.video_cards = [
            card for service in others if service.pk not in shown and (card := self._make_card(service, "video"))
        ]

    def _read_where(self):
        where = self.kept.pop("where", "")
        if where and where not in WAYS and where not in {str(way.location_id) for way in self._visited()}:
            self.remarks.append(_("We do not know that place, so you see what is offered everywhere."))
            where = ""
        return where

    def _visited(self):
        return {way for ways in self.offers.first.values() for way in ways if not way.is_remote}

    def _make_card(self, service, where):
        """Return the service's Card, or None if it is not given there."""
        first = {way: start for way, start in self.offers.first[service.pk].items() if fits(way, where)}
        if not first:
            return None
        category = service.category
        words = normalize_name(
            service.translate("name"), service.translate("description"), category.translate("name") if category else ""
        )
        is_hit = all(word in words for word in normalize_name(self.search).split())
        address = reverse("widget:times", args=[service.slug]) + self.get_query(where)
        return Card(service, address, self._say_next(first), is_hit)

    def get_query(self, where):
        """Return the query that keeps what is known with another ``where``: empty, or from its question mark on."""
        pairs = self.kept | ({"where": where} if where else {})
        return "?" + urlencode(pairs) if pairs else ""

    def _say_next(self, first):
        start, way = min(((start, way) for way, start in first.items() if start is not None), default=(None, None))
        if start is None:
            return _("No free time at the moment")
        local = datetime.fromtimestamp(start, UTC).astimezone(self.offers.locations[way.location_id].zone)
        days = (local.date() - self.now.astimezone(local.tzinfo).date()).days
        at = format_date(local, _("H:i"))
        if days < 2:
            return (_("Next: tomorrow %(time)s") if days else _("Next: today %(time)s")) % {"time": at}
        # Translators: such as “Mon 08:00”, and “Mon 7 Dec, 08:00”.
        day = format_date(local, _("D H:i") if days < 7 else _("D j M, H:i"))
        return _("Next: %(day)s") % {"day": day}

    @property
    def categories(self):
        """The cards as [(ServiceCategory or None, cards)], those without a category first."""
        return [
            (category, list(cards)) for category, cards in groupby(self.cards, key=lambda card: card.service.category)
        ]

    @property
    def has_search(self):
        return bool(self.search) or len(self.cards) + len(self.video_cards) >= SEARCHED_FROM

    @property
    def has_hit(self):
        return any(card.is_hit for card in [*self.cards, *self.video_cards])

    @property
    def hidden_inputs(self):
        """What the forms of the page keep, as pairs of name and value."""
        return [*self.kept.items(), *([("where", self.where)] if self.where else [])]

    @property
    def places(self):
        """The choices of the place where there is more than one town, or one is chosen; else none."""
        visited = {self.offers.locations[way.location_id] for way in self._visited()}
        towns = Counter(location.city.casefold() for location in visited)
        has_video = any(way.is_remote for ways in self.offers.first.values() for way in ways)
        if len(towns) < 2 and (not self.where or len(visited) + has_video < 2):
            return []
        # The town's name is the shorter one, where the clinic has one place in it.
        choices = [
            (str(location.pk), location.city, "")
            if towns[location.city.casefold()] == 1
            else (str(location.pk), location.translate("name"), location.city)
            for location in sorted(visited, key=lambda location: (location.city.casefold(), location.name.casefold()))
        ]
        choices.insert(0, ("", _("Anywhere"), ""))
        if has_video:
            choices.append(("video", _("Video call"), ""))
        here = reverse("widget:services")
        return [
            Wherever(value, label, town, here + self.get_query(value), value == self.where)
            for value, label, town in choices
        ]

    @property
    def is_long(self):
        return len(self.places) > MAX_PILLS


def fits(way, where):
    """Return whether a Way is one of those that “where” means."""
    if where in WAYS:
        return way.is_remote == WAYS[where]
    return not where or way == (UUID(where), False)


def _get_category_place(service):
    category = service.category
    return (True, category.position, category.name) if category else (False, 0, "")
