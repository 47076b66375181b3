"""Addresses of the accountant's desk."""

from django.urls import path

from pencere.web.office.money import acts, views

urlpatterns = [
    path("money/", views.show, name="money"),
    path("money/days/<slug:day>/", views.day, name="money_day"),
    path("money/days/<slug:day>/csv/", views.download, name="money_csv"),
    path("money/days/<slug:day>/compare/", acts.compare, name="money_compare"),
    path("money/days/<slug:day>/close/", acts.close, name="money_close"),
    path("money/differences/<int:difference_id>/", acts.resolve, name="money_resolve"),
    path("money/differences/<int:difference_id>/answer/", acts.answer, name="money_answer"),
    path("money/refunds/<uuid:refund_id>/retry/", acts.retry, name="money_retry"),
]
