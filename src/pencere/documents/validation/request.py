"""A question to the validation service: the file, who is trusted, and how strictly."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pencere.documents.validation.material import Material


@dataclass(frozen=True)
class Request:
    """What is to be judged and how. Certificates, lists and answers are DER; `at` is the present.

    `detached`: what a detached signature is over, by name. `lists`: trusted lists, XML, signed by
    one of `list_signers` or under the anchors. `online`: evidence that is missing is asked for.
    """

    content: bytes
    anchors: tuple[bytes, ...]
    at: datetime
    detached: Mapping[str, bytes] = field(default_factory=dict)
    policy: str = "pencere"
    extra: Material = field(default_factory=Material)
    lists: tuple[bytes, ...] = ()
    list_signers: tuple[bytes, ...] = ()
    online: bool = False
    wants_xml: bool = False
    seconds: float = 10.0
