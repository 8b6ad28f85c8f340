"""What managers count: bookings, visits, utilisation, revenue and waits of a period, beside the one before."""

from booking.domain.figures.compute import compute_figures
from booking.domain.figures.figure import Figure, Unit
from booking.domain.figures.selection import MAX_DAYS, Period, Selection

__all__ = ["MAX_DAYS", "Figure", "Period", "Selection", "Unit", "compute_figures"]
