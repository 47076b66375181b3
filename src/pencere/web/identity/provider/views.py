"""The provider's endpoints: the toolkit's views, with our sign-in in front and our page."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import translation
from django.utils.http import urlencode
from oauth2_provider.views import AuthorizationView

from pencere.web.middleware.language import preferred_language

# Who has just signed in need not do so again for a client that asks for a fresh sign-in.
FRESH = timedelta(seconds=90)


class Authorization(AuthorizationView):  # type: ignore[misc] # the toolkit has no types
    """Asks the person, unless the client is the state's own."""

    template_name = "identity/pages/authorize.jinja"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Speak the language the client asks for (`ui_locales`)."""
        wanted = request.GET.get("ui_locales")
        if wanted:
            translation.activate(preferred_language(wanted.replace(" ", ",")))
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def render_to_response(self, context: dict[str, Any], **more: Any) -> HttpResponseBase:
        """Show our page. The toolkit's `url` of an error would hide ours of the templates."""
        facts = {name: value for name, value in context.items() if name != "url"}
        response: HttpResponseBase = super().render_to_response(facts, **more)
        return response

    def handle_prompt_login(self) -> HttpResponse:
        """Ask to sign in again, then come back without the prompt."""
        query = self.request.GET.copy()
        del query["prompt"]
        back = f"{self.request.path}?{query.urlencode()}"
        visit = self.request.visit
        if visit is not None and settings.CLOCK.now() - visit.begun_at < FRESH:
            return HttpResponseRedirect(back)
        sign_in = reverse("sign_in")
        return HttpResponseRedirect(f"{sign_in}?{urlencode({'next': back, 'again': '1'})}")
