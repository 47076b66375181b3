"""Addresses of the window."""

from django.urls import path

from pencere.web.portal.window import (
    access,
    appointment,
    cases,
    contact,
    data,
    home,
    messaging,
    notices,
    payments,
    satisfied,
)

EMAIL, SMS = {"channel": "email"}, {"channel": "sms"}

urlpatterns = [
    path("window/", home.home, name="window"),
    path("window/notices/", notices.listed, name="notifications"),
    path("window/notices/mail/", contact.settings_page, EMAIL, name="notifications_mail"),
    path("window/notices/sms/", contact.settings_page, SMS, name="notifications_sms"),
    path("window/notices/offers/", notices.wish_for_offers, name="notifications_offers"),
    path("window/notices/<uuid:message_id>/", notices.one, name="notification"),
    path("window/data/", data.registers_page, name="my_data"),
    path("window/data/<slug:subsystem>/<slug:name>/", data.one, name="my_data_register"),
    path("window/access/", access.listed, name="access_log"),
    path("window/access/<slug:subsystem>/<str:exchange>/", access.proof, name="access_proof"),
    path("window/payments/", payments.listed, name="payments"),
    path("window/payments/<uuid:charge_id>/", payments.receipt, name="payment_receipt"),
    path("cases/<str:number>/", cases.case, name="case"),
    path("cases/<str:number>/state/", cases.state, name="case_state"),
    path("cases/<str:number>/answer/", cases.answer, name="case_answer"),
    path("cases/<str:number>/messages/", messaging.show, name="case_messages"),
    path("cases/<str:number>/satisfied/", satisfied.satisfied, name="case_satisfied"),
    path("cases/<str:number>/appointment/", appointment.show, name="case_appointment"),
    path(
        "cases/<str:number>/appointment/cancel/",
        appointment.cancel,
        name="case_appointment_cancel",
    ),
    path("cases/<str:number>/appointment.ics", appointment.calendar, name="case_appointment_file"),
    path("cases/<str:number>/withdraw/", cases.withdraw, name="case_withdraw"),
    path("cases/<str:number>/receipt.pdf", cases.receipt, name="case_receipt"),
]
