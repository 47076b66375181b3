"""A role for the supervisor's tests: answers /healthz on a port, does nothing else.

`small_role.py PORT pencere.cli serve NAME`; the end of the command line is as of a real role.
"""

import http.server
import os
import sys
from pathlib import Path


class _Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"healthy": true, "checks": []}')

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    if sys.argv[1] == "dies":
        sys.exit("it cannot read its configuration")
    if sys.argv[1] == "ready":
        ready = Path(os.environ["PENCERE_DATA"]) / "run" / f"{sys.argv[-1]}.ready"
        ready.touch()
        sys.argv[1] = "0"
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), _Health).serve_forever()
