from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0011_returning_patients"),
    ]

    operations = []
