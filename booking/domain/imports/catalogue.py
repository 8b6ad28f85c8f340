"""Import services and clinicians. What has the same name, or external id, is here already and stays as it is."""

from datetime import timedelta
from itertools import count

from django.utils.text import slugify

from booking.domain.imports.cells import (
    Importing,
    Kind,
    RowRefused,
    check_fields,
    find_named,
    get_named,
    read_decimal,
    read_flag,
)
from booking.domain.imports.tables import Column
from scheduling.models import Clinician, Service, ServiceCategory

SERVICE_COLUMNS = (
    Column("name", "Physiotherapy", ("service",), is_required=True),
    Column("minutes", "45", ("duration", "length"), is_required=True),
    Column("price", "60.00", ("fee",)),
    Column("currency", "GBP"),
    Column("category", "Treatments"),
    Column("description", ""),
    Column("mode", "in person"),
    Column("minutes_before", "0", ("buffer before",)),
    Column("minutes_after", "5", ("buffer after",)),
    Column("online", "yes", ("bookable online",)),
    Column("external_id", "S-7", ("id",)),
)
CLINICIAN_COLUMNS = (
    Column("name", "Dana Weber", ("clinician", "practitioner"), is_required=True),
    Column("title", "Physiotherapist", ("profession",)),
    Column("services", "Physiotherapy; Review"),
    Column("external_id", "C-3", ("id",)),
)


def save_service(values: dict[str, str], importing: Importing) -> bool:
    """Add a service, and return whether it is new; raises RowRefused."""
    if is_known(Service, values, importing):
        return False
    name = values.get("name", "")
    service = Service(
        name=name,
        slug=_make_slug(name),
        description=values.get("description", ""),
        mode=_read_mode(values),
        price=read_decimal(values, "price"),
        duration=_read_minutes(values, "minutes"),
        buffer_before=_read_minutes(values, "minutes_before"),
        buffer_after=_read_minutes(values, "minutes_after"),
        is_online_bookable=read_flag(values, "online", default=True),
        external_id=values.get("external_id", ""),
    )
    if values.get("currency"):
        service.currency = values["currency"].upper()
    check_fields(service, exclude=["slug"])
    if category := values.get("category"):
        service.category, _ = ServiceCategory.objects.get_or_create(name=category)
    service.save()
    importing.found.clear()
    return True


def save_clinician(values: dict[str, str], importing: Importing) -> bool:
    """Add a clinician, and return whether they are new; raises RowRefused."""
    if is_known(Clinician, values, importing):
        return False
    names = [name.strip() for name in values.get("services", "").split(";") if name.strip()]
    services = [get_named(Service, {"services": name}, "services", importing) for name in names]
    clinician = Clinician(
        name=values.get("name", ""), title=values.get("title", ""), external_id=values.get("external_id", "")
    )
    check_fields(clinician)
    clinician.save()
    clinician.services.set(services)
    importing.found.clear()
    return True


def is_known(model: type[Service | Clinician], values: dict[str, str], importing: Importing) -> bool:
    """Return whether one with that external id, or else with that name, is here already."""
    external_id = values.get("external_id")
    if external_id and model.objects.filter(external_id=external_id).exists():
        return True
    return find_named(model, values.get("name", ""), importing) is not None


def _read_mode(values):
    text = values.get("mode", "").lower()
    labels = {label.lower(): value for value, label in Service.Mode.choices} | {"": Service.Mode.IN_PERSON}
    if text not in {*labels, *Service.Mode.values}:
        raise RowRefused(f"Write one of: {', '.join(label for label in labels if label)}.", "mode")
    return labels.get(text, text)


def _read_minutes(values, column):
    number = read_decimal(values, column)
    if not 0 <= number <= 24 * 60:
        raise RowRefused("Write a number of minutes.", column)
    return timedelta(minutes=int(number))


def _make_slug(name):
    wanted = slugify(name)[:90] or "service"
    numbered = (wanted if number == 1 else f"{wanted}-{number}" for number in count(1))
    return next(slug for slug in numbered if not Service.objects.filter(slug=slug).exists())


SERVICES = Kind(SERVICE_COLUMNS, save_service)
CLINICIANS = Kind(CLINICIAN_COLUMNS, save_clinician)
