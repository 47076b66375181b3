"""The page that asks who one is."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("language", "title"), [("az", "Daxil olun"), ("en", "Sign in"), ("ru", "Вход")]
)
def test_the_page_speaks_the_language_of_its_address(language: str, title: str) -> None:
    page = Client().get(f"/{language}/sign-in/").content.decode()

    assert f"<h1>{title}</h1>" in page
    assert f'<html lang="{language}">' in page
