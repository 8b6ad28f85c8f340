"""Who and what the demo's clinic is made of. Names and numbers are invented, or reserved for fiction."""

from datetime import timedelta

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)

# fmt: off
LOCATIONS = [
    {"name": "Harbour Street", "address_line_1": "12 Harbour Street", "city": "London", "postcode": "E1 6AN",
     "timezone": "Europe/London", "phone": "+442079460001", "email": "harbour@clinic.example",
     "latitude": "51.5155", "longitude": "-0.0722",
     "directions": "The blue door beside the bakery. Ring the upper bell; there is a lift.",
     "step_free_access": "yes", "access_notes": "Ring and wait: the door opens by itself. There is a lift.",
     "parking": "Two bays for blue badges in front of the house. Aldgate East station is four minutes away."},
    {"name": "Clifton Village", "address_line_1": "3 Regent Mews", "city": "Bristol", "postcode": "BS8 4HG",
     "timezone": "Europe/London", "phone": "+441174960002", "email": "clifton@clinic.example",
     "latitude": "51.4552", "longitude": "-2.6196",
     "directions": "Through the archway, first floor. Step-free from the yard.",
     "step_free_access": "partly", "access_notes": "Step-free from the yard; the waiting room is up three steps.",
     "parking": "For an hour in Regent Street. There are bicycle stands in the yard."},
    {"name": "Berlin Mitte", "address_line_1": "Beispielstraße 8", "city": "Berlin", "postcode": "10115",
     "country": "DE", "timezone": "Europe/Berlin", "phone": "+493023125003", "email": "mitte@clinic.example",
     "latitude": "52.5322", "longitude": "13.3842", "directions": "Second courtyard, staircase C.",
     "step_free_access": "no", "access_notes": "Second floor, no lift. Ask to be seen on the ground floor.",
     "parking": "None. Take the U6 to Naturkundemuseum."},
]

SERVICES = {
    "physio-assessment": {
        "name": "Physiotherapy assessment", "duration": 45 * MINUTE, "buffer_after": 15 * MINUTE, "step": 30 * MINUTE,
        "price": 72, "color": "#0f766e", "description": "We find out what hurts and why, and agree on a plan.",
        "what_to_bring": "Loose clothes, and any scans or letters you have.",
    },
    "physio-follow-up": {
        "name": "Physiotherapy follow-up", "duration": 30 * MINUTE, "buffer_after": 5 * MINUTE, "step": 15 * MINUTE,
        "price": 48, "color": "#0891b2", "mode": "both", "description": "The next session of your plan.",
        "what_to_bring": "Loose clothes.",
    },
    "gp-consultation": {
        "name": "GP consultation", "duration": 20 * MINUTE, "step": 20 * MINUTE, "price": 60, "mode": "both",
        "color": "#2563eb", "notice": 60 * MINUTE, "description": "A doctor for whatever worries you.",
        "what_to_bring": "A list of the medicines you take.",
    },
    "video-check-in": {
        "name": "Video check-in", "duration": 15 * MINUTE, "step": 15 * MINUTE, "price": 25, "mode": "remote",
        "color": "#7c3aed", "notice": 30 * MINUTE, "description": "A short call about a treatment that is under way.",
    },
    "phlebotomy": {  # what clients of Junction ask for
        "name": "Blood test", "duration": 10 * MINUTE, "buffer_before": 5 * MINUTE, "buffer_after": 5 * MINUTE,
        "step": 10 * MINUTE, "price": "32.50", "color": "#b91c1c", "notice": 240 * MINUTE,
        "description": "Taken by a nurse; results within three working days.",
        "what_to_bring": "Your referral, if you have one. Drink water, eat nothing for eight hours.",
    },
    "skin-check": {
        "name": "Full skin check", "duration": 40 * MINUTE, "buffer_before": 5 * MINUTE, "buffer_after": 5 * MINUTE,
        "step": 30 * MINUTE, "price": 110, "color": "#b45309", "notice": DAY, "horizon": 90 * DAY,
        "description": "A dermatologist looks at every mole.",
        "new_patients_only_text": "Only for patients who have not been here before.",
    },
}

# The headings that services are listed under.
CATEGORIES = {
    "Doctors": ["gp-consultation", "video-check-in"],
    "Physiotherapy": ["physio-assessment", "physio-follow-up"],
    "Tests": ["phlebotomy", "skin-check"],
}

# Services whose appointments staff confirm: by whom, and within which time.
PROVIDERS = {"skin-check": ("Dermatology desk", 2 * DAY)}

