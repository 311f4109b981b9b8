"""A peer that dials. The first argument says how, the second one where."""

import os
import socket
import ssl
import sys

CERTIFICATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "certificate.pem")


def converse(connection):
    """Sends each line that is typed, and prints the answer."""
    with connection, connection.makefile("r", encoding="utf-8", newline="\n") as lines:
        for typed in sys.stdin:
            connection.sendall(typed.encode())
            print(lines.readline().rstrip("\n"))


def dial(address):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)))


def tls(address):
    context = ssl.create_default_context(cafile=CERTIFICATE)
    connection = context.wrap_socket(dial(address), server_hostname="peers.test")
    print("connected with " + connection.version())
    converse(connection)


def ipv6(address):
    connection = dial(address)
    print("connected")
    converse(connection)


def unix(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    print("connected")
    converse(connection)


def hub(address, name):
    """Says its name, and prints what comes."""
    with dial(address) as connection, connection.makefile("r", encoding="utf-8", newline="\n") as lines:
        connection.sendall((name + "\n").encode())
        for line in lines:
            print(line.rstrip("\n"))


{"tls": tls, "ipv6": ipv6, "unix": unix, "hub": hub}[sys.argv[1]](*sys.argv[2:])
