"""The permissions for what managers look at, which have no table of their own."""

from booking.models.bookings import Appointment


class Figures(Appointment):
    """What is counted of bookings and visits, and the lists that are taken away: a proxy that carries permissions."""

    class Meta:
        proxy = True
        default_permissions = ()
        permissions = [
            ("view_figures", "Can view the clinic's figures"),
            ("export_lists", "Can export lists as CSV or XLSX"),
        ]
        verbose_name = verbose_name_plural = "figures"
