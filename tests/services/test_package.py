"""A service travels in one file and comes out as it went in."""

import io
import shutil
import zipfile
from pathlib import Path

import pytest

from pencere.countries import Country
from pencere.kernel.errors import Conflict, Invalid
from pencere.services.definition import load
from pencere.services.lints import Surroundings
from pencere.services.model.definition import Definition
from pencere.services.package import export_service, import_service


def contents(folder: Path) -> dict[str, bytes]:
    return {
        one.relative_to(folder).as_posix(): one.read_bytes()
        for one in folder.rglob("*")
        if one.is_file()
    }


def zipped(**files: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return made.getvalue()


@pytest.fixture
def abroad(tmp_path: Path, island_folder: Path) -> Surroundings:
    """The same country without the service."""
    folder = tmp_path / "abroad"
    shutil.copytree(island_folder, folder)
    shutil.rmtree(folder / "services" / "net-permit")
    return Surroundings.of(Country.load_folder(folder))


def test_out_and_in_again_is_the_same(permit: Definition, abroad: Surroundings) -> None:
    packed = export_service(permit)

    place, findings = import_service(packed, abroad)

    assert (place.name, findings) == ("net-permit", [])
    assert contents(place) == contents(permit.folder)
    assert export_service(load(place)) == packed
    assert sorted(one.name for one in place.parent.iterdir()) == [
        "catalogue.yaml", "life_events.yaml", "net-permit",
    ]  # fmt: skip


def test_a_version_that_is_here_is_not_changed(permit: Definition, island: Surroundings) -> None:
    before = contents(permit.folder)
    packed = export_service(permit)
    same = import_service(packed, island)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        files = {one: archive.read(one).decode() for one in archive.namelist()}
    name = "net-permit/service.yaml"
    other = zipped(**{**files, name: files[name].replace("maximum: 50", "maximum: 51")})

    with pytest.raises(Conflict) as caught:
        import_service(other, island)

    assert same == (permit.folder, [])
    assert caught.value.facts == {"service": "net-permit", "version": 2}
    assert contents(permit.folder) == before


def test_what_is_wrong_with_it_is_told_and_nothing_is_left(
    permit: Definition, abroad: Surroundings
) -> None:
    file = permit.folder / "service.yaml"
    file.write_text(file.read_text("utf-8").replace("act: sea-act}", "act: no-act}", 1), "utf-8")

    place, findings = import_service(export_service(load(permit.folder)), abroad)

    assert [(one.key, one.line) for one in findings] == [
        ("basis.0.act", 14),
        ("facts.permit.basis", 18),
    ]
    assert not place.exists()
    assert not list(place.parent.glob(".import-*"))


@pytest.mark.parametrize(
    "name",
    [
        "net-permit/../../../evil.typ", "/net-permit/service.yaml", "net-permit/run.py",
        "net-permit/Service.YAML", "net-permit/versions/../service.yaml",
        "net-permit\\service.yaml",
    ],
)  # fmt: skip
def test_a_file_that_belongs_to_no_service_is_refused(abroad: Surroundings, name: str) -> None:
    with pytest.raises(Invalid) as caught:
        import_service(zipped(**{"net-permit/service.yaml": "x", name: "y"}), abroad)

    assert caught.value.code in {"package.name", "package.damaged"}


@pytest.mark.parametrize(
    "content", [b"", b"PK", zipped(), zipped(**{"a/cases.yaml": "x"})], ids=range(4)
)
def test_what_is_no_package_is_refused(abroad: Surroundings, content: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        import_service(content, abroad)

    assert caught.value.code == "package.damaged"


def test_what_unpacks_without_end_is_refused(abroad: Surroundings) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net-permit/service.yaml", b"0" * (11 * 1024 * 1024))

    with pytest.raises(Invalid) as caught:
        import_service(made.getvalue(), abroad)

    assert caught.value.code == "package.damaged"
