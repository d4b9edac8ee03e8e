"""What the web server adds to every answer: security headers, an Origin check, compression."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from dash import Dash
from flask import Flask, Response, abort, request
from flask_compress import Compress

SAFE = ("GET", "HEAD", "OPTIONS")
HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def protect(server: Flask, apps: Iterable[Dash]) -> None:
    """Guard a server whose pages have all their callbacks (the policy names their inline scripts by hash)."""
    # Charts and components write <style> tags; scripts stay closed but for Dash's own start-up line.
    policy = (
        f"default-src 'none'; script-src 'self' {_hashes(apps)}; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; "
        "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )

    @server.before_request
    def same_origin() -> None:
        if request.method not in SAFE and not _ours():
            abort(403, "This request comes from another origin.")

    @server.after_request
    def headers(response: Response) -> Response:
        response.headers.update(HEADERS | {"Content-Security-Policy": policy})
        return response

    # A streamed answer (the small files of assets/) compressed in flight leaves its file open.
    server.config["COMPRESS_STREAMS"] = False
    Compress(server)


def _hashes(apps: Iterable[Dash]) -> str:
    """The inline scripts that Dash itself writes, as a policy names them."""
    return " ".join(dict.fromkeys(text for app in apps for text in app.csp_hashes()))


def _ours() -> bool:
    """A browser names the page a request comes from; a request that names none is not a browser's."""
    origin = request.headers.get("Origin")
    if origin is not None:
        return urlsplit(origin).netloc == request.host
    return request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
