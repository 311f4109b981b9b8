"""Peers that tell how their bytes arrive. The first argument says which of them this one is."""

import socket
import sys
import threading
import time


def connect(address, size=None):
    """Dials the address, or listens where there is none; with buffers of this size, in bytes."""
    ours = socket.socket()
    if size:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
    if address:
        host, port = address[0].rsplit(":", 1)
        ours.connect((host, int(port)))
        return ours
    with ours:
        ours.bind(("127.0.0.1", 0))
        ours.listen()
        print("listening on 127.0.0.1:%d" % ours.getsockname()[1])
        return ours.accept()[0]


def reads(connection):
    while came := connection.recv(1 << 16):
        yield came


def exchanges(size, *address):
    """Sends a mebibyte, and reads one meanwhile."""
    connection = connect(address, int(size))
    much = b"".join(b"%07d\n" % number for number in range(1 << 17))

    def send():
        connection.sendall(much)
        connection.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    came = b"".join(reads(connection))
    print("all of it came" if came == much else f"{len(came)} bytes came")
    sender.join()


def counts(*address):
    """Tells how many bytes came, and how that ended; sends what it is told to."""
    connection = connect(address)
    print("connected")

    def read():
        count = 0
        try:
            for came in reads(connection):
                count += len(came)
            print(f"{count} bytes and an end")
        except ConnectionError as error:
            print(f"{count} bytes and {error}")

    threading.Thread(target=read, daemon=True).start()
    for line in sys.stdin:
        what, *number = line.split()
        try:
            if what == "send":
                connection.sendall(b"x" * int(number[0]))
            else:
                end = time.monotonic() + 2
                while time.monotonic() < end:
                    connection.sendall(b"y")
                    time.sleep(0.001)
                print("nobody refused it")
        except ConnectionError as error:
            print("refused" if what == "try" else error)


def welcomes():
    """Welcomes whoever dials."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("listening on 127.0.0.1:%d" % listener.getsockname()[1])
        here = []

        def welcome():
            while True:
                here.append(listener.accept()[0])
                here[-1].sendall(b"welcome\n")

        threading.Thread(target=welcome, daemon=True).start()
        sys.stdin.read()


def dials_when_told(address):
    """Dials, reads a line, and tells how the connection ends."""

    def dial():
        try:
            for line in connect([address]).makefile():
                print(line.rstrip())
            print("the end")
        except ConnectionError:
            print("reset")

    for _ in sys.stdin:
        threading.Thread(target=dial, daemon=True).start()


def message(number):
    return f"message {number}\n"


def counts_reads(*address):
    came = [len(read) for read in reads(connect(address))]
    long = sum(length > 1 for length in came)
    print(f"{len(came)} reads, {long} of them of more than a byte, {sum(came)} bytes")


def bursts(number, *address):
    """Sends short messages by one write."""
    with connect(address) as connection:
        sys.stdin.readline()
        connection.sendall("".join(message(n) for n in range(1, int(number) + 1)).encode())
        sys.stdin.readline()


def passes_on(*address):
    """Sends each line that is typed, by a write of its own."""
    with connect(address) as connection:
        for line in sys.stdin:
            connection.sendall(line.encode())


def trusts(number, *address):
    """Reads messages as it should, up to this one: of that it takes what one read brings."""
    connection = connect(address)
    for n in range(1, int(number)):
        line = b""
        while not line.endswith(b"\n"):
            line += connection.recv(1)
        print(line.decode().rstrip())
    print(connection.recv(1000).decode().rstrip())
    for _ in reads(connection):
        pass


globals()[sys.argv[1].replace("-", "_")](*sys.argv[2:])
