"""An S3 store that may be away, or hold a request until a test lets it go."""

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Bucket:
    """A WSGI application around moto's: counts nothing, changes nothing, stops where told."""

    def __init__(self) -> None:
        import boto3
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        self._application = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.is_away = False
        self._lock = threading.Lock()
        self._stops: Callable[[str, str], bool] = lambda method, path: False
        self.arrived, self.released = threading.Event(), threading.Event()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        boto3.client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1",
            aws_access_key_id="tests", aws_secret_access_key="tests",
        ).create_bucket(Bucket="kept")  # fmt: skip
        self.environment = {
            "PENCERE_GATEWAY_ARCHIVE": "s3://kept/archive",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": "tests",
        }

    def stop_at(self, method: str, kind: str, number: int = 1) -> None:
        """Hold the n-th request of a method for a file whose name begins so."""
        seen = 0

        def stops(asked: str, path: str) -> bool:
            nonlocal seen
            with self._lock:
                seen += asked == method and path.rpartition("/")[2].startswith(kind)
                return seen == number and asked == method

        self.arrived, self.released = threading.Event(), threading.Event()
        self._stops = stops

    def let_go(self) -> None:
        self._stops = lambda method, path: False
        self.released.set()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if self._stops(environ["REQUEST_METHOD"], environ["PATH_INFO"]):
            self.arrived.set()
            self.released.wait(30)
        if self.is_away:
            start_response("503 Service Unavailable", [("Content-Length", "0")])
            return [b""]
        return self._application(environ, start_response)

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
