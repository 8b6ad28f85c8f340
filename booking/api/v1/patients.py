"""Patients: search, read, write down, change. A publishable key finds nobody, and writes down drafts only."""

from functools import partial

from django.http import Http404
from django.shortcuts import get_object_or_404
from rest_framework import serializers

from booking.access.client_identity import get_network_id
from booking.api.cors import get_origin
from booking.api.fields import Text
from booking.api.integration_fields import HIDDEN, ExternalId, IntegrationInput
from booking.api.lists import Email, ListQuery, Sort
from booking.api.operation import operation
from booking.api.pagination import ChangesQuery
from booking.api.patient_outputs import ChangedPatientOutput, PatientOutput
from booking.api.v1.attendance import PersonInput
from booking.api.views import ApiView
from booking.domain import patients
from booking.domain.patient_drafts import TooManyDrafts, write_draft
from booking.models import ApiKey
from patients.models import Patient
from patients.records import ExternalIdTaken, NhsNumberTaken, PatientExists
from patients.search import search_patients
from scheduling.lib.integration_fields import TooMuchMetadata, apply_changes

READ, WRITE = ApiKey.Scope.READ_PATIENTS, ApiKey.Scope.WRITE_PATIENTS


class PatientFilters(ChangesQuery, ListQuery):
    """``search`` finds words from names, e-mail, phone and birth date, in any order, best first; no cursor then."""

    search = Text(
        required=False,
        allow_blank=True,
        max_length=200,
        help_text="Words from names, e-mail, phone and birth date, without other filters.",
    )
    sort = Sort(created_at="created_at", updated_at="updated_at")
    email = Email(help_text="With this e-mail address.")
    external_id = ExternalId(help_text="The one with this id in another system.")

    def validate(self, fields):
        if fields.get("search") and {"pk__in", "sort", "email", "external_id"} & set(fields):
            raise serializers.ValidationError({"search": "A search goes without sort and other filters."}, code="alone")
        if fields.get("search") and "updated_at__gte" in fields:
            said = "A search is by best match: list changes without it."
            raise serializers.ValidationError({"updated_since": said}, code="alone")
        if "email" in fields:
            fields["email"] = fields["email"].lower()
        return fields


class PatientInput(PersonInput, IntegrationInput):
    """A person with their NHS number, which none but these endpoints take: it would tell who is a patient."""

    nhs_number = Text(max_length=20, required=False, allow_blank=True)

    def validate(self, fields):
        integration = {name: fields.pop(name) for name in HIDDEN if name in fields}
        patient = super().validate(fields)
        apply_changes(patient, integration)
        return patient


class NewPatientInput(PatientInput):
    """A person to register; with ``allow_duplicate`` even if an identical one exists.

    A publishable key sends what identifies a person, and nothing else.
    """

    allow_duplicate = serializers.BooleanField(default=False)

    def get_fields(self):
        fields, key = super().get_fields(), self.context.get("key")
        if key and key.is_publishable:
            return {name: field for name, field in fields.items() if name in PersonInput().fields}
        return fields

    def validate(self, fields):
        allow_duplicate = fields.pop("allow_duplicate", False)
        return {"candidate": super().validate(fields), "allow_duplicate": allow_duplicate}


class PatientView(ApiView):
    """What the endpoints of patients share."""

    tag = "Patients"
    is_personal = True
    output = PatientOutput

    def answer_patient(self, patient, status=200, **headers):
        return self.answer_version(patient, PatientOutput(patient).data, status, **headers)


class Patients(PatientView):
    """Search or list patients; write one down."""

    scopes = {"GET": READ, "POST": WRITE}
    serves_drafts = True

    @operation(query=PatientFilters, many=True)
    def get(self, request):
        """Search patients, best match first, or list them all in pages; with `updated_since` archived ones too.

        A publishable key always finds nobody.
        """
        if self.key.is_publishable:
            return self.answer([], next_cursor=None, has_more=False)
        if search := self.parameters.pop("search", ""):
            patients = search_patients(search, limit=self.parameters["limit"])
            return self.answer(PatientOutput(patients, many=True).data, next_cursor=None, has_more=False)
        among = Patient.objects.filter(restricted_at=None)
        if "updated_at__gte" not in self.parameters:
            among = among.filter(archived_at=None)
        patients = self.paginate_queryset(among.filter(self.filters))
        return self.get_paginated_response(PatientOutput(patients, many=True).data)

    @operation(
        name="create_patient",
        body=NewPatientInput,
        status=[201],
        has_etag=True,
        has_location=True,
        refusals=[PatientExists, NhsNumberTaken, ExternalIdTaken, TooManyDrafts],
    )
    def post(self, request):
        """Write a patient down. One with the same names, birth date and e-mail is not written twice.

        What a publishable key sends is kept for an hour, compared with nobody and told to nobody. With the ``id``
        that it is given the same key on the same site can confirm a hold, once; only then does somebody become, or
        is found to be, a patient. It can be read nowhere, and an ``Idempotency-Key`` does nothing for it.
        """
        fields = self.body()
        if self.key.is_publishable:
            return self.answer_draft(fields["candidate"])
        patient = patients.register(**fields, actor=self.key.actor)
        self.has_registered = True
        return self.answer_patient(patient, 201, Location=self.locate(f"{request.path}/{patient.pk}"))

    def answer_once(self, handler):
        """Keep no answer for a publishable key: a visitor's details are gone after an hour."""
        return handler(self.request, **self.kwargs) if self.key.is_publishable else super().answer_once(handler)

    def answer_draft(self, candidate):
        """Keep a visitor's details, and answer with them as with a patient's."""
        draft, id = write_draft(
            candidate,
            holder=self.key.holder,
            origin=get_origin(self.request),
            network=get_network_id(self.request),
        )
        written = PatientOutput(draft.make_candidate()).data
        at = draft.created_at.isoformat()
        return self.answer({**written, "id": str(id), "created_at": at, "updated_at": at}, 201)


class PatientEntry(PatientView):
    """Read or change one patient."""

    scopes = {"GET": READ, "PATCH": WRITE}

    @operation(has_etag=True)
    def get(self, request, id):
        """Read one patient."""
        return self.answer_patient(self.patient(id))

    @operation(
        name="change_patient",
        body=PatientInput,
        output=ChangedPatientOutput,
        has_etag=True,
        supports_if_match=True,
        refusals=[NhsNumberTaken, ExternalIdTaken, TooMuchMetadata],
    )
    def patch(self, request, id):
        """Change what is sent, and only that."""
        patient = self.patient(id)
        change = partial(self.body, partial=True)
        try:
            patient = patients.change(
                patient.pk,
                lambda row: change(instance=row),
                actor=self.key.actor,
                expected_version=self.expected_version(patient),
            )
        except Patient.DoesNotExist as error:  # archived since we looked
            raise Http404 from error
        if self.key.may(READ):
            return self.answer_patient(patient)
        written = dict(PatientOutput(patient).data)
        return self.answer_version(patient, {name: written[name] for name in ChangedPatientOutput.always})

    def patient(self, id):
        return get_object_or_404(Patient, pk=id, archived_at=None)
