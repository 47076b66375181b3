"""Addresses of verification. `/v/<code>` stands in the QR of every document."""

from django.urls import path

from pencere.web.portal.verify import views

urlpatterns = [
    path("verify/", views.ask, name="verify"),
    path("verify/file/", views.by_file, name="verify_file"),
    path("verify/<str:code>/", views.by_code, name="verify_code"),
]
plain_urlpatterns = [path("v/<str:code>", views.short, name="verify_short")]
