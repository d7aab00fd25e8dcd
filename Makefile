# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Short names for the sessions in noxfile.py; `.venv/bin/nox --list` shows all of them.
NOX := .venv/bin/nox

.PHONY: help demo demo-down test audit lock

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(NOX) ## Start three container hosts, audit and harden them over SSH, and show the report
	$(NOX) -s demo

demo-down: $(NOX) ## Remove the hosts that the demo left running
	$(NOX) -s demo_down

test: $(NOX) ## Run every test, from the cheapest to the dearest
	$(NOX)

audit: $(NOX) ## Audit this machine, read-only, and write the report
	$(NOX) -s audit

lock: $(NOX) ## Renew the pinned versions in requirements/*.txt
	$(NOX) -s lock

$(NOX): tools/bootstrap.sh requirements/nox.txt
	@tools/bootstrap.sh
