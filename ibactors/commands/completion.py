"""`ibactors completion`: what a shell needs to complete commands, actions and options, made from the parser itself."""

import argparse
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from ibactors.config import Settings
from ibactors.terminal import say

_BASH = """\
_ibactors() {{
  local words="" path="" word
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$path $word" in
{paths}
    esac
  done
  case "$path" in
{words}
  esac
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _ibactors ibactors"""
_ZSH = "autoload -Uz bashcompinit && bashcompinit\n"


def add_arguments(parser: ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "shell", choices=("bash", "zsh", "fish"), help='bash, zsh: eval "$(ibactors completion bash)"; fish: pipe it to source'
    )


def run(_settings: Settings, arguments: Namespace) -> int:
    """Print it."""
    tree = dict(_words(arguments.parser, ""))
    say(_fish(tree) if arguments.shell == "fish" else (_ZSH if arguments.shell == "zsh" else "") + _bash(tree))
    return 0


def _words(parser: ArgumentParser, path: str) -> Iterator[tuple[str, list[str]]]:
    """For each command and action, by its path, the words that may follow."""
    actions = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001  # nothing else tells
    yield path, [*(name for action in actions for name in action.choices), *parser._option_string_actions]  # noqa: SLF001
    for action in actions:
        for name, below in action.choices.items():
            yield from _words(below, f"{path} {name}")


def _bash(tree: dict[str, list[str]]) -> str:
    paths = "\n".join(f'      "{path}") path="{path}" ;;' for path in tree if path)
    words = "\n".join(f'    "{path}") words="{" ".join(words)}" ;;' for path, words in tree.items())
    return _BASH.format(paths=paths, words=words)


def _fish(tree: dict[str, list[str]]) -> str:
    lines = ["complete -c ibactors -e"]
    for path, words in tree.items():
        commands = [word for word in words if not word.startswith("-")]
        seen = "".join(f"; and __fish_seen_subcommand_from {word}" for word in path.split())
        if commands:
            when = f"not __fish_seen_subcommand_from {' '.join(commands)}{seen}"
            lines.append(f'complete -c ibactors -f -n "{when}" -a "{" ".join(commands)}"')
        lines += [f'complete -c ibactors -n "true{seen}" -l {word[2:]}' for word in words if word.startswith("--")]
    return "\n".join(lines)
