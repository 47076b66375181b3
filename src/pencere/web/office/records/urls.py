"""Addresses of the registrar's desk."""

from django.urls import path

from pencere.web.office.records import acts, extracts, views

urlpatterns = [
    path("records/", views.show, name="records"),
    path("records/in/<slug:subsystem>/<slug:name>/", views.find, name="records_find"),
    path("records/<str:look>/", views.found, name="records_found"),
    path("records/<str:look>/new/", acts.create, name="records_new"),
    path("records/<str:look>/<int:record>/", views.record, name="records_record"),
    path("records/<str:look>/<int:record>/extract/", extracts.give, name="records_extract"),
    path("records/<str:look>/<int:record>/<str:act>/", acts.change, name="records_act"),
]
