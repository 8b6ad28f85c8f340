"""Users: a client's own ids for people, before and after the first order has said who they are."""

from django.http import Http404
from django.shortcuts import get_object_or_404

from booking.api.answers import Answer
from booking.api.dialects.junction.base import Scope, View
from booking.api.dialects.junction.inputs import UserInput
from booking.api.dialects.views import operation
from booking.domain.client_users import change_client_user, create_client_user
from booking.integrations.webhooks.junction.appointments import write_moment
from booking.models import ClientUser
from patients.models import Patient


class UserView(View):
    """What all endpoints of users share."""

    def answer_user(self, user_id, client_user_id, created_at):
        return Answer(
            {
                "user_id": str(user_id),
                "team_id": self.team_id,
                "client_user_id": client_user_id,
                "created_on": write_moment(created_at),
                "connected_sources": [],
                "fallback_time_zone": None,
                "fallback_birth_date": None,
                "ingestion_start": None,
                "ingestion_end": None,
            }
        )

    def answer_client_user(self, user):
        return self.answer_user(user.pk, user.client_user_id, user.created_at)


class Users(UserView):
    """Create a user."""

    scopes = {"POST": Scope.WRITE_PATIENTS}

    @operation(body=UserInput)
    def post(self, request):
        return self.answer_client_user(create_client_user(**self.body()))


class UserEntry(UserView):
    """Read a user, or a patient by their own id; change a user's id of the client's."""

    scopes = {"GET": Scope.READ_PATIENTS, "PATCH": Scope.WRITE_PATIENTS}

    @operation()
    def get(self, request, user_id):
        if user := ClientUser.objects.filter(pk=user_id).first():
            return self.answer_client_user(user)
        patient = get_object_or_404(Patient, pk=user_id, archived_at=None)
        return self.answer_user(patient.pk, str(patient.pk), patient.created_at)

    @operation(body=UserInput)
    def patch(self, request, user_id):
        user, changes = get_object_or_404(ClientUser, pk=user_id), self.body(partial=True)
        if changes:
            change_client_user(user, **changes)
        return self.answer_client_user(user)


class UserByClientId(UserView):
    """Find a user by the client's own id."""

    scopes = {"GET": Scope.READ_PATIENTS}

    @operation()
    def get(self, request, client_user_id):
        if "\0" in client_user_id:  # PostgreSQL refuses it
            raise Http404
        return self.answer_client_user(get_object_or_404(ClientUser, client_user_id=client_user_id[:101]))
