"""A web server for tests of downloads, and a tiny release for it to give."""

from __future__ import annotations

import contextlib
import http.server
import io
import threading
import zipfile
from typing import Any

RATINGS = b"userId,movieId,rating,timestamp\n1,1,4.5,964982703\n1,2,3.0,964981247\n2,1,0.5,964982224\n"
MOVIES = b'movieId,title,genres\n1,"Matrix, The (1999)",Action|Sci-Fi\n2,Heat (1995),Crime\n'


def zipped(**members: bytes) -> bytes:
    """A zip of files in the folder ml-tiny; `__` in a name stands for a slash, `_dot_` for a dot."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"ml-tiny/{name.replace('_dot_', '.')}", content)
    return buffer.getvalue()


TINY_ZIP = zipped(ratings_dot_csv=RATINGS, movies_dot_csv=MOVIES, tags_dot_csv=b"tag", README_dot_txt=b"read me")


class Server:
    """A web server on this machine alone, that gives what a test puts into it and notes what it is asked for.

    It knows ranges and versions as GroupLens's does, and breaks connections where a test wants that.
    """

    def __init__(self) -> None:
        self.content = TINY_ZIP
        self.promises: int | None = None
        """The Content-Length it sends, where that is a lie."""
        self.status = 200
        self.version = '"one"'
        """Its ETag; nothing where empty."""
        self.breaks_after: int | None = None
        """Bytes of an answer after which the connection breaks."""
        self.breaks = 1_000_000
        """How often it does."""
        self.status_after_breaks = 200
        """What it answers when it has."""
        self.md5: bytes | None = None
        """What stands beside the file."""
        self.waits = threading.Event()
        """Set, unless a test holds the rest of an answer back."""
        self.waits.set()
        self.held = threading.Event()
        """Set when the first half of an answer that is held back is out."""
        self.asked: list[str] = []
        """The range that each request for the file asks for, or nothing."""
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.endswith(".md5"):
                    self.answer(200 if outer.md5 else 404, outer.md5 or b"", {})
                    return
                asked = self.headers.get("Range") or ""
                outer.asked.append(asked)
                headers = {"ETag": outer.version} if outer.version else {}
                begin = int(asked.removeprefix("bytes=").removesuffix("-") or 0)
                if asked and begin >= len(outer.content) and self.headers.get("If-Range") == outer.version:
                    self.answer(416, b"", headers)
                elif outer.status == 200 and asked and self.headers.get("If-Range") == outer.version:
                    place = f"bytes {begin}-{len(outer.content) - 1}/{len(outer.content)}"
                    self.answer(206, outer.content[begin:], headers | {"Content-Range": place})
                else:
                    self.answer(outer.status, outer.content, headers)

            def answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(outer.promises or len(content)))
                self.end_headers()
                if outer.breaks_after is not None and outer.breaks > 0 and not self.path.endswith(".md5"):
                    outer.breaks -= 1
                    outer.status = outer.status if outer.breaks else outer.status_after_breaks
                    content = content[: outer.breaks_after]
                half = len(content) // 2 if not outer.waits.is_set() else 0
                self.wfile.write(content[:half])
                self.wfile.flush()
                if half:
                    outer.held.set()
                    outer.waits.wait(30)
                with contextlib.suppress(OSError):
                    self.wfile.write(content[half:])

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    @property
    def requests(self) -> int:
        """How often the file was asked for."""
        return len(self.asked)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}/ml-tiny.zip"

    def close(self) -> None:
        self.waits.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()
