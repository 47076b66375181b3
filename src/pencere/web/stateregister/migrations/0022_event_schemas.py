"""What events look like, as their publisher says."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("stateregister", "0021_node_ledger")]

    operations = [
        migrations.AddField(
            model_name="service", name="schemas", field=models.JSONField(default=dict)
        ),
    ]
