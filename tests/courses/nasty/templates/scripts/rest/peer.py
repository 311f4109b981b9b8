"""Peers that sleep, wake and compute. The first argument says which of them this one is."""

import os
import select
import socket
import sys
import threading
import time


def dial(address):
    host, port = address.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)))
    print("connected")
    return connection


def compute(seconds):
    """Uses so much processor time of its own. It asks for the time rarely: a computation makes no system calls."""
    start = time.process_time()
    while time.process_time() - start < seconds:
        for _ in range(1 << 18):
            pass


def ticks(pause):
    """Wakes by a clock, and looks whether something was typed."""
    print("up")
    while not select.select([sys.stdin], [], [], float(pause))[0]:
        pass
    print(sys.stdin.readline().rstrip())


def polls(address, pause):
    """Asks a socket that does not block, again and again."""
    connection = dial(address)
    connection.setblocking(False)
    while True:
        try:
            came = connection.recv(1000)
        except BlockingIOError:
            time.sleep(float(pause))
            continue
        if not came:
            return
        print(came.decode().rstrip())


def beats(address, pause):
    """Sends a heartbeat again and again, and prints what is typed."""
    connection = dial(address)
    while not select.select([sys.stdin], [], [], float(pause))[0]:
        connection.sendall(b"x")
    print(sys.stdin.readline().rstrip())


def hears():
    """Reads heartbeats until they end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("listening on 127.0.0.1:%d" % listener.getsockname()[1])
        connection, _ = listener.accept()
        while connection.recv(100):
            pass


def takes_all_processors():
    """Says again and again that it is there, while its children compute."""
    for _ in range(8):
        if os.fork() == 0:
            while True:
                pass
    while True:
        print("here")
        time.sleep(0.1)


def dozes(pause):
    print("one")
    time.sleep(float(pause))
    print("two")
    print(sys.stdin.readline().rstrip())


def reads_in_pieces(folder):
    """Notes how much it has taken in, and dozes off after each piece."""
    print("up")
    count = 0
    while piece := os.read(0, 1 << 16):
        count += len(piece)
        with open(folder + "/count", "w") as note:
            note.write(str(count))
        time.sleep(0.005)


def counted(folder):
    with open(folder + "/count") as note:
        print(note.read())


def waits():
    sys.stdin.readline()


def sends():
    """Listens, and sends what is typed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("listening on 127.0.0.1:%d" % listener.getsockname()[1])
        connection, _ = listener.accept()
    with connection:
        for line in sys.stdin:
            connection.sendall(line.encode())


def computes_after_the_end(address, seconds):
    connection = dial(address)
    while connection.recv(1000):
        pass
    compute(float(seconds))
    print("done")


def computes_before_it_dials(address, seconds):
    compute(float(seconds))
    computes_after_the_end(address, "0")


def echoes():
    """Listens, and sends back whatever comes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("listening on 127.0.0.1:%d" % listener.getsockname()[1])
        connection, _ = listener.accept()
    with connection:
        while came := connection.recv(1000):
            connection.sendall(came)


def writes_much(address):
    """Writes in small pieces for as long as somebody takes them, and prints the lines that come."""
    connection = dial(address)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def write():
        try:
            while True:
                connection.sendall(b"x" * 999)
        except OSError:
            pass

    threading.Thread(target=write, daemon=True).start()
    for line in connection.makefile():
        print(line.rstrip())


def asks(address, seconds):
    """Sends a byte and waits for the answer, until it has used so much processor time."""
    connection = dial(address)
    start = time.process_time()
    while time.process_time() - start < float(seconds):
        connection.sendall(b"?")
        connection.recv(1)
    print("answered")


def asks_before_it_dials(address, seconds):
    start = time.process_time()
    while time.process_time() - start < float(seconds):
        os.getppid()
    computes_after_the_end(address, "0")


def reads_the_end_again(address):
    connection = dial(address)
    while True:
        connection.recv(1000)


def spins():
    print("up")
    while True:
        pass


def is_noisy():
    for number in range(16):
        for _ in range(1024):
            os.write(2, b"!" * 1023 + b"\n")
        time.sleep(0.05)
        print(number)
    print("done")


def talks(address):
    """Tells what is typed and what comes, until the other side has said all."""
    connection = dial(address)
    typed = open(0, buffering=1)

    def tell_typed():
        for line in typed:
            print("typed " + line.rstrip())

    threading.Thread(target=tell_typed, daemon=True).start()
    for line in connection.makefile():
        print("came " + line.rstrip())
    sys.stdout.flush()
    os._exit(0)


def talks_to_itself():
    """Has a child, and always something to do."""
    parent = os.getpid()
    if os.fork() == 0:
        while os.getppid() == parent:
            time.sleep(0.01)
        os._exit(0)
    print("up")
    while not select.select([sys.stdin], [], [], 0.01)[0]:
        pass


def counts_for_ever():
    number = 1
    while True:
        print(number)
        number += 1
        time.sleep(0.005)


def welcome(file):
    """Listens at an address that only a file tells, and takes one dialer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with open(file + ".new", "w") as new:
            new.write(str(listener.getsockname()[1]))
        os.rename(file + ".new", file)
        print("up")
        return listener.accept()[0]


def hides(file):
    """Answers whatever comes."""
    connection = welcome(file)
    while came := connection.recv(1):
        connection.sendall(came)


def hides_and_reads_nothing(file):
    with welcome(file):
        sys.stdin.read()


def shouts(file, count):
    """Sends so many bytes, whether they are read or not."""
    with open(file) as found:
        connection = socket.create_connection(("127.0.0.1", int(found.read())))
    print("talking")
    threading.Thread(target=connection.sendall, args=[b"?" * int(count)], daemon=True).start()
    sys.stdin.read()
    os._exit(0)


def finds(file, seconds):
    """Talks for so long, every 30 ms; then only wakes, until its input ends."""
    with open(file) as found:
        connection = socket.create_connection(("127.0.0.1", int(found.read())))
    print("talking")
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        connection.sendall(b"?")
        connection.recv(1)
        time.sleep(0.03)
    print("talked")
    while not select.select([sys.stdin], [], [], 0.03)[0]:
        pass


globals()[sys.argv[1].replace("-", "_")](*sys.argv[2:])
