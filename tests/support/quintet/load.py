"""Steady HTTP load from threads, with every answer counted: what faults and restarts cost."""

import collections
import http.client
import threading
import time

from . import env


class Load:
    """with Load(port, [("GET", "/api/products/1", None, {})], workers=4, rate=200) as load: ...

    Workers take the requests in turn, at `rate` a second together (not faster than answers
    come). A connection that breaks is an answer 0, never repeated.
    """

    def __init__(self, port, requests, workers=4, rate=200):
        self.port, self.requests, self.pause = port, requests, workers / rate
        self.answers = collections.Counter()  # by (verb, status)
        self.failures = []                    # (seconds since the start, verb, status, body)
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(n,), daemon=True)
                         for n in range(workers)]

    def _ask(self, connection, verb, path, body, headers):
        try:
            connection.request(verb, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as e:
            connection.close()
            return 0, repr(e).encode()

    def _count(self, verb, status, body):
        with self._lock:
            self.answers[verb, status] += 1
            if not 200 <= status < 300:
                self.failures.append((round(time.monotonic() - self.began, 3), verb, status,
                                      body[:300]))

    def _work(self, number):
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=env.seconds(15))
        turn, next_at = number, time.monotonic()
        while not self._stop.is_set():
            verb, path, body, headers = self.requests[turn % len(self.requests)]
            turn += 1
            self._count(verb, *self._ask(connection, verb, path, body, headers))
            next_at = max(next_at + self.pause, time.monotonic())
            self._stop.wait(next_at - time.monotonic())
        connection.close()

    def total(self, verb):
        return sum(n for (v, _), n in self.answers.items() if v == verb)

    def failed(self, verb):
        return [f for f in self.failures if f[1] == verb]

    def run_until(self, verb, more):
        """Goes on until so many more answers to a verb have come."""
        goal = self.total(verb) + more
        env.wait_until(lambda: self.total(verb) >= goal, 60, f"{more} more answers to {verb}")

    def __enter__(self):
        self.began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(env.seconds(20))
