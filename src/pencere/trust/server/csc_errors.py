"""Our reasons in the words of the interface: an error name, and our code as its description.

CSC API v1 section 10.1, v2 section 10.1; RFC 6749 section 5.2.
"""

_NAMES = {
    "remote.pin_wrong": ("invalid_pin", 400),
    "remote.pin_blocked": ("invalid_pin", 400),
    "remote.code_wrong": ("invalid_otp", 400),
    "remote.refused": ("access_denied", 403),
    "remote.certificate": ("invalid_request", 400),
    "remote.missing": ("invalid_request", 400),
    "consent.over": ("invalid_request", 400),
    "client.unknown": ("invalid_client", 401),
    "client.grant": ("unauthorized_client", 400),
    "client.redirect_uri": ("invalid_request", 400),
    "grant.code": ("invalid_grant", 400),
    "grant.refresh": ("invalid_grant", 400),
    "grant.type": ("unsupported_grant_type", 400),
    "grant.scope": ("invalid_scope", 400),
}
_BY_STATUS = {401: "invalid_token", 403: "access_denied", 503: "service_unavailable"}


def csc_error(code: str, status: int) -> tuple[str, int]:
    """Return the name of an error and the status it is answered with."""
    if code in _NAMES:
        return _NAMES[code]
    if status == 404:
        status = 400  # the interface knows no resources, only requests
    return _BY_STATUS.get(status, "server_error" if status >= 500 else "invalid_request"), status
