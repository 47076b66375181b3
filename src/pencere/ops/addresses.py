"""Under which addresses others reach an installation.

`data/addresses.yaml` is optional; without it everything is on this machine:

    office: https://office.gov.az:443          # the state register: nodes join, fetch the directory
    trust: http://trust.gov.az                 # time-stamps, OCSP, lists; stands in certificates
    enrolment: https://acme.gov.az:8091        # where machines' certificates are renewed
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from pencere.kernel.datafile import Node
from pencere.ops.installation import Installation

FILE = "addresses.yaml"
_EXAMPLES = {
    "office": "https://office.gov.az",
    "trust": "http://trust.gov.az",
    "enrolment": "https://acme.gov.az:8091",
}


@dataclass(frozen=True)
class Addresses:
    """Addresses without a slash at the end."""

    office: str
    trust: str
    enrolment: str

    @classmethod
    def of(cls, installation: Installation) -> "Addresses":
        """Read what the installation states.

        Raises:
            Misconfigured: an address cannot be meant.
        """
        here = {
            "office": installation.address("office"),
            "trust": installation.address("trust"),
            "enrolment": f"https://127.0.0.1:{installation.port('trust-tls')}",
        }
        file = installation.data / FILE
        if file.exists():
            node = Node.of_file(file)
            for key in node.values:
                if key not in _EXAMPLES:
                    raise node.wrong(key, ", ".join(_EXAMPLES))
                here[str(key)] = _address(node, str(key))
        return cls(**here)

    @property
    def time_stamps(self) -> str:
        """Where time-stamps are had."""
        return f"{self.trust}/tsa"


def _address(node: Node, key: str) -> str:
    value = node.values.get(key)
    parts = urlsplit("")
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        is_good = (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and not (parts.query or parts.fragment or parts.username)
            and parts.path in {"", "/"}
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        is_good = False
    if not is_good or (key == "enrolment" and parts.scheme != "https"):
        raise node.wrong(key, _EXAMPLES[key])
    return f"{parts.scheme}://{parts.netloc}"
