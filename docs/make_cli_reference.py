"""Write the part of `docs/reference/cli.md` that lists commands and options, from the commands themselves.

`python docs/make_cli_reference.py`; a test proves that the page is what this makes.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import typer

from pulsetrain.cli.main import app

PAGE = Path(__file__).parent / "reference/cli.md"
BEGIN, END = "<!-- commands: written by docs/make_cli_reference.py -->", "<!-- end of commands -->"


def page(text: str) -> str:
    """`text` with what stands between the marks made anew."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    group: Any = typer.main.get_command(app)
    context = typer.Context(group, info_name="pulsetrain")
    sections = [section for name in group.list_commands(context) for section in _sections(name, group, context)]
    return before + BEGIN + "\n\n" + "\n".join(sections) + "\n" + END + after


def _sections(name: str, group: Any, context: Any) -> list[str]:
    """That of a command, or those of the commands that it has of its own."""
    command = group.get_command(context, name)
    if not hasattr(command, "commands"):
        return [_section(name, command)]
    head = f"### pulsetrain {name}\n\n{command.help}\n"
    return [head, *(_section(f"{name} {one}", command.commands[one]) for one in command.commands)]


def _section(name: str, command: Any) -> str:
    parameters = [parameter for parameter in command.params if not parameter.hidden]
    arguments = [parameter for parameter in parameters if parameter.param_type_name == "argument"]
    options = [parameter for parameter in parameters if parameter.param_type_name == "option"]
    words = " ".join(_argument(argument) for argument in arguments)
    lines = [f"### pulsetrain {name}", "", "```", " ".join(f"pulsetrain {name} [options] {words}".split()), "```", ""]
    lines += [inspect.cleandoc(command.help or "").replace("\n", " "), ""]
    lines += [f"- `{_argument(argument)}`: {argument.help}" for argument in arguments if argument.help]
    lines += [""] if arguments else []
    if options:
        lines += ["| option | default | |", "|---|---|---|"]
        lines += [f"| {_names(option)} | {_default(option)} | {_about(option)} |" for option in options]
        lines += [""]
    return "\n".join(lines)


def _argument(argument: Any) -> str:
    name = str(argument.metavar or argument.name).strip("{}[]").upper()
    more = f"{name}…" if argument.nargs == -1 else name
    return more if argument.required else f"[{more}]"


def _names(option: Any) -> str:
    names = [*option.opts, *option.secondary_opts]
    return ", ".join(f"`{name}`" for name in sorted(names, key=lambda name: (len(name) > 2, name.startswith("--no-"))))


def _default(option: Any) -> str:
    if isinstance(option.show_default, str):
        return f"`{option.show_default}`"
    if option.default is None or option.default is False or callable(option.default) or option.default in ((), []):
        return ""
    if option.default is True:
        return f"`{option.opts[0]}`"
    return f"`{option.default}`"


def _about(option: Any) -> str:
    about = (option.help or "").replace("|", "\\|")
    return f"{about} (`{option.envvar}`)" if option.envvar else about


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
