"""The two mappings that a preview compares: the changed folder, and what stands there now."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.mappings.loading import MappingError, load_model
from connectors.mappings.located_yaml import Located
from connectors.mappings.ownership import load_rules
from connectors.mappings.shape import MappingShape
from connectors.mappings.versions import installed
from dataflows.preview import Side
from dataflows.settings import Settings, SettingsError


@contextmanager
def sides(
    settings: Settings, folder: Path, against: Path | None, ownership: Path | None
) -> Iterator[tuple[str, Side, Side]]:
    """(source, the side of now, the changed side). Raises what is wrong with the files, and SettingsError."""
    source = Located(folder / "mapping.yaml", MappingError).validate(MappingShape).source
    after = _side(settings, {source: folder}, ownership or settings.ownership)
    home = settings.sources_dir / source
    if against is not None:
        yield source, _side(settings, {source: against}, settings.ownership), after
    elif not (home / "mapping.yaml").exists():
        yield source, _side(settings, {}, settings.ownership, without=source), after
    elif home.resolve() != folder.resolve():
        yield source, _side(settings, {source: home}, settings.ownership), after
    else:
        with tempfile.TemporaryDirectory(prefix="concord-preview-") as name:
            (Path(name) / "mapping.yaml").write_text(_committed(folder))
            yield source, _side(settings, {source: Path(name)}, settings.ownership), after


def _side(settings: Settings, folders: dict[str, Path], ownership: Path, without: str = "") -> Side:
    """All configured sources and those of `folders`."""
    names = [name for name in dict.fromkeys([*settings.sources, *folders]) if name != without]
    model = load_model(settings.sources_dir, names, folders)
    return Side(model, load_rules(ownership), installed(settings.sources_dir, names, ownership, folders))


def _committed(folder: Path) -> str:
    """What git has of the folder's mapping. Raises SettingsError."""
    command = ["git", "-C", str(folder), "show", "HEAD:./mapping.yaml"]
    try:
        done = subprocess.run(  # noqa: S603 - git itself, with a folder as its argument
            command, capture_output=True, text=True, timeout=30, check=False
        )
    except OSError as error:
        done = subprocess.CompletedProcess(command, 1, "", str(error))
    if done.returncode:
        raise SettingsError(
            f"{folder} is the installed folder, and git has no mapping of it ({done.stderr.strip() or 'no answer'}). "
            f"Next step: name what to compare with: --against FOLDER"
        )
    return done.stdout
