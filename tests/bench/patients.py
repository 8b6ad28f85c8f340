"""Patient search among a million patients with a realistic distribution of names."""

import random
import statistics
import time
from datetime import date
from itertools import cycle, islice

from django.db import connection

from patients.models import Patient
from patients.search import search_patients
from patients.text import fold_name

NUMBER = 1_000_000
ROUNDS = 60

COMMON_FIRST = (
    "alice john mary james sarah david emma michael olivia peter amelia paul ali alina alison alistair thomas jack "
    "jessica oliver emily harry lily george grace charlie sophie jacob ella joshua"
)
COMMON_LAST = (
    "smith jones taylor brown williams wilson johnson davies patel robinson wright thompson evans walker white roberts "
    "green hall wood jackson clarke clark harris lewis archer phillips cooper ward turner watson harrison hughes"
)
STARTS = (
    "ab al an ar ash bar beck black bran brad bur cal car chap cop cran dal den dun el fair fen fos gar gil gran "
    "hal ham har hol hud ken kir lan lang lin mar mel mil nor oak pal par pen ram rad ros san sel shel stan sut "
    "thorn tul wal win"
)
MIDDLES = "a be ber de der en er field i ing king le ling low man mer ning o ring s sen ter ton tle well"
ENDS = "s ton ham ley by worth son ford man well wood den more bury croft field gate hurst land shaw"
FIRST_STARTS, FIRST_MIDDLES = "ad be car da el fe gi ha in jo ka le mi na or", "r n l m s d v"
FIRST_ENDS = "a ia ie an on us el en is ah"

# One patient in seven has one of 32 last names, one in a hundred the first of these; the others share 25,000.
PEOPLE = """
    CREATE TEMPORARY TABLE people AS
    SELECT n,
           CASE WHEN random() < 0.6 THEN {common_first}
                ELSE {first_start} || {first_middle} || {first_end} END AS first,
           CASE WHEN random() < 0.15 THEN {common_last}
                ELSE {start} || {middle} || {end} END AS last,
           date '1930-01-01' + (random() * 34000)::int AS born
      FROM generate_series(1, %(number)s) AS n
"""
# The spellings of patients.text.spellings, once for each distinct word.
SPELLINGS = """
    CREATE TEMPORARY TABLE spelled AS
    SELECT word, array_agg(DISTINCT spelling) AS spellings
      FROM (SELECT first FROM people UNION SELECT last FROM people) AS words(word),
           LATERAL (SELECT word UNION ALL
                    SELECT overlay(word PLACING '' FROM letter FOR 1) FROM generate_series(1, length(word)) AS letter
                   ) AS one(spelling)
     GROUP BY word
"""
PATIENTS = """
    INSERT INTO patients_patient (id, first_name, last_name, date_of_birth, email, phone, nhs_number, created_at,
                                  updated_at, normalized_name, name_words, name_spellings)
    SELECT gen_random_uuid(), initcap(first), initcap(last), born, first || '.' || last || n || '@example.org',
           '+447' || lpad((n::bigint * 7919 %% 1000000000)::text, 9, '0'),
           CASE WHEN n %% 3 = 0 THEN lpad((n::bigint * 6337 %% 10000000000)::text, 10, '0') ELSE '' END,
           now(), now(), first || ' ' || last, ' ' || last || ' ' || first, ones.spellings || others.spellings
      FROM people JOIN spelled AS ones ON ones.word = first JOIN spelled AS others ON others.word = last
"""


# People whose names are written in one way and asked for in another, and people with one name.
OTHERS = 30_000
OTHER_FIRST = ["Łukasz", "Lukasz", "Mary Ann", "Maryann", "Mary-Ann", "Jürgen", "Juergen", "Søren", "Anna Maria", ""]
OTHER_LAST = ["O’Brien", "O'Brien", "McDonald", "Mc Donald", "Müller", "Mueller", "Van der Berg", "Nowak", "Bø", ""]
APART = ["o brien", "mc donald", "vander berg", "anna maria", "mary ann", "van der berg"]
TOGETHER = ["maryann", "annamaria", "vanderberg", "mcdonald", "obrien"]
UMLAUTS = ["mueller", "Müller", "Juergen Müller", "jürgen", "soeren", "boe"]
MARKED = ["lukasz", "Łukasz nowak", "soren bo", "O`Brien", "sören"]


