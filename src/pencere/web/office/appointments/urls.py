"""Addresses of appointments at the desk."""

from django.urls import path

from pencere.web.office.appointments import views

urlpatterns = [
    path("appointments/", views.show, name="office_appointments"),
    path("appointments/close/", views.close_day, name="office_day_close"),
    path("appointments/slots/<int:slot_id>/close/", views.close_slot, name="office_slot_close"),
    path(
        "appointments/bookings/<uuid:booking_id>/visit/", views.visited, name="office_booking_visit"
    ),
]
