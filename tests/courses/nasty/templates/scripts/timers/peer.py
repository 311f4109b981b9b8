"""Peers that do something after a time. The first argument says which of them this one is."""

import socket
import sys
import time


def watches(seconds):
    """Prints that the peer is lost when nothing has come from it for so long."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        print("listening on 127.0.0.1:%d" % server.getsockname()[1])
        connection, _ = server.accept()
    connection.settimeout(float(seconds))
    connection.recv(100)
    print("pinged")
    try:
        while connection.recv(100):
            pass
    except socket.timeout:
        print("peer lost")


def beats(address, pause):
    """Sends a heartbeat, over and over."""
    host, port = address.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)))
    while True:
        connection.sendall(b"ping\n")
        time.sleep(float(pause))


def says(*plan):
    """Prints `up`, takes a line, and then does its plan: it waits for a number of seconds, or prints a word."""
    print("up")
    sys.stdin.readline()
    for what in plan:
        try:
            time.sleep(float(what))
        except ValueError:
            print(what)


def polls(seconds, *last):
    """The same with a clock that it looks at ten times a second."""
    print("up")
    sys.stdin.readline()
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        time.sleep(0.1)
    for what in last:
        print(what)


globals()[sys.argv[1]](*sys.argv[2:])
