"""The site of the staff's pages. It stands outside booking.admin, whose modules register with it."""

from django.contrib.admin import AdminSite


class ClinicSite(AdminSite):
    site_header = site_title = "Holdfast"
    index_title = "The clinic"
