# What CI and people run. Every target installs what it needs; Rust and Python are enough.

PYTHON ?= python3
VENV := .venv
EVENT ?= events/sqs.json
# nextest where it is installed, else what comes with cargo.
TEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo nextest run || echo test)

.PHONY: demo test unit aws build invoke check golden bench instructions

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
	$(VENV)/bin/python -m pytest tests/aws

$(VENV)/installed: tests/aws/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/aws/requirements.txt
	touch $@

# The function for AWS: target/lambda/forwarder/bootstrap.
build:
	cargo build --release --bin forwarder
	mkdir -p target/lambda/forwarder
	cp target/release/forwarder target/lambda/forwarder/bootstrap

# One event through the real function, under AWS's Runtime Interface Emulator; no Docker, no AWS account.
invoke:
	cargo build --bin forwarder
	$(PYTHON) tests/aws/invoke.py $(EVENT)

check:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items

# How fast, how small, against what: prints every figure of benches/README.md. Takes half an hour.
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