PHYSIO, DOCTOR = ["physio-assessment", "physio-follow-up"], ["gp-consultation", "video-check-in"]
# Who, as what, for which services, and when: (weekdays, place, from, to, by video).
CLINICIANS = [
    ("Dana Reed", "Physiotherapist", PHYSIO, [
        ("01234", 0, "9", "12:30", False), ("0123", 0, "13:15", "17:30", False), ("4", 0, "13:30", "16", True)]),
    ("Idris Vale", "Physiotherapist", PHYSIO, [
        ("024", 1, "8", "12", False), ("024", 1, "13", "16:30", False),
        ("3", 0, "10", "13", False), ("3", 0, "14", "18", False)]),
    ("Marta Lindqvist", "Physiotherapist", PHYSIO, [
        ("0123", 2, "8:30", "12:30", False), ("0123", 2, "13:30", "17", False)]),
    ("Dr Oona Fairley", "General practitioner", DOCTOR, [
        ("0124", 0, "8:30", "12:30", False), ("01", 0, "13:30", "17", False), ("24", 0, "14", "17", True)]),
    ("Dr Kofi Adler", "General practitioner", DOCTOR, [
        ("1234", 1, "9", "13", False), ("134", 1, "14", "18", False), ("5", 1, "9", "12", True)]),
    ("Dr Lena Brandt", "General practitioner", DOCTOR, [
        ("0134", 2, "9", "12:30", False), ("013", 2, "13:15", "16:45", True)]),
    ("Sam Okoro", "Nurse", ["phlebotomy"], [
        ("01234", 0, "7:30", "11:30", False), ("024", 0, "12:15", "15", False)]),
    ("Dr Ines Calloway", "Dermatologist", ["skin-check", "video-check-in"], [
        ("13", 0, "10", "13", False), ("13", 0, "14", "18", False),
        ("2", 1, "10", "14", False), ("4", 0, "9", "12", True)]),
]

# What patients may know of each: languages, gender and a few words.
PROFILES = {
    "Dana Reed": (["en", "bfi"], "female", "Dana mends knees, shoulders and runners. She has worked in hospitals and "
                  "with two football clubs, and likes exercises that fit between the kettle and the bus."),
    "Idris Vale": (["en", "cy"], "male", "Idris looks after backs and necks, above all of those who sit too long."),
    "Marta Lindqvist": (["de", "en", "sv"], "female", "Marta helps people back on their feet after operations.\n\n"
                        "She also teaches how to lift children without regret."),
    "Dr Oona Fairley": (["en", "ga"], "female", "Dr Fairley has been a family doctor for eighteen years. Bring a list: "
                        "she likes to get to the end of it."),
    "Dr Kofi Adler": (["en", "fr", "ig"], "male", "Dr Adler sees adults and children, and looks after long illnesses."),
    "Dr Lena Brandt": (["de", "en", "tr"], "female", ""),
    "Sam Okoro": (["en"], "", "Sam takes blood from people who would rather not look. Say so, and he tells you jokes."),
    "Dr Ines Calloway": (["en", "es"], "female", "Dr Calloway looks at moles, rashes and everything that itches."),
}
HOUSES = [("#c9705a", "#12568c"), ("#d8c49a", "#2f6b4f"), ("#a9b7bd", "#8c3b34")]

FIRST_NAMES = (
    "Ada Bruno Carys Dev Elif Farah Gwen Hugo Imani Jonas Katya Leon Mina Niall Olive Priya Quentin Rosa Silas Tess "
    "Umar Vera Wren Ximena Yusuf Zoe Amos Bea Callum Dora Emeka Flora Greta Hamza Iris Jude Kira Lars Maeve Nils"
).split()
LAST_NAMES = (
    "Abbott Birch Castellan Drummond Ellery Fenwick Garland Holloway Ibbotson Jessop Kestrel Larkin Merriman Norcott "
    "Oakden Penhale Quill Ravensdale Sallow Thorne Underhill Varley Whitlock Yarrow Zeller Ashdown Brisco Copperfield "
    "Dunmore Everard"
).split()

# What is asked before a visit: slug → questions, in their order. "after" is an earlier one and its answers.
QUESTIONS = {
    "physio-assessment": [
        {"kind": "text", "text": "What hurts?", "help_text": "For example: my left knee.", "is_required": True},
        {
            "kind": "choice", "text": "How long has it hurt?", "is_required": True,
            "options": "Less than six weeks\nSix weeks to three months\nLonger",
        },
        {"kind": "yes_no", "text": "Have you had an operation there?", "is_required": True},
        {"kind": "date", "text": "When was the operation?", "after": (2, "yes")},
    ],
    None: [{"kind": "accessibility"}, {"kind": "interpreter"}],
}
