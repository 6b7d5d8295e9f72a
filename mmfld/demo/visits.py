"""Which files belong to which visitor, so that they go when he does."""

import shutil
from collections import defaultdict
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock


class Visits:
    """Serves several threads.

    Args:
        folder (Path): For results.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._paths: dict[str, set[Path]] = defaultdict(set)
        self._lock = Lock()

    def results(self, visitor: str, upload: Path) -> Path:
        """A new folder for what is found in an upload."""
        folder = Path(mkdtemp(dir=self.folder))
        with self._lock:
            self._paths[visitor] |= {upload, folder}
        return folder

    def leave(self, visitor: str) -> None:
        """Delete what is of this visitor alone: the same file, uploaded by two, is one file."""
        with self._lock:
            paths = self._paths.pop(visitor, set())
            paths -= set().union(*self._paths.values())
        for path in paths:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
