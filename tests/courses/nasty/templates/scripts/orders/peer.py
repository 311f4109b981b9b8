"""Peers that write down what happens to them, in the order in which it does."""

import os
import socket
import sys
import threading

LOG = os.open("events.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def note(what):
    os.write(LOG, f"{what}\n".encode())


def listen():
    listener = socket.create_server(("127.0.0.1", 0))
    note("begins")
    print("listening on 127.0.0.1:%d" % listener.getsockname()[1])
    return listener


def dial(address):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)))


def hosts():
    """Says, when it is asked, who has greeted so far."""
    listener = listen()
    here = []

    def welcome():
        connections = []
        while True:
            connections.append(listener.accept()[0])
            threading.Thread(target=greeted, args=[connections[-1]], daemon=True).start()

    def greeted(connection):
        here.append(connection.makefile().readline().rstrip())

    threading.Thread(target=welcome, daemon=True).start()
    for _ in sys.stdin:
        print(" ".join(here) or "nobody")
    os._exit(0)


def greets(address, name):
    """Greets, and stays until the other side ends."""
    connection = dial(address)
    connection.sendall(f"{name}\n".encode())
    print("connected")
    try:
        connection.recv(1)
    except ConnectionError:
        pass


def talks(*address):
    me = "dialer" if address else "listener"
    connection = dial(*address) if address else listen().accept()[0]
    note(f"{me} is connected")

    def send():
        for line in sys.stdin:
            note(f"{me} is to say {line.rstrip()}")
            connection.sendall(line.encode())
        note(f"{me} has said all")
        connection.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    for line in connection.makefile():
        note(f"{me} is told {line.rstrip()}")
        print(line.rstrip())
    note(f"{me} has heard all")
    sender.join()


def alone():
    print("alone")


globals()[sys.argv[1].replace("-", "_")](*sys.argv[2:])
