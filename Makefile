# The tasks of the workspace; `make` lists them. All of them use CARGO_TARGET_DIR.

target := $(or $(CARGO_TARGET_DIR),target)
setup := bash scripts/setup.sh
export UPGRADE
step := bash scripts/step.sh

# PG=18 is another PostgreSQL than the system's. The folder may be a link to where the server's user may enter.
other_postgres := $(target)/postgres/$(PG)
# Tests wait for locks and signals as well as for the processor.
tests_at_once := $(shell echo $$(($$(nproc) + $$(nproc) / 2)))
on_other_postgres = $(if $(PG),env PHASELINE_PG_BINDIR="$$(realpath "$(other_postgres)")/bin")

.NOTPARALLEL:

.PHONY: help
help: ## List the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup ## Build phaseline and show its work on a sample database
	@echo "demo: building phaseline without optimisation, the first time about three minutes on two cores; the demo itself takes seconds"
	cargo build --profile quick --locked -p phaseline
	"$(target)/quick/phaseline" demo

.PHONY: page
page: setup ## Build phaseline and serve a sample portfolio to open in a browser; ARGS='--with-sign-in' requires tokens
	@echo "page: building phaseline without optimisation, the first time about three minutes on two cores; then it is ready in seconds"
	cargo build --profile quick --locked -p phaseline
	"$(target)/quick/phaseline" demo --serve $(ARGS)

.PHONY: test
test: ## Run every test; ARGS='-p phaseline-store append' runs some; PG=18 runs them on that major version
	@$(setup) test
	@$(if $(PG),bash scripts/postgres.sh "$(PG)" "$(other_postgres)")
	@$(step) test$(PG:%=-on-%) $(on_other_postgres) env RUST_TEST_THREADS=$(tests_at_once) cargo test --workspace --locked --no-fail-fast $(ARGS)

.PHONY: test-pooler
test-pooler: ## Run the tests of the service behind PgBouncer in transaction mode; ARGS='pages' runs some
	@$(setup) test
	@$(step) test-pooler env PHASELINE_TEST_POOLER=1 RUST_TEST_THREADS=$(tests_at_once) bash scripts/run-tests.sh api $(ARGS)

# The program as the tests build it, so that nothing is built twice.
.PHONY: fuzz
fuzz: ## Send the service valid and invalid requests from its description; ARGS='--include-operation-id=get_phase' sends fewer
	@$(setup) fuzz
	@$(step) build cargo test --workspace --locked --no-run --quiet
	@$(step) fuzz bash scripts/fuzz/run.sh $(ARGS)

.PHONY: clients
clients: ## Check the description, generate clients from it, and run typical requests with them
	@$(setup) clients
	@$(step) build cargo test --workspace --locked --no-run --quiet
	@$(step) clients bash scripts/clients/run.sh

.PHONY: test-page
test-page: ## Open the pages in Chromium: walks, accessibility, screenshots in target/page; ARGS='smoke' runs some files
	@$(setup) page
	@$(step) build cargo test --workspace --locked --no-run --quiet
	@$(step) test-page bash scripts/page/run.sh $(ARGS)

# The cheap checks first. All checks that compile share one profile, so that dependencies are checked once.
.PHONY: lint
lint: lint-text lint-fmt lint-deny lint-clippy lint-doc ## Check text, format, licences of dependencies, code, docs

.PHONY: lint-setup lint-text lint-fmt lint-deny lint-clippy lint-doc
lint-setup:
	@$(setup) lint

lint-text:
	@$(step) text bash scripts/check-text.sh

lint-fmt: lint-setup
	@$(step) fmt cargo fmt --all --check
	@$(step) fmt-peers cargo fmt --manifest-path bench/peers/disintegrate/Cargo.toml --check

lint-deny: lint-setup
	@$(step) deny cargo deny --locked check --hide-inclusion-graph licenses bans sources

lint-clippy: lint-setup
	@$(step) clippy cargo clippy --workspace --all-targets --locked -- -D warnings

lint-doc: lint-setup
	@$(step) doc env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

.PHONY: bench
bench: setup ## Measure everything beside alternatives; ARGS='import verify' measures some
	cargo run --release --locked -p phaseline-bench -- $(or $(ARGS),all)

.PHONY: bench-full
bench-full: setup ## The same with logs of 5 000 000 events, and the growth up to 10 000 000 assignments
	cargo run --release --locked -p phaseline-bench -- $(or $(ARGS),all) --full

# Names of functions, which the profile `release` strips, are kept; so this builds once more.
.PHONY: bench-profile
bench-profile: ## Write where processor time goes into target/profiles; ARGS='command-64' measures some
	@$(setup) profile
	cargo run --profile profiling --locked -p phaseline-bench -- $(or $(ARGS),all) --rounds 1 --profile "$(target)/profiles"

.PHONY: bench-peers
bench-peers: ## Measure event stores in other languages beside Phaseline: Emmett and eventsourcing
	bash bench/peers/run.sh $(ARGS)

# In the profile of the tests, so that nothing is built twice. The clock's ratios are rough: half of each small target is enough. Those of
# processor time are steadier, and must reach 0.8 of theirs.
.PHONY: bench-small
bench-small: setup ## Check that every benchmark works and nothing became several times slower
	@$(step) build cargo build --workspace --bins --tests --locked --quiet
	@$(step) bench-small "$(target)/debug/phaseline-bench" all --small --rounds 2 --enforce 0.5

.PHONY: scale
scale: setup ## Migrate 10 000 projects and 1 000 000 assignments and roll back, and print the times
	cargo run --release --locked -p phaseline-tests --example scale

.PHONY: soak
soak: setup ## 64 clients on the HTTP service for half an hour; PHASELINE_SOAK_SECONDS=30 is a part of it
	cargo run --release --locked -p phaseline-tests --example soak

# The layout of a prefix: `cp -r dist/. /usr/local/` installs it.
.PHONY: release
release: setup ## Build the program to install, with manual and completions, into dist/
	cargo build --profile dist --locked -p phaseline
	rm -rf dist
	install -D "$(target)/dist/phaseline" dist/bin/phaseline
	dist/bin/phaseline man --dir dist/share/man/man1
	mkdir -p dist/share/bash-completion/completions dist/share/zsh/site-functions dist/share/fish/vendor_completions.d
	dist/bin/phaseline completions bash > dist/share/bash-completion/completions/phaseline
	dist/bin/phaseline completions zsh > dist/share/zsh/site-functions/_phaseline
	dist/bin/phaseline completions fish > dist/share/fish/vendor_completions.d/phaseline.fish

.PHONY: fmt
fmt: ## Format the code
	cargo fmt --all

.PHONY: doc
doc: ## Build the documentation of the crates
	cargo doc --workspace --no-deps --locked

.PHONY: setup
setup: ## Install what is missing to build and run; UPGRADE=1 brings PostgreSQL to its newest minor version
	@$(setup)

.PHONY: clean
clean: ## Remove what was built
	cargo clean
