"""The app `stateregister`."""

from django.apps import AppConfig


class StateRegisterConfig(AppConfig):
    """Bodies, systems, services, nodes, agreements, and the directory made of them."""

    name = "pencere.web.stateregister"
    label = "stateregister"
