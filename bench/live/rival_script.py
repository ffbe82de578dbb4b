"""The script that many call centres begin with: two connections, pokes, TCP_NODELAY, nothing else.

No queue order but arrival, no deadlines, no repair. It shows what the switch itself allows.
"""

import socket
import sys
import threading
import time
import uuid
from collections import deque


def connect(port: int, password: str) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(f"auth {password}\n\n".encode())
    return sock


def main(port: int, password: str, contacts: list[str]) -> None:
    idle, waiting, talking, size = deque(contacts), dict[str, str](), dict[str, str](), 0
    events, commands = connect(port, password), connect(port, password)

    def swallow() -> None:
        while commands.recv(65536):
            pass

    def poke() -> None:
        while True:
            events.send(b"\n")
            time.sleep(0.002)

    events.sendall(b"event plain CHANNEL_PARK CHANNEL_HANGUP\n\n")
    commands.sendall(b"api global_setvar cc_alive=true\n\n")
    threading.Thread(target=swallow, daemon=True).start()
    threading.Thread(target=poke, daemon=True).start()
    stream = events.makefile("rb")
    while line := stream.readline():
        if line.startswith(b"Content-Length:"):
            size = int(line[15:])
        if line != b"\n" or not size:
            continue
        body, size = stream.read(size).decode(errors="replace"), 0
        event = dict(x.split(": ", 1) for x in body.split("\n") if ": " in x)
        leg = event["Unique-ID"]
        if event["Event-Name"] == "CHANNEL_HANGUP":
            waiting.pop(leg, None)
            if leg in talking:
                idle.append(talking.pop(leg))
        elif leg in talking:
            commands.sendall(f"api uuid_bridge {event['variable_rival_for']} {leg}\n\n".encode())
        elif "variable_cc_queue" in event:
            waiting[leg] = event["Caller-Caller-ID-Number"]
        while waiting and idle:
            caller, name = next(iter(waiting)), str(uuid.uuid4())
            number, contact = waiting.pop(caller), idle.popleft()
            talking[name] = contact
            commands.sendall(
                f"bgapi originate {{origination_uuid={name},rival_for={caller},ignore_early_media=true,"
                f"origination_caller_id_number={number}}}{contact} &park()\n\n".encode()
            )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
