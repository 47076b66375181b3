"""Who writes and sends an application for somebody else."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0006_batches"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            "case",
            "agent",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            "draft",
            "agent",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RemoveConstraint("draft", "draft_one_open_for_a_service"),
        migrations.AddConstraint(
            "draft",
            models.UniqueConstraint(
                fields=["person", "service"],
                condition=models.Q(state="open", agent=None),
                name="draft_one_open_for_a_service",
            ),
        ),
        migrations.AddConstraint(
            "draft",
            models.UniqueConstraint(
                fields=["person", "service", "agent"],
                condition=models.Q(state="open"),
                name="draft_one_open_for_an_agent",
            ),
        ),
    ]
