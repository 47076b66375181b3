"""A slot that is closed takes nobody; who had a place in it is told and chooses anew."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

STATES = [
    ("held", "Held"),
    ("booked", "Booked"),
    ("cancelled", "Cancelled"),
    ("displaced", "Displaced"),
    ("came", "Came"),
    ("missed", "Missed"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("appointments", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField("slot", "closed_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "slot",
            "closed_by",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            "booking",
            "state",
            models.CharField(choices=STATES, default="held", max_length=16),
        ),
        migrations.AddIndex(
            "slot", models.Index(fields=["place", "starts_at"], name="slot_of_a_place")
        ),
    ]
