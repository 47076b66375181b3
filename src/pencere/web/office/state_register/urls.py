"""Addresses of the state register at the desk. No personal number stands in one."""

from django.urls import path, re_path

from pencere.web.office.state_register import (
    accord_signing,
    accords,
    agreements,
    applications,
    newer_data,
    nodes,
    systems,
    tasks,
)

_APPLICATION = "register/applications/<str:number>/"
_ACCORD = "register/accords/<str:number>/"

urlpatterns = [
    path("register/", tasks.show, name="register"),
    path("register/systems/", systems.show_list, name="register_systems"),
    path("register/systems/<str:body>/<str:code>/", systems.show, name="register_system"),
    path("register/duties/<int:duty>/done/", systems.duty_done, name="register_duty_done"),
    re_path(
        r"^register/documents/(?P<sha256>[0-9a-f]{64})/$",
        systems.document,
        name="register_document",
    ),
    path("register/applications/", applications.begin, name="register_begin"),
    path(_APPLICATION, applications.show, name="register_application"),
    path(f"{_APPLICATION}sections/<str:code>/", applications.section, name="register_section"),
    path(f"{_APPLICATION}once/", applications.once, name="register_once"),
    path(f"{_APPLICATION}send/", applications.submit, name="register_send"),
    path(f"{_APPLICATION}decide/", applications.decide, name="register_decide"),
    path(f"{_APPLICATION}withdraw/", applications.withdraw, name="register_withdraw"),
    path("register/accords/", accords.begin, name="register_accord_begin"),
    path(_ACCORD, accords.show, name="register_accord"),
    path(f"{_ACCORD}edit/", accords.edit, name="register_accord_edit"),
    path(f"{_ACCORD}step/", accords.do, name="register_accord_step"),
    path(f"{_ACCORD}sign/", accord_signing.sign, name="register_accord_sign"),
    path(f"{_ACCORD}wait/", accord_signing.wait, name="register_accord_wait"),
    path(f"{_ACCORD}state/", accord_signing.state, name="register_accord_state"),
    path(f"{_ACCORD}cancel/", accord_signing.cancel, name="register_accord_cancel"),
    re_path(
        r"^register/accords/(?P<number>[A-Z0-9-]+)/file\.(?P<kind>pdf|asics)$",
        accord_signing.file,
        name="register_accord_file",
    ),
    path(
        "register/agreements/<str:agreement_id>/", agreements.agreement, name="register_agreement"
    ),
    path(
        "register/agreements/<str:agreement_id>/step/",
        agreements.agreement_do,
        name="register_agreement_step",
    ),
    path("register/country-data/", newer_data.show, name="register_newer_data"),
    path(
        "register/country-data/<str:body>/<str:code>/draft/",
        newer_data.draft,
        name="register_newer_data_draft",
    ),
    path("register/nodes/", nodes.show, name="register_nodes"),
    path("register/nodes/<int:node>/step/", nodes.do, name="register_node_step"),
    path("register/nodes/tokens/", nodes.make_token, name="register_token_make"),
    path("register/nodes/tokens/<str:token>/end/", nodes.end_token, name="register_token_end"),
]
