"""Addresses of reports."""

from django.urls import path

from pencere.web.notifications.interfaces.report import sms_report

plain_urlpatterns = [path("notices/sms/report", sms_report, name="sms_report")]
