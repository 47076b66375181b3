"""Address of the living page of components."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse

from pencere.web.portal.components_page.views import components
from pencere.web.rules import public, rule


@rule(public)
def in_a_language(_request: HttpRequest) -> HttpResponse:
    """Lead `/components` to the page in the reader's language."""
    return HttpResponseRedirect(reverse("components"))


urlpatterns = [path("components/", components, name="components")]
plain_urlpatterns = [path("components", in_a_language, name="components_plain")]
