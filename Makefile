# What people and CI run. Each target installs what it needs; Rust and Python are enough.

PYTHON ?= python3
VENV := .venv
EVENT ?= events/sqs.json
PACKAGE ?= target/package
OUT ?= target/demo/clicks.jsonl
# cargo-nextest if it is installed, else the runner that comes with cargo.
TEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo nextest run || echo test)

.PHONY: demo test core unit e2e build package invoke chaos check template build-check instructions ci bench verify golden

# Forwards the sample files of this repository, and prints one click and a table. `make demo OUT=clicks.jsonl` says where
# the clicks go.
demo:
	cargo build --quiet --no-default-features --bin clickstream
	mkdir -p target/demo
	QUARANTINE=target/demo/quarantine target/debug/clickstream forward --quiet --json tests/data/demo \
		>"$(OUT)" 2>target/demo/summary.json || { cat target/demo/summary.json; exit 1; }
	$(PYTHON) tests/demo.py "$(OUT)" target/demo/quarantine <target/demo/summary.json

test: unit e2e

# The pure core alone, in about a minute from nothing.
core:
	cargo $(TEST) --package clicks

# In process.
unit:
	cargo $(TEST)

# A thousand random schedules of faults; those that failed can be run again by CHAOS_SEED=number CHAOS_SCHEDULES=1.
chaos: export CHAOS_SCHEDULES ?= 1000
chaos:
	cargo $(TEST) --test it chaos

# The real binaries over real sockets: S3, SQS, an HTTP server, AWS's Runtime Interface Emulator.
e2e: $(VENV)/e2e
	cargo build --bins
	$(VENV)/bin/python -m pytest tests/e2e

# The function for Lambda: target/lambda/forwarder/bootstrap.
build:
	cargo build --release --bin forwarder
	mkdir -p target/lambda/forwarder
	cp target/release/forwarder target/lambda/forwarder/bootstrap

# Ready to deploy without Rust: for each architecture a folder with the function's zip and a template that uses it.
package: $(PACKAGE)/arm64/template.yaml $(PACKAGE)/x86_64/template.yaml $(VENV)/lambda
	export PATH="$$PWD/$(VENV)/bin:$$PATH" && \
	for architecture in arm64 x86-64; do \
		cargo lambda build --release --bin forwarder "--$$architecture" --output-format zip && \
		cp target/lambda/forwarder/bootstrap.zip "$(PACKAGE)/$$(echo "$$architecture" | tr - _)/forwarder.zip" || exit 1; \
	done
	cd $(PACKAGE) && sha256sum ./*/forwarder.zip | tee SHA256SUMS

$(PACKAGE)/%/template.yaml: template.yaml
	mkdir -p $(@D)
	sed -e 's/^      CodeUri: \.$$/      CodeUri: forwarder.zip/' \
		-e 's/^    Default: arm64$$/    Default: $*/' \
		-e 's/^    AllowedValues: \[arm64, x86_64\]$$/    AllowedValues: [$*]/' $< >$@

# One event through the real function, under AWS's Runtime Interface Emulator; no Docker, no AWS account.
invoke:
	cargo build --bin forwarder
	$(PYTHON) tests/e2e/invoke.py $(EVENT)

# Formatting, lints, documentation.
check:
	cargo fmt --all --check
	$(PYTHON) tests/features.py
	cargo clippy --all-targets -- -D warnings
	cargo clippy --no-default-features --lib --bins -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items

# The template: three linters, and what it evaluates to for many combinations of parameters; and this project's shell.
template: $(VENV)/template
	$(VENV)/bin/cfn-lint template.yaml
	SAM_CLI_TELEMETRY=0 $(VENV)/bin/sam validate --lint --region eu-west-1 --template template.yaml
	$(VENV)/bin/uvx --quiet --python $(VENV)/bin/python checkov@3.3.30 --config-file tests/template/checkov.yaml \
		--file template.yaml
	$(VENV)/bin/shellcheck .ci/run .ci/steps $$(git ls-files '*.sh')
	$(MAKE) --silent --always-make --just-print ci package build-check | $(VENV)/bin/shellcheck --shell=sh -
	cargo build --bin clickstream
	$(VENV)/bin/python -m pytest --quiet tests/template

# Builds the function for each architecture as its users do, but for the time that optimising takes, and sends one event
# through it. `sam build` runs `cargo lambda build --arm64 --bin forwarder`, so each architecture is built once;
# `make template` proves that the template passes the architecture on.
build-check: $(VENV)/template $(VENV)/lambda
	export PATH="$$PWD/$(VENV)/bin:$$PATH" SAM_CLI_TELEMETRY=0 SAM_BUILD_MODE=debug && \
	sam build --build-dir target/sam --parameter-overrides Architecture=arm64 && \
	cargo lambda build --x86-64 --bin forwarder --output-format zip && \
	$(PYTHON) -m zipfile -e target/lambda/forwarder/bootstrap.zip target/lambda/forwarder && \
	chmod +x target/lambda/forwarder/bootstrap
	case "$$(uname -m)" in \
		x86_64) export FORWARDER_BIN=target/lambda/forwarder/bootstrap ;; \
		*) export FORWARDER_BIN=target/sam/Forwarder/bootstrap ;; \
	esac && $(PYTHON) tests/e2e/invoke.py $(EVENT)

# Fails if a click takes over 5 % more instructions than benches/instructions.json records. Needs Valgrind.
instructions:
	cargo bench --package clicks --bench instructions --no-run
	$(PYTHON) benches/instructions.py --check

# Everything that must hold before a change lands, and how long each step took.
ci:
	.ci/steps core demo check unit e2e template build-check instructions

# Measures speed and size against other programs and prints every figure of the README's section of that name.
# Takes half an hour.
bench: $(VENV)/e2e $(VENV)/benches
	cargo build --release --features benches
	cargo bench --no-run
	$(VENV)/bin/python benches/run.py $(BENCH)

# What takes too long for `make ci`: the function as it is released, for each architecture, and the benchmarks.
verify: package bench

# Rewrites the expected outputs; review the diff.
golden:
	UPDATE_GOLDEN=1 cargo $(TEST)

# One Python environment, filled as targets need it. uv does in seconds what takes pip minutes.
$(VENV)/bin/uv:
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9

$(VENV)/e2e: tests/e2e/requirements.txt
$(VENV)/template: tests/template/requirements.txt
$(VENV)/benches: benches/requirements.txt
$(VENV)/e2e $(VENV)/template $(VENV)/benches: | $(VENV)/bin/uv
	$(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python --requirement $<
	touch $@

# cargo-lambda, the zig that it links with, and Rust's libraries for both architectures.
$(VENV)/lambda: | $(VENV)/bin/uv
	$(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python cargo-lambda==1.9.2
	rustup target add x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu
	touch $@
