"""Patients: search, read, write down, change. For servers only: a publishable key has none of these scopes."""

from functools import partial

from django.http import Http404
from django.shortcuts import get_object_or_404
from rest_framework import serializers

from booking.api.fields import Text
from booking.api.operation import operation
from booking.api.outputs import ChangedPatientOutput, PatientOutput
from booking.api.pagination import ChangesQuery, PageQuery
from booking.api.v1.attendance import PersonInput
from booking.api.views import ApiView, etag
from booking.domain import patients
from booking.models import ApiKey
from patients.models import Patient
from patients.records import NhsNumberTaken, PatientExists
from patients.search import search_patients

READ, WRITE = ApiKey.Scope.READ_PATIENTS, ApiKey.Scope.WRITE_PATIENTS


class PatientFilters(ChangesQuery, PageQuery):
    """``search`` finds words from names, e-mail, phone and birth date, in any order, best first; no cursor then."""

    search = Text(
        required=False, allow_blank=True, max_length=200, help_text="Words from names, e-mail, phone and birth date."
    )

    def validate(self, fields):
        if fields.get("search") and "updated_at__gte" in fields:
            said = "A search is by best match: list changes without it."
            raise serializers.ValidationError({"updated_since": said}, code="alone")
        return fields


class PatientInput(PersonInput):
    """A person with their NHS number, which none but these endpoints take: it would tell who is a patient."""

    nhs_number = Text(max_length=20, required=False, allow_blank=True)


class NewPatientInput(PatientInput):
    """A person to register; with ``allow_duplicate`` even if an identical one exists."""

    allow_duplicate = serializers.BooleanField(default=False)

    def validate(self, fields):
        allow_duplicate = fields.pop("allow_duplicate")
        return {"candidate": super().validate(fields), "allow_duplicate": allow_duplicate}


class PatientView(ApiView):
    """What the endpoints of patients share."""

    tag = "Patients"
    is_personal = True
    output = PatientOutput

    def answer_patient(self, patient, status=200, **headers):
        return self.answer(PatientOutput(patient).data, status, {"ETag": etag(patient), **headers})


class Patients(PatientView):
    """Search or list patients; write one down."""

    scopes = {"GET": READ, "POST": WRITE}

    @operation(query=PatientFilters, many=True)
    def get(self, request):
        """Search patients, best match first, or list them all in pages; with `updated_since` archived ones too."""
        if search := self.parameters.get("search"):
            patients = search_patients(search, limit=self.parameters["limit"])
            return self.answer(PatientOutput(patients, many=True).data, next_cursor=None, has_more=False)
        changes = {name: value for name, value in self.filters.items() if name != "search"}
        patients = self.paginate_queryset(Patient.objects.filter(**changes or {"archived_at": None}))
        return self.get_paginated_response(PatientOutput(patients, many=True).data)

    @operation(
        name="create_patient",
        body=NewPatientInput,
        status=[201],
        has_etag=True,
        has_location=True,
        refusals=[PatientExists, NhsNumberTaken],
    )
    def post(self, request):
        """Write a patient down. One with the same names, birth date and e-mail is not written twice."""
        patient = patients.register(**self.body(), actor=self.key.actor)
        return self.answer_patient(patient, 201, Location=request.build_absolute_uri(f"{request.path}/{patient.pk}"))


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
        refusals=[NhsNumberTaken],
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
        return self.answer({name: written[name] for name in ChangedPatientOutput.always}, 200, {"ETag": etag(patient)})

    def patient(self, id):
        return get_object_or_404(Patient, pk=id, archived_at=None)
