"""Reading a service definition from its folder."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from types import MappingProxyType

from pencere.kernel.errors import Misconfigured
from pencere.rules.yamlfile import load_yaml
from pencere.services import schemas
from pencere.services.loading.common import read_basis, read_length
from pencere.services.loading.questions import read_question, read_sections
from pencere.services.loading.states import read_reason, read_state
from pencere.services.model.common import Role
from pencere.services.model.definition import (
    Assurance,
    Condition,
    Definition,
    Document,
    Extension,
    Fact,
    FeeRule,
    Need,
    Payment,
    SignatureLevel,
    Silence,
    Term,
)
from pencere.services.reading import Node

FILE = "service.yaml"


def load(folder: Path) -> Definition:
    """Return the definition that stands in `folder`.

    Raises:
        Misconfigured: which file, which key, what it holds, what would be valid.
    """
    file = folder / FILE
    content = schemas.check(
        load_yaml(file, example="service: driving-licence-replace"), "service", file
    )
    root = Node(content, file, "")
    if content["service"] != folder.name:
        raise root.wrong("service", example=folder.name)
    case = root.node("case")
    questions = tuple(read_question(node) for node in root.nodes("questions"))
    documents = {key: _document(key, node) for key, node in root.named("documents")}
    for document_id, document in documents.items():
        if not (folder / document.template).is_file():
            raise Misconfigured(
                file=file,
                key=f"documents.{document_id}.template",
                value=document.template,
                example=f"a file beside {FILE}",
            )
    acts = tuple(read_basis(node) for node in root.nodes("basis"))
    return Definition(
        service=root.text("service"),
        version=root.integer("version"),
        in_force=root.day("in_force"),
        authority=root.text("authority"),
        names=root.words("names"),
        summary=root.words("summary"),
        audience=root.texts("audience"),
        life_events=root.texts("life_events"),
        assurance=Assurance(root.text("assurance")),
        signature=SignatureLevel(root.text("signature")),
        declaration=root.words("declaration"),
        result=root.text("result"),
        result_text=root.words("result_text"),
        basis=acts,
        term=_term(root.node("term")),
        fee=_fee(root.node("fee")) if root.has("fee") else None,
        needs=tuple(
            Need(node.words("text"), from_state=node.flag("from_state"))
            for node in root.nodes("needs")
        ),
        facts=tuple(_fact(key, node, acts[0].act) for key, node in root.named("facts")),
        eligible=tuple(_condition(node) for node in root.nodes("eligible")),
        questions=questions,
        documents=MappingProxyType(documents),
        states=MappingProxyType({key: read_state(key, node) for key, node in case.named("states")}),
        initial=case.text("initial"),
        offers=root.texts("offers"),
        retention=MappingProxyType(
            {key: _iso_duration(str(value)) for key, value in root.mapping("retention").items()}
        ),
        keywords=MappingProxyType(
            {lang: root.node("keywords").texts(lang) for lang in ("az", "en", "ru")}
        ),
        channels=root.texts("channels") or ("portal",),
        folder=folder,
        sha256=content_hash(folder, [d.template for d in documents.values()]),
        sections=read_sections(root),
    )


def content_hash(folder: Path, templates: Sequence[str]) -> str:
    """Return the hex SHA-256 of the definition and its templates: what a version is pinned by."""
    digest = hashlib.sha256()
    for name in [FILE, *sorted(set(templates))]:
        content = (folder / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _fact(key: str, node: Node, act: str) -> Fact:
    roles = node.texts("to") or ("applicant", "officer")
    return Fact(
        id=key,
        register=node.text("from"),
        by=node.values("by"),
        purpose=node.text("purpose"),
        basis=node.text("basis") if node.has("basis") else act,
        title=node.words("title"),
        show=node.texts("show"),
        to=frozenset(Role(role) for role in roles),
        only=node.maybe_expression("only"),
        many=node.flag("many"),
        labels=MappingProxyType(
            {name: node.node("labels").words(name) for name in node.mapping("labels")}
        ),
    )


def _condition(node: Node) -> Condition:
    key = "when" if node.has("when") else "unless"
    return Condition(
        holds=node.expression(key),
        negated=key == "when",
        say=node.words("say"),
        instead=node.text("instead") if node.has("instead") else None,
    )


def _document(key: str, node: Node) -> Document:
    return Document(
        id=key,
        template=node.text("template"),
        name=node.words("name"),
        side_by_side=node.flag("side_by_side"),
    )


def _fee(node: Node) -> FeeRule:
    return FeeRule(node.text("rule"), Payment(node.text("pay")))


def _term(node: Node) -> Term:
    length, unit = read_length(node)
    return Term(
        length=length,
        unit=unit,
        starts=node.maybe_text("from") or "submitted",
        silence=Silence(node.maybe_text("silence") or "nothing"),
        silence_to=node.maybe_text("silence_to"),
        extend=_extension(node.node("extend")) if node.has("extend") else None,
        warn=node.integer("warn") if node.has("warn") else 0,
    )


def _extension(node: Node) -> Extension:
    length, unit = read_length(node)
    return Extension(
        length=length,
        unit=unit,
        times=node.integer("times") if node.has("times") else 1,
        by=Role(node.maybe_text("by") or "officer"),
        reasons=tuple(read_reason(reason) for reason in node.nodes("reasons")),
    )


def _iso_duration(words: str) -> str:
    number, unit = words.split()
    return f"P{number}{unit[0].upper()}"


def in_force_on(definitions: Mapping[int, Definition], on: date) -> Definition | None:
    """Return the newest version in force on a day, None when none is yet."""
    usable = [d for d in definitions.values() if d.in_force <= on]
    return max(usable, key=lambda d: (d.in_force, d.version), default=None)
