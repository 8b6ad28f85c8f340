"""What somebody may have meant whose e-mail address has a slip in its domain."""

from patients.email_providers import BY_COUNTRY, COMMON, KNOWN

# Names of a provider with one domain only: gmail.co.uk is meant to be gmail.com.
ONE_DOMAIN = {"gmail": "gmail.com", "icloud": "icloud.com", "icould": "icloud.com", "googlemail": "googlemail.com"}
# No such top-level domain exists.
SLIPS = dict.fromkeys("con cmo ocm vom xom cim cpm comm coom c0m co.m ckm".split(), "com")
SLIPS |= {"ner": "net", "nte": "net", "ney": "net", "ogr": "org", "orgg": "org", "couk": "co.uk"}
MIN_NAME = 5  # letters: one letter makes another company of a shorter name, such as gmx or msn


def suggest_email(email: str, country: str) -> str:
    """Return the address that was probably meant, at a provider that is common in ``country``, or ""."""
    local, at, typed = email.strip().rpartition("@")
    typed = typed.lower().strip(".")
    if not local or not at or len(typed) > 60 or typed in KNOWN:
        return ""
    domain = _suggest_domain(typed, country.upper())
    return f"{local}@{domain}" if domain not in ("", typed) else ""


def _suggest_domain(typed, country):
    name, _dot, ending = typed.replace(",", ".").partition(".")
    if name in ONE_DOMAIN:
        return ONE_DOMAIN[name]
    domain = f"{name}.{SLIPS.get(ending, ending)}" if ending else typed
    if domain in KNOWN:
        return domain
    for provider in [*BY_COUNTRY.get(country, []), *COMMON]:
        known, _dot, rest = provider.partition(".")
        # gmail alone, one slip in a long name, or a slip in what follows a short one.
        if domain == known or (len(known) >= MIN_NAME and _is_one_slip(domain, provider)):
            return provider
        if name == known and _is_one_slip(ending, rest):
            return provider
    return domain if domain != typed and name else ""


def _is_one_slip(typed, meant):
    """Return whether one letter is wrong, missing or too much, or two neighbours are exchanged."""
    if abs(len(typed) - len(meant)) > 1 or typed == meant:
        return False
    start = next((at for at, pair in enumerate(zip(typed, meant, strict=False)) if pair[0] != pair[1]), None)
    if start is None:  # one begins with the other
        return True
    rest, wanted = typed[start:], meant[start:]
    return (
        rest[1:] == wanted[1:]
        or rest[1:] == wanted
        or rest == wanted[1:]
        or (rest[:2] == wanted[1::-1] and rest[2:] == wanted[2:])
    )
