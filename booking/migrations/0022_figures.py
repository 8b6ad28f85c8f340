from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("booking", "0021_imports")]

    operations = []
