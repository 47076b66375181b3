"""Django's template backend over the environments of the languages."""

from typing import Any

from django.http import HttpRequest
from django.template import TemplateDoesNotExist
from django.template.backends.base import BaseEngine
from django.template.backends.utils import csrf_input_lazy, csrf_token_lazy
from jinja2 import Template, TemplateNotFound
from markupsafe import Markup

from pencere.web.jinja.environment import environment
from pencere.web.jinja.place import place_of
from pencere.web.texts import current_language


class Pages(BaseEngine):
    """Renders a template in the language of the request."""

    app_dirname = "pages"

    def __init__(self, params: dict[str, Any]) -> None:
        params = dict(params)
        params.pop("OPTIONS", None)
        super().__init__(params)

    def get_template(self, template_name: str) -> "Page":
        """Find a template by its path below `pencere/web`."""
        return Page(template_name)


class Page:
    """A template that is looked up in the language of the moment it is rendered."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._template()

    def render(
        self, context: dict[str, Any] | None = None, request: HttpRequest | None = None
    ) -> str:
        """Render with what every page knows of its request."""
        facts = {} if context is None else dict(context)
        if request is not None:
            facts.update(
                request=request,
                place=place_of(request),
                visit=getattr(request, "visit", None),
                csrf_input=_Late(request),
                csrf_token=csrf_token_lazy(request),
            )
        return self._template().render(facts)

    def _template(self) -> Template:
        try:
            return environment(current_language()).get_template(self.name)
        except TemplateNotFound as fault:
            raise TemplateDoesNotExist(str(fault.name or self.name)) from fault


class _Late:
    """The hidden CSRF field, made only when a page asks: making it sets a cookie."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def __html__(self) -> str:
        return Markup(str(csrf_input_lazy(self._request)))  # noqa: S704 - Django's own field

    __str__ = __html__
