"""What the demo's clinic writes about itself in German, French and Arabic."""

from scheduling.models import Clinician, Location, Service, ServiceCategory

# fmt: off
SERVICES = {
    "physio-assessment": {
        "de": {"name": "Physiotherapie: Erstuntersuchung",
               "description": "Wir finden heraus, was warum schmerzt, und vereinbaren einen Plan.",
               "what_to_bring": "Bequeme Kleidung sowie vorhandene Bilder oder Arztbriefe."},
        "fr": {"name": "Bilan de kinésithérapie",
               "description": "Nous cherchons ce qui fait mal et pourquoi, et convenons d’un plan.",
               "what_to_bring": "Des vêtements amples, et vos clichés ou courriers médicaux."},
        "ar": {"name": "تقييم العلاج الطبيعي",
               "description": "نكتشف موضع الألم وسببه، ونتفق معك على خطة.",
               "what_to_bring": "ملابس فضفاضة، وأي صور أشعة أو تقارير لديك."},
    },
    "physio-follow-up": {
        "de": {"name": "Physiotherapie: Folgetermin", "description": "Die nächste Sitzung Ihres Plans.",
               "what_to_bring": "Bequeme Kleidung."},
        "fr": {"name": "Séance de kinésithérapie", "description": "La prochaine séance de votre plan.",
               "what_to_bring": "Des vêtements amples."},
        "ar": {"name": "متابعة العلاج الطبيعي", "description": "الجلسة التالية من خطتك.",
               "what_to_bring": "ملابس فضفاضة."},
    },
    "gp-consultation": {
        "de": {"name": "Hausärztliche Sprechstunde", "description": "Ärztlicher Rat zu allem, was Sie beschäftigt.",
               "what_to_bring": "Eine Liste Ihrer Medikamente."},
        "fr": {"name": "Consultation de médecine générale", "description": "Un médecin pour tout ce qui vous inquiète.",
               "what_to_bring": "La liste de vos médicaments."},
        "ar": {"name": "استشارة طبيب عام", "description": "طبيب لكل ما يقلقك.",
               "what_to_bring": "قائمة بالأدوية التي تتناولها."},
    },
    "video-check-in": {
        "de": {"name": "Videogespräch", "description": "Ein kurzes Gespräch über eine laufende Behandlung."},
        "fr": {"name": "Point en vidéo", "description": "Un court appel au sujet d’un traitement en cours."},
        "ar": {"name": "متابعة عبر الفيديو", "description": "مكالمة قصيرة بشأن علاج جارٍ."},
    },
    "phlebotomy": {
        "de": {"name": "Blutentnahme", "description": "Durch eine Pflegefachkraft; Ergebnisse in drei Werktagen.",
               "what_to_bring": "Ihre Überweisung, falls vorhanden. Acht Stunden vorher nur Wasser."},
        "fr": {"name": "Prise de sang", "description": "Par une infirmière ; résultats sous trois jours ouvrés.",
               "what_to_bring": "Votre ordonnance, si vous en avez une. À jeun depuis huit heures, eau permise."},
        "ar": {"name": "تحليل دم", "description": "تسحبه ممرضة أو ممرض؛ والنتائج خلال ثلاثة أيام عمل.",
               "what_to_bring": "الإحالة إن وُجدت. اشرب الماء، ولا تأكل شيئًا لمدة ثماني ساعات."},
    },
    "skin-check": {
        "de": {"name": "Hautkrebs-Vorsorge", "description": "Jedes Muttermal wird dermatologisch untersucht.",
               "new_patients_only_text": "Nur für Personen, die noch nicht bei uns waren."},
        "fr": {"name": "Examen complet de la peau", "description": "Un dermatologue examine chaque grain de beauté.",
               "new_patients_only_text": "Réservé aux personnes qui ne sont encore jamais venues."},
        "ar": {"name": "فحص كامل للجلد", "description": "يفحص طبيب الجلدية كل شامة.",
               "new_patients_only_text": "للمرضى الذين لم يزورونا من قبل فقط."},
    },
}
LOCATIONS = {
    "Harbour Street": {
        "de": {"directions": "Die blaue Tür neben der Bäckerei. Bitte oben klingeln; es gibt einen Aufzug."},
        "fr": {"directions": "La porte bleue à côté de la boulangerie. Sonnez en haut ; il y a un ascenseur."},
        "ar": {"name": "شارع هاربر", "directions": "الباب الأزرق بجوار المخبز. اضغط الجرس العلوي؛ يوجد مصعد."},
    },
    "Clifton Village": {
        "de": {"directions": "Durch den Torbogen, erster Stock. Stufenlos vom Hof aus."},
        "fr": {"directions": "Par le porche, premier étage. Accès sans marche depuis la cour."},
        "ar": {"name": "كليفتون فيليج", "directions": "عبر القوس، الطابق الأول. مدخل بلا درجات من الفناء."},
    },
    "Berlin Mitte": {
        "de": {"directions": "Zweiter Hof, Aufgang C."},
        "fr": {"directions": "Deuxième cour, escalier C."},
        "ar": {"name": "برلين ميته", "directions": "الفناء الثاني، الدرج C."},
    },
}
TITLES = {
    "Physiotherapist": {"de": "Physiotherapie", "fr": "Kinésithérapeute", "ar": "العلاج الطبيعي"},
    "General practitioner": {"de": "Allgemeinmedizin", "fr": "Médecin généraliste", "ar": "طب عام"},
    "Nurse": {"de": "Pflege", "fr": "Infirmier", "ar": "تمريض"},
    "Dermatologist": {"de": "Dermatologie", "fr": "Dermatologue", "ar": "طب الجلدية"},
}
CATEGORIES = {
    "Physiotherapy": {"de": "Physiotherapie", "fr": "Kinésithérapie", "ar": "العلاج الطبيعي"},
    "Doctors": {"de": "Ärztinnen und Ärzte", "fr": "Médecins", "ar": "الأطباء"},
    "Tests": {"de": "Untersuchungen", "fr": "Examens", "ar": "الفحوص"},
}
QUESTIONS = {
    "What hurts?": {
        "de": {"text": "Was tut Ihnen weh?", "help_text": "Zum Beispiel: mein linkes Knie."},
        "fr": {"text": "Où avez-vous mal ?", "help_text": "Par exemple : au genou gauche."},
        "ar": {"text": "ما الذي يؤلمك؟", "help_text": "مثلًا: ركبتي اليسرى."},
    },
    "How long has it hurt?": {
        "de": {"text": "Seit wann haben Sie Schmerzen?",
               "options": "Weniger als sechs Wochen\nSechs Wochen bis drei Monate\nLänger"},
        "fr": {"text": "Depuis combien de temps avez-vous mal ?",
               "options": "Moins de six semaines\nDe six semaines à trois mois\nPlus longtemps"},
        "ar": {"text": "منذ متى تشعر بالألم؟",
               "options": "أقل من ستة أسابيع\nمن ستة أسابيع إلى ثلاثة أشهر\nأكثر من ذلك"},
    },
    "Have you had an operation there?": {
        "de": {"text": "Wurden Sie dort schon operiert?"},
        "fr": {"text": "Avez-vous déjà été opéré à cet endroit ?"},
        "ar": {"text": "هل أُجريت لك عملية جراحية في هذا الموضع؟"},
    },
    "When was the operation?": {
        "de": {"text": "Wann war die Operation?"},
        "fr": {"text": "Quand était l’opération ?"},
        "ar": {"text": "متى كانت العملية؟"},
    },
}
# fmt: on


def translate_clinic():
    """Give the clinic's rows their texts in other languages."""
    for slug, translations in SERVICES.items():
        Service.objects.filter(slug=slug).update(translations=translations)
    for name, translations in LOCATIONS.items():
        Location.objects.filter(name=name).update(translations=translations)
    for title, words in TITLES.items():
        Clinician.objects.filter(title=title).update(translations=name_each("title", words))
    for name, words in CATEGORIES.items():
        ServiceCategory.objects.filter(name=name).update(translations=name_each("name", words))


def name_each(field, words):
    return {language: {field: word} for language, word in words.items()}
