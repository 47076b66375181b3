"""E-government gateway (şlüz): authorised, signed, logged exchange between state bodies."""
