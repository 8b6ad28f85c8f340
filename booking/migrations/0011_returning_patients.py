from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0010_waitlist"),
    ]

    operations = []
