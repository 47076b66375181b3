"""What the country's files say of systems and agreements, in the shapes of the register."""

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pencere.countries.country import Country
from pencere.registers.definition import Definition
from pencere.registers.lint import load_registers
from pencere.registers.openapi import describe_one
from pencere.web.stateregister.domain.description import EMPTY
from pencere.web.stateregister.domain.exchange_data import EVENTS, ServiceEntry, read_exchange
from pencere.web.stateregister.domain.vocabulary import read

# The files that were read last, by the folder, with when each was written.
_kept: dict[Path, tuple[frozenset[tuple[Path, int]], "CountryFile"]] = {}


def country_file(country: Country) -> "CountryFile":
    """Return the files as they are now; read anew only when one of them was written.

    Raises:
        Misconfigured: file, key, value and a valid example.
    """
    stamp = frozenset((one, one.stat().st_mtime_ns) for one in country.folder.rglob("*.yaml"))
    if country.folder not in _kept or _kept[country.folder][0] != stamp:
        _kept.clear()
        _kept[country.folder] = (stamp, CountryFile(country))
    return _kept[country.folder][1]


class CountryFile:
    """The files as they were read; nothing here reads the register.

    Raises:
        Misconfigured: file, key, value and a valid example.
    """

    def __init__(self, country: Country) -> None:
        self._country = country
        self._definitions = load_registers(country)
        self.data = read_exchange(country)
        self.vocabulary = read(country)
        self._contents: dict[str, dict[str, Any]] = {}

    def documents(self, key: str) -> list[bytes]:
        """Return the OpenAPI documents of a system's services; a register's is made of it."""
        return [made for one in self._services(key) if (made := self._document(one))]

    def content(self, key: str) -> dict[str, Any]:
        """Return the description of a system that `exchange.yaml` names; not to be changed."""
        if key not in self._contents:
            self._contents[key] = self._content(key)
        return self._contents[key]

    def _content(self, key: str) -> dict[str, Any]:
        entry, vocabulary = self.data.systems[key], self.vocabulary
        content = copy.deepcopy(dict(EMPTY))
        content |= {
            "names": entry.names.as_mapping(),
            "purpose": entry.names.as_mapping(),
            "operator": entry.body,
            "legal_bases": [{"act": entry.legal_basis, "article": ""}],
            "contacts": [
                {"unit": self._country.body(entry.body).names.az, "phone": "", "email": ""}
            ],
            "objects": [
                _object(definition, vocabulary.fields.get(code, {}))
                for code, definition in self._definitions.items()
                if code.startswith(f"{entry.code}/") and definition.owner == entry.body
            ],
            "services": [self._service(one) for one in self._services(key)],
        }
        said = vocabulary.founding.get(key)
        if said is None:
            return content
        persons = said.values.get("persons")
        if not isinstance(persons, int):
            raise said.wrong("persons", 1000)
        content |= {
            "purpose": said.text("purpose").as_mapping(),
            "operator": said.string("operator", entry.body),
            "persons": {"who": list(said.strings("who", ("citizens",))), "count": persons},
            "personal_classes": list(said.strings("classes", ("ordinary",))),
            "sources": [
                *([{"kind": "own"}] if content["objects"] else []),
                *(
                    {"kind": "register", "system": one}
                    for one in said.strings("sources", ("bpqmi/population",))
                ),
            ],
            "security_class": said.string("security_class", "3"),
            "location": {"data_centre": said.string("data_centre", "own"), "address": ""},
        }
        return content

    def _services(self, key: str) -> Iterator[ServiceEntry]:
        found = (one for one in self.data.services.values() if one.system == key)
        return iter(sorted(found, key=lambda one: one.code))

    def _service(self, of: ServiceEntry) -> dict[str, Any]:
        made = self._document(of)
        return service_said(of) | {
            "code": of.code,
            "timeout_s": 10,
            "consent": "",
            "openapi_sha256": hashlib.sha256(made).hexdigest() if made else "",
            "schemas": {},
        }

    def _document(self, of: ServiceEntry) -> bytes:
        body, _, code = of.system.partition("/")
        definition = self._definitions.get(f"{code}/{of.code}")
        if definition is None or definition.owner != body:
            return b""
        return json.dumps(describe_one(definition), ensure_ascii=False, indent=1).encode()


def service_said(of: ServiceEntry) -> dict[str, Any]:
    """Return of a service what `exchange.yaml` says."""
    is_events = of.code == EVENTS
    return {
        "names": of.names.as_mapping(),
        "kind": "REST" if is_events else "OPENAPI",
        "description": "" if is_events else "/openapi.json",
        "endpoints": [list(pair) for pair in of.endpoints],
        "demands": list(of.demands),
    }


def _object(definition: Definition, concepts: Mapping[str, str]) -> dict[str, Any]:
    properties: Any = definition.schema.get("properties")
    return {
        "code": definition.code.rpartition("/")[2],
        "names": definition.names.as_mapping(),
        "fields": [
            {
                "code": name,
                "names": properties[name].get("x-names") or {"az": name, "en": name, "ru": name},
                "concept": concepts.get(name, ""),
            }
            for name in definition.fields
        ],
    }
