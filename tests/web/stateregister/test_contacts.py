"""Contacts of a description are an office's: nobody's own number, address or FİN."""

import pytest

from pencere.kernel.errors import Invalid
from pencere.web.stateregister.domain.contacts import check, official

OFFICE = [
    ("unit", "İT şöbəsi"), ("unit", "2-ci şöbə, otaq 415"), ("unit", "Helpdesk 24/7"),
    ("phone", "+994 12 555 00 00"), ("phone", "(012) 555-00-00"), ("phone", "0125550000"),
    ("phone", "012 555 00 00, daxili 1234"), ("phone", "012 555 00 00; 108"), ("phone", "1655"),
    ("email", "it@dma.gov.az"), ("email", "Dəstək@idare.gov.az"), ("email", "help@dma.example"),
]  # fmt: skip
PRIVATE = [
    ("unit", "Əliyev Əli 5ABCDE1"), ("unit", "5abcde1"), ("unit", "şöbə, 050 123 45 67"),
    ("unit", "ali@gmail.com"),
    *(("phone", f"0{prefix} 123 45 67") for prefix in (10, 50, 51, 55, 60, 70, 77, 99)),
    ("phone", "+994501234567"), ("phone", "00994 50 123 45 67"), ("phone", "994(50)123-45-67"),
    ("phone", "012 555 00 00, 050 123 45 67"), ("phone", "012 555 00 00 / 0501234567"),
    ("phone", "012 555 00 00  0501234567"), ("phone", "zəng edin"), ("phone", "5ABCDE1"),
    ("phone", "+7 495 123 45 67"), ("phone", "0" * 200),
    ("email", "ali@gmail.com"), ("email", "ali@MAIL.RU"), ("email", "5abcde1@dma.gov.az"),
    ("email", "it@dma"), ("email", "it"), ("email", "a@b.az, c@gmail.com"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "said"), OFFICE)
def test_what_is_an_offices_stays(key: str, said: str) -> None:
    check([{key: said}])

    assert official([{key: said}]) == [{key: said}]


@pytest.mark.parametrize(("key", "said"), PRIVATE)
def test_what_may_be_a_persons_is_refused_and_never_shown(key: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        check([{"unit": "İT", key: said}])

    assert caught.value.code == f"stateregister.contact_{key}"
    assert official([{key: said}]) == []


def test_a_contact_keeps_what_is_an_offices() -> None:
    mixed = {"unit": "İT şöbəsi", "phone": "050 123 45 67", "email": "it@dma.gov.az"}

    assert official([mixed, {"unit": "", "phone": "050 123 45 67", "email": ""}]) == [
        {"unit": "İT şöbəsi", "phone": "", "email": "it@dma.gov.az"}
    ]
