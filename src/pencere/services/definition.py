"""Reading a service definition from its folder."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from types import MappingProxyType

from pencere.kernel.errors import Misconfigured
from pencere.kernel.text import Text
from pencere.rules.yamlfile import load_yaml
from pencere.services import model, schemas
from pencere.services.reading import Node

FILE = "service.yaml"


def load(folder: Path) -> model.Definition:
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
    questions = tuple(_question(node) for node in root.nodes("questions"))
    documents = {key: _document(key, node) for key, node in root.named("documents")}
    for document_id, document in documents.items():
        if not (folder / document.template).is_file():
            raise Misconfigured(
                file=file,
                key=f"documents.{document_id}.template",
                value=document.template,
                example=f"a file beside {FILE}",
            )
    acts = tuple(_basis(node) for node in root.nodes("basis"))
    return model.Definition(
        service=root.text("service"),
        version=root.integer("version"),
        in_force=root.day("in_force"),
        authority=root.text("authority"),
        names=root.words("names"),
        summary=root.words("summary"),
        audience=root.texts("audience"),
        life_events=root.texts("life_events"),
        assurance=model.Assurance(root.text("assurance")),
        signature=model.SignatureLevel(root.text("signature")),
        declaration=root.words("declaration"),
        result=root.text("result"),
        result_text=root.words("result_text"),
        basis=acts,
        term=_term(root.node("term")),
        fee=_fee(root.node("fee")) if root.has("fee") else None,
        needs=tuple(
            model.Need(node.words("text"), from_state=node.flag("from_state"))
            for node in root.nodes("needs")
        ),
        facts=tuple(_fact(key, node, acts[0].act) for key, node in root.named("facts")),
        eligible=tuple(_condition(node) for node in root.nodes("eligible")),
        questions=questions,
        documents=MappingProxyType(documents),
        states=MappingProxyType({key: _state(key, node) for key, node in case.named("states")}),
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
    )


def content_hash(folder: Path, templates: Sequence[str]) -> str:
    """Return the hex SHA-256 of the definition and its templates: what a version is pinned by."""
    digest = hashlib.sha256()
    for name in [FILE, *sorted(set(templates))]:
        content = (folder / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _question(node: Node) -> model.Question:
    choices = tuple(
        model.Choice(
            value,
            Text(choice.text("az"), choice.text("en"), choice.text("ru")),
            choice.maybe_words("hint"),
        )
        for value, choice in node.named("one_of")
    )
    kind = model.QuestionType(node.text("type") if node.has("type") else "one_of")
    images = ("image/jpeg", "image/png")
    default_accept = images if kind is model.QuestionType.PHOTO else ("application/pdf", *images)
    is_file = kind in {model.QuestionType.PHOTO, model.QuestionType.FILE}
    return model.Question(
        id=node.text("id"),
        type=kind,
        ask=node.words("ask"),
        hint=node.maybe_words("hint"),
        help=node.maybe_words("help"),
        when=node.maybe_expression("when"),
        must=tuple(model.Must(m.expression("that"), m.words("say")) for m in node.nodes("must")),
        choices=choices,
        required=node.flag("required", default=True),
        minimum=node.maybe_integer("minimum"),
        maximum=node.maybe_integer("maximum"),
        accept=node.texts("accept") or (default_accept if is_file else ()),
        max_bytes=node.maybe_integer("max_bytes") or 5 * 1024 * 1024,
        offer=node.maybe_expression("offer"),
    )


def _fact(key: str, node: Node, act: str) -> model.Fact:
    roles = node.texts("to") or ("applicant", "officer")
    return model.Fact(
        id=key,
        register=node.text("from"),
        by=node.values("by"),
        purpose=node.text("purpose"),
        basis=node.text("basis") if node.has("basis") else act,
        title=node.words("title"),
        show=node.texts("show"),
        to=frozenset(model.Role(role) for role in roles),
        only=node.maybe_expression("only"),
        many=node.flag("many"),
        labels=MappingProxyType(
            {name: node.node("labels").words(name) for name in node.mapping("labels")}
        ),
    )


def _condition(node: Node) -> model.Condition:
    key = "when" if node.has("when") else "unless"
    return model.Condition(
        holds=node.expression(key),
        negated=key == "when",
        say=node.words("say"),
        instead=node.text("instead") if node.has("instead") else None,
    )


def _state(key: str, node: Node) -> model.State:
    return model.State(
        id=key,
        name=node.words("name"),
        next=node.maybe_words("next"),
        checks=tuple(_check(check) for check in node.nodes("checks")),
        then=node.maybe_text("then"),
        queue=node.maybe_text("queue"),
        body=node.maybe_text("body"),
        actions=tuple(_action(name, action) for name, action in node.named("actions")),
        asks=node.texts("asks"),
        after=_timer(node.node("after")) if node.has("after") else None,
        effects=tuple(_effect(effect) for effect in node.nodes("effects")),
        clock_stops=node.maybe_text("clock") == "stopped",
        final=node.flag("final"),
        outcome=node.maybe_text("outcome"),
        appeal=_appeal(node.node("appeal")) if node.has("appeal") else None,
    )


def _appeal(node: Node) -> model.Appeal:
    return model.Appeal(node.text("to"), node.integer("days"), node.words("text"))


def _check(node: Node) -> model.Check:
    return model.Check(
        id=node.text("id"),
        kind=model.CheckKind(node.text("kind")),
        name=node.words("name"),
        that=node.maybe_expression("that"),
        failed=node.text("failed"),
    )


def _action(key: str, node: Node) -> model.Action:
    return model.Action(
        id=key,
        name=node.words("name"),
        by=model.Role(node.text("by")),
        to=node.text("to"),
        when=node.maybe_expression("when"),
        unless=node.maybe_expression("unless"),
        reasons=tuple(
            model.Reason(reason.text("id"), reason.words("text"), _basis(reason))
            for reason in node.nodes("reasons")
        ),
        needs=frozenset(node.texts("needs")),
        four_eyes=node.flag("four_eyes"),
        ask_applicant=node.texts("ask_applicant"),
        danger=node.flag("danger"),
    )


def _effect(node: Node) -> model.Effect:
    kinds = {"write": "WRITE", "issue": "ISSUE", "tell": "TELL", "refund": "REFUND"}
    kind = next(name for name in kinds if node.has(name))
    return model.Effect(
        id=node.text("id"),
        kind=model.EffectKind[kinds[kind]],
        register=node.maybe_text("write"),
        purpose=node.maybe_text("purpose"),
        reason=node.maybe_text("reason"),
        annul=node.maybe_expression("annul"),
        create=node.values("create"),
        amend=node.maybe_expression("amend"),
        number=node.maybe_text("number"),
        document=node.maybe_text("issue"),
        values=node.values("values"),
        message=node.maybe_words("message"),
        waits_for=node.texts("waits_for"),
    )


def _basis(node: Node) -> model.Basis:
    return model.Basis(
        act=node.text("act"),
        article=node.maybe_text("article") or "",
        provisional=node.flag("provisional"),
    )


def _document(key: str, node: Node) -> model.Document:
    return model.Document(id=key, template=node.text("template"), name=node.words("name"))


def _fee(node: Node) -> model.FeeRule:
    return model.FeeRule(node.text("rule"), model.Payment(node.text("pay")))


def _term(node: Node) -> model.Term:
    length, unit = _length(node)
    return model.Term(
        length=length,
        unit=unit,
        starts=node.maybe_text("from") or "submitted",
        silence=model.Silence(node.maybe_text("silence") or "nothing"),
        silence_to=node.maybe_text("silence_to"),
    )


def _timer(node: Node) -> model.Timer:
    length, unit = _length(node)
    return model.Timer(length, unit, node.text("to"))


def _length(node: Node) -> tuple[int, model.TermUnit]:
    for unit in model.TermUnit:
        if node.has(unit.value):
            return node.integer(unit.value), unit
    return 0, model.TermUnit.WORKING_DAYS


def _iso_duration(words: str) -> str:
    number, unit = words.split()
    return f"P{number}{unit[0].upper()}"


def in_force_on(definitions: Mapping[int, model.Definition], on: date) -> model.Definition | None:
    """Return the newest version in force on a day, None when none is yet."""
    usable = [d for d in definitions.values() if d.in_force <= on]
    return max(usable, key=lambda d: (d.in_force, d.version), default=None)
