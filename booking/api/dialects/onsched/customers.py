"""Customers: search, read, write down, change. For servers only: a publishable key reaches no patient."""

from functools import partial

from django.http import Http404
from django.shortcuts import get_object_or_404

from booking.api.dialects.onsched.base import Scope, View
from booking.api.dialects.onsched.inputs import CustomerQuery, PersonFields
from booking.api.dialects.onsched.outputs import write_patient
from booking.api.dialects.views import operation
from booking.domain import patients
from patients.models import Patient
from patients.search import search_patients

MAX_FOUND = 200  # a search that finds more should be narrower


class Customers(View):
    """Search customers, best match first, or list them all."""

    scopes = {"GET": Scope.READ_PATIENTS}

    @operation(query=CustomerQuery)
    def get(self, request):
        rows = Patient.objects.filter(archived_at=None).order_by("created_at", "pk")
        if email := self.parameters.get("email"):
            rows = rows.filter(email=email.strip().lower())
        if words := self.parameters.get("search"):
            rows = search_patients(" ".join(words), limit=MAX_FOUND, among=rows)
        return self.answer_page(rows, write_patient)


class CustomerNew(View):
    """Write a customer down. One with the same names, birth date and e-mail is not written twice."""

    scopes = {"POST": Scope.WRITE_PATIENTS}

    @operation(body=PersonFields)
    def post(self, request):
        patient = patients.register(self.body(), actor=self.key.actor)
        self.has_registered = True
        return self.succeed(write_patient(patient), 201)


class CustomerEntry(View):
    """Read or change a customer."""

    scopes = {"GET": Scope.READ_PATIENTS, "PUT": Scope.WRITE_PATIENTS}

    @operation()
    def get(self, request, id):
        return self.succeed(write_patient(get_object_or_404(Patient, pk=id, archived_at=None)))

    @operation(body=PersonFields)
    def put(self, request, id):
        """Change what is sent, and only that."""
        change = partial(self.body, partial=True)
        try:
            patient = patients.change(id, lambda row: change(instance=row), actor=self.key.actor)
        except Patient.DoesNotExist as error:
            raise Http404 from error
        known = write_patient(patient)
        return self.succeed(known if self.key.may(Scope.READ_PATIENTS) else {"id": patient.pk})
