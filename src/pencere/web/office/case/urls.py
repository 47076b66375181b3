"""Addresses of a case."""

from django.urls import path

from pencere.web.office.case import deciding, files, showing, taking

urlpatterns = [
    path("cases/<str:number>/", showing.show, name="office_case"),
    path("cases/<str:number>/take/", taking.take, name="office_take"),
    path("cases/<str:number>/hand-over/", taking.hand_over, name="office_hand_over"),
    path("cases/<str:number>/decide/", deciding.decide, name="office_decide"),
    path("cases/<str:number>/proposal/", deciding.answer_proposal, name="office_proposal"),
    path("cases/<str:number>/files/<uuid:attachment_id>", files.show, name="office_file"),
]
