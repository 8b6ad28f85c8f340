"""The domains at which many people have their mailbox, everywhere or in a country."""

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
