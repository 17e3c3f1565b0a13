"""What settings.toml may say, and the sentence about each mistake in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipedrive_graph.config import options
from pipedrive_graph.errors import ConfigurationError


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    assert options.load(tmp_path) == options.Options()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[outputs]\n", "settings.toml: 'outputs' (line 1) is not a setting; did you mean output?"),
        (
            '[output]\ngruop = "x"\n',
            "settings.toml: 'output.gruop' (line 2) is not a setting; did you mean group?",
        ),
        (
            "output = 1\n",
            "settings.toml: output (line 1): must be a table, such as [output].",
        ),
        (
            '[output]\nmode = "0660"\n',
            "settings.toml: output.mode (line 2): must be 0600, 0640 or 0644, not '0660': the owner reads and"
            " writes, others may only read.",
        ),
        (
            '[output]\nmode = "rw-r-----"\n',
            "settings.toml: output.mode (line 2): must be 0600, 0640 or 0644, not 'rw-r-----': the owner"
            " reads and writes, others may only read.",
        ),
        ("[output]\nmode = 640\n", "settings.toml: output.mode (line 2): must be a text."),
        ("[output]\ngroup = [1]\n", "settings.toml: output.group (line 2): must be a text."),
    ],
)
def test_a_mistake_is_named_by_its_place(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "settings.toml").write_text(text)

    with pytest.raises(ConfigurationError) as caught:
        options.load(tmp_path)

    assert str(caught.value) == f"{tmp_path}/{sentence}"


def test_how_long_dagsters_runs_are_kept(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[dagster]\nkeep_days = 365\n")

    assert options.load(tmp_path).dagster == options.Dagster(keep_days=365, keep_runs=20)
    assert options.Options().dagster == options.Dagster(keep_days=90, keep_runs=20)


@pytest.mark.parametrize("value", ["0", "true", '"90"', "1.5", "40000"])
def test_a_number_of_days_that_cannot_be(tmp_path: Path, value: str) -> None:
    (tmp_path / "settings.toml").write_text(f"[dagster]\nkeep_days = {value}\n")

    with pytest.raises(
        ConfigurationError, match=r"settings.toml: dagster.keep_days \(line 2\): must be (at|a whole)"
    ):
        options.load(tmp_path)
