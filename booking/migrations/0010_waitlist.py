from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0009_message_texts"),
    ]

    operations = []