def print_search():
    """Print how long the search takes, for a different person each time."""
    make_patients()
    print(f"Search among {Patient.objects.count():,} patients, {ROUNDS} different people each")
    rng = random.Random("Holdfast")
    people = list(Patient.objects.filter(phone__startswith="+44").order_by("phone")[:: NUMBER // 4000])
    rng.shuffle(people)
    for kind, describe in KINDS.items():
        times, found = [], []
        for text in islice(cycle(describe(person) for person in people), ROUNDS):
            started = time.perf_counter()
            found.append(len(search_patients(text, limit=20)))
            times.append((time.perf_counter() - started) * 1000)
        print(
            f"  {kind:<32} {statistics.median(times):8.2f} ms   {statistics.quantiles(times, n=20)[-1]:8.2f} ms p95"
            f"   {statistics.median(found):3.0f} found   such as {text!r}"
        )


def typo(person):
    name, at = person.normalized_name, len(person.first_name) // 2
    return f"{name[:at]}x{name[at + 1 :]}"


KINDS = {
    "first and last name": lambda person: person.normalized_name,
    "last and first name": lambda person: f"{person.last_name}, {person.first_name}",
    "the beginnings of both": lambda person: f"{person.first_name[:3]} {person.last_name[:4]}",
    "of both, the last name first": lambda person: f"{person.last_name[:3]} {person.first_name[:2]}",
    "a common first and last name": lambda person: f"{pick(COMMON_FIRST, person)} {pick(COMMON_LAST, person)}",
    "a common last name": lambda person: pick(COMMON_LAST, person),
    "a common first name": lambda person: pick(COMMON_FIRST, person),
    "the beginning of an e-mail": lambda person: person.email[: person.email.index("@") - 2],
    "an e-mail": lambda person: person.email,
    "a phone with country code": lambda person: person.phone,
    "a phone without": lambda person: f"0{person.phone[3:7]} {person.phone[7:]}",
    "the beginning of a phone": lambda person: f"0{person.phone[3:8]}",
    "the end of a phone": lambda person: person.phone[-6:],
    "its last four digits, and a name": lambda person: f"{person.last_name} {person.phone[-4:]}",
    "a birth date": lambda person: f"{person.date_of_birth:%d/%m/%Y}",
    "a common last name, a birth date": lambda person: f"{pick(COMMON_LAST, person)} {person.date_of_birth}",
    "name and birth date": lambda person: f"{person.normalized_name} {person.date_of_birth}",
    "first name mistyped": typo,
    "common names mistyped": lambda person: f"{pick(COMMON_FIRST, person)}x {pick(COMMON_LAST, person)[:-1]}",
    "one common name mistyped": lambda person: f"{pick(COMMON_LAST, person)}x",
    "a name written apart": lambda person: choose(APART, person),
    "written apart, and another name": lambda person: f"{choose(APART, person)} {pick(COMMON_FIRST, person)}",
    "a name written together": lambda person: choose(TOGETHER, person),
    "a name with umlauts or without": lambda person: choose(UMLAUTS, person),
    "and a first name": lambda person: f"{pick(COMMON_FIRST, person)} {choose(UMLAUTS, person)}",
    "a stroke or an apostrophe": lambda person: choose(MARKED, person),
    "nobody": lambda person: f"zq{person.last_name[::-1]} {person.first_name[::-1]}w",
}


def pick(words, person):
    """Return one of the words, favouring the first ones as real names do."""
    return words.split()[int(len(words.split()) * (int(person.phone[-6:]) / 1_000_000) ** 2)]


def choose(texts, person):
    """Return one of the texts."""
    return texts[int(person.phone[-6:]) % len(texts)]


def draw(words, skew):
    """Return SQL that draws one of the words; a skew above 1 favours the first ones."""
    return f"('{{{','.join(words)}}}'::text[])[1 + floor({len(words)} * random() ^ {skew})]"


def make_others(others):
    """Yield unsaved people whose names have strokes, umlauts, apostrophes and several words."""
    rng = random.Random("Holdfast")
    for number in range(others):
        first, last = rng.choice(OTHER_FIRST), rng.choice(OTHER_LAST)
        if rng.random() < 0.5:
            first = rng.choice(COMMON_FIRST.split()).title()
        elif rng.random() < 0.5 or not first:
            last = rng.choice(COMMON_LAST.split()).title()
        names = {"first_name": first, "last_name": last, **fold_name(first, last)}
        yield Patient(**names, date_of_birth=date(1985, 4, 12), email=f"{number}@example.org", phone=f"+49{number:010}")


def make_patients(number=NUMBER, *, others=OTHERS):
    """Insert so many patients, and build the indexes afterwards: seconds instead of minutes."""
    skew = {"common_first": 1.5, "common_last": 2.2, "start": 1.3, "end": 1.3, "first_start": 1.5}
    parts = {
        "common_first": COMMON_FIRST,
        "common_last": COMMON_LAST,
        "start": STARTS,
        "middle": MIDDLES,
        "end": ENDS,
        "first_start": FIRST_STARTS,
        "first_middle": FIRST_MIDDLES,
        "first_end": FIRST_ENDS,
    }
    drawn = {name: draw(words.split(), skew.get(name, 1)) for name, words in parts.items()}
    with connection.schema_editor() as editor:
        for index in Patient._meta.indexes:
            editor.remove_index(Patient, index)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.42)")
        cursor.execute(PEOPLE.format(**drawn), {"number": number})
        cursor.execute(SPELLINGS)
        cursor.execute("ANALYZE people, spelled")
        cursor.execute(PATIENTS, {})
        cursor.execute("DROP TABLE people, spelled")
    Patient.objects.bulk_create(make_others(others), batch_size=2000)
    with connection.schema_editor() as editor:
        for index in Patient._meta.indexes:
            editor.add_index(Patient, index)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE patients_patient")
