# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A daemon as vendors write them: it accepts any configuration, and may die of it a second later."""

from __future__ import annotations

import http.server
import json
import os
import sys
import threading

with open("/etc/clinic/worker.json", encoding="utf-8") as file:
    SETTINGS = json.load(file)


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(SETTINGS["answer"].encode())

    def log_message(self, *_words: object) -> None:
        """Say nothing: its journal is for what it dies of."""


def die() -> None:
    print("the licence server does not know this answer", file=sys.stderr, flush=True)
    os._exit(3)


if SETTINGS["lives"]:
    threading.Timer(SETTINGS["lives"], die).start()
http.server.ThreadingHTTPServer(("", SETTINGS["port"]), Page).serve_forever()
