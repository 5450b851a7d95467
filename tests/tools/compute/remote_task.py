"""A job sent to another machine whose work costs nothing: `python -m tests.tools.compute.remote_task FOLDER`.

FOLDER holds `input.bin`, and `far_work.py`, which makes `out/model.bin` of it in steps, waiting at one for a file `go`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs.running import RunningJob, run_job
from nlp_skills.tools.compute.named_machines import linked_machine
from nlp_skills.tools.compute.remote.lease import Meter
from nlp_skills.tools.compute.remote.remote_job import RemoteTask, open_remote_job

FAR_WORK = """
import hashlib, os, subprocess, sys, time
from pathlib import Path
from nlp_skills.tools.compute.jobs.running import run_job
RUN = Path.cwd()

def work(job):
    with (RUN / "starts").open("a") as starts:
        starts.write(f"{os.getpid()}\\n")
    subprocess.Popen(["sleep", "1000"])
    done = int((RUN / "checkpoint").read_text()) if (RUN / "checkpoint").is_file() else 0
    for step in range(done + 1, 21):
        job.progress(step, 20, loss=1.0 / step)
        (RUN / "checkpoint").write_text(str(step))
        until = time.monotonic() + 60
        while step == 10 and not (RUN / "go").exists():
            job.check_cancelled()
            assert time.monotonic() < until
            time.sleep(0.02)
    content = (RUN / "input.bin").read_bytes()
    (RUN / "out").mkdir(exist_ok=True)
    (RUN / "out" / "model.bin").write_bytes(content[::-1])
    print("said at the end")
    return {"sha256": hashlib.sha256(content[::-1]).hexdigest()}

sys.exit(run_job("machine", work, entry=["far_work.py"], arguments=[], resumable=True))
"""


def main(folder: Path) -> int:
    def work(job: RunningJob) -> dict[str, Any]:
        files = {name: folder / name for name in ("input.bin", "far_work.py")}
        with open_remote_job(
            job, "gpubox", linked_machine(Workspace(), "gpubox"), Meter(None, job.folder.id, "gpubox", None)
        ) as there:
            ended = there.run_task(RemoteTask(files, ["far_work.py"]))
            there.fetch(["out/*"], folder / "home")
            starts = (there.fetch(["starts"], folder / "home") / "starts").read_text().split()
            there.forget()
        return {**ended["result"], "starts": len(starts)}

    return run_job(
        "machine", work, entry=["-m", "tests.tools.compute.remote_task"], arguments=[str(folder)], resumable=True
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
