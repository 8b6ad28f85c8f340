"""The currencies of ISO 4217, and how many decimals each has."""

from decimal import Decimal

# List One of 2026-01-01, https://www.six-group.com/en/products-services/financial-information/data-standards.html.
# Not CLDR's numbers, which are what people usually write (AFN and IDR have none there). What has no minor unit in
# the list is no money to pay with: gold, drawing rights, the code for tests.
CODES_BY_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP
    COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
    JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN
    NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
    THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
DECIMALS = {code: decimals for decimals, codes in CODES_BY_DECIMALS.items() for code in codes.split()}


def write_decimals(amount: Decimal, currency: str) -> Decimal:
    """Return ``amount`` with the decimals of its currency, and finer ones only if they count: 5000, 60.00, 12.500."""
    rounded = round(amount, DECIMALS.get(currency, 2))
    return rounded if rounded == amount else amount.normalize()
