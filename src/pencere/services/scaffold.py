"""The beginning of a new service: small, complete, and passing its own checks."""

import re
from importlib.resources import files
from pathlib import Path

from pencere.kernel.errors import Misconfigured

_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def new_service(services: Path, service_id: str, authority: str, act: str, life_event: str) -> Path:
    """Write `services/<id>/` from the templates beside this module, and return it.

    Raises:
        Misconfigured: the id is not usable, or the folder is there already.
    """
    folder = services / service_id
    if not _ID.fullmatch(service_id) or len(service_id) > 64:
        raise Misconfigured(
            file=folder, key="id", value=service_id, example="driving-licence-replace"
        )
    if folder.exists():
        raise Misconfigured(file=folder, key="id", value="there already", example="another id")
    known = {
        "{{service}}": service_id,
        "{{authority}}": authority,
        "{{act}}": act,
        "{{life_event}}": life_event,
    }
    folder.mkdir(parents=True)
    for template in files("pencere.services").joinpath("new").iterdir():
        text = template.read_text("utf-8")
        for mark, value in known.items():
            text = text.replace(mark, value)
        (folder / template.name).write_text(text, "utf-8")
    return folder
