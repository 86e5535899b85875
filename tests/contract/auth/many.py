"""Many calls at once over one socket, and how many passwords were hashed for them."""

import re

import zmq
from quintet import env, frame

IN_FLIGHT = 150  # auth queues 200 passwords


def ask_many(client, frames, in_flight=IN_FLIGHT):
    """The Frames of the answers, in the order of the Frames that asked."""
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    socket.curve_publickey, socket.curve_secretkey = client.key_pair
    socket.curve_serverkey = client.server
    socket.connect(client.endpoint)
    answers, sent = {}, 0
    try:
        while len(answers) < len(frames):
            while sent < len(frames) and sent - len(answers) < in_flight:
                frames[sent].tag = sent + 1
                socket.send_multipart([b"", frame.encode(frames[sent])])
                sent += 1
            assert socket.poll(int(env.seconds(10) * 1000)), \
                f"{len(answers)} of {sent} answers"
            reply = frame.decode(socket.recv_multipart()[1])
            answers[reply.tag] = reply
    finally:
        socket.close()
        context.term()
    return [answers[n + 1] for n in range(len(frames))]


def hashes(stack):
    """How many passwords have been hashed or compared."""
    _, text = stack.ops("auth", "/metrics")
    return int(re.search(r"^auth_hash_duration_seconds_count (\d+)", text, re.M)[1])
