"""The results of finished jobs: a folder each, served to whoever knows its random name."""

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
    # The report has its own policy. This one keeps it out of the origin of the app, also in its own window.
    "Content-Security-Policy": "sandbox allow-scripts allow-downloads",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}

MAX_JOBS = 20
"""The number of finished jobs that are kept. A new one replaces the oldest."""


class Results:
    """The finished jobs in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.route = Route("/results/{job}/{name}", self._serve)

    @contextmanager
    def new(self) -> Iterator[Path]:
        """Yield a folder for the files of a job. It is removed if the job fails."""
        folder = self.folder / uuid4().hex
        folder.mkdir(parents=True)
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder)
            raise
        for old in sorted(self.folder.iterdir(), key=lambda job: job.stat().st_mtime)[:-MAX_JOBS]:
            shutil.rmtree(old)

    async def _serve(self, request: Request) -> FileResponse:
        job, name = request.path_params["job"], request.path_params["name"]
        file = self.folder / job / name
        if name not in FILES or not job.isalnum() or not file.is_file():
            raise HTTPException(404)
        return FileResponse(file, media_type=FILES[name], headers=HEADERS)
