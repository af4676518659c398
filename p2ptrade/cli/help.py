"""The list of a group's commands in its help: each with its whole first sentence, wrapped instead of cut off."""

from typing import TYPE_CHECKING, Final

from typer.core import TyperGroup

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter

_LONGEST_SENTENCE: Final = 400


class WholeSentences(TyperGroup):
    """A group of commands whose help says all of what each command does."""

    def format_commands(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the commands with their first sentences."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, command.get_short_help_str(_LONGEST_SENTENCE)) for name, command in commands if command]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)
