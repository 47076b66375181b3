from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("people", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="SimaOperation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("operation", models.CharField(editable=False, max_length=64, unique=True)),
                ("kind", models.CharField(max_length=4)),
                ("sealed", models.BinaryField()),
                ("begun_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("outcome", models.CharField(blank=True, max_length=60)),
                ("completed_at", models.DateTimeField(null=True)),
            ],
        ),
    ]
