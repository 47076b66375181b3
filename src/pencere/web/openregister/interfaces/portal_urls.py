"""Addresses of the API: below the root, for one language needs no other address there."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from pencere.web.openregister.interfaces.api import files, lists, register


class Form(StringConverter):
    """The end of a file's name: `csv`, `ndjson.gz`."""

    regex = "[a-z]{2,8}(?:[.]gz)?"


class Kind(StringConverter):
    """A kind of thing: `public-service`."""

    regex = "[a-z][a-z-]{1,30}"


register_converter(Form, "registry_form")
register_converter(Kind, "registry_kind")

BASE = "api/registry/v1"
plain_urlpatterns = [
    path(f"{BASE}/openapi.json", register.openapi, name="registry_api"),
    path(f"{BASE}/systems", register.systems, name="registry_api_systems"),
    path(f"{BASE}/systems/<slug:body>/<slug:code>", register.system, name="registry_api_system"),
    path(
        f"{BASE}/systems/<slug:body>/<slug:code>/versions",
        register.versions,
        name="registry_api_versions",
    ),
    path(
        f"{BASE}/systems/<slug:body>/<slug:code>/versions/<int:number>/services/<slug:service>/openapi",
        register.version_openapi,
        name="registry_api_version_openapi",
    ),
    path(f"{BASE}/services", register.services, name="registry_api_services"),
    path(
        f"{BASE}/services/<slug:body>/<slug:system>/<slug:code>/openapi",
        register.service_openapi,
        name="registry_api_service_openapi",
    ),
    path(f"{BASE}/agreements", register.agreements, name="registry_api_agreements"),
    path(f"{BASE}/agreements/<str:key>", register.agreement, name="registry_api_agreement"),
    path(f"{BASE}/uses", register.uses, name="registry_api_uses"),
    path(f"{BASE}/statistics.<registry_form:form>", register.figures, name="registry_api_figures"),
    path(f"{BASE}/codelists", lists.code_lists, name="registry_api_code_lists"),
    path(
        f"{BASE}/codelists/<slug:key>.<registry_form:form>",
        lists.code_list_file,
        name="registry_api_code_list_file",
    ),
    path(f"{BASE}/codelists/<slug:key>", lists.code_list, name="registry_api_code_list"),
    path(
        f"{BASE}/codelists/<slug:key>/versions/<int:number>",
        lists.code_list_version,
        name="registry_api_code_list_version",
    ),
    path(
        f"{BASE}/codelists/<slug:key>/versions/<int:number>/changes",
        lists.code_list_changes,
        name="registry_api_code_list_changes",
    ),
    path(f"{BASE}/bulk", files.bulk_list, name="registry_api_bulk"),
    path(
        f"{BASE}/bulk/<registry_kind:kind>.<registry_form:form>",
        files.bulk_file,
        name="registry_api_bulk_file",
    ),
    path(
        f"{BASE}/export/<registry_kind:what>.<registry_form:form>",
        files.export,
        name="registry_api_export",
    ),
    path("registry/id/<registry_kind:kind>/<path:key>", files.stable, name="registry_stable"),
]
