"""Addresses of a case."""

from django.urls import path, register_converter

from pencere.web.office.case import deciding, extending, files, messaging, showing, taking
from pencere.web.office.number import CaseNumber

register_converter(CaseNumber, "case_number")

_CASE = "cases/<case_number:number>/"

urlpatterns = [
    path("cases/next/", taking.take_next, name="office_take_next"),
    path(_CASE, showing.show, name="office_case"),
    path(f"{_CASE}take/", taking.take, name="office_take"),
    path(f"{_CASE}hand-over/", taking.hand_over, name="office_hand_over"),
    path(f"{_CASE}decide/", deciding.decide, name="office_decide"),
    path(f"{_CASE}extend/", extending.extend, name="office_extend"),
    path(f"{_CASE}messages/", messaging.show, name="office_messages"),
    path(f"{_CASE}proposal/", deciding.answer_proposal, name="office_proposal"),
    path(f"{_CASE}files/<uuid:attachment_id>", files.show, name="office_file"),
]
