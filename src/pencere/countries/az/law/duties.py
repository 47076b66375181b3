"""State duty (dövlət rüsumu): law of 4 December 2001, parameters in parameters/duties.yaml."""

from pencere.rules.law import Reading, rule
from pencere.rules.trace import Line


@rule("duty.driving_licence.replace")
def replace_driving_licence(law: Reading) -> list[Line]:
    """Every replacement is the issue of a licence: one duty, whatever the reason."""
    return [law.charge("duty.driving_licence.issue")]


@rule("duty.driving_licence.international")
def issue_international_permit(law: Reading) -> list[Line]:
    """An international permit has a duty of its own since 2022."""
    return [law.charge("duty.driving_licence.international")]
