from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("scheduling", "0003_calendars_and_hours"),
    ]

    operations = []
