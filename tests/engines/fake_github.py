"""GitHub's API on this machine, serving a run that act made: its jobs, and the artifacts in its store. It only answers what is asked
of a run that is over, and only with the token; like GitHub it sends downloads elsewhere, where the token must not follow."""

import io
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "ghs_aTokenOfThisRun"


class Server:
    """Serves run 1 of owner/name; `jobs` are names and conclusions, `killed` those that ended with exit code 137."""

    def __init__(self, jobs, killed, artifacts):
        self.jobs, self.killed = jobs, killed
        self.artifacts = sorted(folder for folder in artifacts.iterdir())
        self.asked, self.refused, self.leaked = [], [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer._answer(self)

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/api/v3"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()

    def _answer(self, request):
        path, _, query = request.path.partition("?")
        self.asked.append(path)
        if path.startswith("/storage/"):
            if request.headers.get("Authorization"):
                self.leaked.append(path)
            return self._send(request, 200, self._zip(int(path.split("/")[-1])), "application/zip")
        if request.headers.get("Authorization") not in (f"Bearer {TOKEN}", f"token {TOKEN}"):
            self.refused.append(path)
            return self._json(request, {"message": "Bad credentials"}, 401)
        head = "/api/v3/repos/owner/name/actions/"
        parts = path[len(head) :].split("/") if path.startswith(head) else path.split("/")[-3:]
        if parts in (["runs", "1"], ["runs", "1", "attempts", "1"]):
            return self._json(request, self._run())
        if parts in (["runs"], ["workflows", "test.yml", "runs"]):
            return self._json(request, {"total_count": 1, "workflow_runs": [self._run()]})
        if parts == ["runs", "1", "attempts", "1", "jobs"]:
            jobs = [self._job(number, name) for number, name in enumerate(self.jobs)]
            return self._json(request, {"total_count": len(jobs), "jobs": jobs})
        if parts == ["runs", "1", "artifacts"]:
            all_of_them = [self._artifact(number) for number in range(len(self.artifacts))]
            return self._json(request, {"total_count": len(all_of_them), "artifacts": all_of_them})
        if parts[0] == "artifacts" and parts[-1] == "zip":
            # Another name of this machine is another host.
            to = f"http://localhost:{self._http.server_port}/storage/{parts[1]}"
            request.send_response(302)
            request.send_header("Location", to)
            request.send_header("Content-Length", "0")
            return request.end_headers()
        if parts[-1] == "annotations":
            name = list(self.jobs)[int(parts[-2])]
            texts = ["Process completed with exit code 137."] if name in self.killed else []
            return self._json(
                request,
                [{"path": ".github", "start_line": 1, "end_line": 1, "annotation_level": "failure", "message": text} for text in texts],
            )
        return self._json(request, {"message": "Not Found"}, 404)

    def _run(self):
        return {
            "id": 1, "name": "test", "head_branch": "main", "path": ".github/workflows/test.yml", "run_attempt": 1, "event": "push",
            "status": "completed", "conclusion": "failure", "created_at": "2026-10-09T08:53:00Z", "updated_at": "2026-10-09T09:10:00Z",
            "repository": {"id": 7}, "head_repository": {"id": 7},
        }  # fmt: skip

    def _job(self, number, name):
        step = {"name": "shard", "status": "completed", "conclusion": self.jobs[name], "number": 1}
        return {
            "id": number, "run_id": 1, "run_attempt": 1, "name": name, "status": "completed", "conclusion": self.jobs[name],
            "started_at": "2026-10-09T08:53:00Z", "completed_at": "2026-10-09T09:00:00Z", "steps": [step],
        }  # fmt: skip

    def _artifact(self, number):
        return {
            "id": number, "name": self.artifacts[number].name, "size_in_bytes": len(self._zip(number)), "expired": False,
            "created_at": "2026-10-09T09:00:00Z", "expires_at": "2036-10-09T09:00:00Z",
        }  # fmt: skip

    def _zip(self, number):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for file in sorted(self.artifacts[number].rglob("*")):
                if file.is_file():
                    archive.write(file, file.relative_to(self.artifacts[number]))
        return packed.getvalue()

    def _json(self, request, value, status=200):
        self._send(request, status, json.dumps(value).encode(), "application/json")

    def _send(self, request, status, body, kind):
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
