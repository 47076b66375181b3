"""How others use the classifiers."""

from pencere.kernel.clock import Clock


def load_country(*, clock: Clock) -> int:
    """Load the code lists of the installation's country; return how many versions are new."""
    # Models can be imported only when Django is set up.
    from pencere.web.classifiers.domain.data import read_code_lists  # noqa: PLC0415
    from pencere.web.classifiers.domain.loading import load  # noqa: PLC0415
    from pencere.web.country import country  # noqa: PLC0415

    return load(read_code_lists(country()), at=clock.now())
