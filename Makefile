# Each target makes its own environment first. Python 3.11 to 3.13; choose one with `make test PYTHON=python3.12`.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
WORKDIR ?= runs/quickstart
ARGS ?=
CIFAR ?=
DATA ?=
OUT ?= runs/modes

.PHONY: quickstart test proofs wheel lint format bench fuzz modes zoo-small biggan-small translate-small style-small docs docs-commands notebook lock

quickstart: $(VENV)/installed  ## train on real digits, about five minutes on two cores
	$(RUN) -m jgan.main --config configs/quickstart.py --workdir $(WORKDIR) $(ARGS)

test: $(VENV)/installed  ## under twelve minutes on two cores
	$(RUN) -m pytest --numprocesses 2 --dist worksteal $(ARGS)

proofs: $(VENV)/installed  ## the tests that take longest, as many minutes again
	$(RUN) -m pytest --numprocesses 2 --dist worksteal -m slow $(ARGS)

wheel:  ## builds the wheel, installs it outside of here under Python 3.11 and 3.13, and trains
	.ci/wheel 3.11 3.13

lint: $(VENV)/installed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(VENV)/bin/basedpyright

format: $(VENV)/installed
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

bench: $(VENV)/installed  ## beside PyTorch, which is installed for it
	$(RUN) -m pip install --quiet "torch>=2.6"
	$(RUN) -m pip install --quiet --no-deps "torch-fidelity>=0.4" "efficientnet_lite_pytorch>=0.1.0"
	$(RUN) benchmarks/speed/train_step.py
	$(RUN) benchmarks/speed/input_pipeline.py
	$(RUN) benchmarks/speed/metrics.py

fuzz: $(VENV)/installed  ## 20,000 odd files and command lines: each is taken, or refused in one line; minutes on two cores
	$(RUN) benchmarks/reliability/fuzz.py --examples 20000 $(ARGS)

modes: $(VENV)/installed  ## two mixtures of points: mode collapse, and what each cure does about it
	$(RUN) benchmarks/demonstrations/modes.py --out $(OUT) $(ARGS)

zoo-small: $(VENV)/installed  ## every family at 32 px on digits and, with CIFAR=DIR, on its class sub-folders
	$(RUN) benchmarks/demonstrations/zoo.py $(if $(CIFAR),--cifar "$(CIFAR)") $(ARGS)

biggan-small: $(VENV)/installed  ## the BigGAN line at 32 px on digits and, with CIFAR=DIR, on its class sub-folders
	$(RUN) benchmarks/demonstrations/zoo.py --rows sagan biggan biggan_deep progan r3gan --out runs/biggan-small \
		$(if $(CIFAR),--cifar "$(CIFAR)") $(ARGS)
	$(RUN) benchmarks/demonstrations/biggan_line.py --runs runs/biggan-small/digits --out runs/biggan-small
	$(RUN) -m jgan.main --config configs/text_digits.py --workdir runs/biggan-small/text
	$(RUN) benchmarks/quality/caption_accuracy.py --workdir runs/biggan-small/text --sheet runs/biggan-small/text.png

style-small: $(VENV)/installed  ## the StyleGAN line at 32 px (CIFAR=DIR: there too), then StyleGAN2 at 64 px on the folders of DATA=DIR; hours
	$(RUN) benchmarks/demonstrations/zoo.py --rows progan stylegan stylegan2 stylegan3_t --out runs/style-small/zoo \
		$(if $(CIFAR),--cifar "$(CIFAR)")
	$(RUN) benchmarks/demonstrations/style_small.py --data "$(DATA)" --out runs/style-small $(ARGS)

translate-small: $(VENV)/installed  ## image-to-image at 32 to 64 px on real images, in folders below DATA=DIR
	@test -n "$(DATA)" || { echo "error: make translate-small needs DATA=DIR, see benchmarks/demonstrations/translate_small.py" >&2; exit 2; }
	$(RUN) benchmarks/demonstrations/translate_small.py --data "$(DATA)" $(ARGS)

docs-commands: $(VENV)/installed  ## runs every command block of README and docs/ on small data, page by page; half an hour
	$(RUN) benchmarks/reliability/docs_commands.py $(ARGS)

docs: $(VENV)/installed  ## the guides and results as a site in site/; every link is checked
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict --quiet
	@echo "site/index.html; with search: python -m http.server --bind 127.0.0.1 --directory site"

notebook: $(VENV)/installed  ## executes docs/notebooks and stores them with their pictures, five minutes on two cores
	$(RUN) -m pip install --quiet "nbclient>=0.10" "ipykernel>=6.29"
	$(RUN) docs/notebooks/execute.py

lock: $(VENV)/installed  ## pins what pyproject.toml allows today
	$(RUN) -m pip install --quiet uv
	$(RUN) -m uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --quiet --upgrade --output-file requirements.lock

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
		echo "error: $(PYTHON) is not Python 3.11 to 3.13; name one: make PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@
