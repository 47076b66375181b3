"""A service in one file, to carry it between installations: export and import give back the same.

A ZIP of the folder: `service.yaml`, `cases.yaml`, templates, and the same of earlier versions under
`versions/<n>/<id>/`. The bytes depend on the content alone.
"""

import io
import re
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from pencere.kernel.errors import Conflict, Invalid
from pencere.services.definition import FILE, load
from pencere.services.lints import Finding, Surroundings, lint
from pencere.services.model.definition import Definition

LARGEST_BYTES = 10 * 1024 * 1024
MOST_FILES = 500
# The first day that a ZIP can say.
_NO_DAY = (1980, 1, 1, 0, 0, 0)
_NAME = re.compile(
    r"(versions/[1-9][0-9]{0,4}/[a-z][a-z0-9-]{0,63}/)?(service\.yaml|cases\.yaml|[a-z0-9][a-z0-9_-]{0,63}\.typ)"
)


def export_service(definition: Definition) -> bytes:
    """Return the service with all its versions."""
    found = {
        path.relative_to(definition.folder).as_posix(): path
        for path in definition.folder.rglob("*")
        if path.is_file()
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(name for name in found if _NAME.fullmatch(name)):
            info = zipfile.ZipInfo(f"{definition.service}/{name}", _NO_DAY)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, found[name].read_bytes())
    return made.getvalue()


def import_service(content: bytes, around: Surroundings) -> tuple[Path, list[Finding]]:
    """Put a service into the country's folder when nothing is wrong with it; say where, or what is.

    A version that is here already stays as it was: the file must hold it unchanged.

    Raises:
        Invalid: `package.damaged`, `package.name` for a file that belongs to no service.
        Conflict: `package.version` when a version that is here would change or get lost.
        Misconfigured: the definition cannot be read.
    """
    files = read_package(content)
    service = next(iter(files)).partition("/")[0]
    services = around.country.folder / "services"
    with tempfile.TemporaryDirectory(dir=services, prefix=".import-") as made:
        folder = Path(made) / service
        for name, data in files.items():
            target = Path(made) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        definition = load(folder)
        place = services / service
        _check_versions(versions_of(place), versions_of(folder), service)
        findings = lint(definition, around)
        if findings:
            return place, findings
        if place.exists():
            place.rename(Path(made) / "before")
        shutil.copytree(folder, place)
    return place, []


def read_package(content: bytes) -> Mapping[str, bytes]:
    """Return the files of a package by path, `<service>/service.yaml` and the rest.

    Raises:
        Invalid: `package.damaged`, `package.name` for a file that belongs to no service.
    """
    if len(content) > LARGEST_BYTES:
        raise Invalid("package.damaged", reason="larger than 10 MiB")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [one for one in archive.infolist() if not one.is_dir()]
            if len(entries) > MOST_FILES or sum(one.file_size for one in entries) > LARGEST_BYTES:
                raise Invalid("package.damaged", reason="more than a service holds")
            found = {one.filename: archive.read(one) for one in entries}
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError) as problem:
        raise Invalid("package.damaged", reason="no ZIP") from problem
    services = set()
    for name in found:
        service, _, rest = name.partition("/")
        if not _NAME.fullmatch(rest) or PurePosixPath(name).is_absolute():
            raise Invalid("package.name", name=name[:120])
        services.add(service)
    if len(services) != 1 or f"{next(iter(services), '')}/{FILE}" not in found:
        raise Invalid("package.damaged", reason=f"one folder with {FILE} is needed")
    return found


def versions_of(folder: Path) -> dict[int, Definition]:
    """Return every version that stands in a service's folder, by number; none: no such folder.

    Raises:
        Misconfigured: a definition cannot be read.
    """
    if not (folder / FILE).is_file():
        return {}
    newest = load(folder)
    older = [
        load(file.parent) for file in sorted(folder.glob(f"versions/*/{newest.service}/{FILE}"))
    ]
    return {one.version: one for one in (*older, newest)}


def _check_versions(
    here: Mapping[int, Definition], brought: Mapping[int, Definition], service: str
) -> None:
    for version, definition in here.items():
        other = brought.get(version)
        if other is None or other.sha256 != definition.sha256:
            raise Conflict("package.version", service=service, version=version)
