"""Django admin for patients, and for pairs of records that may be one person."""

from .duplicates import PossibleDuplicateAdmin
from .patients import PatientAdmin

__all__ = ["PatientAdmin", "PossibleDuplicateAdmin"]
