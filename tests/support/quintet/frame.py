"""The wire frame of proto/PROTOCOL.md, written a second time, independently of C."""

import dataclasses
import os
import struct

HEADER = struct.Struct("<4sBBHHHIQqB3xIII16s16s8s")
assert HEADER.size == 88
MAGIC = b"QNT1"

REPLY, MORE, RETRY, SAMPLED = 1, 2, 4, 8
ANONYMOUS, USER, ADMIN = 0, 1, 2

PATH_PARAM, QUERY, CONTENT_TYPE, ACCEPT, BASE_URL = 1, 2, 3, 4, 5
CLIENT_ADDRESS, USER_AGENT, ACTOR_NAME, SESSION_ID = 6, 7, 8, 9
USER_VERSION, AUTH_TIME, IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH = 10, 11, 12, 13, 14
COOKIE, CONTINUATION = 15, 16
ETAG, LOCATION, RETRY_AFTER, SET_COOKIE, CACHE_CONTROL, LOAD = 32, 33, 34, 35, 36, 37


class FrameError(ValueError):
    """Bytes that are no frame."""


@dataclasses.dataclass
class Frame:
    method: int = 0
    status: int = 0
    flags: int = 0
    budget_ms: int = 10000
    tag: int = 0
    actor_id: int = 0
    role: int = ANONYMOUS
    request_id: bytes = dataclasses.field(default_factory=lambda: os.urandom(16))
    trace_id: bytes = bytes(16)
    span_id: bytes = bytes(8)
    records: list = dataclasses.field(default_factory=list)  # (type, bytes)
    body: bytes = b""

    def record(self, kind, nth=0):
        """The nth record of a kind as bytes, None when there is none."""
        found = [value for k, value in self.records if k == kind]
        return found[nth] if nth < len(found) else None

    def text(self, kind):
        value = self.record(kind)
        return None if value is None else value.decode()


def encode_records(records):
    return b"".join(struct.pack("<HI", k, len(v)) + v for k, v in records)


def encode(frame, **wrong):
    """The bytes of a frame. `wrong` overrides header fields, for bad-frame tests: magic,
    major, reserved, zero, meta_len, body_len."""
    meta = wrong.get("meta", encode_records(frame.records))
    return (
        HEADER.pack(
            wrong.get("magic", MAGIC), wrong.get("major", 1), wrong.get("reserved", 0),
            frame.flags, frame.method, frame.status, frame.budget_ms, frame.tag,
            frame.actor_id, frame.role, wrong.get("meta_len", len(meta)),
            wrong.get("body_len", len(frame.body)), wrong.get("zero", 0),
            frame.request_id, frame.trace_id, frame.span_id,
        )
        + meta
        + frame.body
    )


def decode_records(meta):
    records, at = [], 0
    while at < len(meta):
        if at + 6 > len(meta):
            raise FrameError("a record's head is cut off")
        kind, size = struct.unpack_from("<HI", meta, at)
        at += 6
        if at + size > len(meta):
            raise FrameError("a record is longer than the meta part")
        records.append((kind, meta[at : at + size]))
        at += size
    return records


def decode(data):
    if len(data) < HEADER.size:
        raise FrameError("shorter than a header")
    (magic, major, reserved, flags, method, status, budget, tag, actor, role, meta_len,
     body_len, zero, request_id, trace_id, span_id) = HEADER.unpack_from(data)
    if magic != MAGIC or major != 1 or reserved or zero:
        raise FrameError("wrong magic, major or reserved bits")
    if HEADER.size + meta_len + body_len != len(data):
        raise FrameError("the lengths do not add up")
    meta = data[HEADER.size : HEADER.size + meta_len]
    return Frame(method, status, flags, budget, tag, actor, role, request_id, trace_id,
                 span_id, decode_records(meta), data[HEADER.size + meta_len :])
