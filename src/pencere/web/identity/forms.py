"""What is typed to sign in. Whatever was typed stays as it was typed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pencere.kernel.errors import Invalid
from pencere.kernel.identifiers import Fin, Phone, is_mobile, parse_fin, parse_phone
from pencere.web.doors import safe_address
from pencere.web.texts import t

LONGEST_TYPED = 40


@dataclass(frozen=True, slots=True)
class Clean:
    """Both values as the state writes them."""

    fin: Fin
    phone: Phone


@dataclass(frozen=True, slots=True)
class SignInForm:
    """Typed values, errors by field, and the clean values when there is no error."""

    fin: str
    phone: str
    next_address: str
    errors: Mapping[str, str] = field(default_factory=dict)
    clean: Clean | None = None

    @classmethod
    def empty(cls, next_address: str) -> "SignInForm":
        """Return a form nobody typed into."""
        return cls("", "", next_address)

    @classmethod
    def of(cls, fin: Fin, phone: Phone, next_address: str) -> "SignInForm":
        """Return the form as it was sent before."""
        return cls(fin, phone, next_address)

    @classmethod
    def read(cls, posted: Mapping[str, str]) -> "SignInForm":
        """Check what was sent."""
        typed_fin = str(posted.get("fin", ""))[:LONGEST_TYPED]
        typed_phone = str(posted.get("phone", ""))[:LONGEST_TYPED]
        errors: dict[str, str] = {}
        fin, phone = None, None
        try:
            fin = parse_fin(typed_fin)
        except Invalid:
            errors["fin"] = t("sign_in.fin_wrong")
        try:
            phone = parse_phone(typed_phone)
        except Invalid:
            phone = None
        if phone is None or not is_mobile(phone):
            errors["phone"] = t("sign_in.phone_wrong")
        return cls(
            fin=typed_fin,
            phone=typed_phone,
            next_address=safe_address(posted.get("next")),
            errors=errors,
            clean=None if errors or fin is None or phone is None else Clean(fin, phone),
        )

    @property
    def summary(self) -> list[dict[str, str]]:
        """The errors in the order of the fields."""
        return [
            {"name": name, "text": self.errors[name]}
            for name in ("fin", "phone")
            if name in self.errors
        ]
