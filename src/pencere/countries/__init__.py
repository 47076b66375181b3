"""The country is data: bodies, regions, calendar, purposes, registers, services, law, texts."""

from pencere.countries.country import (
    Act,
    Body,
    Calendar,
    Country,
    DayOff,
    DemoPerson,
    Names,
    Purpose,
    Region,
    Role,
)

__all__ = [
    "Act",
    "Body",
    "Calendar",
    "Country",
    "DayOff",
    "DemoPerson",
    "Names",
    "Purpose",
    "Region",
    "Role",
]
