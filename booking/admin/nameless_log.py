"""Django's own log of what staff have done, which shows on the first page of admin, without patients' names."""

import json

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType


class NamelessLogMixin:
    """A ModelAdmin of rows that are called after a patient: the log calls them by their ids."""

    def log_addition(self, request, obj, message):
        return self._log(request, obj, ADDITION, message)

    def log_change(self, request, obj, message):
        return self._log(request, obj, CHANGE, message)

    def _log(self, request, obj, flag, message):
        return LogEntry.objects.create(
            user_id=request.user.pk,
            content_type=ContentType.objects.get_for_model(obj, for_concrete_model=False),
            object_id=obj.pk,
            object_repr=f"{obj._meta.verbose_name} {str(obj.pk)[:8]}",
            action_flag=flag,
            change_message=message if isinstance(message, str) else json.dumps(message),
        )
