"""`/oauth2/consent/...`: the page where a person sees what is asked, and answers.

Only the browser that began sees it (a cookie for this one address). PIN here, then the phone;
the page waits with the person and goes on by itself, without a script.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pencere.kernel.clock import local_date
from pencere.kernel.dates import format_date
from pencere.kernel.errors import PencereError, Refused
from pencere.kernel.identifiers import parse_fin, parse_phone
from pencere.trust import devices
from pencere.trust.mobile import verification_code
from pencere.trust.remote import consents, tokens, vault
from pencere.trust.remote.activation import Activations
from pencere.trust.remote.consents import Consent, Granted
from pencere.trust.remote.texts import section
from pencere.trust.server.csc_credential import of_person
from pencere.trust.server.oauth2 import COOKIE, back, form_of
from pencere.trust.server.pages import headers, language_of, page, sentence
from pencere.trust.server.state import State, state_of
from pencere.trust.store import Connection

WAITED_S = 20.0


async def show(request: Request) -> Response:
    """Show the question, or how far the answer is; `wait` waits for the phone."""
    state, secret = state_of(request), request.path_params["secret"]
    consent = await _load(request)
    if isinstance(consent, Response):
        return consent
    if consent.session is None:
        return await _question(request, state, consent)
    return await _waiting(request, state, consent, secret)


async def answer(request: Request) -> Response:
    """Take the person's answer: refused, or agreed to with the PIN."""
    state, secret = state_of(request), request.path_params["secret"]
    consent = await _load(request)
    if isinstance(consent, Response):
        return consent
    form, question = await form_of(request), consent.question
    if form.get("answer") == "refuse":
        await state.database(lambda connection: _refuse(connection, state, consent))
        return back(state, question.redirect_uri, question.state, error="access_denied")

    def work(connection: Connection) -> None:
        now = state.clock.now()
        if question.scope == "service":
            holder = f"PNO{state.authority.country}-{parse_fin(form.get('fin', ''))}"
            number = parse_phone(form.get("number", ""))
            device = devices.find(connection, holder, number)
            consents.ask_person(connection, consent, holder, device, at=now)
            return
        try:
            consents.ask_signer(
                connection, state.remote(), consent, secret, pin=form.get("pin", ""), at=now
            )
        except PencereError as error:
            activations = Activations(connection, state.wrapping, now)
            activations.declined(question.target, question.client, error.code)
            raise

    try:
        await state.database(work)
    except PencereError as error:
        typed = {"fin": form.get("fin", ""), "number": form.get("number", "")}
        return await _question(request, state, consent, error=error, typed=typed)
    language = language_of(request, question.language)
    place = f"/oauth2/consent/{secret}?lang={language}"
    return RedirectResponse(place, 303, headers=headers())


async def _load(request: Request) -> Consent | Response:
    state, secret = state_of(request), request.path_params["secret"]
    browser = request.cookies.get(COOKIE, "")
    try:
        return await state.database(
            lambda connection: consents.load(
                connection, secret, kind="page", browser=browser, at=state.clock.now()
            )
        )
    except PencereError as error:
        language = language_of(request)
        return page(
            "stop",
            language,
            status=error.status,
            problem=sentence(error, language),
            languages=False,
        )


async def _question(
    request: Request,
    state: State,
    consent: Consent,
    *,
    error: PencereError | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    question = consent.question
    language = language_of(request, question.language)
    signing = question.scope == "credential"
    facts: dict[str, Any] = {"key": None, "documents": [], "digest_name": ""}
    texts = {key: text.in_language(language) for key, text in section("page").items()}
    if signing:
        facts = await state.database(
            lambda connection: _signing_facts(connection, state, consent, language)
        )
        facts["documents_title"] = texts["documents"].format(count=len(question.digests))
        facts["rest_title"] = texts["all_digests"].format(count=len(question.digests) - 5)
    lead = texts["sign_lead" if signing else "access_lead"].format(client=question.client_name)
    return page(
        "consent",
        language,
        status=200 if error is None else max(error.status, 400),
        problem=None if error is None else sentence(error, language),
        may_leave_to=question.redirect_uri,
        signing=signing,
        lead=lead,
        question=question,
        bad=None if error is None else _BAD.get(error.code),
        typed=typed or {"fin": "", "number": ""},
        **facts,
    )


def _signing_facts(
    connection: Connection, state: State, consent: Consent, language: str
) -> dict[str, Any]:
    question = consent.question
    remote = vault.find(connection, question.credential or "")
    credential = of_person(connection, state, remote)
    ends = format_date(local_date(credential.certificate.not_valid_after_utc), language)
    until = section("page")["valid_until"].in_language(language).format(date=ends)
    name = question.target.hash_name
    pairs = zip(question.labels, question.digests, strict=True)
    return {
        "key": f"{credential.description}, {until}",
        "digest_name": section("page")["digest"]
        .in_language(language)
        .format(algorithm=f"SHA-{name[3:]}"),
        "documents": [{"label": label, "digest": digest.hex()} for label, digest in pairs],
    }


async def _waiting(request: Request, state: State, consent: Consent, secret: str) -> Response:
    question, session = consent.question, consent.session
    language = language_of(request, question.language)

    def look(connection: Connection) -> Granted | None:
        return consents.settle(connection, state.wrapping, consent, secret, at=state.clock.now())

    try:
        wait_s = WAITED_S if "wait" in request.query_params else 0.0
        granted = await state.wait_for(str(session), look, timeout_s=wait_s)
        if granted is not None:
            code = await state.database(
                lambda connection: tokens.issue_code(
                    connection, state.wrapping, granted, at=state.clock.now()
                )
            )
            return back(state, question.redirect_uri, question.state, code=code)
    except PencereError as error:
        if error.code == "remote.refused":
            refusal = error
            await state.database(lambda connection: _on_record(connection, state, consent, refusal))
            return back(state, question.redirect_uri, question.state, error="access_denied")
        if error.code == "consent.over":
            return page(
                "stop", language, status=403, problem=sentence(error, language), languages=False
            )
        return await _question(request, state, consent, error=error)
    digest = question.digest(consent.sha256, consent.holder or "")
    return page(
        "wait",
        language,
        refresh=f"1; url=?wait=1&lang={language}",
        languages=False,
        code=verification_code(digest),
    )


def _refuse(connection: Connection, state: State, consent: Consent) -> None:
    consents.refuse(connection, consent, at=state.clock.now())
    _on_record(connection, state, consent, Refused("remote.refused"))


def _on_record(connection: Connection, state: State, consent: Consent, error: PencereError) -> None:
    question = consent.question
    if question.scope == "credential":
        activations = Activations(connection, state.wrapping, state.clock.now())
        activations.declined(question.target, question.client, error.code)


_BAD = {
    "remote.pin_wrong": "pin",
    "remote.pin_blocked": "pin",
    "fin.invalid": "fin",
    "phone.invalid": "number",
}

routes = [
    Route("/oauth2/consent/{secret}", show, methods=["GET"], name="consent"),
    Route("/oauth2/consent/{secret}", answer, methods=["POST"], name="consent_answer"),
]
