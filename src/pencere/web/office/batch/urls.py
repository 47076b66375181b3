"""Addresses of batches."""

from django.urls import path

from pencere.web.office.batch import views

urlpatterns = [
    path("batch/", views.choose, name="office_batch"),
    path("batch/decide/", views.decide, name="office_batch_decide"),
    path("batch/<uuid:batch_id>/", views.result, name="office_batch_result"),
]
