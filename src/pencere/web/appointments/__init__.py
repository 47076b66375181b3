"""Appointments: slots of bodies, booked one person at a time. docs/specs/appointments.md."""
