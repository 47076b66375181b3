"""Addresses of payments."""

from django.urls import path

from pencere.web.payments.interfaces.callback import callback

plain_urlpatterns = [
    path("payments/callback/<slug:provider>", callback, name="payment_callback"),
]
