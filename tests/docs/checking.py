"""Whether a command of the documents would be taken: by its own parser, with its own check of the config."""

import argparse
import functools
import importlib
import importlib.util
import re
import sys

import runs
from documents import ROOT, own_configs

from jgan import config as configs
from jgan.ablation.grid import parse_axes, plan
from jgan.cli import COMMANDS
from jgan.compare import METRICS as IMAGE_METRICS
from jgan.data.registry import EMBEDDED, SOURCES
from jgan.metrics.comparison import check_metrics
from jgan.types import UserError

MODULES = {name: entry.module for name, entry in COMMANDS.items()}
BUILTINS = ("source", "sbatch", "parallel", "git")
SCHEMES = {*SOURCES, *EMBEDDED, "unpaired"}


class Parsed(Exception):  # noqa: N818
    """A command's parser has read its arguments, and nothing has run."""

    def __init__(self, parser, options, rest):
        self.parser, self.options, self.rest = parser, options, rest


class Checker:
    """Checks the commands of one document, in order: a config holds for the runs that were made with it."""

    def __init__(self, document, directory, monkeypatch):
        self.configs, self.monkeypatch = {}, monkeypatch
        self.own = {"mine.py": ROOT / "configs/quickstart.py"}
        if document.suffix == ".md":
            self.own |= {name: directory / name for name in own_configs(document)}
            for name, text in own_configs(document).items():
                (directory / name).write_text(text)

    def check(self, line):
        """Raises UserError, or another error, where the command would not be taken."""
        program, *arguments = line.words
        if program == "taskset":  # -c 1 COMMAND
            return self.check(line._replace(words=line.words[3:]))
        if program == "jgan" and arguments[0] in ("--help", "--version"):
            return None
        if program == "jgan":
            return self._module(MODULES.get(arguments[0]) or _none_such(arguments[0]), arguments[1:], line.partial)
        if program == "python":
            return self._python(arguments, line.partial)
        if program == "make":
            return _make(arguments)
        if program == "pip":
            return _pip(arguments)
        if program not in BUILTINS and not (ROOT / program).exists():
            raise UserError(f"{program}: no program that the documents may call")
        return None

    def _python(self, arguments, partial):
        if arguments[0] == "-m":
            if arguments[1].startswith("jgan."):
                return self._module(arguments[1], arguments[2:], partial)
            if importlib.util.find_spec(arguments[1]) is None:
                raise UserError(f"{arguments[1]}: no such module")
            return None
        if not (ROOT / arguments[0]).is_file():
            raise UserError(f"{arguments[0]}: no such file")
        if arguments[0] == "launch/local.py":
            return self._launch(arguments[1:], partial)
        text = "".join(path.read_text() for path in (ROOT / arguments[0]).parent.glob("*.py"))
        for flag in (argument.partition("=")[0] for argument in arguments[1:]):
            if flag.startswith("--") and f'"{flag}"' not in text:
                raise UserError(f"{arguments[0]}: has no {flag}")
        return None

    def _launch(self, arguments, partial):
        spec = importlib.util.spec_from_file_location("local", ROOT / "launch/local.py")
        launcher = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(launcher)
        parsed = self._parse(launcher.main, arguments)
        self._module(parsed.options.module, parsed.options.arguments, partial)

    def _module(self, name, arguments, partial):
        module = runs.module_of(name)
        try:
            parsed = self._parse(module.main, arguments)
        except UserError as error:
            if partial and "required" in str(error):
                return
            raise
        options = parsed.options
        if unknown := [word for word in parsed.rest if not word.startswith(("--config.", "--noconfig."))]:
            raise UserError(f"{unknown[0]!r}: {name} takes no such argument")
        _check_values(name, options)
        if name == "jgan.sweep":
            self._sweep(options, parsed.rest)
        elif parsed.rest or getattr(options, "config", None):
            self._config(options, parsed.rest)

    def _config(self, options, overrides):
        """The config that the command would train, checked."""
        if (given := options.config) is not None:
            config = configs.read_config(str(self.own.get(given, given)), overrides)
        else:
            run = getattr(options, "start_from", None) or options.workdir
            config = configs.override(self.configs[run], overrides)
        with self.monkeypatch.context() as patch:
            if not any(flag.startswith(("--config.game.", "--config.stages")) for flag in overrides):
                patch.setattr(type(config.game), "check", lambda *_: None)  # slow; test_configs.py has checked it
            configs.check(config)
        _check_source(config.data.source)
        if isinstance(options.workdir, type(ROOT)):
            self.configs[options.workdir] = config
        return config

    def _sweep(self, options, overrides):
        with self.monkeypatch.context() as patch:
            patch.setattr(configs, "check", functools.cache(configs.check))
            plan(self._config(options, overrides), parse_axes(options.grid), seeds=1)

    def _parse(self, main, arguments):
        """What a command's outermost parser makes of its arguments; `main` goes no further."""
        original, depth = argparse.ArgumentParser.parse_known_args, [0]

        def parse_known_args(parser, args=None, namespace=None):
            depth[0] += 1
            try:
                options, rest = original(parser, args, namespace)
            finally:
                depth[0] -= 1
            if depth[0]:
                return options, rest
            raise Parsed(parser, options, rest)

        with self.monkeypatch.context() as patch:
            patch.setattr(argparse.ArgumentParser, "parse_known_args", parse_known_args)
            patch.setattr(sys, "argv", ["jgan", *arguments])
            try:
                main(arguments)
            except Parsed as parsed:
                return parsed
        raise AssertionError(f"{main.__module__}: its main has no parser")


def _none_such(name):
    raise UserError(f"jgan {name}: no such command")


def _check_values(name, options):
    if name == "jgan.evaluate":
        check_metrics(options.metrics.split(","), f"--metrics={options.metrics}")
    if name == "jgan.compare" and (unknown := set(options.metrics.split(",")) - IMAGE_METRICS.keys()):
        raise UserError(f"--metrics={options.metrics}: no {sorted(unknown)[0]}")
    for field in ("source", "test", "reference", "images"):
        if isinstance(value := getattr(options, field, None), str):
            _check_source(value)


def _check_source(source):
    scheme, colon, _ = source.partition(":")
    if colon and scheme not in SCHEMES:
        raise UserError(f"{source}: no such kind of source")


def _make(arguments):
    text = (ROOT / "Makefile").read_text()
    for word in arguments:
        name, is_variable, _ = word.partition("=")
        if not re.search(rf"^{re.escape(name)} \?=" if is_variable else rf"^{re.escape(word)}:", text, re.MULTILINE):
            raise UserError(f"make {word}: Makefile has no such {'variable' if is_variable else 'target'}")


def _pip(arguments):
    extras = re.findall(r"\[([\w,]+)\]", " ".join(arguments))
    known = (ROOT / "pyproject.toml").read_text()
    for extra in (name for group in extras for name in group.split(",")):
        if not re.search(rf"^{extra} = \[", known, re.MULTILINE):
            raise UserError(f"pip install [{extra}]: no such extra")
