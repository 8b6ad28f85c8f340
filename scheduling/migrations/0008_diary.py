from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0007_reminder_times")]

    operations = []
