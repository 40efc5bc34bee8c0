# What CI and people run. Every target installs what it needs; Rust and Python are enough.

PYTHON ?= python3
VENV := .venv
EVENT ?= events/sqs.json
# nextest where it is installed, else what comes with cargo.
TEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo nextest run || echo test)

PACKAGE ?= target/package

.PHONY: demo test unit aws build package builds invoke check template golden bench instructions

# Forwards the sample files of this repository to standard output.
demo:
	cargo run --quiet --bin clickstream -- forward tests/data/demo

test: unit aws

# In process.
unit:
	cargo $(TEST)

# The real binaries over real sockets: S3, SQS, an HTTP server, AWS's Runtime Interface Emulator.
aws: $(VENV)/installed
	cargo build
	$(VENV)/bin/python -m pytest tests/e2e

$(VENV)/installed: tests/e2e/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/e2e/requirements.txt
	touch $@

# The function for AWS: target/lambda/forwarder/bootstrap.
build:
	cargo build --release --bin forwarder
	mkdir -p target/lambda/forwarder
	cp target/release/forwarder target/lambda/forwarder/bootstrap

# Ready to deploy without Rust: for each architecture a folder with the function's zip and a template that takes it.
package: $(PACKAGE)/arm64/template.yaml $(PACKAGE)/x86_64/template.yaml $(VENV)/lambda/installed
	export PATH="$$PWD/$(VENV)/lambda/bin:$$PATH" && \
	for architecture in arm64 x86-64; do \
		cargo lambda build --release --bin forwarder "--$$architecture" --output-format zip && \
		cp target/lambda/forwarder/bootstrap.zip "$(PACKAGE)/$$(echo "$$architecture" | tr - _)/forwarder.zip" || exit 1; \
	done
	cd $(PACKAGE) && sha256sum ./*/forwarder.zip | tee SHA256SUMS

# cargo-lambda, and the zig that it links with for the other architecture.
$(VENV)/lambda/installed:
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check cargo-lambda==1.9.2
	rustup target add x86_64-unknown-linux-gnu
	-rustup target add aarch64-unknown-linux-gnu
	touch $@

# Whether both roads build for both architectures, without the time that optimising takes; and one event through what
# the first has built.
builds: $(VENV)/lambda/installed $(VENV)/template/installed
	export PATH="$$PWD/$(VENV)/lambda/bin:$$PWD/$(VENV)/template/bin:$$PATH" SAM_CLI_TELEMETRY=0 CARGO_TARGET_DIR=target/builds \
		CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 && \
	for architecture in x86_64 arm64; do \
		rustup target list --installed | grep -q "^$$(echo "$$architecture" | sed s/arm64/aarch64/)-unknown-linux-gnu" || \
			{ echo "Rust's library for $$architecture cannot be had here: not built"; continue; }; \
		sam build --parameter-overrides "Architecture=$$architecture" --build-dir "target/sam/$$architecture" && \
		cargo lambda build --release --bin forwarder "--$$(echo "$$architecture" | tr _ -)" --output-format zip || exit 1; \
	done
	FORWARDER_BIN="target/sam/$$(uname -m | sed s/aarch64/arm64/)/Forwarder/bootstrap" $(PYTHON) tests/e2e/invoke.py $(EVENT)

$(PACKAGE)/%/template.yaml: template.yaml
	mkdir -p $(@D)
	sed -e 's/^      CodeUri: \.$$/      CodeUri: forwarder.zip/' \
		-e 's/^    Default: arm64$$/    Default: $*/' \
		-e 's/^    AllowedValues: \[arm64, x86_64\]$$/    AllowedValues: [$*]/' $< >$@

# One event through the real function, under AWS's Runtime Interface Emulator; no Docker, no AWS account.
invoke:
	cargo build --bin forwarder
	$(PYTHON) tests/e2e/invoke.py $(EVENT)

check:
	cargo fmt --all --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items

# The template: three linters, and what it comes to for many combinations of parameters; and the shell of this project.
template: $(VENV)/template/installed $(VENV)/checkov/installed
	$(VENV)/template/bin/cfn-lint template.yaml
	SAM_CLI_TELEMETRY=0 $(VENV)/template/bin/sam validate --lint --region eu-west-1 --template template.yaml
	$(VENV)/checkov/bin/checkov --config-file tests/template/checkov.yaml --file template.yaml
	$(VENV)/template/bin/shellcheck .ci/run $$(git ls-files '*.sh')
	$(MAKE) --silent --always-make --just-print package builds | $(VENV)/template/bin/shellcheck --shell=sh -
	cargo build --bin clickstream
	$(VENV)/template/bin/python -m pytest --quiet tests/template

# An environment of its own for checkov, which wants other versions of what the others need.
$(VENV)/template/installed: tests/template/requirements.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(VENV)/checkov/installed: tests/template/checkov.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

# How fast, how small, against what: prints every figure of the README's section of that name. Takes half an hour.
bench: $(VENV)/benches
	cargo build --release --features benches
	cargo bench --no-run
	$(VENV)/bin/python benches/run.py $(BENCH)

$(VENV)/benches: benches/requirements.txt $(VENV)/installed
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r benches/requirements.txt
	touch $@

# Fails if a click takes over 5 % more instructions than benches/instructions.json says. Needs Valgrind.
instructions:
	cargo build --bench instructions
	$(PYTHON) benches/instructions.py --check

# Rewrites the expected outputs; review the diff.
golden:
	UPDATE_GOLDEN=1 cargo $(TEST)
