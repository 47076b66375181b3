"""The pages that a stranger implements from say what the code does."""

import re
from importlib import resources
from pathlib import Path

from pencere.simulators.phones import link
from pencere.trust import devices
from pencere.trust.mobile import verification_code
from pencere.trust.profile import load_profile
from pencere.trust.sessions import Result

SPECS = Path(__file__).parents[2] / "docs" / "specs"
MOBILE = (SPECS / "mobile-signing.md").read_text("utf-8")


def test_the_codes_of_the_page_are_the_codes_shown() -> None:
    rows = re.findall(r"^\| ([0-9a-f]{2}) \| ([0-9a-f]{2}) \| ([0-9]{4}) \|$", MOBILE, re.M)

    found = [verification_code(bytes.fromhex(first + "11" * 30 + last)) for first, last, _ in rows]

    assert (found, len(rows)) == ([code for _, _, code in rows], 5)


def test_both_sides_sign_the_challenge_as_the_page_says() -> None:
    written = re.search(r"`([0-9a-f ]{50,})`", MOBILE)

    assert written is not None
    prefix = bytes.fromhex(written[1])
    assert (prefix, prefix) == (devices.CHALLENGE_PREFIX, link.CHALLENGE_PREFIX)


def test_the_page_explains_every_result() -> None:
    explained = re.findall(r"^\| ([A-Z_]{2,}) \|", MOBILE, re.M)

    assert explained == [result.value for result in sorted(Result, key=explained.index)]


def test_the_table_of_profiles_is_complete() -> None:
    page = (SPECS / "certificates.md").read_text("utf-8")
    table = page.partition("## Profiles")[2].partition("\n## ")[0]
    listed = dict(re.findall(r"^\| ([a-z-]+) \| [^|]+\| ([^|]+) \|", table, re.M))
    usage = {"digital_signature": "digitalSignature", "content_commitment": "contentCommitment"}
    files = (resources.files("pencere.trust") / "profiles").iterdir()
    names = {file.name.removesuffix(".yaml") for file in files} - {"authority"}
    profiles = [load_profile(name) for name in names]

    assert listed == {
        "profile": "key usage (critical)",
        **{
            one.name: ", ".join(usage[name] for name in sorted(one.key_usage))
            for one in profiles
            if not one.ca and not one.is_experimental
        },
    }
