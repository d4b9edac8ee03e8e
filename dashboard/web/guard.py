"""Protection of the web server: security headers, an Origin check, and compression."""

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
    """Protect a server. All callbacks must be registered before, because the policy lists inline scripts by hash."""
    # Charts and components write <style> tags. Inline scripts are forbidden except the start-up script of Dash.
    policy = (
        f"default-src 'none'; script-src 'self' {_hashes(apps)}; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; "
        "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )

    @server.before_request
    def same_origin() -> None:
        if request.method not in SAFE and not _same_origin():
            abort(403, "This request comes from another origin.")

    @server.after_request
    def headers(response: Response) -> Response:
        response.headers.update(HEADERS | {"Content-Security-Policy": policy})
        return response

    # Compressing streamed answers (the small files of assets/) would leave the files open.
    server.config["COMPRESS_STREAMS"] = False
    Compress(server)


def _hashes(apps: Iterable[Dash]) -> str:
    """The hashes of the inline scripts of Dash, in the syntax of the policy."""
    return " ".join(dict.fromkeys(text for app in apps for text in app.csp_hashes()))


def _same_origin() -> bool:
    """Whether a request comes from our pages. Browsers send its origin; a request without one is not from a browser."""
    origin = request.headers.get("Origin")
    if origin is not None:
        return urlsplit(origin).netloc == request.host
    return request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
