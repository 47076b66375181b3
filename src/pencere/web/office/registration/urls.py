"""Addresses of the registration authority's desk. No personal number stands in one."""

from django.urls import path

from pencere.web.office.registration import acts, applications, home, mass, officers, person

_ACT = "registration/acts/<uuid:act_id>/"
_APPLICATION = "registration/applications/<uuid:application_id>/"

urlpatterns = [
    path("registration/", home.show, name="registration"),
    path("registration/person/", person.show, name="registration_person"),
    path("registration/person/act/", person.open_act, name="registration_open"),
    path("registration/applications/new/", applications.begin, name="registration_new"),
    path("registration/applications/open/", applications.confirm, name="registration_confirm"),
    path(_APPLICATION, applications.show, name="registration_application"),
    path(f"{_APPLICATION}act/", applications.open_act, name="registration_application_act"),
    path("registration/mass/", mass.show, name="registration_mass"),
    path("registration/mass/open/", mass.open_act, name="registration_mass_open"),
    path("registration/officers/", officers.show, name="registration_officers"),
    path(_ACT, acts.show, name="registration_act"),
    path(f"{_ACT}sign/", acts.sign, name="registration_sign"),
    path(f"{_ACT}wait/", acts.wait, name="registration_wait"),
    path(f"{_ACT}state/", acts.state, name="registration_state"),
    path(f"{_ACT}cancel/", acts.cancel, name="registration_cancel"),
    path(f"{_ACT}withdraw/", acts.withdraw, name="registration_withdraw"),
]
