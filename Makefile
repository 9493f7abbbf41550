# Entry points. `make help` lists them; each says what it does not cover yet.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test test-full test-deploy bench audit fmt lint screenshots soak

help: ## this list
	@echo "Targets:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'
	@echo
	@echo "Not covered yet:"
	@sed -n 's/^# not yet: \([a-z-]*\): \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

# Prints, when a target runs, what it does not cover.
define not_yet
@sed -n 's/^# not yet: $@: \(.*\)/note: not covered by make $@ yet: \1/p' $(firstword $(MAKEFILE_LIST))
endef

run: ## build all and run it here: full mode with TLS and example servers; Ctrl-C stops it
	$(not_yet)
	@scripts/run.sh

# not yet: test: containers (make test-deploy), load, soak and crash figures
test: ## format, lint, unit, integration, process, client and browser tests
	$(not_yet)
	@scripts/test.sh

# not yet: test-full: TLS testers, load and crash figures at full length
test-full: ## make test, then Keycloak, h2spec and make test-deploy
	$(not_yet)
	@scripts/test.sh
	@tests/identity/keycloak.sh
	@scripts/h2spec.sh
	@scripts/test-deploy.sh

# not yet: test-deploy: metrics-service, keycloak, mcpgw and atlassian services; several gateways; migration and rollback
test-deploy: ## build the images with podman, bring both compose stacks up, check them through HTTPS
	$(not_yet)
	@scripts/test-deploy.sh

# not yet: bench: Envoy and other proxies, HTTP/3, session resumption, RSA certificates, real networks
bench: ## our gateway beside NGINX and HAProxy: CPU, memory, delay; WHAT="h1 sse", QUICK=1, UPDATE=1, WHAT=micro, WHAT=profile
	$(not_yet)
	@scripts/bench.sh

# not yet: audit: scans of the container images
audit: ## known vulnerabilities, licences and banned crates; JSON into reports/
	$(not_yet)
	@scripts/audit.sh

fmt: ## format Rust and web sources in place
	@cargo fmt
	@scripts/build-ui.sh modules && npm --prefix web run --silent format

lint: ## the format, lint and type checks of make test
	@scripts/test.sh setup format 'web: packages' 'web: lint' 'web: types' clippy

# not yet: screenshots: only the pages that exist in this version
screenshots: ## pictures of the UI into web/screenshots/
	$(not_yet)
	@scripts/screenshots.sh

# not yet: soak: hours of load; memory over time; containers. It runs for some minutes
soak: ## load, faults and crashes at full length on a release build, with figures and limits
	$(not_yet)
	@scripts/soak.sh
