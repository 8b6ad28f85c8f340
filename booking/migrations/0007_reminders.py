from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0006_protection_indexes"),
        ("scheduling", "0007_reminder_times"),
        ("patients", "0008_needs"),
    ]

    operations = []
