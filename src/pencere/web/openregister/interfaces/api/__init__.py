"""The public API: read-only JSON at /api/registry/v1/, described by openapi.yaml beside."""

from pathlib import Path

OPENAPI_FILE = Path(__file__).with_name("openapi.yaml")
