"""A guarded folder: which paths lie in it, and what every operation on one of its files needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from actum.authoring.attempt import attempt
from actum.effects.images import Image, Keep, Unfit, look_at


@dataclass(frozen=True, slots=True)
class Place:
    """`root` is the folder whose files are touched; `keep` holds their images, outside of it."""

    root: Path
    keep: Keep

    def at(self, path: str) -> Path:
        """Return where `path` lies; raises Unfit unless it lies in a folder that exists below `root`, links followed."""
        parts = PurePosixPath(path).parts
        if (
            not path
            or not path.isprintable()
            or "\\" in path
            or path.startswith("/")
            or ".." in parts
            or not parts
        ):
            raise Unfit(f"{path[:80]!r} is no path below {self.root}: write it relative to that, without ..")
        try:
            root = self.root.resolve(strict=True)
            folder = (self.root / path).parent.resolve(strict=True)
        except FileNotFoundError as error:
            raise Unfit(f"the folder {error.filename} does not exist here: make it first") from None
        except (OSError, RuntimeError) as error:
            raise Unfit(f"{path!r} cannot be followed: {error}") from None
        if not folder.is_relative_to(root):
            raise Unfit(f"{path!r} leads out of {self.root} through a link: name a path that stays inside")
        return folder / PurePosixPath(path).name

    def image_at(self, path: str) -> Image | None:
        """Return what is at `path` now, None for nothing."""
        return look_at(self.at(path))


def key_of_attempt() -> str:
    """Return the operation key under which the running attempt acts."""
    return attempt().key or ""


def is_same(one: Image | None, other: Image | None) -> bool:
    """Whether both are nothing, or files alike in content, mode and owner."""
    return other is None if one is None else one.looks_like(other)


def refuse_other_names(target: Path) -> None:
    """Raise Unfit for a file with several names: replacing it under one would part it from the others."""
    if target.stat().st_nlink > 1:
        raise Unfit(
            f"{target} has other names (hard links), which would keep the old content: remove those first"
        )


@contextmanager
def nothing_done_yet(target: Path) -> Iterator[None]:
    """Turn a refusal of the system into Unfit, where nothing has changed when it comes."""
    try:
        yield
    except FileExistsError as error:
        raise Unfit(f"{target} was made by somebody else meanwhile, and is left as it is") from error
    except OSError as error:
        raise Unfit(f"{target} was not touched: {error.strerror or error}") from error
