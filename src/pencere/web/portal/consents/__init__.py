"""The person's consents: who may ask for which of their data, until when; given and taken back."""
