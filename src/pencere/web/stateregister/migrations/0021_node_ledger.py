"""The key of each node's ledger, as the node itself told."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("stateregister", "0020_nodes_that_join")]

    operations = [
        migrations.AddField(model_name="node", name="ledger", field=models.JSONField(default=dict)),
    ]
