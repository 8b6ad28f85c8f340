"""What somebody may have meant whose e-mail address has a slip in its domain."""

COMMON = """
    gmail.com googlemail.com hotmail.com outlook.com yahoo.com icloud.com live.com msn.com aol.com me.com mac.com
    proton.me protonmail.com gmx.com gmx.net mail.com email.com ymail.com rocketmail.com fastmail.com zoho.com
""".split()
BY_COUNTRY = {
    "AT": "gmx.at aon.at chello.at hotmail.at outlook.at live.at",
    "AU": "bigpond.com bigpond.net.au optusnet.com.au yahoo.com.au hotmail.com.au live.com.au outlook.com.au",
    "BE": "telenet.be skynet.be hotmail.be outlook.be live.be yahoo.be proximus.be",
    "CA": "yahoo.ca hotmail.ca live.ca outlook.ca shaw.ca rogers.com sympatico.ca bell.net videotron.ca telus.net",
    "CH": "bluewin.ch gmx.ch hotmail.ch sunrise.ch hispeed.ch outlook.ch",
    "DE": "web.de gmx.de t-online.de freenet.de arcor.de hotmail.de yahoo.de outlook.de live.de aol.de posteo.de",
    "ES": "hotmail.es yahoo.es outlook.es live.es telefonica.net terra.es",
    "FR": "orange.fr wanadoo.fr free.fr sfr.fr laposte.net hotmail.fr yahoo.fr outlook.fr live.fr neuf.fr bbox.fr",
    "GB": "hotmail.co.uk yahoo.co.uk live.co.uk outlook.co.uk aol.co.uk btinternet.com sky.com virginmedia.com "
    "talktalk.net ntlworld.com blueyonder.co.uk tiscali.co.uk nhs.net",
    "IE": "eircom.net yahoo.ie hotmail.ie live.ie outlook.ie",
    "IT": "libero.it virgilio.it tiscali.it alice.it hotmail.it yahoo.it outlook.it live.it tin.it fastwebnet.it",
    "NL": "ziggo.nl kpnmail.nl planet.nl hotmail.nl live.nl outlook.nl home.nl xs4all.nl",
    "NZ": "xtra.co.nz yahoo.co.nz hotmail.co.nz outlook.co.nz slingshot.co.nz",
    "PL": "wp.pl onet.pl o2.pl interia.pl gazeta.pl",
    "PT": "sapo.pt hotmail.pt outlook.pt live.com.pt",
    "US": "comcast.net verizon.net att.net sbcglobal.net bellsouth.net cox.net charter.net",
}
BY_COUNTRY = {country: domains.split() for country, domains in BY_COUNTRY.items()}
KNOWN = {*COMMON, *(domain for domains in BY_COUNTRY.values() for domain in domains)}
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
