"""What finished jobs left: each in a folder of its own, handed out to who knows its name."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

FILES = {"report.html": "text/html", "maps.npz": "application/octet-stream"}

HEADERS = {
    # The report brings its own policy; this one keeps it out of the app's origin even in a window of its own.
    "Content-Security-Policy": "sandbox allow-scripts allow-downloads",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}

KEPT = 20
"""Finished jobs; each new one beyond them takes the place of the oldest."""


class Results:
    """The finished jobs in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.route = Route("/results/{job}/{name}", self._hand_out)

    @contextmanager
    def new(self) -> Iterator[Path]:
        """Give a folder that a job fills; it is gone again where the job fails."""
        folder = self.folder / uuid4().hex
        folder.mkdir(parents=True)
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder)
            raise
        for old in sorted(self.folder.iterdir(), key=lambda job: job.stat().st_mtime)[:-KEPT]:
            shutil.rmtree(old)

    async def _hand_out(self, request: Request) -> FileResponse:
        job, name = request.path_params["job"], request.path_params["name"]
        file = self.folder / job / name
        if name not in FILES or not job.isalnum() or not file.is_file():
            raise HTTPException(404)
        return FileResponse(file, media_type=FILES[name], headers=HEADERS)
