"""What `up` says at the end: where things are, who can sign in."""

from pencere.countries.country import Country
from pencere.ops.installation import Installation

_PAGES = (
    ("portal", "portal", ""),
    ("office", "office", ""),
    ("phones of the demo persons", "phones", ""),
    ("SİMA of the demo persons", "sima", ""),
    ("mail and texts sent", "post", ""),
    ("gateway, portal's node", "gateway-portal", "/r1/"),
    ("gateway, agencies' node", "gateway-agencies", "/r1/"),
    ("certification centre", "trust", "/ca/root.crt"),
)


def welcome(installation: Installation, *, took_s: float) -> str:
    """Return the lines. All persons in them are invented."""
    lines = [f"Pəncərə runs (started in {took_s:.1f} s).", ""]
    lines += [f"  {what:<28}{installation.address(role)}{path}" for what, role, path in _PAGES]
    lines += ["", "  Demo persons (invented). PIN 1 signs in, PIN 2 signs:"]
    for person in Country.load("az").demo_persons:
        if person.phone is None:
            continue
        what = ", ".join(f"{role.role} of {role.body}" for role in person.roles) or "citizen"
        lines.append(
            f"  {person.name:<30}{person.fin:<9}{person.phone:<15}"
            f"PIN {person.pin1} / {person.pin2:<7}{what}"
        )
    lines += ["", f"  Stop: pencere down --data {installation.data}   (or Ctrl-C here)"]
    return "\n".join(lines)
