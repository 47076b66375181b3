"""Pages for everybody: finding a service, using it, following it. A view app."""
