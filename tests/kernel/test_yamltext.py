"""Errors lead to the line, and no depth ends the process."""

from pathlib import Path

import pytest

from pencere.kernel.yamltext import check_depth, line_of

CONTENT = """\
service: net-permit
questions:
  - id: name
    ask: {az: a, en: b, ru: c}
  - id: net
    must:
      - that: x
        say: {az: a}
law:
  duty.fishing: 5
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("service", 1),
        ("questions", 2),
        ("questions.0.ask.en", 4),
        ("questions.1.must.0.say.az", 8),
        ("questions.1.must.0.say.ru", 8),  # missing: where it ought to stand
        ("questions.7.id", 2),
        ("law.duty.fishing", 10),
        ("(file)", 1),
    ],
)
def test_a_key_stands_on_its_line(tmp_path: Path, key: str, line: int) -> None:
    file = tmp_path / "service.yaml"
    file.write_text(CONTENT, "utf-8")

    assert line_of(file, key) == line


def test_what_is_too_deep_is_refused_before_it_is_read() -> None:
    check_depth(b"- " * 100)

    with pytest.raises(ValueError, match="deeper than 100"):
        check_depth(b"- " * 100_000)


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe", b"", b"- " * 100_000])
def test_of_what_cannot_be_read_no_line_is_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "service.yaml"
    file.write_bytes(content)

    assert line_of(file, "a.b") in {None, 1}
    assert line_of(tmp_path / "absent.yaml", "a") is None
