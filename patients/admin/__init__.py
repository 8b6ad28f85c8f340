"""Django admin for patients, and for pairs of records that may be one person."""

from patients.admin.duplicates import PossibleDuplicateAdmin
from patients.admin.patients import PatientAdmin

__all__ = ["PatientAdmin", "PossibleDuplicateAdmin"]
