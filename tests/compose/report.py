"""Checks and figures of a run: a line each at once, the sum as the last line."""

import time


class Report:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], 0
        self.figures, self.began = [], time.monotonic()

    def _say(self, mark, text):
        print(f"[{time.monotonic() - self.began:5.0f} s] {mark:4} {text}", flush=True)

    def step(self, text):
        self._say("", f"--- {text}")

    def check(self, name, fine, detail=""):
        if fine:
            self.passed += 1
            self._say("ok", name)
        else:
            self.failed.append(name)
            self._say("FAIL", f"{name}: {detail}" if detail else name)
        return fine

    def skip(self, name, why):
        self.skipped += 1
        self._say("SKIP", f"{name}: {why}")

    def figure(self, name, value):
        self.figures.append((name, value))
        self._say("", f"{name}: {value}")

    def sum(self):
        print("\nFigures of this run (reported, not judged):")
        for name, value in self.figures:
            print(f"  {name}: {value}")
        for name in self.failed:
            print(f"failed: {name}")
        print(f"{self.passed} passed, {len(self.failed)} failed, {self.skipped} skipped",
              flush=True)
        return 1 if self.failed else 0
