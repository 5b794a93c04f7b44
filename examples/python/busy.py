"""A small program that is busy in a few recognisable ways, and tells a profile server about it.

PYROSCOPE_SERVER_ADDRESS                                  where to push, http://localhost:4040 by default
PYROSCOPE_TENANT_ID                                       as which tenant
PYROSCOPE_BASIC_AUTH_USER, PYROSCOPE_BASIC_AUTH_PASSWORD  for a proxy in front of it
RUN_SECONDS                                               ends by itself after so long; without it, Ctrl-C ends it
"""

import hashlib
import json
import os
import signal
import time
from collections import Counter

import pyroscope


def main():
    server_address = os.environ.get("PYROSCOPE_SERVER_ADDRESS", "http://localhost:4040")
    pyroscope.configure(
        application_name="busy-python",
        server_address=server_address,
        tenant_id=os.environ.get("PYROSCOPE_TENANT_ID", ""),
        basic_auth_username=os.environ.get("PYROSCOPE_BASIC_AUTH_USER", ""),
        basic_auth_password=os.environ.get("PYROSCOPE_BASIC_AUTH_PASSWORD", ""),
        tags={"region": "local"},
        # Every five seconds, so that there is something to see soon.
        upload_interval=5,
        mem_enabled=True,
        # Without it, nobody hears of a push that failed.
        enable_logging=True,
    )
    print(f"busy; pushing profiles to {server_address} every 5 s; errors are printed here", flush=True)

    running = True

    def stop(*_):
        nonlocal running
        running = False

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)

    end = time.monotonic() + float(os.environ.get("RUN_SECONDS", "inf"))
    while running and time.monotonic() < end:
        # Each kind of work has a label of its own: select {route="/checkout"} to see one alone.
        with pyroscope.tag_wrapper({"route": "/checkout"}):
            checkout()
        with pyroscope.tag_wrapper({"route": "/search"}):
            search()
        time.sleep(0.005)

    pyroscope.shutdown()
    print("done; pushes that failed are listed above")


def checkout():
    cart = [{"id": i, "price": i * 7919 % 1000} for i in range(400)]
    sort_by_price(cart)
    sign(serialise(cart))


def search():
    count_words("the quick brown fox jumps over the lazy dog " * 200)
    fibonacci(18)


def sort_by_price(cart):
    cart.sort(key=lambda item: item["price"])


def serialise(cart):
    text = ""
    for _ in range(10):
        text = json.dumps(cart)
    return text


def sign(text):
    digest = text
    for _ in range(100):
        digest = hashlib.sha256(digest.encode()).hexdigest()
    return digest


def count_words(text):
    return Counter(text.split())


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


if __name__ == "__main__":
    main()
