"""Addresses of documents."""

from django.urls import path

from pencere.web.portal.documents import views

urlpatterns = [
    path("documents/", views.listed, name="documents"),
    path("documents/<str:code>/", views.one, name="document"),
    path("documents/<str:code>/file.pdf", views.file, name="document_file"),
]
