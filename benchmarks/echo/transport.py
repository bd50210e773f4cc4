"""What the Python servers share: `tcp`, `unix PATH`, `tls PEM` or `udp` on
their command line (tcp if there is none of these), and contexts for TLS."""

import ssl
import sys

KINDS = ("tcp", "unix", "tls", "udp")
READ_MAX = 65536


def chosen():
    """(kind, its argument or None)."""
    words = sys.argv[1:]
    for i, word in enumerate(words):
        if word in KINDS:
            return word, words[i + 1] if i + 1 < len(words) else None
    return "tcp", None


def context(pem):
    """Of a server, with the certificate and key in the file `pem`."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pem)
    return made


def announce(port):
    """The server is up; a Unix socket has no port."""
    print(port, flush=True)
