"""What the bank told line by line, differences of two accountants, sums other than asked."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

# As in 0004, but what came counts where it is not what was asked.
REFUNDS = """
create or replace function payments_check_refunds() returns trigger
language plpgsql set search_path = pg_catalog, public as $$
declare paid bigint;
begin
    select {paid} into paid from public.payments_charge where id = new.charge_id for update;
    if (
        select coalesce(sum(amount), 0) from public.payments_refund
        where charge_id = new.charge_id and progress not in ('refused', 'declined')
    ) > paid then
        raise exception 'refunds of charge % exceed what was paid', new.charge_id
            using errcode = 'check_violation';
    end if;
    return null;
end
$$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0006_closed_days"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField("charge", "received", models.BigIntegerField(null=True)),
        migrations.RunSQL(
            REFUNDS.format(paid="coalesce(received, amount)"), REFUNDS.format(paid="amount")
        ),
        migrations.CreateModel(
            name="StatementLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("movement", models.CharField(max_length=16)),
                ("number", models.CharField(max_length=64)),
                ("charge_number", models.CharField(max_length=64)),
                ("reference", models.CharField(blank=True, default="", max_length=128)),
                ("amount", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                (
                    "statement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="told",
                        to="payments.statement",
                    ),
                ),
            ],
            options={"ordering": ["at", "id"]},
        ),
        migrations.AddField(
            "difference", "how", models.CharField(blank=True, default="", max_length=16)
        ),
        migrations.AddField("difference", "proposed_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "difference",
            "proposed_by",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            "difference",
            "proposed_words",
            models.CharField(blank=True, default="", max_length=500),
        ),
        migrations.AddConstraint(
            "difference",
            models.CheckConstraint(
                condition=Q(explained_by__isnull=True)
                | Q(proposed_by__isnull=True)
                | ~Q(explained_by=F("proposed_by")),
                name="difference_four_eyes",
            ),
        ),
    ]
