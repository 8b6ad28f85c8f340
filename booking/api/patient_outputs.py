"""How patients are written."""

from rest_framework import serializers

from booking.api.fields import Moment
from booking.api.integration_fields import Metadata
from patients.models import Patient


class PatientOutput(serializers.ModelSerializer):
    """A person who is or was to be seen. Archived ones, perhaps merged into another, only lists of changes have."""

    phone = serializers.CharField(source="phone_with_extension")
    metadata = Metadata()
    archived_at = Moment(allow_null=True)
    merged_into_id = serializers.UUIDField(allow_null=True, help_text="The record that remains of two.")
    created_at = Moment()
    updated_at = Moment()

    class Meta:
        model = Patient
        fields = [
            "id",
            "first_name",
            "last_name",
            "date_of_birth",
            "email",
            "phone",
            "nhs_number",
            "external_id",
            "metadata",
            "archived_at",
            "merged_into_id",
            "created_at",
            "updated_at",
        ]


class ChangedPatientOutput(PatientOutput):
    """A patient, as they are now; to a key without the scope read_patients only their id and when that was."""

    always = ["id", "updated_at"]
